"""Our verdicts beside those of a real kernel: one cell for each program and kernel, counts, three formats."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from kverdict.api import Result
from kverdict.report.log_diff import normalised
from kverdict.verify.verdict import Environment, Rejected, Unsupported

AGREE: Final = "agree"
FALSE_ACCEPT: Final = "false accept"
FALSE_REFUSAL: Final = "false refusal"
OTHER_SENTENCE: Final = "other sentence"
OTHER_COUNT: Final = "other count"
UNSUPPORTED: Final = "unsupported"
NO_VERDICT: Final = "no verdict"
NOT_LOADED: Final = "not loaded"
# In the order of the report; what is said of a program is the worst that is true of it.
KINDS: Final = {
    AGREE: "verdict, sentence and processed instructions are the kernel's",
    OTHER_COUNT: "verdict and sentence are the kernel's, but it walked over another number of instructions",
    OTHER_SENTENCE: "both refuse, with different sentences",
    FALSE_ACCEPT: "we accept, the kernel refuses",
    FALSE_REFUSAL: "we refuse, the kernel accepts",
    UNSUPPORTED: "uses what is not modelled",
    NO_VERDICT: "the kernel refused before its verifier ran (EPERM without a log, or a map that it does not make)",
    NOT_LOADED: "cannot be linked against this kernel",
}
BAD: Final = (OTHER_COUNT, OTHER_SENTENCE, FALSE_ACCEPT, FALSE_REFUSAL)


@dataclass(frozen=True, slots=True)
class Said:
    """What the kernel said: verdict ("accepted", "refused", "none"), sentence, instructions, and why there is none."""

    verdict: str
    sentence: str = ""
    insns: int | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """One program on one kernel. insns: processed instructions, ours and the kernel's."""

    kernel: str
    object_name: str
    program: str
    kind: str
    ours: str
    theirs: str
    our_insns: int | None
    their_insns: int | None


def cell(kernel: str, result: Result, said: Said) -> Cell:
    """Judges our result by what the kernel said."""
    verdict = result.verdict
    sentence = verdict.sentence if isinstance(verdict, Rejected) else ""
    insns = None if isinstance(verdict, Environment) else verdict.stats.insns_processed
    ours = f"refused: {sentence}" if isinstance(verdict, Rejected) else result.word
    if isinstance(verdict, Unsupported):
        ours = f"unsupported: {verdict.what}"
    if isinstance(verdict, Environment):
        ours = f"not loaded: {verdict.why}"
    theirs = {"accepted": "accepted", "refused": f"refused: {said.sentence}"}.get(said.verdict, f"none: {said.why}")
    kind = _kind(result, sentence, insns, said)
    return Cell(kernel, result.object_name, result.program, kind, ours, theirs, insns, said.insns)


def _kind(result: Result, sentence: str, insns: int | None, said: Said) -> str:
    if result.word == "environment":
        return NOT_LOADED
    if result.word == "unsupported":
        return UNSUPPORTED
    if said.verdict == "none":
        return NO_VERDICT
    if (result.word == "accepted") != (said.verdict == "accepted"):
        return FALSE_ACCEPT if result.word == "accepted" else FALSE_REFUSAL
    if normalised(sentence) != normalised(said.sentence):
        return OTHER_SENTENCE
    return AGREE if said.insns is None or said.insns == insns else OTHER_COUNT


