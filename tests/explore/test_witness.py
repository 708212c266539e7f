"""The report of the counter-example to the naive design says what happened, why, and who held what."""

from __future__ import annotations

import pytest

from kverdict.errors import InputError
from kverdict.explore.replay import replay
from kverdict.explore.run import Outcome
from kverdict.explore.schedule import from_text
from kverdict.explore.text import outcome_text
from kverdict.explore.timeline import timeline
from kverdict.machine.objects.task_design import NAIVE
from tests.explore.common import outcome

NINE_STEPS = "R100*2 S100 0*2 1*2 Q0 0"


@pytest.fixture(scope="module")
def naive() -> Outcome:
    return outcome("reader", "writer", design=NAIVE)


def test_headline_names_object_source_line_and_section(naive: Outcome) -> None:
    assert naive.report is not None
    assert naive.report.headline.startswith(
        "task 100 is used after it was freed: read of task 100 by CPU 0: reader at "
    )
    assert naive.report.headline.endswith("lifetime.bpf.c:20 inside its read section")


def test_it_is_the_published_schedule_of_nine_steps(naive: Outcome) -> None:
    assert naive.report is not None
    assert naive.report.schedule == NINE_STEPS


def test_four_causes_in_order(naive: Outcome) -> None:
    assert naive.report is not None
    assert [cause.title for cause in naive.report.causes] == [
        "the pointer came from",
        "the last reference of BPF was dropped",
        "the callback was queued",
        "the memory was freed",
    ]
    assert "by CPU 1: writer" in naive.report.causes[1].text
    assert "waits for nobody" in naive.report.causes[2].text


def test_it_says_why_rcu_did_not_help(naive: Outcome) -> None:
    assert naive.report is not None
    assert "queued in step 3, before CPU 0: reader opened its read section in step 4" in naive.report.rcu


def test_the_ledger_ends_at_zero(naive: Outcome) -> None:
    assert naive.report is not None
    assert naive.report.rows[-1][1:4] == ("usage", "-1", "0")


@pytest.mark.parametrize("width", [60, 80, 100, 120])
def test_no_line_of_the_timeline_is_wider_than_asked(naive: Outcome, width: int) -> None:
    assert naive.report is not None
    assert max(map(len, timeline(naive.report.replay, width))) <= width


def test_the_text_has_verdict_assumptions_and_replay(naive: Outcome) -> None:
    text = outcome_text(naive)
    for part in ("error[use-after-free]", "verdict:", "exhaustive", "sequential consistency", f'"{NINE_STEPS}"'):
        assert part in text


def test_a_proof_says_how_many_states_it_rests_on() -> None:
    assert "all 162 states, 431 transitions" in outcome_text(outcome("reader", "writer"), width=200)


def test_a_replayed_schedule_ends_in_the_same_violation(naive: Outcome) -> None:
    assert naive.report is not None
    found = replay(naive.stage, from_text(NINE_STEPS))
    assert [problem.kind for problem in found.problems] == ["use-after-free"]


@pytest.mark.parametrize("text", ["9", "Q0", "S100*2", "1*9", "R100*3", "R7"])
def test_a_schedule_that_does_not_fit_is_refused(naive: Outcome, text: str) -> None:
    with pytest.raises(InputError):
        replay(naive.stage, from_text(text))
