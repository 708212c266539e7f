"""Arcs, over all arcs of four-bit numbers: nothing is lost, and intersections are as small as an arc can be."""

from __future__ import annotations

from itertools import product

from kverdict.domain import arc

MOST = 15
ARCS = [(base, size) for base, size in product(range(16), range(16)) if not arc.is_nothing(base, size, MOST)]


def members(base: int, size: int) -> set[int]:
    """The numbers of a four-bit arc."""
    return set() if arc.is_nothing(base, size, MOST) else {(base + i) & MOST for i in range(size + 1)}


def test_intersection_holds_what_both_hold_and_nothing_that_neither_holds() -> None:
    for one, other in product(ARCS, ARCS):
        found = members(*arc.intersect(*one, *other, MOST))
        common = members(*one) & members(*other)
        assert common <= found <= members(*one) | members(*other)
        assert found or not common


def test_sum_and_opposite_hold_every_result() -> None:
    for one in ARCS:
        assert {-n & MOST for n in members(*one)} <= members(*arc.negate(*one, MOST))
        for other in ARCS:
            sums = {(a + b) & MOST for a in members(*one) for b in members(*other)}
            assert sums <= members(*arc.add(*one, *other, MOST))


def test_views_hold_every_member() -> None:
    for one in ARCS:
        low, high = arc.unsigned_view(*one, MOST)
        assert all(low <= n <= high for n in members(*one))
        low, high = arc.signed_view(*one, MOST)
        assert all(low <= (n ^ 8) - 8 <= high for n in members(*one))


def test_arcs_of_ranges_hold_exactly_the_range() -> None:
    for low, high in product(range(16), range(16)):
        if low <= high:
            assert members(*arc.unsigned_arc(low, high, MOST)) == set(range(low, high + 1))
            signed = arc.signed_arc(low - 8, high - 8, MOST)
            assert members(*signed) == {n & MOST for n in range(low - 8, high - 7)}


def test_nothing_stays_nothing() -> None:
    none = arc.nothing(MOST)
    assert arc.intersect(*none, 0, 5, MOST) == none
    assert arc.add(*none, 0, 5, MOST) == none
    assert arc.negate(*none, MOST) == none
