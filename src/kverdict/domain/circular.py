"""Arithmetic and comparisons of kernels whose ranges are arcs (BOUNDS_ARE_CIRCULAR): see arc.py."""

from __future__ import annotations

from kverdict.domain import arc
from kverdict.domain.bounds import S32_MIN, S64_MIN, UNKNOWN, Arcs, Bounds, arcs_of, const
from kverdict.domain.ranges import mul_ranges
from kverdict.domain.rules import ArithmeticRules
from kverdict.domain.tnum import (
    HIGH_HALF,
    SIGN32,
    SIGN64,
    U32_MAX,
    U64_MAX,
    arithmetic_right_shift,
    only_member,
)
from kverdict.domain.tnum import add as tnum_add
from kverdict.domain.tnum import sub as tnum_sub
from kverdict.isa.opcode import ADD, AND, ARSH, JEQ, JLE, JLT, JSLT, MUL, OR, RSH, SUB

ALL64 = (0, U64_MAX)
ALL32 = (0, U32_MAX)


def make(value: int, mask: int, base64: int, size64: int, base32: int, size32: int) -> Bounds:
    """A Bounds of these bits and arcs as they are."""
    if size64 == U64_MAX and size32 == U32_MAX and mask == U64_MAX and base64 == 0 and base32 == 0:
        return UNKNOWN
    umin, umax = arc.unsigned_view(base64, size64, U64_MAX)
    smin, smax = arc.signed_view(base64, size64, U64_MAX)
    u32_min, u32_max = arc.unsigned_view(base32, size32, U32_MAX)
    s32_min, s32_max = arc.signed_view(base32, size32, U32_MAX)
    hidden64 = size64 > U64_MAX - base64 and smax - smin != size64
    hidden32 = size32 > U32_MAX - base32 and s32_max - s32_min != size32
    arcs: Arcs | None = (base64, size64, base32, size32) if hidden64 or hidden32 else None
    return Bounds(value, mask, smin, smax, umin, umax, s32_min, s32_max, u32_min, u32_max, arcs)


def is_impossible(b: Bounds) -> bool:
    """Whether no number is left. Kernel: range_bounds_violation()."""
    if b.arcs is None:
        return False
    return arc.is_nothing(b.arcs[0], b.arcs[1], U64_MAX) or arc.is_nothing(b.arcs[2], b.arcs[3], U32_MAX)


def sync(value: int, mask: int, base64: int, size64: int, base32: int, size32: int) -> Bounds:
    """The bounds that bits and arcs give after each learned from the others. Kernel: reg_bounds_sync()."""
    if arc.is_nothing(base64, size64, U64_MAX) or arc.is_nothing(base32, size32, U32_MAX):
        return make(value, mask, base64, size64, base32, size32)
    if mask == 0 and (value - base64) & U64_MAX <= size64 and ((value & U32_MAX) - base32) & U32_MAX <= size32:
        return const(value)
    base32, size32 = low_arc_from_bits(value, mask, base32, size32)
    base64, size64 = arc_from_bits(value, mask, base64, size64)
    known = only_member(value, mask, *arc.unsigned_view(base64, size64, U64_MAX))
    if known >= 0:
        value, mask, base64, size64, base32, size32 = known, 0, known, 0, known & U32_MAX, 0
    for _ in range(2):
        base32, size32 = arc.intersect(base32, size32, *arc.low_half(base64, size64), U32_MAX)
        base64, size64 = arc.with_low_half(base64, size64, base32, size32)
    value, mask = _bits_from_arcs(value, mask, base64, size64, base32, size32)
    base32, size32 = low_arc_from_bits(value, mask, base32, size32)
    base64, size64 = arc_from_bits(value, mask, base64, size64)
    known = only_member(value, mask, *arc.unsigned_view(base64, size64, U64_MAX))
    if known >= 0:
        return const(known)
    return make(value, mask, base64, size64, base32, size32)


def sync_again(b: Bounds) -> Bounds:
    """Each reading learns once more from the others."""
    return b if b is UNKNOWN else sync(b.value, b.mask, *arcs_of(b))


