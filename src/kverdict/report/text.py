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
    return story_text(result, verdict, story, paint)


def story_text(result: Result, verdict: Rejected, story: Story, paint: Palette = PLAIN) -> str:
    """The diagnostic: headline, frame, path, help, notes, the kernel's own words."""
    lines = [f"{paint('error', f'error[{story.message_id}]')}: {paint('bold', story.headline)}"]
    lines.append(f"  {paint('gutter', '-->')} {where(result, story)}")
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
    before = [line for line in verdict.diagnostic.before if line.strip()]
    said = "\n".join([*before, verdict.sentence]).splitlines()
    lines.append(f"{paint('note', 'note')}: the kernel says: {said[0] if said else ''}")
    lines += [f"                        {line}" for line in said[1:]]
    lines.append(f"{paint('dim', 'see')}: kverdict explain {story.message_id}")
    return "\n".join(lines)


def where(result: Result, story: Story) -> str:
    """File, line and column, program, instruction and kernel of a refusal."""
    place = story.place
    program = f"program {result.program} ({result.section}), instruction {place.insn}, kernel {result.kernel}"
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
