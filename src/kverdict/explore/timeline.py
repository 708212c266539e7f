"""A witness as a table for the terminal: one column an actor, one row a step, read sections as bars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kverdict.explore.replay import Event, Replay

WIDEST: Final = 120
NARROWEST_COLUMN: Final = 14
BAR: Final = "┃"
WAITS: Final = "┊"
KERNEL: Final = "kernel"


def columns_of(replay: Replay, width: int = WIDEST) -> list[str]:
    """The actors that have a column: programs in order, then the kernel's, folded into one if it is narrow."""
    programs = [str(number) for number in range(len(replay.stage.codes))]
    kernel = list(dict.fromkeys(_kind(event.actor) for event in replay.events if event.actor not in programs))
    if (width - 5) // (len(programs) + len(kernel) or 1) < 2 * NARROWEST_COLUMN:
        kernel = [KERNEL] if kernel else []
    return programs + kernel


def column(actor: str, columns: Sequence[str]) -> int:
    """The number of the column in which an actor's steps stand."""
    if actor in columns:
        return columns.index(actor)
    kind = _kind(actor)
    return columns.index(kind) if kind in columns else columns.index(KERNEL)


def title(replay: Replay, name: str) -> str:
    """What stands above a column."""
    return name if name in (KERNEL, "reaper", "scheduler", "softirq", "map worker", "timer") else replay.name(name)


def _kind(actor: str) -> str:
    """The column of an actor that is no program of the scenario; a number is the callback of a timer."""
    return {"R": "reaper", "S": "scheduler", "Q": "softirq", "M": "map worker"}.get(actor[0], "timer")


def short(event: Event) -> str:
    """A step in few words."""
    words = event.what
    for long, brief in (
        ("put_task_struct_rcu_user", "put rcu_users"),
        ("delayed_put_task_struct", "delayed_put"),
        (": not findable by pid any more", ""),
        ("bpf_rcu_read_", "rcu_read_"),
        ("read of freed", "read of FREED"),
    ):
        words = words.replace(long, brief)
    counts = [f"{entry.count} {entry.after - entry.change}→{entry.after}" for entry in event.entries]
    if counts and not any(entry.after >= 1 << 31 for entry in event.entries):
        words += " " + ", ".join(counts)
    return words


def timeline(replay: Replay, width: int = WIDEST) -> list[str]:
    """The lines of the table; none is wider than `width` characters."""
    columns = columns_of(replay, width)
    each = max(NARROWEST_COLUMN, (width - 5) // len(columns)) if columns else width
    while columns and 5 + each * len(columns) > width and each > 8:
        each -= 1
    lines = [_row("", [title(replay, name) for name in columns], each, width)]
    lines.append("     " + "".join("─" * (each - 1) + " " for _ in columns)[: width - 5].rstrip())
    inside: frozenset[int] = frozenset()
    for event in replay.events:
        mine = column(event.actor, columns)
        words = _wrapped(_cell(event, inside), each - 3)
        for at, line in enumerate(words):
            cells = [_idle(number, name, inside, event) for number, name in enumerate(columns)]
            cells[mine] = (_mark(event, inside) if at == 0 else "  ") + line
            lines.append(_row(str(event.number) if at == 0 else "", cells, each, width))
        if event.problem:
            lines.append(_clip(f"     ╰── {event.problem}", width))
        inside = event.inside
    return lines


def _cell(event: Event, inside: frozenset[int]) -> str:
    text = short(event)
    if event.freed:
        text += " FREED"
    return text


def _mark(event: Event, inside: frozenset[int]) -> str:
    if event.problem:
        return "✗ "
    if event.program >= 0 and event.program in event.inside and event.program not in inside:
        return "┏ "
    if event.program >= 0 and event.program in inside and event.program not in event.inside:
        return "┗ "
    return BAR + " " if event.program in event.inside else "● "


def _idle(number: int, name: str, inside: frozenset[int], event: Event) -> str:
    if name.isdigit():
        return BAR if int(name) in inside and int(name) in event.inside else ""
    if name in ("softirq", KERNEL) and event.queue:
        return WAITS
    return ""


def _wrapped(text: str, width: int) -> list[str]:
    import textwrap

    return textwrap.wrap(text, max(width, 6), break_long_words=True) or [""]


def _row(number: str, cells: Sequence[str], each: int, width: int) -> str:
    body = "".join(_clip(cell, each - 1).ljust(each) for cell in cells)
    return _clip(f"{number:>3}  {body}".rstrip(), width)


def _clip(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
