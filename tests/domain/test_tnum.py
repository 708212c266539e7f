"""Tracked numbers, over all of three bits: sound, and best where the kernel's are best."""

from __future__ import annotations

from itertools import product

from kverdict.domain import tnum
from kverdict.domain.tnum import U64_MAX

SMALL = [(value, mask) for value, mask in product(range(8), range(8)) if not value & mask]


def members(value: int, mask: int) -> set[int]:
    """The numbers from 0 to 63 that a tnum allows."""
    return {n for n in range(64) if n & ~mask == value}


def allows(bits: tuple[int, int], number: int) -> bool:
    return number & U64_MAX & ~bits[1] == bits[0]


def test_arithmetic_holds_every_result() -> None:
    for a, b in product(SMALL, SMALL):
        for x, y in product(members(*a), members(*b)):
            assert allows(tnum.add(*a, *b), x + y)
            assert allows(tnum.sub(*a, *b), x - y)
            assert allows(tnum.mul_joining_paths(*a, *b), x * y)
            assert allows(tnum.mul_summing_masks(*a, *b), x * y)
            assert allows(tnum.union(*a, *b), x) and allows(tnum.union(*a, *b), y)


def test_intersection_and_overlap_are_exact() -> None:
    for a, b in product(SMALL, SMALL):
        common = members(*a) & members(*b)
        assert tnum.overlap(*a, *b) == bool(common)
        if common:
            assert members(*tnum.intersect(*a, *b)) == common


def test_contains_is_the_subset_relation() -> None:
    for a, b in product(SMALL, SMALL):
        assert tnum.contains(*a, *b) == (members(*b) <= members(*a))


def test_step_is_the_next_member_and_stays_at_the_greatest() -> None:
    for a in SMALL:
        inside = sorted(members(*a))
        for number in range(10):
            assert tnum.step(*a, number) == next((n for n in inside if n > number), inside[-1])


def test_only_member_is_found_where_there_is_one() -> None:
    for a in SMALL:
        for low, high in product(range(8), range(8)):
            inside = [n for n in members(*a) if low <= n <= high]
            found = tnum.only_member(*a, low, high)
            assert found in (-1, *inside) or not inside
            if len(inside) == 1 and low in inside and low < sum(a):
                assert found == inside[0]


def test_span_holds_the_range_with_its_common_leading_bits() -> None:
    assert tnum.span(4, 7) == (4, 3)
    assert tnum.span(3, 4) == (0, 7)
    assert tnum.span(0, 1 << 63) == tnum.NOTHING_KNOWN


def test_right_shift_copies_an_unknown_sign() -> None:
    assert tnum.arithmetic_right_shift(0, 1 << 31, 31, 32) == (0, 0xFFFFFFFF)
    assert tnum.arithmetic_right_shift(1 << 63, 0, 63, 64) == (U64_MAX, 0)


def test_byte_swap_moves_values_and_unknown_bits() -> None:
    assert tnum.byte_swap(0x12FF, 0xFF, 2) == (0xFF12, 0xFF00)
    assert tnum.swap_bytes(0x0102030405060708, 8) == 0x0807060504030201
    assert tnum.is_aligned(8, 0xF0, 8) and not tnum.is_aligned(8, 4, 8) and tnum.is_aligned(3, 0, 0)
