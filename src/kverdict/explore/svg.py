"""The timeline of a witness as SVG: lifelines, read sections as bars, grace periods, arrows where ownership moves."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

from kverdict.explore.replay import Event, Replay
from kverdict.explore.timeline import column, columns_of, short, title

COLUMN: Final = 205
ROW: Final = 46
TOP: Final = 20
LEFT: Final = 46


def svg(replay: Replay) -> str:
    """A drawing that needs nothing from outside; every step has a tooltip with its source line and the counts."""
    columns = columns_of(replay, 10_000)
    objects = sorted({number for event in replay.events for number, _, _ in event.moved})
    slots = list(dict.fromkeys(p for e in replay.events for _, a, b in e.moved for p in (a, b) if "[" in p))
    programs = [name for name in columns if name.isdigit()]
    names = [*programs, *slots, *(name for name in columns if not name.isdigit())]
    width = LEFT + COLUMN * len(names) + 10
    height = TOP + ROW * (len(replay.events) + 1) + 16
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'role="img" aria-label="timeline of the schedule">',
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 L8 4 L0 8 z" class="head"/></marker></defs>',
    ]
    for number, name in enumerate(names):
        parts += _lifeline(_x(number), f"map slot {name}" if name in slots else title(replay, name), height)
    parts += _sections(replay, names)
    parts += _grace_periods(replay, names)
    for event in replay.events:
        parts += _step(replay, event, names)
        parts += _moves(replay, event, names, objects)
    parts.append("</svg>")
    return "\n".join(parts)


def _x(number: int) -> int:
    return LEFT + number * COLUMN + 20


def _y(step: int) -> int:
    return TOP + step * ROW


def _lifeline(x: int, name: str, height: int) -> list[str]:
    return [
        f'<text class="name" x="{x - 12}" y="24">{escape(name)}</text>',
        f'<line class="life" x1="{x}" y1="36" x2="{x}" y2="{height - 10}"/>',
    ]


def _sections(replay: Replay, columns: Sequence[str]) -> list[str]:
    """One bar for each read section, from the step that opens it to the one that closes it (or the end)."""
    parts = []
    for number, name in enumerate(columns):
        if not name.isdigit():
            continue
        program, start = int(name), 0
        for event in [*replay.events, None]:
            inside = event is not None and program in event.inside
            if inside and not start and event is not None:
                start = event.number
            elif not inside and start:
                end = event.number if event is not None else len(replay.events) + 1
                words = f"RCU read section of {replay.name(name)}: steps {start} to {end}"
                parts.append(
                    f'<rect class="section" x="{_x(number) - 7}" y="{_y(start) - 8}" width="14" '
                    f'height="{max(_y(end) - _y(start), 12)}"><title>{escape(words)}</title></rect>'
                )
                start = 0
    return parts


def _grace_periods(replay: Replay, columns: Sequence[str]) -> list[str]:
    """A dashed bar from the step that queues a callback to the one that runs it."""
    names = [name for name in columns if name in ("softirq", "kernel")]
    at = _x(columns.index(names[0])) if names else _x(len(columns) - 1) + 14
    parts = []
    before: list[tuple[str, int]] = []
    opened: dict[tuple[str, int], Event] = {}
    last = len(replay.events) + 1
    for event in replay.events:
        now = [(queued.name, queued.target) for queued in event.queue]
        for queued in event.queue:
            if (queued.name, queued.target) not in before:
                opened[queued.name, queued.target] = event
        for key in before:
            if key not in now and key in opened:
                parts.append(_grace(replay, opened.pop(key), key, event.number, at))
        before = now
    parts += [_grace(replay, event, key, last, at) for key, event in opened.items()]
    return parts


def _grace(replay: Replay, event: Event, key: tuple[str, int], end: int, x: int) -> str:
    waits = next(queued.waits for queued in event.queue if (queued.name, queued.target) == key)
    readers = ", ".join(replay.name(str(number)) for number in sorted(waits)) or "nobody"
    words = f"grace period: {key[0]} queued in step {event.number}, waits for {readers}"
    return (
        f'<line class="grace" x1="{x - 12}" y1="{_y(event.number)}" x2="{x - 12}" y2="{_y(end)}">'
        f"<title>{escape(words)}</title></line>"
    )


def _step(replay: Replay, event: Event, columns: Sequence[str]) -> list[str]:
    x, y = _x(column(event.actor, columns)), _y(event.number)
    kind = "bad" if event.problem else "freed" if event.freed else "step"
    text = short(event)
    text = text if len(text) <= 25 else text[:24] + "…"
    parts = [
        f'<g class="{kind}"><title>{escape(tooltip(replay, event))}</title>',
        f'<text class="number" x="6" y="{y + 4}">{event.number}</text>',
        f'<circle cx="{x}" cy="{y}" r="6"/>',
        f'<text class="what" x="{x + 14}" y="{y + 4}">{escape(text)}</text>',
    ]
    if event.freed:
        parts.append(f'<text class="note" x="{x + 14}" y="{y + 18}">memory freed</text>')
    if event.problem:
        parts.append(f'<text class="note" x="{x + 14}" y="{y + 18}">{escape(event.problem[:60])}</text>')
    return [*parts, "</g>"]


def tooltip(replay: Replay, event: Event) -> str:
    """What a step did, where it stands in the source, and each count that it changed."""
    lines = [f"step {event.number}: {event.what}, {replay.name(event.actor)}"]
    place = event.place
    if place is not None and place.line:
        lines.append(f"{place.file.removeprefix('./')}:{place.line}: {place.source.strip()}")
    elif place is not None:
        lines.append(f"instruction {place.insn}")
    for entry in event.entries:
        before = entry.after - entry.change
        lines.append(f"{replay.object_name(entry.subject)}: {entry.count} {before} → {entry.after} ({entry.why})")
    if event.problem:
        lines.append(event.problem)
    return "\n".join(lines)


def _moves(replay: Replay, event: Event, names: Sequence[str], objects: Sequence[int]) -> list[str]:
    """An arrow from whoever gave an object to whoever has it now."""
    parts = []
    here = column(event.actor, names)
    known = {name: at for at, name in enumerate(names)}
    for number, giver, taker in event.moved:
        ends = [known.get(who, here) for who in (giver, taker)]
        if ends[0] == ends[1]:
            continue
        start, end = _x(ends[0]), _x(ends[1])
        step = 9 if end > start else -9
        words = f"{replay.object_name(number)}: from {giver} to {taker}"
        y = _y(event.number) + 10 + 3 * objects.index(number)
        parts.append(
            f'<line class="moves" x1="{start + step}" y1="{y}" x2="{end - step}" y2="{y}" marker-end="url(#arrow)">'
            f"<title>{escape(words)}</title></line>"
        )
    return parts
