"""Bounds: shared objects, equality, membership, and arcs that ranges cannot tell."""

from __future__ import annotations

from kverdict.domain import circular
from kverdict.domain.arithmetic import alu64
from kverdict.domain.bounds import S64_MIN, UNKNOWN, ZERO, Bounds, arcs_of, const, range_within
from kverdict.domain.tnum import U32_MAX, U64_MAX
from kverdict.isa.opcode import ADD
from tests.domain.rules_of import rules_of

HIDDEN = circular.make(0, U64_MAX, 1 << 62, U64_MAX - (1 << 61), 0, U32_MAX)


def test_equal_constants_are_one_object() -> None:
    assert const(5) is const(5)
    assert const(0) is ZERO
    assert const(U64_MAX).smin == -1 and const(U64_MAX).u32_max == U32_MAX


def test_nothing_known_is_one_object() -> None:
    for kernel in ("6.4", "6.18", "7.2"):
        assert alu64(ADD, UNKNOWN, const(3), rules_of(kernel)) is UNKNOWN
    assert UNKNOWN.is_unknown() and not ZERO.is_unknown()


def test_constants_are_known_by_width() -> None:
    half = Bounds(5, 0xFF << 32, 0, 1 << 41, 0, 1 << 41, 5, 5, 5, 5)
    assert half.subreg_is_const() and not half.is_const()
    assert half.is_const_in(True) and half.const_in(True) == 5 and not half.is_const_in(False)


def test_an_arc_over_both_ends_is_kept_and_compared() -> None:
    assert HIDDEN.arcs is not None and HIDDEN.umin == 0 and HIDDEN.smin == S64_MIN
    assert arcs_of(HIDDEN)[:2] == (1 << 62, U64_MAX - (1 << 61))
    assert not HIDDEN.contains((1 << 62) - 1) and HIDDEN.contains(1 << 62)
    assert range_within(HIDDEN, const(1 << 62)) and not range_within(HIDDEN, UNKNOWN)
    assert not HIDDEN.same(UNKNOWN) and HIDDEN == HIDDEN and hash(HIDDEN) == hash(HIDDEN)


def test_empty_ranges_are_not_consistent() -> None:
    assert UNKNOWN.is_consistent() and ZERO.is_consistent()
    assert not Bounds(0, U64_MAX, 0, 0, 2, 1, 0, 0, 0, 0).is_consistent()
    assert not Bounds(5, 0, 0, 9, 0, 9, 5, 5, 5, 5).is_consistent()
    assert "var_off=(0x0; 0x0)" in repr(ZERO)
