"""Conditional jumps of kernels that learn only from a comparison with a constant: before BRANCH_COMPARES_RANGES."""

from __future__ import annotations

from kverdict.domain import compare
from kverdict.domain.bounds import S32_MAX, S32_MIN, S64_MAX, S64_MIN, Bounds, const
from kverdict.domain.rules import ArithmeticRules
from kverdict.domain.sync import sync
from kverdict.domain.tnum import HIGH_HALF, SIGN32, SIGN64, U32_MAX, U64_MAX
from kverdict.isa.opcode import JEQ, JGE, JLE, JNE, JSET, JSGE, JSLE


def branch_taken(op_code: int, left: Bounds, right: Bounds, is_jmp32: bool, rules: ArithmeticRules) -> int:
    """See compare.branch_taken(). Kernel: is_branch32_taken() and is_branch64_taken() of v6.4."""
    if not right.is_const_in(is_jmp32):
        if not rules.constant_on_left or not left.is_const_in(is_jmp32):
            return -1
        # Since Linux kernel commit 953d9f5beaf7 ("bpf: Improve handling of pattern '<const> <cond_op> <non_const>' in
        # verifier") (in v6.4), a constant on the left is compared from its side.
        op_code, left, right = compare.FLIPPED[op_code], right, left
    number = right.const_in(is_jmp32)
    if op_code in compare.EQUALITIES:
        equal = _equal(left, number, is_jmp32, rules)
        return equal if op_code == JEQ or equal < 0 else 1 - equal
    if op_code == JSET:
        return compare.has_bit(left, number)
    return compare.ordered(op_code, left, _known(number, is_jmp32), is_jmp32)


def refine(
    op_code: int, left: Bounds, right: Bounds, is_jmp32: bool, rules: ArithmeticRules
) -> tuple[Bounds, Bounds, Bounds, Bounds]:
    """See compare.refine(). Kernel: reg_set_min_max(), reg_set_min_max_inv(), reg_combine_min_max() of v6.4."""
    if right.is_const_in(is_jmp32):
        true, false = _sides(op_code, left, right.const_in(is_jmp32), is_jmp32, rules)
        return true, right, false, right
    if left.is_const_in(is_jmp32):
        true, false = _sides(compare.FLIPPED[op_code], right, left.const_in(is_jmp32), is_jmp32, rules)
        return left, true, left, false
    if is_jmp32 or (op_code != JEQ and op_code != JNE):
        return left, right, left, right
    equal_left, equal_right = compare.assume(JEQ, left, right, False, rules)
    if op_code == JEQ:
        return equal_left, equal_right, left, right
    return left, right, equal_left, equal_right


def _known(number: int, is_jmp32: bool) -> Bounds:
    return const(number & U32_MAX if is_jmp32 else number)


def _equal(left: Bounds, number: int, is_jmp32: bool, rules: ArithmeticRules) -> int:
    if left.is_const_in(is_jmp32):
        return 1 if left.const_in(is_jmp32) == number else 0
    if not rules.equal_outside_range:
        return -1
    # Since Linux kernel commit 13fbcee55706 ("bpf: Improve verifier JEQ/JNE insn branch taken checking") (in v6.4).
    if is_jmp32:
        return 0 if number < left.u32_min or number > left.u32_max else -1
    return 0 if number < left.umin or number > left.umax else -1


