"""Searches on systems of a few states, made by hand."""

from __future__ import annotations

from kverdict.explore import search
from kverdict.explore.model import Step


class Graph:
    """A system from a table: state → [(actor, next state, violation)]; ends: state → violation at the end."""

    def __init__(self, table: dict[int, list[tuple[str, int, int]]], ends: dict[int, int] | None = None) -> None:
        self.initial = 0
        self.table = table
        self.ends = ends or {}
        self.names = sorted({actor for steps in table.values() for actor, _, _ in steps})

    def successors(self, state: int) -> list[Step]:
        return [(self.names.index(actor), new, bad) for actor, new, bad in self.table.get(state, [])]

    def final(self, state: int) -> int:
        return self.ends.get(state, 0)

    def actor(self, label: int) -> str:
        return self.names[label]


DIAMOND = Graph({0: [("0", 1, 0), ("1", 2, 0)], 1: [("1", 3, 0)], 2: [("0", 3, 0)]})
# Two ways into the violation 7: short with a preemption, long without one.
TWO_WAYS = Graph(
    {
        0: [("0", 1, 0), ("1", 10, 0)],
        1: [("0", 2, 0), ("1", 99, 7)],
        2: [("0", 3, 0)],
        3: [("0", 4, 0)],
        4: [("1", 99, 7)],
        10: [("0", 11, 0)],
    }
)


def test_equal_states_are_visited_once() -> None:
    result = search.breadth_first(DIAMOND)
    assert result.verdict == search.PROVED
    assert (result.figures.states, result.figures.transitions, result.figures.depth) == (4, 4, 2)


def test_every_schedule_is_counted_without_remembering_states() -> None:
    assert search.executions(DIAMOND) == 2


def test_the_best_witness_has_fewest_preemptions_before_fewest_steps() -> None:
    witness = search.shortest_witness(TWO_WAYS)
    assert witness is not None
    assert witness.cost() == (0, 1, 5)
    assert witness.actors == ("0", "0", "0", "0", "1")


def test_a_violation_at_the_end_has_a_witness() -> None:
    graph = Graph({0: [("0", 1, 0)], 1: [("1", 2, 0)]}, {2: 5})
    result = search.explore(graph)
    assert result.verdict == search.VIOLATED
    assert result.witness is not None and result.witness.violation == 5


LONG = Graph({n: [("0", n + 1, 0), ("1", n + 100_000, 0)] for n in range(6000)})


def test_a_search_past_its_budget_is_never_called_proved() -> None:
    result = search.breadth_first(LONG, search.Budget(states=1000))
    assert result.verdict == search.INTERRUPTED
    assert result.figures.stopped == "1,000 states"


def test_after_the_budget_schedules_with_few_preemptions_are_all_looked_at() -> None:
    # No switch back is possible, so one preemption covers everything that is left within the budget of nodes.
    result = search.explore(LONG, budget=search.Budget(states=1500), bounds=(1,))
    assert result.verdict in (search.BOUNDED, search.SAMPLED)


def test_random_schedules_find_an_easy_violation_and_repeat_with_their_seed() -> None:
    first = search.sampled(TWO_WAYS, 3, 200)
    again = search.sampled(TWO_WAYS, 3, 200)
    assert first.verdict == search.VIOLATED
    assert first.witness == again.witness
    assert first.samples == again.samples


def test_random_schedules_that_find_nothing_say_sampled() -> None:
    result = search.sampled(DIAMOND, 1, 50)
    assert (result.verdict, result.samples) == (search.SAMPLED, 50)


def test_an_interrupt_gives_the_partial_result() -> None:
    def stop(figures: search.Figures) -> None:
        raise KeyboardInterrupt

    result = search.breadth_first(LONG, progress=stop)
    assert result.verdict == search.INTERRUPTED
    assert result.figures.stopped == "interrupt"
    assert result.figures.states > 0
