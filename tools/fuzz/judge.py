"""Both verdicts on a program, and in what they disagree."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from kverdict.errors import InternalError, LinkError
from kverdict.kernel.profile import KernelProfile
from kverdict.program.assembled import program_from_text
from kverdict.program.program import Program
from kverdict.verify import Accepted, Rejected, Unsupported, verify
from tools.fuzz.generate import Sample
from tools.oracle.answer import Answer, OracleError
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
# What must not come out of kverdict whatever the program is.
_BUGS: Final = (
    *(InternalError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError, AssertionError),
    RecursionError,
)
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
    """Judge all samples here, then ask the kernel in one batch about those that were judged."""
    found: dict[int, Judgement] = {}
    open_questions: list[tuple[int, Program, Accepted | Rejected]] = []
    for number, sample in enumerate(samples):
        try:
            program = linked(sample, profile)
            verdict = verify(program)
        except _BUGS as error:
            found[number] = Judgement(sample, CRASH, f"{type(error).__name__}: {error}")
            continue
        except LinkError as error:
            found[number] = Judgement(sample, NO_VERDICT, str(error))
            continue
        if isinstance(verdict, Unsupported):
            found[number] = Judgement(sample, UNSUPPORTED, verdict.what)
            continue
        assert isinstance(verdict, (Accepted, Rejected)), verdict
        open_questions.append((number, program, verdict))
    answers = _asked(oracle, [program for _, program, _ in open_questions])
    for (number, _, verdict), answer in zip(open_questions, answers, strict=True):
        found[number] = _compare(samples[number], verdict, answer)
    return [found[number] for number in range(len(samples))]


def _asked(oracle: Oracle, programs: list[Program]) -> list[Answer]:
    """The kernel's answers; a program at which it dies or hangs is asked about alone and has none."""
    try:
        return ask(oracle, programs)
    except OracleError as error:
        if len(programs) == 1:
            return [Answer(False, 0, f"the kernel gave no answer: {error}", stage="oracle")]
    middle = len(programs) // 2
    return _asked(oracle, programs[:middle]) + _asked(oracle, programs[middle:])


def _compare(sample: Sample, verdict: Accepted | Rejected, answer: Answer) -> Judgement:
    if answer.verdict == "none":
        return Judgement(sample, NO_VERDICT, theirs=answer.message or answer.log[-200:])
    theirs = "" if answer.accepted else answer.message
    count = answer.insns_processed or 0
    ours = verdict.sentence if isinstance(verdict, Rejected) else ""
    mine = verdict.stats.insns_processed
    return Judgement(sample, _kind(ours, theirs, mine, count), ours, theirs, mine, count)


def _kind(ours: str, theirs: str, our_count: int, their_count: int) -> str:
    if bool(ours) != bool(theirs):
        return FALSE_ACCEPT if theirs else FALSE_REFUSAL
    if _NUMBER_OF_KFUNC.sub("#N", ours) != _NUMBER_OF_KFUNC.sub("#N", theirs):
        return SENTENCE
    return AGREED if our_count == their_count else COUNT