def _sides(op_code: int, b: Bounds, number: int, is_jmp32: bool, rules: ArithmeticRules) -> tuple[Bounds, Bounds]:
    """(b where `b op number` holds, b where it does not)."""
    if op_code == JEQ:
        return _known_side(b, number, is_jmp32, rules), _side(b, b.value, b.mask, is_jmp32, rules)
    if op_code == JNE:
        return _side(b, b.value, b.mask, is_jmp32, rules), _known_side(b, number, is_jmp32, rules)
    if op_code == JSET:
        unset = b.without_ranges() if rules.jset_forgets else b
        false = _side(unset, b.value & ~number, b.mask & ~number, is_jmp32, rules)
        single = number & -number if number & (number - 1) == 0 else 0
        return _side(b, b.value | single, b.mask & ~single, is_jmp32, rules), false
    if is_jmp32:
        low, high, sign = b.u32_min, b.u32_max, SIGN32
    else:
        low, high, sign = b.umin, b.umax, SIGN64
    most = (sign << 1) - 1
    signed = op_code not in compare.UNSIGNED
    if signed:
        low, high = (b.s32_min, b.s32_max) if is_jmp32 else (b.smin, b.smax)
        number = (number ^ sign) - sign
    below = number - 1 if number > (-sign if signed else 0) else (sign - 1 if signed else most)
    above = number + 1 if number < (sign - 1 if signed else most) else (-sign if signed else 0)
    if op_code in (JGE, JSGE):
        upper, lower, upper_holds = number, below, True
    elif op_code in compare.STRICTLY_GREATER:
        upper, lower, upper_holds = above, number, True
    elif op_code in (JLE, JSLE):
        upper, lower, upper_holds = above, number, False
    else:
        upper, lower, upper_holds = number, below, False
    upper_side = _ranged(b, max(low, upper), high, signed, is_jmp32, rules)
    lower_side = _ranged(b, low, min(high, lower), signed, is_jmp32, rules)
    return (upper_side, lower_side) if upper_holds else (lower_side, upper_side)


def _ranged(b: Bounds, low: int, high: int, signed: bool, is_jmp32: bool, rules: ArithmeticRules) -> Bounds:
    smin, smax, umin, umax = b.smin, b.smax, b.umin, b.umax
    s32_min, s32_max, u32_min, u32_max = b.s32_min, b.s32_max, b.u32_min, b.u32_max
    if is_jmp32:
        if signed:
            s32_min, s32_max = low, high
        else:
            u32_min, u32_max = low, high
    elif signed:
        smin, smax = low, high
    else:
        umin, umax = low, high
    changed = Bounds(b.value, b.mask, smin, smax, umin, umax, s32_min, s32_max, u32_min, u32_max)
    return _side(changed, b.value, b.mask, is_jmp32, rules)


def _known_side(b: Bounds, number: int, is_jmp32: bool, rules: ArithmeticRules) -> Bounds:
    if not is_jmp32:
        return const(number)
    signed = (number ^ SIGN32) - SIGN32
    value, mask = b.value & HIGH_HALF | number, b.mask & HIGH_HALF
    known = Bounds(value, mask, b.smin, b.smax, b.umin, b.umax, signed, signed, number, number)
    return _side(known, value, mask, is_jmp32, rules)


def _side(b: Bounds, value: int, mask: int, is_jmp32: bool, rules: ArithmeticRules) -> Bounds:
    """b with these bits, the ranges of the other width made anew from those of the compared one."""
    if is_jmp32:  # kernel: __reg_combine_32_into_64()
        s32_min, s32_max, u32_min, u32_max = b.s32_min, b.s32_max, b.u32_min, b.u32_max
        if (value | mask) & HIGH_HALF:
            return sync(value, mask, S64_MIN, S64_MAX, 0, U64_MAX, s32_min, s32_max, u32_min, u32_max, rules)
        smin, smax = (s32_min, s32_max) if s32_min >= 0 and s32_max >= 0 else (0, U32_MAX)
        return sync(value, mask, smin, smax, u32_min, u32_max, s32_min, s32_max, u32_min, u32_max, rules)
    s32_min, s32_max, u32_min, u32_max = S32_MIN, S32_MAX, 0, U32_MAX  # kernel: __reg_combine_64_into_32()
    if b.smin >= S32_MIN and b.smax <= S32_MAX and b.smin <= S32_MAX and b.smax >= S32_MIN:
        s32_min, s32_max = b.smin, b.smax
    if b.umin <= U32_MAX and b.umax <= U32_MAX:
        u32_min, u32_max = b.umin, b.umax
    return sync(value, mask, b.smin, b.smax, b.umin, b.umax, s32_min, s32_max, u32_min, u32_max, rules)
