"""Small programs in C, one for a rule: same verdict, same sentence, same count of processed instructions as kernels."""

from __future__ import annotations

import pytest

from kverdict.program.link import link
from kverdict.verify.verdict import Accepted, Rejected
from kverdict.verify.verify import verify
from tests.fixtures import opened
from tests.verify.asking import profile
from tests.verify.recorded_fixtures import SILENT, Case, cases


@pytest.mark.parametrize("case", [pytest.param(case, id="-".join(case[:3])) for case in cases()])
def test_the_kernel_said_the_same(case: Case) -> None:
    verdict = verify(link(opened(case.fixture), case.program, profile(case.kernel)))
    assert isinstance(verdict, (Accepted, Rejected)), verdict
    sentence = verdict.sentence if isinstance(verdict, Rejected) else ""
    if case.sentence == SILENT and sentence:
        sentence = SILENT
    assert (sentence, verdict.stats.insns_processed) == (case.sentence, case.processed)
