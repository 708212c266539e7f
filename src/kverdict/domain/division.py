"""DIV and MOD by a known number (ALU_DIV_MOD_TRACKED). Kernel: scalar_min_max_udiv(), _sdiv(), _umod(), _smod()."""

from __future__ import annotations

from kverdict.domain import circular
from kverdict.domain.arc import Arc, signed_arc, unsigned_arc
from kverdict.domain.bounds import UNKNOWN, ZERO, Bounds, arcs_of
from kverdict.domain.rules import ArithmeticRules
from kverdict.domain.tnum import SIGN32, SIGN64, U32_MAX, U64_MAX
from kverdict.isa.opcode import DIV


def divide64(op_code: int, dst: Bounds, src: Bounds, signed: bool, rules: ArithmeticRules) -> Bounds:
    """dst / src or dst % src in 64 bits; x / 0 is 0 and x % 0 is x."""
    if src.mask != 0 or src.smin != src.smax or src.umin != src.umax:
        return UNKNOWN
    if src.umin == 0:
        return ZERO if op_code == DIV else circular.sync_again(dst)
    if signed:
        found = _signed(op_code, dst.smin, dst.smax, src.smin, U64_MAX, SIGN64)
    else:
        found = _unsigned(op_code, dst.umin, dst.umax, src.umin, U64_MAX)
    if found is None:
        return circular.sync_again(dst)
    return circular.sync(0, U64_MAX, *found, *circular.ALL32)


def divide32(op_code: int, dst: Bounds, src: Bounds, signed: bool, rules: ArithmeticRules) -> Bounds:
    """The same of the low halves, high half zero."""
    if src.mask & U32_MAX != 0 or src.s32_min != src.s32_max or src.u32_min != src.u32_max:
        return UNKNOWN
    if src.u32_min == 0:
        if op_code == DIV:
            return ZERO
        _, _, base, size = arcs_of(dst)
        return circular.zext32(dst.value, dst.mask, base, size)
    if signed:
        found = _signed(op_code, dst.s32_min, dst.s32_max, src.s32_min, U32_MAX, SIGN32)
    else:
        found = _unsigned(op_code, dst.u32_min, dst.u32_max, src.u32_min, U32_MAX)
    if found is None:
        _, _, base, size = arcs_of(dst)
        return circular.zext32(dst.value, dst.mask, base, size)
    return circular.zext32(0, U64_MAX, *found)


def _unsigned(op_code: int, low: int, high: int, by: int, most: int) -> Arc | None:
    """The arc of the result, None if the number stays as it is."""
    if op_code == DIV:
        return unsigned_arc(low // by, high // by, most)
    return None if high < by else (0, by - 1)


def _signed(op_code: int, low: int, high: int, by: int, most: int, sign: int) -> Arc | None:
    if op_code == DIV:
        if low == -sign and by == -1:  # the quotient of the least number does not fit and wraps to itself
            return signed_arc(low, high if high == low else sign - 1, most)
        first, last = _towards_zero(low, by), _towards_zero(high, by)
        return signed_arc(min(first, last), max(first, last), most)
    greatest = abs(by) - 1
    if low >= -greatest and high <= greatest:
        return None
    if low >= 0:
        return signed_arc(0, min(high, greatest), most)
    if high <= 0:
        return signed_arc(max(low, -greatest), 0, most)
    return signed_arc(-greatest, greatest, most)


def _towards_zero(number: int, by: int) -> int:
    quotient = abs(number) // abs(by)
    return -quotient if (number < 0) != (by < 0) else quotient
