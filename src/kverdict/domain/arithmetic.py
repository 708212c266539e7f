"""What ALU instructions make of scalars: the kernel's adjust_scalar_min_max_vals() and its scalar_min_max_*()."""

from __future__ import annotations

from typing import Final

from kverdict.domain import circular, division
from kverdict.domain.bounds import S32_MAX, S32_MIN, S64_MAX, S64_MIN, UNKNOWN, ZERO, Bounds, const
from kverdict.domain.ranges import add_ranges, bitwise_signed, mul_ranges, sub_ranges
from kverdict.domain.rules import MEMO_LIMIT, ArithmeticRules
from kverdict.domain.sync import ranges_from_bits, sync, zext_ranges
from kverdict.domain.tnum import (
    HIGH_HALF,
    SIGN32,
    SIGN64,
    U32_MAX,
    U64_MAX,
    arithmetic_right_shift,
    mul_joining_paths,
    mul_summing_masks,
    only_member,
)
from kverdict.domain.tnum import add as tnum_add
from kverdict.domain.tnum import sub as tnum_sub
from kverdict.isa.opcode import ADD, AND, ARSH, DIV, LSH, MOD, MUL, NEG, OR, RSH, SIGNED, SUB, XOR

NARROW: Final = 1 << 16  # in keys of the memo
SUMS: Final = (ADD, SUB)
SHIFTS: Final = (LSH, RSH, ARSH)
DIVISIONS: Final = (DIV, MOD)
MASKS: Final = (AND, OR)
BITWISE: Final = (AND, OR, XOR)
PRODUCTS: Final = (AND, OR, XOR, MUL)

ANY_U32: Final = Bounds(0, U32_MAX, 0, U32_MAX, 0, U32_MAX, S32_MIN, S32_MAX, 0, U32_MAX)


def alu64(op_code: int, dst: Bounds, src: Bounds, rules: ArithmeticRules, signed: bool = False) -> Bounds:
    """dst after the 64-bit operation op_code (op & CODE_MASK) by src; signed is for DIV and MOD. NEG ignores src."""
    if op_code in SUMS:
        if dst.mask == 0 and src.mask == 0:
            return const((dst.value + src.value if op_code == ADD else dst.value - src.value) & U64_MAX)
        if (dst is UNKNOWN or src is UNKNOWN) and not rules.circular:
            return UNKNOWN
    key = (op_code | SIGNED if signed else op_code, id(dst), id(src))
    done = rules.memo.get(key)
    if done is not None:
        return done[2][0]
    result = _alu64(op_code, dst, src, rules, signed)
    if len(rules.memo) >= MEMO_LIMIT:
        rules.memo.clear()
    rules.memo[key] = (dst, src, (result,))
    return result


def _alu64(op_code: int, dst: Bounds, src: Bounds, rules: ArithmeticRules, signed: bool) -> Bounds:
    if op_code == NEG:
        return alu64(SUB, ZERO, dst, rules) if rules.negation else UNKNOWN
    if op_code in DIVISIONS:
        return division.divide64(op_code, dst, src, signed, rules) if rules.division else UNKNOWN
    if not is_computable(op_code, src, 64, rules):
        return UNKNOWN
    if op_code in SHIFTS:
        if rules.circular:
            return circular.shift64(op_code, dst, src.umin)
        return UNKNOWN if src.umax > 63 else _shift64(op_code, dst, src.umin, rules)
    value, mask = _bits(op_code, dst, src, rules)
    if rules.circular:
        return circular.alu64(op_code, value, mask, dst, src, rules)
    smin, smax, umin, umax = _ranges64(op_code, value, mask, dst, src, rules)
    s32_min, s32_max, u32_min, u32_max = _ranges32(op_code, value, mask, dst, src, rules)
    return sync(value, mask, smin, smax, umin, umax, s32_min, s32_max, u32_min, u32_max, rules)


def moved(dst: Bounds, by: Bounds, rules: ArithmeticRules) -> Bounds:
    """dst plus `by` where the kernel adds bits and ranges apart, without letting them learn from each other.

    Kernel: sync_linked_regs() before it called reg_bounds_sync().
    """
    value, mask = _bits(ADD, dst, by, rules)
    ranges = _ranges64(ADD, value, mask, dst, by, rules)
    return Bounds(value, mask, *ranges, *_ranges32(ADD, value, mask, dst, by, rules))