def arc_from_bits(value: int, mask: int, base: int, size: int) -> arc.Arc:
    """The 64-bit arc narrowed to what the bits allow. Kernel: __update_reg64_bounds()."""
    if (value | mask) & SIGN64:
        low, high = value | mask & SIGN64, value | mask & ~SIGN64
        return arc.intersect(base, size, *arc.signed_arc(low, high, U64_MAX), U64_MAX)
    return arc.intersect(base, size, value, mask, U64_MAX)


def low_arc_from_bits(value: int, mask: int, base: int, size: int) -> arc.Arc:
    """The 32-bit arc narrowed to what the bits allow. Kernel: __update_reg32_bounds()."""
    value &= U32_MAX
    mask &= U32_MAX
    if (value | mask) & SIGN32:
        low, high = value | mask & SIGN32, value | mask & ~SIGN32
        return arc.intersect(base, size, *arc.signed_arc(low, high, U32_MAX), U32_MAX)
    return arc.intersect(base, size, value, mask, U32_MAX)


def _bits_from_arcs(value: int, mask: int, base64: int, size64: int, base32: int, size32: int) -> tuple[int, int]:
    """Kernel: __reg_bound_offset()."""
    low, high = arc.unsigned_view(base64, size64, U64_MAX)
    unlike = (low ^ high).bit_length()
    if unlike < 64:
        unknown = (1 << unlike) - 1
        mask &= unknown
        value = (value | low & ~unknown) & ~mask
    low, high = arc.unsigned_view(base32, size32, U32_MAX)
    unknown = (1 << (low ^ high).bit_length()) - 1
    low_mask = mask & unknown
    low_value = (value & U32_MAX | low & ~unknown) & ~low_mask
    return value & HIGH_HALF | low_value, mask & HIGH_HALF | low_mask


def zext32(value: int, mask: int, base32: int, size32: int) -> Bounds:
    """The low half as a number of its own. Kernel: zext_32_to_64() and reg_bounds_sync()."""
    umin, umax = arc.unsigned_view(base32, size32, U32_MAX)
    return sync(value & U32_MAX, mask & U32_MAX, umin, umax - umin, base32, size32)


def alu64(op_code: int, value: int, mask: int, dst: Bounds, src: Bounds, rules: ArithmeticRules) -> Bounds:
    """ADD, SUB, MUL, AND, OR, XOR; value and mask are the bits of the result."""
    whole = _whole(op_code, value, mask, dst, src, rules)
    low = _low(op_code, value, mask, dst, src, rules)
    return sync(value, mask, *whole, *low)


def move_pointer(op_code: int, pointer: Bounds, by: Bounds, rules: ArithmeticRules) -> Bounds:
    """A pointer's offset after ADD or SUB, not yet in step: low halves are forgotten.

    Kernel: adjust_ptr_min_max_vals() up to reg_bounds_sync().
    """
    add = tnum_add if op_code == ADD else tnum_sub
    value, mask = add(pointer.value, pointer.mask, by.value, by.mask)
    return make(value, mask, *_whole(op_code, value, mask, pointer, by, rules), *ALL32)


def alu32(op_code: int, value: int, mask: int, dst: Bounds, src: Bounds, rules: ArithmeticRules) -> Bounds:
    """The same of 32 bits."""
    base, size = _low(op_code, value, mask, dst, src, rules)
    if op_code in (AND, OR):
        whole = arc_from_bits(value, mask, *_whole(op_code, value, mask, dst, src, rules))
        known = only_member(value, mask, *arc.unsigned_view(*whole, U64_MAX))
        if known >= 0:
            return const(known & U32_MAX)
        base, size = low_arc_from_bits(value, mask, base, size)
    return zext32(value, mask, base, size)


