"""The outcome of an exploration as text: verdict line, figures, and the report of the witness."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import TYPE_CHECKING

from kverdict.explore import search
from kverdict.explore.build import TIMER_FIRES
from kverdict.explore.timeline import timeline

if TYPE_CHECKING:
    from kverdict.diagnostic import Place
    from kverdict.explore.run import Outcome
    from kverdict.explore.witness import Cause, Report

Paint = Callable[[str, str], str]


def plain(style: str, text: str) -> str:
    """No colour."""
    return text


def verdict_line(outcome: Outcome) -> str:
    """What was established, how far, and under which assumptions."""
    result, figures = outcome.result, outcome.result.figures
    kernel = f"kernel {outcome.kernel}, design {outcome.design}"
    seen = f"{figures.states:,} states, {figures.transitions:,} transitions, depth {figures.depth}"
    if result.verdict == search.PROVED:
        return f"proved: no schedule breaks it ({kernel}; all {seen})"
    if result.verdict == search.VIOLATED:
        witness = result.witness
        how = "exhaustive" if not figures.stopped else f"stopped after {figures.stopped}"
        if witness is None:
            return f"violated ({kernel}; {seen}, {how}); no schedule is at hand"
        best = "shortest" if result.shortest else "not certainly the shortest"
        return (
            f"violated in {witness.steps} steps with {_plural(witness.preemptions, 'preemption')} and "
            f"{_plural(witness.switches, 'switch', 'switches')} ({best}; {kernel}; {seen}, {how})"
        )
    if result.verdict == search.BOUNDED:
        return (
            f"bounded: no schedule with at most {_plural(result.bound, 'preemption')} breaks it ({kernel}; all "
            f"schedules were too many: stopped after {figures.stopped})"
        )
    if result.verdict == search.SAMPLED:
        return (
            f"sampled: {result.samples:,} random schedules broke nothing (seed {result.seed}; {kernel}; all schedules "
            f"were too many: stopped after {figures.stopped})"
        )
    return f"interrupted: nothing found so far ({kernel}; {seen}; {figures.stopped})"


def _plural(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def assumptions(outcome: Outcome) -> str:
    """What the verdict rests on."""
    scenario = outcome.stage.scenario
    programs = _plural(len(scenario.cpus), "program")
    tasks = _plural(len(scenario.tasks), "task")
    timers = f"timers fire at most {TIMER_FIRES} times; " if outcome.stage.timers else ""
    return (
        f"model: {programs}, each once; {tasks}; {timers}sequential consistency (exchanges are fully ordered, RCU "
        "orders the grace period); grace periods may last arbitrarily long; time and random numbers stand still"
    )


def _assertions(outcome: Outcome) -> str:
    found = outcome.stage.scenario.assertions
    return f", and at the end {' and '.join(found)}" if found else ""


def outcome_text(outcome: Outcome, paint: Paint = plain, width: int = 100) -> str:
    """Everything about one scenario."""
    result = outcome.result
    good = result.verdict == search.PROVED
    word, _, rest = verdict_line(outcome).partition(":") if not outcome.report else ("", "", "")
    lines = []
    if outcome.report is not None:
        lines += report_lines(outcome.report, paint, width)
        lines.append("")
        lines += _hanging("verdict: ", verdict_line(outcome), width, paint)
        others = [outcome.system.violation(number) for number in sorted(result.violations)]
        kinds = sorted({one.kind for one in others if one.kind != outcome.report.violation.kind})
        if kinds:
            lines += _hanging("also found: ", ", ".join(kinds), width, paint)
    else:
        style = "accepted" if good else "unsupported"
        lines.append(f"{paint(style, word)}  {outcome.stage.scenario.title()}")
        if rest:
            lines += _hanging("  ", rest.strip(), width, paint)
    watched = ", ".join(sorted(outcome.system.properties.names))
    lines += _hanging("note: ", f"looked for {watched}" + _assertions(outcome), width, paint)
    lines += _hanging("note: ", assumptions(outcome), width, paint)
    for note in outcome.notes:
        lines += _hanging("note: ", note, width, paint)
    return "\n".join(lines)


def _hanging(head: str, text: str, width: int, paint: Paint) -> list[str]:
    body = textwrap.wrap(text, max(width - len(head), 30), break_long_words=False, break_on_hyphens=False) or [""]
    first = (paint("note", head.rstrip()) + " " if head.strip() else head) + body[0]
    return [first, *(" " * len(head) + line for line in body[1:])]


def report_lines(report: Report, paint: Paint = plain, width: int = 100) -> list[str]:
    """Headline, causes, why RCU did not help, ledger, replay string, timeline."""
    replay = report.replay
    lines = [f"{paint('error', f'error[{report.violation.kind}]')}: {report.headline}"]
    last = replay.events[-1] if replay.events else None
    if last is not None and last.place is not None and last.place.line:
        place = last.place
        where = f"{place.file.removeprefix('./')}:{place.line}:{place.column}"
        who = f"program {replay.stage.codes[last.program].name}" if last.program < len(replay.stage.codes) else "timer"
        lines.append(f"  {paint('gutter', '-->')} {where}   {who}, instruction {place.insn}")
        lines += _source(place, paint)
    lines.append("")
    for number, cause in enumerate(report.causes, 1):
        lines += _cause(number, cause, paint, width)
    if report.rcu:
        lines.append("")
        lines += _hanging("why RCU did not help: ", report.rcu, width, paint)
    if report.rows:
        lines += ["", f"{paint('bold', 'ledger')} of {replay.object_name(report.subject)}:"]
        lines += _table(report.rows)
    lines += ["", *timeline(replay, min(width, 120)), ""]
    lines += _hanging("replay: ", f'kverdict explore … --schedule "{report.schedule}"', 1000, paint)
    return lines


def _cause(number: int, cause: Cause, paint: Paint, width: int) -> list[str]:
    lines = _hanging(f"  {number}. {cause.title}: ", cause.text, width, plain)
    lines[0] = lines[0].lstrip()
    lines[0] = "  " + lines[0]
    if cause.event is not None and cause.event.place is not None and cause.event.place.line:
        lines += _source(cause.event.place, paint)
    return lines


def _source(place: Place, paint: Paint) -> list[str]:
    if not place.source.strip():
        return []
    return [f"  {paint('gutter', f'{place.line:>5} |')} {place.source.expandtabs(4).rstrip()}"]


def _table(rows: list[tuple[str, str, str, str, str, str]]) -> list[str]:
    head = ("step", "count", "change", "value", "by", "why")
    widths = [max(len(row[at]) for row in [head, *rows]) for at in range(6)]
    found = []
    for row in [head, *rows]:
        cells = [row[0].rjust(widths[0]), row[1].ljust(widths[1]), row[2].rjust(widths[2]), row[3].rjust(widths[3])]
        found.append("  " + "  ".join([*cells, row[4].ljust(widths[4]), row[5]]).rstrip())
    return found
