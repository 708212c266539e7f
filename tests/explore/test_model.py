"""The transition system has the published sizes, and agrees with a search that remembers nothing."""

from __future__ import annotations

import pytest

from kverdict.explore import search
from kverdict.explore.property import DEAD_IN_MAP
from kverdict.machine.objects.task_design import RCU_USERS_COUNT, USAGE_COUNT
from tests.explore.common import ROLES, lifetime


@pytest.mark.parametrize(
    ("programs", "states", "transitions"),
    [(2, 162, 431), (3, 1357, 4643), (4, 10529, 44896), (5, 92215, 473324)],
)
def test_distinct_states_are_the_published_ones(programs: int, states: int, transitions: int) -> None:
    result = search.breadth_first(lifetime(*ROLES[:programs]))
    assert result.verdict == search.PROVED
    assert (result.figures.states, result.figures.transitions) == (states, transitions)


def test_going_through_every_schedule_of_two_programs_takes_15126_executions() -> None:
    assert search.executions(lifetime("reader", "writer")) == 15126


def test_each_step_is_executed_once_for_all_states_that_agree_on_it() -> None:
    system = lifetime(*ROLES[:4])
    result = search.breadth_first(system)
    assert system.executed * 20 < result.figures.transitions


def test_the_invariant_of_the_patch_holds_for_three_programs() -> None:
    system = lifetime("reader", "writer", "stasher", design=RCU_USERS_COUNT, properties=(DEAD_IN_MAP,))
    assert search.breadth_first(system).verdict == search.PROVED


def test_the_usage_design_has_tens_of_states_with_a_dead_task_in_the_map() -> None:
    system = lifetime("writer", "stasher", design=USAGE_COUNT)
    watched = lifetime("writer", "stasher", design=USAGE_COUNT, properties=(DEAD_IN_MAP,))
    assert search.breadth_first(system).verdict == search.PROVED
    found = search.breadth_first(watched)
    assert found.verdict == search.VIOLATED
    assert {watched.violation(number).kind for number in found.violations} == {DEAD_IN_MAP}