def _whole(op_code: int, value: int, mask: int, dst: Bounds, src: Bounds, rules: ArithmeticRules) -> arc.Arc:
    if op_code in (ADD, SUB):
        base, size, _, _ = arcs_of(dst)
        by_base, by_size, _, _ = arcs_of(src)
        if op_code == SUB:
            by_base, by_size = arc.negate(by_base, by_size, U64_MAX)
        return arc.add(base, size, by_base, by_size, U64_MAX)
    if op_code == MUL:
        smin, smax, umin, umax = mul_ranges(
            dst.smin, dst.smax, dst.umin, dst.umax, src.smin, src.smax, src.umin, src.umax, U64_MAX, SIGN64, rules
        )
        return arc.intersect(umin, umax - umin, *arc.signed_arc(smin, smax, U64_MAX), U64_MAX)
    if mask == 0 and src.mask == 0:
        return value, 0
    if op_code == AND:
        return arc.unsigned_arc(value, min(dst.umax, src.umax), U64_MAX)
    if op_code == OR:
        return arc.unsigned_arc(max(dst.umin, src.umin), value | mask, U64_MAX)
    return value, mask


def _low(op_code: int, value: int, mask: int, dst: Bounds, src: Bounds, rules: ArithmeticRules) -> arc.Arc:
    if op_code in (ADD, SUB):
        _, _, base, size = arcs_of(dst)
        _, _, by_base, by_size = arcs_of(src)
        if op_code == SUB:
            by_base, by_size = arc.negate(by_base, by_size, U32_MAX)
        return arc.add(base, size, by_base, by_size, U32_MAX)
    if op_code == MUL:
        smin, smax, umin, umax = mul_ranges(
            dst.s32_min,
            dst.s32_max,
            dst.u32_min,
            dst.u32_max,
            src.s32_min,
            src.s32_max,
            src.u32_min,
            src.u32_max,
            U32_MAX,
            SIGN32,
            rules,
        )
        return arc.intersect(umin, umax - umin, *arc.signed_arc(smin, smax, U32_MAX), U32_MAX)
    value &= U32_MAX
    mask &= U32_MAX
    if mask == 0 and src.mask & U32_MAX == 0:
        return value, 0
    if op_code == AND:
        return arc.unsigned_arc(value, min(dst.u32_max, src.u32_max), U32_MAX)
    if op_code == OR:
        return arc.unsigned_arc(max(dst.u32_min, src.u32_min), value | mask, U32_MAX)
    return value, mask


def shift64(op_code: int, dst: Bounds, shift: int) -> Bounds:
    """LSH, RSH, ARSH by a known number below 64."""
    if op_code == RSH:
        base, end = dst.umin >> shift, dst.umax >> shift
        return sync(dst.value >> shift, dst.mask >> shift, base, end - base, *ALL32)
    if op_code == ARSH:
        value, mask = arithmetic_right_shift(dst.value, dst.mask, shift, 64)
        return sync(value, mask, *arc.signed_arc(dst.smin >> shift, dst.smax >> shift, U64_MAX), *ALL32)
    whole = ALL64
    if dst.umax <= 1 << (63 - shift):
        whole = (dst.umin << shift, (dst.umax - dst.umin) << shift)
    if shift == 32:
        whole = arc.intersect(*whole, *arc.signed_arc(dst.s32_min << 32, dst.s32_max << 32, U64_MAX), U64_MAX)
    value, mask = dst.value << shift & U64_MAX, dst.mask << shift & U64_MAX
    return sync(value, mask, *whole, *_shifted_left32(dst, shift))


def shift32(op_code: int, dst: Bounds, shift: int) -> Bounds:
    """LSH, RSH, ARSH of the low half by a known number below 32."""
    value, mask = dst.value & U32_MAX, dst.mask & U32_MAX
    if op_code == RSH:
        value, mask = value >> shift, mask >> shift
        low = arc.unsigned_arc(dst.u32_min >> shift, dst.u32_max >> shift, U32_MAX)
    elif op_code == ARSH:
        value, mask = arithmetic_right_shift(value, mask, shift, 32)
        low = arc.signed_arc(dst.s32_min >> shift, dst.s32_max >> shift, U32_MAX)
    else:
        value, mask = value << shift & U32_MAX, mask << shift & U32_MAX
        low = _shifted_left32(dst, shift)
    return zext32(value, mask, *low_arc_from_bits(value, mask, *low))


def _shifted_left32(dst: Bounds, shift: int) -> arc.Arc:
    if shift > 31 or dst.u32_max > 1 << (31 - shift):
        return ALL32
    return arc.unsigned_arc(dst.u32_min << shift, dst.u32_max << shift, U32_MAX)


