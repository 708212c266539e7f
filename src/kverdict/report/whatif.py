"""What changes between two kernels, program by program, with the rules that did it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from textwrap import wrap

from kverdict.api import Result
from kverdict.kernel.profile import KernelProfile
from kverdict.report.color import PLAIN, Palette
from kverdict.report.compare import WIDTH, Change, answer, changed, citations, clauses, explain


def compare(
    left: Sequence[Result], right: Sequence[Result], rules: bool, progress: Callable[[str], None] | None = None
) -> list[Change]:
    """The programs about which the two kernels differ; `rules`: find out why."""
    found = []
    for old, new in zip(left, right, strict=True):
        if not changed(old, new):
            continue
        if progress is not None:
            progress(f"{old.object_name}: {old.program}: looking for the rule")
        found.append(explain(old, new) if rules else Change(old, new))
    return found


def changes_text(
    changes: Sequence[Change], old: KernelProfile, new: KernelProfile, count: int, paint: Palette = PLAIN
) -> str:
    """The report: what breaks first, then what is freed, then other words."""
    lines: list[str] = []
    kinds = [
        ("breaks", [change for change in changes if change.new.word == "rejected" != change.old.word]),
        ("is freed", [change for change in changes if change.new.word == "accepted" != change.old.word]),
    ]
    named = [change for _, group in kinds for change in group]
    kinds.append(("says something else", [change for change in changes if change not in named]))
    for title, group in kinds:
        if group:
            lines.append(paint("bold", f"{title}: {len(group)}"))
            for change in group:
                lines += _change(change, old, new, paint)
            lines.append("")
    same = count - len(changes)
    lines.append(f"{len(changes)} of {count} programs change from {old.name} to {new.name}, {same} do not")
    return "\n".join(lines)


def _change(change: Change, old: KernelProfile, new: KernelProfile, paint: Palette) -> list[str]:
    width = max(len(old.name), len(new.name))
    lines = [f"  {change.old.object_name}: {paint('bold', change.old.program)}"]
    for profile, result in ((old, change.old), (new, change.new)):
        word, said = answer(result)
        last = said.splitlines()[-1] if said else ""
        lines.append(f"    {profile.name:<{width}}  {paint(word, word)}{': ' + last if last else ''}")
    for number, text in enumerate(clauses(change.rules)):
        first = f"    {paint('note', 'rule')}: " if number == 0 else " " * 10
        wrapped = wrap(text, WIDTH - 10)
        lines += [first + wrapped[0], *(" " * 10 + line for line in wrapped[1:])]
    if cited := citations(change.rules):
        lines.append(f"{' ' * 10}{cited}")
    return lines