class Summary:
    """Counts of one kernel."""

    def __init__(self, kernel: str, cells: Iterable[Cell]) -> None:
        self.kernel = kernel
        self.kinds = Counter(found.kind for found in cells)
        compared = AGREE, OTHER_COUNT, OTHER_SENTENCE, FALSE_ACCEPT, FALSE_REFUSAL
        self.compared = sum(self.kinds[kind] for kind in compared)
        self.same_verdict = self.compared - self.kinds[FALSE_ACCEPT] - self.kinds[FALSE_REFUSAL]
        self.same_sentence = self.same_verdict - self.kinds[OTHER_SENTENCE]
        self.same_count = self.same_sentence - self.kinds[OTHER_COUNT]

    def rows(self) -> list[tuple[str, str]]:
        """(what, how many), the headings of every format."""
        return [
            ("programs compared", str(self.compared)),
            ("same verdict", _share(self.same_verdict, self.compared)),
            ("same verdict and sentence", _share(self.same_sentence, self.compared)),
            ("same processed instructions too", _share(self.same_count, self.compared)),
            ("false accepts", str(self.kinds[FALSE_ACCEPT])),
            ("false refusals", str(self.kinds[FALSE_REFUSAL])),
            ("unsupported", str(self.kinds[UNSUPPORTED])),
            ("no verdict of the kernel", str(self.kinds[NO_VERDICT])),
            ("cannot be loaded there", str(self.kinds[NOT_LOADED])),
        ]


def _share(part: int, whole: int) -> str:
    return f"{part} ({100 * part / whole:.1f} %)" if whole else "0"


def summaries(cells: Sequence[Cell]) -> list[Summary]:
    """One for each kernel, in order of appearance."""
    kernels = dict.fromkeys(found.kernel for found in cells)
    return [Summary(kernel, [found for found in cells if found.kernel == kernel]) for kernel in kernels]


def to_show(cells: Sequence[Cell]) -> list[Cell]:
    """The cells that need a line of their own: everything but agreement, what is worst last."""
    order = list(KINDS)
    shown = [found for found in cells if found.kind not in (AGREE, NOT_LOADED, NO_VERDICT)]
    return sorted(shown, key=lambda found: order.index(found.kind))


def as_text(cells: Sequence[Cell]) -> str:
    """For people: the counts, then each program on which we differ."""
    lines = []
    for summary in summaries(cells):
        lines.append(f"kernel {summary.kernel}")
        lines += [f"  {what:32} {count}" for what, count in summary.rows()]
    for found in to_show(cells):
        lines.append(f"{found.kind}: {found.object_name}: {found.program} on {found.kernel}")
        lines.append(f"  here:   {found.ours} ({_count(found.our_insns)})")
        lines.append(f"  kernel: {found.theirs} ({_count(found.their_insns)})")
    return "\n".join(lines)


def _count(insns: int | None) -> str:
    return "no count" if insns is None else f"{insns} instructions processed"


def as_markdown(cells: Sequence[Cell]) -> str:
    """Two tables: counts by kernel, and the programs on which we differ."""
    found = summaries(cells)
    lines = ["| | " + " | ".join(summary.kernel for summary in found) + " |", "|---" * (len(found) + 1) + "|"]
    for row in zip(*(summary.rows() for summary in found), strict=True):
        lines.append(f"| {row[0][0]} | " + " | ".join(count for _, count in row) + " |")
    differing = to_show(cells)
    if differing:
        lines += ["", "| program | kernel | | here | kernel's |", "|---|---|---|---|---|"]
    for one in differing:
        here, theirs = (text.replace("|", "\\|") for text in (one.ours, one.theirs))
        lines.append(f"| {one.object_name}: {one.program} | {one.kernel} | {one.kind} | {here} | {theirs} |")
    return "\n".join(lines)


def as_json(cells: Sequence[Cell]) -> str:
    """{"kernels": {name: counts}, "programs": [cells]}."""
    kernels = {
        summary.kernel: {
            "compared": summary.compared,
            "same_verdict": summary.same_verdict,
            "same_sentence": summary.same_sentence,
            "same_insns_processed": summary.same_count,
            **{kind.replace(" ", "_"): summary.kinds[kind] for kind in KINDS},
        }
        for summary in summaries(cells)
    }
    programs = [
        {
            "kernel": found.kernel,
            "object": found.object_name,
            "program": found.program,
            "kind": found.kind.replace(" ", "_"),
            "here": found.ours,
            "kernel_said": found.theirs,
            "insns_processed": found.our_insns,
            "kernel_insns_processed": found.their_insns,
        }
        for found in cells
    ]
    return json.dumps({"kernels": kernels, "programs": programs}, indent=1)


FORMATS: Final = {"text": as_text, "json": as_json, "markdown": as_markdown}
