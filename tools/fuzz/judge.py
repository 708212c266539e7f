"""Both verdicts on a program, and in what they disagree."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from kverdict.errors import KverdictError
from kverdict.kernel.profile import KernelProfile
from kverdict.program.assembled import program_from_text
from kverdict.program.program import Program
from kverdict.verify import Accepted, Rejected, Unsupported, verify
from tools.fuzz.generate import Sample
from tools.oracle.answer import Answer
from tools.oracle.load_program import ask
from tools.oracle.oracle import Oracle

AGREED: Final = "agreed"
FALSE_ACCEPT: Final = "false accept"
FALSE_REFUSAL: Final = "false refusal"
SENTENCE: Final = "other sentence"
COUNT: Final = "other count"
UNSUPPORTED: Final = "unsupported"
CRASH: Final = "internal error"
NO_VERDICT: Final = "no verdict"
UNWANTED: Final = (FALSE_ACCEPT, FALSE_REFUSAL, SENTENCE, COUNT, CRASH)
_NUMBER_OF_KFUNC: Final = re.compile(r"#\d+")


@dataclass(frozen=True, slots=True)
class Judgement:
    """kind: one of the constants above; ours and theirs: sentence ("" for accepted) and processed instructions."""

    sample: Sample
    kind: str
    ours: str = ""
    theirs: str = ""
    our_count: int = 0
    their_count: int = 0


def linked(sample: Sample, profile: KernelProfile) -> Program:
    """The sample as the kernel would get it; raises InputError for text that is no program."""
    return program_from_text(sample.text, sample.section, profile)


def judge(samples: Sequence[Sample], profile: KernelProfile, oracle: Oracle) -> list[Judgement]:
    """Ask both sides about all samples; one batch for the kernel."""
    programs = [linked(sample, profile) for sample in samples]
    answers = ask(oracle, programs)
    return [_compare(*three) for three in zip(samples, programs, answers, strict=True)]


def _compare(sample: Sample, program: Program, answer: Answer) -> Judgement:
    if answer.verdict == "none":
        return Judgement(sample, NO_VERDICT, theirs=answer.message or answer.log[-200:])
    theirs = "" if answer.accepted else answer.message
    count = answer.insns_processed or 0
    try:
        verdict = verify(program)
    except (
        KverdictError,
        ArithmeticError,
        LookupError,
        TypeError,
        ValueError,
        AttributeError,
        AssertionError,
    ) as error:
        return Judgement(sample, CRASH, f"{type(error).__name__}: {error}", theirs, 0, count)
    if isinstance(verdict, Unsupported):
        return Judgement(sample, UNSUPPORTED, verdict.what, theirs)
    assert isinstance(verdict, (Accepted, Rejected)), verdict
    ours = verdict.sentence if isinstance(verdict, Rejected) else ""
    mine = verdict.stats.insns_processed
    return Judgement(sample, _kind(ours, theirs, mine, count), ours, theirs, mine, count)


def _kind(ours: str, theirs: str, our_count: int, their_count: int) -> str:
    if bool(ours) != bool(theirs):
        return FALSE_ACCEPT if theirs else FALSE_REFUSAL
    if _NUMBER_OF_KFUNC.sub("#N", ours) != _NUMBER_OF_KFUNC.sub("#N", theirs):
        return SENTENCE
    return AGREED if our_count == their_count else COUNT