def alu32(op_code: int, dst: Bounds, src: Bounds, rules: ArithmeticRules, signed: bool = False) -> Bounds:
    """dst after the 32-bit operation op_code by src; the high half of the result is zero.

    Where nothing can be said, the kernel forgets to zero the high half, so the result may be UNKNOWN.
    """
    key = (op_code | (SIGNED | NARROW if signed else NARROW), id(dst), id(src))
    done = rules.memo.get(key)
    if done is not None:
        return done[2][0]
    result = _alu32(op_code, dst, src, rules, signed)
    if len(rules.memo) >= MEMO_LIMIT:
        rules.memo.clear()
    rules.memo[key] = (dst, src, (result,))
    return result


def _alu32(op_code: int, dst: Bounds, src: Bounds, rules: ArithmeticRules, signed: bool) -> Bounds:
    if op_code == NEG:
        return alu32(SUB, ZERO, dst, rules) if rules.negation else UNKNOWN
    if op_code in DIVISIONS and rules.division:
        return division.divide32(op_code, dst, src, signed, rules)
    if not is_computable(op_code, src, 32, rules):
        return UNKNOWN
    if op_code in DIVISIONS:
        return ANY_U32
    if op_code in SHIFTS:
        if rules.circular:
            return circular.shift32(op_code, dst, src.u32_min)
        return ANY_U32 if src.umax > 31 else _shift32(op_code, dst, src.u32_min, rules)
    value, mask = _bits(op_code, dst, src, rules)
    if rules.circular:
        return circular.alu32(op_code, value, mask, dst, src, rules)
    if rules.single_tnum_value and op_code in BITWISE:
        known = _known_whole(op_code, value, mask, dst, src, rules)
        if known >= 0:
            return const(known & U32_MAX)
    s32_min, s32_max, u32_min, u32_max = _ranges32(op_code, value, mask, dst, src, rules)
    if op_code >= OR:
        return _low_learned(value, mask, s32_min, s32_max, u32_min, u32_max, rules)
    return zext_ranges(value, mask, s32_min, s32_max, u32_min, u32_max, rules)


def split(op_code: int, dst: Bounds, src: Bounds, rules: ArithmeticRules) -> tuple[Bounds, Bounds] | None:
    """(dst of the path that goes on, dst of one that does the same instruction later), None if dst need not be split.

    A number that is 0 or -1 comes from `s>>= 63`; masking it by a constant makes a choice, which ranges cannot follow.
    Kernel: maybe_fork_scalars(), before AND and OR of either width.
    """
    if op_code not in MASKS or src.mask != 0 or not rules.splits_sign_mask:
        return None
    if dst.smin == -1 and dst.smax == 0:
        return const(U64_MAX), ZERO
    if dst.s32_min == -1 and dst.s32_max == 0:
        return _with_low_known(dst, U32_MAX), _with_low_known(dst, 0)
    return None


def _with_low_known(b: Bounds, low: int) -> Bounds:
    """b with its low 32 bits replaced, nothing else learned. Kernel: __mark_reg32_known()."""
    signed = (low ^ SIGN32) - SIGN32
    arcs = None if b.arcs is None else (b.arcs[0], b.arcs[1], low, 0)
    value, mask = b.value & HIGH_HALF | low, b.mask & HIGH_HALF
    return Bounds(value, mask, b.smin, b.smax, b.umin, b.umax, signed, signed, low, low, arcs)


