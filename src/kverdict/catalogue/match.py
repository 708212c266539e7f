"""From a line of a kernel's log back to the message it is an instance of, and the facts it states."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from string import Formatter
from typing import Final

from kverdict.diagnostic import Message

NUMBERS: Final = frozenset(
    (
        "actual_reg",
        "alloc_insn",
        "amount",
        "arg",
        "at",
        "btf_id",
        "byte",
        "count",
        "depth",
        "end",
        "error",
        "expected_off",
        "fd",
        "field_off",
        "frames",
        "high",
        "id",
        "imm",
        "insn",
        "ip_align",
        "limit",
        "lock_off",
        "low",
        "map_reg",
        "map_type",
        "map_uid",
        "mem_size",
        "member_off",
        "number",
        "off",
        "processed",
        "reg",
        "size",
        "size_arg",
        "size_reg",
        "source",
        "target",
        "uid",
        "umax",
        "umin",
        "value",
        "value_size",
    )
)


SHORTEST: Final = 8  # literal characters that make a sentence recognisable: "R1 !read_ok" has 10


@dataclass(frozen=True, slots=True)
class Match:
    """A message and the facts that a line states about it (numbers as int, the rest as str)."""

    message: Message
    facts: dict[str, object]
    template: str


def template_pattern(template: str) -> tuple[str, int]:
    """A regular expression for all lines that the template can make, and how many literal characters it has."""
    parts: list[str] = []
    literal = 0
    seen: set[str] = set()
    for text, name, _, _ in Formatter().parse(template):
        parts.append(re.escape(text))
        literal += len(text)
        if name is None:
            continue
        if name in seen:
            parts.append(f"(?P={name})")
        else:
            seen.add(name)
            parts.append(f"(?P<{name}>{'-?[0-9]+' if name in NUMBERS else '.*?'})")
    return "".join(parts), literal


class Matcher:
    """All templates of some messages, as regular expressions; each line of a template counts."""

    __slots__ = ("_rows",)

    def __init__(self, messages: Iterable[Message]) -> None:
        rows: list[tuple[int, re.Pattern[str], str, Message]] = []
        for message in messages:
            for template in (message.text, *(text for _, text in message.dialects)):
                for line in template.splitlines():
                    pattern, literal = template_pattern(line)
                    if literal >= SHORTEST:
                        rows.append((literal, re.compile(pattern), template, message))
        self._rows = sorted(rows, key=lambda row: -row[0])

    def find(self, line: str) -> list[Match]:
        """Messages that this line may be, most literal characters first, each message once."""
        line = line.strip()
        found: dict[str, Match] = {}
        for _, pattern, template, message in self._rows:
            if message.id in found:
                continue
            hit = pattern.fullmatch(line)
            if hit is not None:
                facts = {name: int(text) if name in NUMBERS else text for name, text in hit.groupdict().items()}
                found[message.id] = Match(message, dict(facts), template)
        return list(found.values())
