"""Finds in one line of C what a diagnostic points at: a call, one of its arguments, the variable that is assigned."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_ASSIGNED: Final = re.compile(r"([A-Za-z_][\w.\[\]]*(?:->\w+)*)\s*=(?!=)\s*$")
_OPENING: Final = "([{"
_CLOSING: Final = ")]}"


class Piece(NamedTuple):
    """A part of a line: its text and its column, counted from 0."""

    text: str
    column: int


def find_call(line: str, callee: str) -> Piece | None:
    """The call of `callee` in the line, with its arguments; up to the end of the line if it continues on the next."""
    found = re.search(rf"\b{re.escape(callee)}\s*\(", line)
    if found is None:
        return None
    end = _closing(line, found.end() - 1)
    return Piece(line[found.start() : end].rstrip(), found.start())


def find_argument(line: str, callee: str, number: int) -> Piece | None:
    """Argument `number` (from 0) of the call of `callee` in the line."""
    found = re.search(rf"\b{re.escape(callee)}\s*\(", line)
    if found is None:
        return None
    start = found.end()
    end = _closing(line, start - 1) - 1
    for place, (at, stop) in enumerate(_split(line, start, max(end, start))):
        if place == number:
            text = line[at:stop]
            stripped = text.strip()
            return Piece(stripped, at + len(text) - len(text.lstrip())) if stripped else None
    return None


def assigned_name(line: str, column: int) -> str:
    """The variable that the expression at `column` is assigned to ("acquired", "v->task"), "" if there is none."""
    hit = _ASSIGNED.search(line[:column])
    return hit.group(1) if hit else ""


def code_at(line: str, column: int) -> Piece:
    """The whole code of the line from `column` (from 0) on; from its start if there is nothing to see there."""
    body = line.rstrip()
    at = column if 0 <= column < len(body) and not body[column].isspace() else len(body) - len(body.lstrip())
    text = body[at:]
    return Piece(text.rstrip(";{ ") or text, at)


def _closing(line: str, opening: int) -> int:
    depth = 0
    for place in range(opening, len(line)):
        if line[place] in _OPENING:
            depth += 1
        elif line[place] in _CLOSING:
            depth -= 1
            if depth == 0:
                return place + 1
    return len(line.rstrip())


def _split(line: str, start: int, end: int) -> list[tuple[int, int]]:
    parts = []
    depth, at = 0, start
    for place in range(start, end):
        if line[place] in _OPENING:
            depth += 1
        elif line[place] in _CLOSING:
            depth -= 1
        elif line[place] == "," and depth == 0:
            parts.append((at, place))
            at = place + 1
    return [*parts, (at, end)]
