"""The report for people: a line for what is accepted, the whole story for what is refused."""

from __future__ import annotations

from collections.abc import Sequence

from kverdict.api import Result
from kverdict.report.color import PLAIN, Palette
from kverdict.report.frame import frame
from kverdict.report.story import Help, Story
from kverdict.verify.verdict import Accepted, Environment, Rejected, Unsupported


def result_text(result: Result, story: Story | None, paint: Palette = PLAIN) -> str:
    """One result, without a line end. `story` is needed for a refusal of a linked program."""
    verdict = result.verdict
    head = f"{result.object_name}: {result.program}"
    if isinstance(verdict, Accepted):
        return f"{paint('accepted', 'accepted')}  {head} ({result.section}), kernel {result.kernel}{_figures(verdict)}"
    if isinstance(verdict, Unsupported):
        where = f" at instruction {verdict.insn}" if verdict.insn >= 0 else ""
        said = f"{verdict.what}{where} is not modelled"
        return f"{paint('unsupported', 'unsupported')}  {head}, kernel {result.kernel}: {said}"
    if isinstance(verdict, Environment):
        return f"{paint('environment', 'environment')}  {head}, kernel {result.kernel}: {verdict.why}"
    if story is None:
        return f"{paint('rejected', 'rejected')}  {head}, kernel {result.kernel}: {verdict.sentence}"
    return story_text([result], story, paint)


def grouped(told: Sequence[tuple[Result, Story | None]]) -> list[tuple[list[Result], Story | None]]:
    """Refusals of one program that tell the same story on several kernels, together; everything else alone."""
    groups: list[tuple[list[Result], Story | None]] = []
    for result, story in told:
        for members, other in groups:
            if story is not None and other is not None and _same(members[0], other, result, story):
                members.append(result)
                break
        else:
            groups.append(([result], story))
    return groups


def _same(first: Result, story: Story, second: Result, other: Story) -> bool:
    if (first.object_name, first.program) != (second.object_name, second.program):
        return False
    return story._replace(notes=(), help=None, facts={}) == other._replace(notes=(), help=None, facts={})


def group_text(results: Sequence[Result], story: Story | None, paint: Palette = PLAIN) -> str:
    """The text of one group."""
    return result_text(results[0], story, paint) if len(results) == 1 else story_text(results, story, paint)


def story_text(results: Sequence[Result], story: Story | None, paint: Palette = PLAIN) -> str:
    """The diagnostic: headline, frame, path, help, notes, the kernels' own words."""
    assert story is not None
    lines = [f"{paint('error', f'error[{story.message_id}]')}: {paint('bold', story.headline)}"]
    lines.append(f"  {paint('gutter', '-->')} {where(results, story)}")
    lines += frame(story.spans, paint)
    if len(story.path) > 2 or story.remark:
        trail = "path: " + " → ".join(story.path)
        lines.append(f"   = {trail}{'; ' + story.remark if story.remark else ''}")
    if story.help is not None:
        lines += _help(story.help, paint)
    for note in story.notes:
        first, *rest = note.splitlines()
        lines.append(f"{paint('note', 'note')}: {first}")
        lines += [f"      {line}" for line in rest]
    lines += _said(results, paint)
    lines.append(f"{paint('dim', 'see')}: kverdict explain {story.message_id}")
    return "\n".join(lines)


def _said(results: Sequence[Result], paint: Palette) -> list[str]:
    """What the kernels say, each wording once."""
    wordings: dict[str, list[str]] = {}
    for result in results:
        if isinstance(result.verdict, Rejected):
            before = [line for line in result.verdict.diagnostic.before if line.strip()]
            wordings.setdefault("\n".join([*before, result.verdict.sentence]), []).append(result.kernel)
    lines = []
    for wording, kernels in wordings.items():
        who = (
            f"{', '.join(kernels)} {'say' if len(kernels) > 1 else 'says'}" if len(wordings) > 1 else "the kernel says"
        )
        first, *rest = wording.splitlines() or [""]
        lines.append(f"{paint('note', 'note')}: {who}: {first}")
        lines += [" " * (len(who) + 9) + line for line in rest]
    return lines


def where(results: Sequence[Result], story: Story) -> str:
    """File, line and column, program, instruction and kernels of a refusal."""
    place, result = story.place, results[0]
    kernels = f"kernel{'s' if len(results) > 1 else ''} {', '.join(one.kernel for one in results)}"
    program = f"program {result.program} ({result.section}), instruction {place.insn}, {kernels}"
    if not place.line:
        return f"{result.object_name}   {program}"
    primary = next((span for span in story.spans if span.primary and span.column >= 0), None)
    column = primary.column + 1 if primary else place.column
    return f"{place.file}:{place.line}:{column}   {program}"


def _figures(verdict: Accepted) -> str:
    stats = verdict.stats
    text = f", {stats.insns_processed} instructions processed"
    return text + (f", {stats.unvisited} never verified" if stats.unvisited else "")


def _help(advice: Help, paint: Palette) -> list[str]:
    proof = f"  [re-verified on {', '.join(advice.proved)}]" if advice.proved else ""
    lines = [f"{paint('help', 'help')}: {advice.text}{paint('dim', proof)}"]
    return lines + [f"{number:>2} {paint('added', '+ ' + text)}" for number, text in advice.lines]


def summary(results: Sequence[Result]) -> str:
    """One closing line: how many programs were accepted, refused, undecided."""
    words = [result.word for result in results]
    counts = [(words.count(word), word) for word in ("accepted", "rejected", "unsupported", "environment")]
    kernels = list(dict.fromkeys(result.kernel for result in results))
    found = ", ".join(f"{count} {word}" for count, word in counts if count)
    return f"{found or 'no programs'} on {', '.join(kernels)}" if kernels else "no programs"
