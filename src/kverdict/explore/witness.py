"""The report of a witness: what happened, its causes with source lines, why RCU did not help, who held what."""

from __future__ import annotations

from dataclasses import dataclass, field

from kverdict.explore.property import ASSERTION, DEAD_IN_MAP, Violation
from kverdict.explore.replay import Event, Replay
from kverdict.machine import fault as faults
from kverdict.machine.ledger import Entry


@dataclass(slots=True)
class Cause:
    """One link of the chain. title: "the pointer came from"; event: the step that did it, None if before the start."""

    title: str
    text: str
    event: Event | None = None


@dataclass(slots=True)
class Report:
    """Everything about one witness, ready to be printed. rows: the ledger, (step, count, change, value, who, why)."""

    headline: str
    violation: Violation
    replay: Replay
    schedule: str
    causes: list[Cause] = field(default_factory=list)
    rcu: str = ""
    rows: list[tuple[str, str, str, str, str, str]] = field(default_factory=list)
    subject: int = 0


def report_of(replay: Replay, violation: Violation, schedule: str) -> Report:
    """The report of a replayed witness."""
    subject = violation.subject if violation.subject in replay.stage.tasks.values() else 0
    report = Report(_headline(replay, violation), violation, replay, schedule, subject=subject)
    if subject:
        report.causes = _causes(replay, violation, subject)
        report.rcu = _why_rcu_did_not_help(replay, violation, subject)
        report.rows = _ledger(replay, subject)
    return report


def _last(replay: Replay) -> Event | None:
    return replay.events[-1] if replay.events else None


def _where(event: Event) -> str:
    place = event.place
    if place is None:
        return ""
    if place.line:
        file = place.file.removeprefix("./")
        return f" at {file}:{place.line}"
    return f" at instruction {place.insn}"


def _headline(replay: Replay, violation: Violation) -> str:
    last = _last(replay)
    if violation.kind == ASSERTION or last is None or violation.kind == faults.DEADLOCK:
        return violation.text
    who = replay.name(last.actor)
    where = _where(last)
    inside = " inside its read section" if last.program in last.inside or _was_inside(replay, last) else ""
    name = replay.object_name(violation.subject) if violation.subject else ""
    if violation.kind == faults.USE_AFTER_FREE:
        return f"{name} is used after it was freed: {last.what.replace('freed ', '')} by {who}{where}{inside}"
    if violation.kind == DEAD_IN_MAP:
        return f"{violation.text}: {last.what} by {who}{where}"
    return f"{violation.text}, by {who}{where}{inside}"


def _was_inside(replay: Replay, event: Event) -> bool:
    before = replay.events[event.number - 2] if event.number > 1 else None
    return before is not None and event.program in before.inside


def _causes(replay: Replay, violation: Violation, subject: int) -> list[Cause]:
    found = [_origin(replay, subject), _last_drop(replay, subject), _queuer(replay, subject), _freer(replay, subject)]
    return [cause for cause in found if cause is not None]


def _origin(replay: Replay, subject: int) -> Cause | None:
    """Where the program that broke it had the pointer from."""
    last = _last(replay)
    if last is None or last.program < 0:
        return None
    for event in reversed(replay.events[:-1]):
        if event.program == last.program and event.got >> 32 == subject:
            return Cause("the pointer came from", f"{event.source} by {replay.name(event.actor)}{_where(event)}", event)
    if subject << 32 in replay.stage.contexts[last.program]:
        return Cause("the pointer came from", f"an argument of {replay.name(last.actor)}, held by its caller's usage")
    return None


def _last_drop(replay: Replay, subject: int) -> Cause | None:
    """Who took the deciding count to 0: the count that BPF's references are in."""
    count = replay.world.design.count
    programs_first = sorted(replay.events, key=lambda event: (event.actor.startswith("Q"), -event.number))
    for event in programs_first:
        for entry in reversed(event.entries):
            if entry.subject == subject and entry.change < 0 and entry.count == count and _is_low(entry, count):
                text = f"{entry.count} {entry.after - entry.change} → {entry.after} by {replay.name(event.actor)}"
                return Cause("the last reference of BPF was dropped", f"{text}: {entry.why}{_where(event)}", event)
    return None


def _is_low(entry: Entry, count: str) -> bool:
    return entry.after <= (1 if count == "usage" else 0) or entry.after >= 1 << 31


def _queuer(replay: Replay, subject: int) -> Cause | None:
    """Who queued the callback, and for which readers it waits."""
    known = 0
    chosen: tuple[Event, str, frozenset[int]] | None = None
    for event in replay.events:
        mine = [queued for queued in event.queue if queued.target == subject]
        if len(mine) > known:
            chosen = event, mine[-1].name, mine[-1].waits
        known = len(mine)
    if chosen is None:
        return None
    event, name, waits = chosen
    readers = ", ".join(replay.name(str(number)) for number in sorted(waits)) or "nobody: no read section was open"
    who = replay.name(event.actor)
    return Cause("the callback was queued", f"{name} by {who} in step {event.number}; it waits for {readers}", event)


def _freer(replay: Replay, subject: int) -> Cause | None:
    for event in replay.events:
        if subject in event.freed:
            grave = replay.world.memory.graves[subject]
            text = f"by {replay.name(event.actor)} in step {event.number} ({grave.by}){_where(event)}"
            return Cause("the memory was freed", text, event)
    return None


def _why_rcu_did_not_help(replay: Replay, violation: Violation, subject: int) -> str:
    """One sentence on the read section of the victim and the callback that did not wait for it."""
    last = _last(replay)
    if last is None or last.program < 0 or violation.kind == DEAD_IN_MAP:
        return ""
    opened = _section_start(replay, last)
    queuer = _queuer(replay, subject)
    name = replay.name(last.actor)
    if violation.kind != faults.USE_AFTER_FREE:
        if queuer is None or queuer.event is None:
            return ""
        return (
            f"RCU keeps the memory of {replay.object_name(subject)}, but its last put in step {queuer.event.number} "
            "had already queued the callback: the count is over, a new reference cannot bring it back."
        )
    if opened is None:
        return f"{name} was in no RCU read section, so no grace period waits for it."
    freer = _freer(replay, subject)
    if queuer is not None and queuer.event is not None and queuer.event.number < opened.number:
        return (
            f"The callback was queued in step {queuer.event.number}, before {name} opened its read section in step "
            f"{opened.number}: a grace period only waits for sections that were open already. Later the map's "
            "reference was the last one, and dropping it needed no further grace period."
        )
    if freer is not None and freer.event is not None:
        return f"The memory was freed in step {freer.event.number} without waiting for the section of {name}."
    return ""


def _section_start(replay: Replay, last: Event) -> Event | None:
    """The step in which the section of the last actor was opened, None if it was in none."""
    if not _was_inside(replay, last):
        return None
    found = None
    for event in reversed(replay.events[: last.number - 1]):
        if last.program not in event.inside:
            break
        found = event
    return found


def _ledger(replay: Replay, subject: int) -> list[tuple[str, str, str, str, str, str]]:
    """Every change of the subject's counts, from the start."""
    rows = []
    steps = {id(entry): event for event in replay.events for entry in event.entries}
    for entry in replay.world.ledger.of(subject):
        event = steps.get(id(entry))
        step = str(event.number) if event is not None else "–"
        who = replay.name(event.actor) if event is not None else "before"
        wild = entry.after >= 1 << 30 or entry.change >= 1 << 30
        change, value = ("", "saturated") if wild else (f"{entry.change:+d}", str(entry.after))
        rows.append((step, entry.count, change, value, who, entry.why))
    return rows
