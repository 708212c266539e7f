"""DIV and MOD by a known number (ALU_DIV_MOD_TRACKED). Kernel: scalar_min_max_udiv(), _sdiv(), _umod(), _smod()."""

from __future__ import annotations

from kverdict.domain.bounds import S32_MAX, S32_MIN, UNKNOWN, ZERO, Bounds
from kverdict.domain.ranges import RangePair
from kverdict.domain.rules import ArithmeticRules
from kverdict.domain.sync import sync, sync_again, zext32, zext_ranges
from kverdict.domain.tnum import SIGN32, SIGN64, U32_MAX, U64_MAX
from kverdict.isa.opcode import DIV


def divide64(op_code: int, dst: Bounds, src: Bounds, signed: bool, rules: ArithmeticRules) -> Bounds:
    """dst / src or dst % src in 64 bits; x / 0 is 0 and x % 0 is x."""
    if src.mask != 0 or src.smin != src.smax or src.umin != src.umax:
        return UNKNOWN
    if src.umin == 0:
        return ZERO if op_code == DIV else sync_again(dst, rules)
    if signed:
        found = _signed(op_code, dst.smin, dst.smax, src.smin, U64_MAX, SIGN64)
    else:
        found = _unsigned(op_code, dst.umin, dst.umax, src.umin, SIGN64)
    if found is None:
        return sync_again(dst, rules)
    return sync(0, U64_MAX, *found, S32_MIN, S32_MAX, 0, U32_MAX, rules)


def divide32(op_code: int, dst: Bounds, src: Bounds, signed: bool, rules: ArithmeticRules) -> Bounds:
    """The same of the low halves, high half zero."""
    if src.mask & U32_MAX != 0 or src.s32_min != src.s32_max or src.u32_min != src.u32_max:
        return UNKNOWN
    if src.u32_min == 0:
        return ZERO if op_code == DIV else zext32(dst, rules)
    if signed:
        found = _signed(op_code, dst.s32_min, dst.s32_max, src.s32_min, U32_MAX, SIGN32)
    else:
        found = _unsigned(op_code, dst.u32_min, dst.u32_max, src.u32_min, SIGN32)
    return zext32(dst, rules) if found is None else zext_ranges(0, U32_MAX, *found, rules)


def _unsigned(op_code: int, low: int, high: int, by: int, sign: int) -> RangePair | None:
    """The ranges of the result, None if the number stays as it is."""
    if op_code == DIV:
        return -sign, sign - 1, low // by, high // by
    return None if high < by else (-sign, sign - 1, 0, by - 1)


def _signed(op_code: int, low: int, high: int, by: int, most: int, sign: int) -> RangePair | None:
    if op_code == DIV:
        if low == -sign and by == -1:  # the quotient of the least number does not fit and wraps to itself
            return low, high if high == low else sign - 1, 0, most
        first, last = _towards_zero(low, by), _towards_zero(high, by)
        return min(first, last), max(first, last), 0, most
    greatest = abs(by) - 1
    if low >= -greatest and high <= greatest:
        return None
    if low >= 0:
        return 0, min(high, greatest), 0, most
    if high <= 0:
        return max(low, -greatest), 0, 0, most
    return -greatest, greatest, 0, most


def _towards_zero(number: int, by: int) -> int:
    quotient = abs(number) // abs(by)
    return -quotient if (number < 0) != (by < 0) else quotient