def assume(op_code: int, left: Bounds, right: Bounds, is_jmp32: bool) -> tuple[Bounds, Bounds]:
    """JEQ, JLE, JLT, JSLE, JSLT: both where `left op right` holds. Kernel: regs_refine_cond_op()."""
    if is_jmp32:
        return _assume32(op_code, left, right)
    base, size, low, low_size = arcs_of(left)
    by_base, by_size, by_low, by_low_size = arcs_of(right)
    if op_code == JEQ:
        base, size = arc.intersect(base, size, by_base, by_size, U64_MAX)
        mask = left.mask & right.mask
        value = (left.value | right.value) & ~mask
        return sync(value, mask, base, size, low, low_size), sync(value, mask, base, size, by_low, by_low_size)
    gap = 1 if op_code in (JLT, JSLT) else 0
    if op_code in (JLE, JLT):
        base, size = arc.intersect(base, size, 0, (right.umax - gap) & U64_MAX, U64_MAX)
        least = (arc.unsigned_view(base, size, U64_MAX)[0] + gap) & U64_MAX
        by_base, by_size = arc.intersect(by_base, by_size, least, U64_MAX - least, U64_MAX)
    else:
        bound = arc.signed_arc(S64_MIN, right.smax - gap, U64_MAX)
        base, size = arc.intersect(base, size, *bound, U64_MAX)
        bound = arc.signed_arc(arc.signed_view(base, size, U64_MAX)[0] + gap, SIGN64 - 1, U64_MAX)
        by_base, by_size = arc.intersect(by_base, by_size, *bound, U64_MAX)
    return (
        sync(left.value, left.mask, base, size, low, low_size),
        sync(right.value, right.mask, by_base, by_size, by_low, by_low_size),
    )


def _assume32(op_code: int, left: Bounds, right: Bounds) -> tuple[Bounds, Bounds]:
    base, size, low, low_size = arcs_of(left)
    by_base, by_size, by_low, by_low_size = arcs_of(right)
    if op_code == JEQ:
        low, low_size = arc.intersect(low, low_size, by_low, by_low_size, U32_MAX)
        low_mask = left.mask & right.mask & U32_MAX
        bits = (left.value | right.value) & U32_MAX & ~low_mask
        value, mask = left.value & HIGH_HALF | bits, left.mask & HIGH_HALF | low_mask
        left = sync(value, mask, base, size, low, low_size)
        value, mask = right.value & HIGH_HALF | bits, right.mask & HIGH_HALF | low_mask
        return left, sync(value, mask, by_base, by_size, low, low_size)
    gap = 1 if op_code in (JLT, JSLT) else 0
    if op_code in (JLE, JLT):
        low, low_size = arc.intersect(low, low_size, 0, (right.u32_max - gap) & U32_MAX, U32_MAX)
        least = (arc.unsigned_view(low, low_size, U32_MAX)[0] + gap) & U32_MAX
        by_low, by_low_size = arc.intersect(by_low, by_low_size, least, U32_MAX - least, U32_MAX)
    else:
        bound = arc.signed_arc(S32_MIN, right.s32_max - gap, U32_MAX)
        low, low_size = arc.intersect(low, low_size, *bound, U32_MAX)
        bound = arc.signed_arc(arc.signed_view(low, low_size, U32_MAX)[0] + gap, SIGN32 - 1, U32_MAX)
        by_low, by_low_size = arc.intersect(by_low, by_low_size, *bound, U32_MAX)
    return (
        sync(left.value, left.mask, base, size, low, low_size),
        sync(right.value, right.mask, by_base, by_size, by_low, by_low_size),
    )


def assume_not_equal(b: Bounds, number: int, is_jmp32: bool) -> Bounds:
    """b where it is not this known number of 32 or 64 bits."""
    base, size, low, low_size = arcs_of(b)
    if is_jmp32:
        low, low_size = arc.intersect(low, low_size, (number + 1) & U32_MAX, U32_MAX - 1, U32_MAX)
    else:
        base, size = arc.intersect(base, size, (number + 1) & U64_MAX, U64_MAX - 1, U64_MAX)
    return sync(b.value, b.mask, base, size, low, low_size)