def is_computable(op_code: int, src: Bounds, width: int, rules: ArithmeticRules) -> bool:
    """Whether the kernel follows this operation at all. Kernel: is_safe_to_compute_dst_reg_range().

    Since Linux kernel commit 41d047a87106 ("bpf/verifier: relax MUL range computation check") (in v6.10; OR and XOR in
    the same series), only shifts ask for a known operand; before that, all but ADD, SUB and AND did.
    """
    if rules.any_operand:
        if op_code in SUMS or op_code in PRODUCTS:
            return True
        if op_code not in SHIFTS:
            return False
        if width == 32:
            known = src.mask & U32_MAX == 0 and src.s32_min == src.s32_max and src.u32_min == src.u32_max
        else:
            known = src.mask == 0 and src.smin == src.smax and src.umin == src.umax
        return known and src.umax < width
    # Ranges that contradict each other come from branches that are never taken; they must not spread.
    if width == 32:
        known = src.mask & U32_MAX == 0
        if src.s32_min > src.s32_max or src.u32_min > src.u32_max:
            return False
        if known and (src.s32_min != src.s32_max or src.u32_min != src.u32_max):
            return False
    else:
        known = src.mask == 0
        if src.smin > src.smax or src.umin > src.umax:
            return False
        if known and (src.smin != src.smax or src.umin != src.umax):
            return False
    return known or op_code in SUMS or op_code == AND


def _bits(op_code: int, dst: Bounds, src: Bounds, rules: ArithmeticRules) -> tuple[int, int]:
    value, mask, by_value, by_mask = dst.value, dst.mask, src.value, src.mask
    if op_code == ADD:
        return tnum_add(value, mask, by_value, by_mask)
    if op_code == SUB:
        return tnum_sub(value, mask, by_value, by_mask)
    if op_code == AND:
        value &= by_value
        return value, (dst.value | mask) & (by_value | by_mask) & ~value
    if op_code == OR:
        value |= by_value
        return value, (mask | by_mask) & ~value
    if op_code == XOR:
        mask |= by_mask
        return (value ^ by_value) & ~mask, mask
    if rules.mul_joins_paths:
        return mul_joining_paths(value, mask, by_value, by_mask)
    return mul_summing_masks(value, mask, by_value, by_mask)


def _known_whole(op_code: int, value: int, mask: int, dst: Bounds, src: Bounds, rules: ArithmeticRules) -> int:
    """The 64-bit result of a bitwise operation if ranges and bits leave just one, else -1.

    The kernel looks at it even for 32-bit operations, because scalar_min_max_and() and its like update all bounds.
    """
    _, _, umin, umax = _ranges64(op_code, value, mask, dst, src, rules)
    return only_member(value, mask, max(umin, value), min(umax, value | mask))


def _ranges64(
    op_code: int, value: int, mask: int, dst: Bounds, src: Bounds, rules: ArithmeticRules
) -> tuple[int, int, int, int]:
    """value and mask are the bits of the result."""
    smin, smax, umin, umax = dst.smin, dst.smax, dst.umin, dst.umax
    if op_code == ADD:
        return add_ranges(smin, smax, umin, umax, src.smin, src.smax, src.umin, src.umax, U64_MAX, SIGN64, rules)
    if op_code == SUB:
        return sub_ranges(smin, smax, umin, umax, src.smin, src.smax, src.umin, src.umax, U64_MAX, SIGN64, rules)
    if op_code == MUL:
        return mul_ranges(smin, smax, umin, umax, src.smin, src.smax, src.umin, src.umax, U64_MAX, SIGN64, rules)
    if mask == 0 and src.mask == 0:
        signed = (value ^ SIGN64) - SIGN64
        return signed, signed, value, value
    if op_code == AND:
        umin, umax = value, min(umax, src.umax)
    elif op_code == OR:
        umin, umax = max(umin, src.umin), value | mask
    else:
        umin, umax = value, value | mask
    smin, smax = bitwise_signed(smin, src.smin, umin, umax, U64_MAX, SIGN64, rules)
    return smin, smax, umin, umax


def _ranges32(
    op_code: int, value: int, mask: int, dst: Bounds, src: Bounds, rules: ArithmeticRules
) -> tuple[int, int, int, int]:
    """value and mask are the bits of the result, of which the low 32 count."""
    smin, smax, umin, umax = dst.s32_min, dst.s32_max, dst.u32_min, dst.u32_max
    by_smin, by_smax, by_umin, by_umax = src.s32_min, src.s32_max, src.u32_min, src.u32_max
    if op_code == ADD:
        return add_ranges(smin, smax, umin, umax, by_smin, by_smax, by_umin, by_umax, U32_MAX, SIGN32, rules)
    if op_code == SUB:
        return sub_ranges(smin, smax, umin, umax, by_smin, by_smax, by_umin, by_umax, U32_MAX, SIGN32, rules)
    if op_code == MUL:
        return mul_ranges(smin, smax, umin, umax, by_smin, by_smax, by_umin, by_umax, U32_MAX, SIGN32, rules)
    value &= U32_MAX
    mask &= U32_MAX
    if mask == 0 and src.mask & U32_MAX == 0:
        signed = (value ^ SIGN32) - SIGN32
        return signed, signed, value, value
    if op_code == AND:
        umin, umax = value, min(umax, by_umax)
    elif op_code == OR:
        umin, umax = max(umin, by_umin), value | mask
    else:
        umin, umax = value, value | mask
    smin, smax = bitwise_signed(smin, by_smin, umin, umax, U32_MAX, SIGN32, rules)
    return smin, smax, umin, umax


