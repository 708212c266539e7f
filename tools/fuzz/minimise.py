"""Making a disagreement small: lines are left out as long as the two sides still disagree in the same way."""

from __future__ import annotations

from collections.abc import Callable

from kverdict.errors import InputError
from kverdict.kernel.profile import KernelProfile
from tools.fuzz.generate import Sample
from tools.fuzz.judge import Judgement, judge, linked
from tools.oracle.answer import OracleError
from tools.oracle.oracle import Oracle

_ROUNDS = 12


def minimise(
    found: Judgement, profile: KernelProfile, oracle: Oracle, still: Callable[[Judgement], bool] | None = None
) -> Judgement:
    """The smallest program found that disagrees in the same way as `found`, and both verdicts on it."""

    def same(other: Judgement) -> bool:
        return other.kind == found.kind

    wanted = still or same
    best = found
    for _ in range(_ROUNDS):
        candidates = _smaller(best.sample, profile)
        try:
            hits = [other for other in judge(candidates, profile, oracle) if wanted(other)] if candidates else []
        except OracleError:
            return best  # one of the smaller programs is more than the kernel bears
        if not hits:
            return best
        best = min(hits, key=lambda other: len(other.sample.lines))
    return best


def _smaller(sample: Sample, profile: KernelProfile) -> list[Sample]:
    """The sample without a run of 8, 4, 2 or 1 lines, wherever that is still a program."""
    found: list[Sample] = []
    body = [number for number, line in enumerate(sample.lines) if not line.startswith("#")]
    for length in (8, 4, 2, 1):
        for start in range(0, len(body), length):
            drop = set(body[start : start + length])
            lines = tuple(line for number, line in enumerate(sample.lines) if number not in drop)
            candidate = Sample(sample.seed, sample.section, lines)
            if _is_program(candidate, profile):
                found.append(candidate)
    return found


def _is_program(sample: Sample, profile: KernelProfile) -> bool:
    try:
        return bool(linked(sample, profile).insns)
    except InputError:
        return False
