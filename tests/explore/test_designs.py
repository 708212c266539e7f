"""Every cell of design × interleaving is as expected, with witnesses of the expected length."""

from __future__ import annotations

import pytest

from kverdict.explore import search
from kverdict.explore.designs import DESIGNS, INTERLEAVINGS, Interleaving, explore_cell, stage_of
from kverdict.explore.model import KernelSystem
from kverdict.explore.property import Properties
from kverdict.machine.objects.task_design import NAIVE_NOT_ZERO


@pytest.mark.parametrize("letter", DESIGNS)
@pytest.mark.parametrize("interleaving", INTERLEAVINGS, ids=lambda one: str(one.number))
def test_cell_is_found_or_proved_absent_as_expected(interleaving: Interleaving, letter: str) -> None:
    cell = explore_cell(interleaving, letter)
    assert cell.found == interleaving.expected[letter]
    assert cell.agrees
    if letter in interleaving.steps:
        assert cell.result is not None and cell.result.witness is not None
        assert cell.result.witness.steps == interleaving.steps[letter]


def test_the_tracepoint_argument_breaks_without_any_preemption() -> None:
    cell = explore_cell(INTERLEAVINGS[4], "a")
    assert cell.result is not None and cell.result.witness is not None
    assert cell.result.witness.preemptions == 0


@pytest.mark.parametrize(("delayed", "verdict"), [(False, search.VIOLATED), (True, search.PROVED)])
def test_inc_not_zero_on_usage_is_enough_only_where_the_memory_waits_for_a_grace_period(
    delayed: bool, verdict: str
) -> None:
    stage = stage_of(("acquirer", "writer"), NAIVE_NOT_ZERO.with_free(delayed), stashed=True)
    assert search.breadth_first(KernelSystem(stage, Properties())).verdict == verdict