def _shift64(op_code: int, dst: Bounds, shift: int, rules: ArithmeticRules) -> Bounds:
    """Kernel: scalar_min_max_lsh(), _rsh(), _arsh()."""
    if op_code == RSH:
        return sync(
            dst.value >> shift,
            dst.mask >> shift,
            S64_MIN,
            S64_MAX,
            dst.umin >> shift,
            dst.umax >> shift,
            S32_MIN,
            S32_MAX,
            0,
            U32_MAX,
            rules,
        )
    if op_code == ARSH:
        value, mask = arithmetic_right_shift(dst.value, dst.mask, shift, 64)
        return sync(value, mask, dst.smin >> shift, dst.smax >> shift, 0, U64_MAX, S32_MIN, S32_MAX, 0, U32_MAX, rules)
    smin, smax, umin, umax = S64_MIN, S64_MAX, 0, U64_MAX
    if shift == 32:  # compilers sign-extend with <<= 32 and s>>= 32
        if dst.s32_max >= 0 or rules.shift_keeps_sign:
            smax = dst.s32_max << 32
        if dst.s32_min >= 0 or rules.shift_keeps_sign:
            smin = dst.s32_min << 32
    if dst.umax <= 1 << (63 - shift):
        umin, umax = dst.umin << shift, dst.umax << shift
    u32_min, u32_max = _shifted_left32(dst, shift)
    value, mask = dst.value << shift & U64_MAX, dst.mask << shift & U64_MAX
    return sync(value, mask, smin, smax, umin, umax, S32_MIN, S32_MAX, u32_min, u32_max, rules)


def _shift32(op_code: int, dst: Bounds, shift: int, rules: ArithmeticRules) -> Bounds:
    """Kernel: scalar32_min_max_lsh(), _rsh(), _arsh()."""
    value, mask = dst.value & U32_MAX, dst.mask & U32_MAX
    s32_min, s32_max, u32_min, u32_max = S32_MIN, S32_MAX, 0, U32_MAX
    if op_code == RSH:
        value, mask, u32_min, u32_max = value >> shift, mask >> shift, dst.u32_min >> shift, dst.u32_max >> shift
    elif op_code == ARSH:
        value, mask = arithmetic_right_shift(value, mask, shift, 32)
        s32_min, s32_max = dst.s32_min >> shift, dst.s32_max >> shift
    else:
        value, mask = value << shift, mask << shift
        u32_min, u32_max = _shifted_left32(dst, shift)
    return _low_learned(value, mask, s32_min, s32_max, u32_min, u32_max, rules)


def _shifted_left32(dst: Bounds, shift: int) -> tuple[int, int]:
    """Kernel: __scalar32_min_max_lsh()."""
    if shift > 31 or dst.u32_max > 1 << (31 - shift):
        return 0, U32_MAX
    return dst.u32_min << shift & U32_MAX, dst.u32_max << shift & U32_MAX


def _low_learned(
    value: int, mask: int, s32_min: int, s32_max: int, u32_min: int, u32_max: int, rules: ArithmeticRules
) -> Bounds:
    """zext_ranges() of ranges narrowed by the bits of the low half. Kernel: __update_reg32_bounds()."""
    value &= U32_MAX
    mask &= U32_MAX
    _, _, _, _, s32_min, s32_max, u32_min, u32_max = ranges_from_bits(
        value, mask, 0, 0, 0, 0, s32_min, s32_max, u32_min, u32_max
    )
    return zext_ranges(value, mask, s32_min, s32_max, u32_min, u32_max, rules)
