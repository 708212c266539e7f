"""What a conditional jump tells: whether it is taken for sure, and what each side learns of the two scalars."""

from __future__ import annotations

from typing import Final

from kverdict.domain import circular, compare_constant
from kverdict.domain.bounds import S32_MAX, S32_MIN, S64_MAX, S64_MIN, Bounds, arcs_of, const
from kverdict.domain.rules import MEMO_LIMIT, ArithmeticRules
from kverdict.domain.sync import sync, sync_again
from kverdict.domain.tnum import HIGH_HALF, SIGN32, SIGN64, U32_MAX, U64_MAX, overlap
from kverdict.isa.opcode import JEQ, JGE, JGT, JLE, JLT, JNE, JSET, JSGE, JSGT, JSLE, JSLT

JUMP64: Final = 1 << 17  # in keys of the memo
JUMP32: Final = 1 << 18
NOT_JSET: Final = JSET | 0x08  # no such instruction: what holds where JSET is not taken

EQUALITIES: Final = (JEQ, JNE)
ABOUT_BITS: Final = (JNE, JSET, NOT_JSET)
UNSIGNED: Final = (JGT, JGE, JLT, JLE)
GREATER: Final = (JGT, JSGT, JGE, JSGE)
STRICTLY_GREATER: Final = (JGT, JSGT)
STRICTLY_LESS: Final = (JLT, JSLT)

FLIPPED: Final = {
    JEQ: JEQ,
    JNE: JNE,
    JSET: JSET,
    JGE: JLE,
    JGT: JLT,
    JLE: JGE,
    JLT: JGT,
    JSGE: JSLE,
    JSGT: JSLT,
    JSLE: JSGE,
    JSLT: JSGT,
}
"""a op b is b FLIPPED[op] a. Kernel: flip_opcode()."""

REVERSED: Final = {
    JEQ: JNE,
    JNE: JEQ,
    JSET: NOT_JSET,
    JGE: JLT,
    JGT: JLE,
    JLE: JGT,
    JLT: JGE,
    JSGE: JSLT,
    JSGT: JSLE,
    JSLE: JSGT,
    JSLT: JSGE,
}
"""a op b is false where a REVERSED[op] b is true. Kernel: rev_opcode()."""


def branch_taken(op_code: int, left: Bounds, right: Bounds, is_jmp32: bool, rules: ArithmeticRules) -> int:
    """1 if `left op right` always holds, 0 if it never does, -1 if neither is known. Kernel: is_branch_taken().

    op_code is op & CODE_MASK of the jump; an immediate operand is const() of its sign-extended 64 bits.
    """
    if not rules.compare_ranges:
        return compare_constant.branch_taken(op_code, left, right, is_jmp32, rules)
    if op_code in EQUALITIES:
        taken = _equal(left, right, is_jmp32, rules)
        if op_code == JNE and taken >= 0:
            taken = 1 - taken
    elif op_code == JSET:
        if not right.is_const_in(is_jmp32):
            left, right = right, left
            if not right.is_const_in(is_jmp32):
                return -1
        taken = has_bit(left, right.const_in(is_jmp32))
    else:
        taken = ordered(op_code, left, right, is_jmp32)
    return _simulated(op_code, left, right, is_jmp32, rules) if taken < 0 and rules.simulated else taken


def branch_taken_same(op_code: int, b: Bounds, is_jmp32: bool, rules: ArithmeticRules) -> int:
    """branch_taken() of a register with itself.

    Since Linux kernel commit d43ad9da8052 ("bpf: Skip bounds adjustment for conditional jumps on same scalar register")
    (in v6.19), the kernel knows that a number equals itself.
    """
    if not rules.same_register:
        return branch_taken(op_code, b, b, is_jmp32, rules)
    if op_code in (JEQ, JGE, JLE, JSGE, JSLE):
        return 1
    if op_code != JSET:
        return 0
    if b.is_const_in(is_jmp32):
        return 1 if b.const_in(is_jmp32) else 0
    smin, smax = (b.s32_min, b.s32_max) if is_jmp32 else (b.smin, b.smax)
    return -1 if smin <= 0 <= smax else 1


def _simulated(op_code: int, left: Bounds, right: Bounds, is_jmp32: bool, rules: ArithmeticRules) -> int:
    """Whether one side would be impossible. Kernel: simulate_both_branches_taken()."""
    true_left, true_right, false_left, false_right = _both_sides(op_code, left, right, is_jmp32, rules)
    if _is_impossible(false_left, rules) or _is_impossible(false_right, rules):
        return 1
    return 0 if _is_impossible(true_left, rules) or _is_impossible(true_right, rules) else -1


def _both_sides(
    op_code: int, left: Bounds, right: Bounds, is_jmp32: bool, rules: ArithmeticRules
) -> tuple[Bounds, ...]:
    """refine() before the kernel looks whether the ranges are empty."""
    key = (op_code | (JUMP32 if is_jmp32 else JUMP64), id(left), id(right))
    done = rules.memo.get(key)
    if done is not None:
        return done[2]
    false = assume(REVERSED[op_code], left, right, is_jmp32, rules)
    result = (*assume(op_code, left, right, is_jmp32, rules), *false)
    if len(rules.memo) >= MEMO_LIMIT:
        rules.memo.clear()
    rules.memo[key] = (left, right, result)
    return result


def _is_impossible(b: Bounds, rules: ArithmeticRules) -> bool:
    """Kernel: range_bounds_violation()."""
    if rules.circular:
        return circular.is_impossible(b)
    return b.umin > b.umax or b.smin > b.smax or b.u32_min > b.u32_max or b.s32_min > b.s32_max


def has_bit(bounds: Bounds, bits: int) -> int:
    """1 if one of these bits is certainly set, 0 if certainly none, else -1. Kernel: BPF_JSET of is_branch_taken()."""
    if bounds.value & bits:
        return 1
    return -1 if (bounds.mask | bounds.value) & bits else 0


def ordered(op_code: int, left: Bounds, right: Bounds, is_jmp32: bool) -> int:
    """branch_taken() of the eight comparisons by order, signed or not."""
    if op_code in UNSIGNED:
        if is_jmp32:
            low, high, by_low, by_high = left.u32_min, left.u32_max, right.u32_min, right.u32_max
        else:
            low, high, by_low, by_high = left.umin, left.umax, right.umin, right.umax
    elif is_jmp32:
        low, high, by_low, by_high = left.s32_min, left.s32_max, right.s32_min, right.s32_max
    else:
        low, high, by_low, by_high = left.smin, left.smax, right.smin, right.smax
    if op_code in STRICTLY_GREATER:
        return 1 if low > by_high else 0 if high <= by_low else -1
    if op_code in GREATER:
        return 1 if low >= by_high else 0 if high < by_low else -1
    if op_code in STRICTLY_LESS:
        return 1 if high < by_low else 0 if low >= by_high else -1
    return 1 if high <= by_low else 0 if low > by_high else -1


def refine(
    op_code: int, left: Bounds, right: Bounds, is_jmp32: bool, rules: ArithmeticRules
) -> tuple[Bounds, Bounds, Bounds, Bounds]:
    """(left where the jump is taken, right there, left where it is not, right there). Kernel: reg_set_min_max()."""
    if not rules.compare_ranges:
        return compare_constant.refine(op_code, left, right, is_jmp32, rules)
    true_left, true_right, false_left, false_right = _both_sides(op_code, left, right, is_jmp32, rules)
    return sane(true_left), sane(true_right), sane(false_left), sane(false_right)


def refine_same(op_code: int, b: Bounds, is_jmp32: bool, rules: ArithmeticRules) -> tuple[Bounds, Bounds]:
    """(where the jump is taken, where it is not) of a register compared with itself; see branch_taken_same().

    Kernels without BRANCH_SAME_REGISTER narrow the one register as left and as right side, one after the other.
    """
    if rules.same_register:
        return b, b
    if rules.compare_ranges:
        false = _assume_same(REVERSED[op_code], b, is_jmp32, rules)
        return sane(_assume_same(op_code, b, is_jmp32, rules)), sane(false)
    if is_jmp32 or op_code not in EQUALITIES:
        return b, b
    equal = sync_again(sync_again(b, rules), rules)
    return (equal, b) if op_code == JEQ else (b, equal)


def _assume_same(op_code: int, b: Bounds, is_jmp32: bool, rules: ArithmeticRules) -> Bounds:
    if op_code in (JLT, JGT):
        if is_jmp32:
            b = _with_u32(b, min((b.u32_min + 1), U32_MAX), max(b.u32_max - 1, 0), rules)
        else:
            b = _with_u64(b, min((b.umin + 1), U64_MAX), max(b.umax - 1, 0), rules)
    elif op_code in (JSLT, JSGT):
        if is_jmp32:
            b = _with_s32(b, min(b.s32_min + 1, S32_MAX), max(b.s32_max - 1, S32_MIN), rules)
        else:
            b = _with_s64(b, min(b.smin + 1, S64_MAX), max(b.smax - 1, S64_MIN), rules)
    else:
        b = sync_again(b, rules)
    return sync_again(b, rules)


def sane(bounds: Bounds) -> Bounds:
    """Itself, or without ranges if they are empty: such a path is never taken. Kernel: reg_bounds_sanity_check()."""
    if bounds.arcs is not None:
        return bounds.without_ranges() if circular.is_impossible(bounds) else bounds
    if bounds.mask == 0 or (
        bounds.umin <= bounds.umax
        and bounds.smin <= bounds.smax
        and bounds.u32_min <= bounds.u32_max
        and bounds.s32_min <= bounds.s32_max
    ):
        return bounds if bounds.mask & U32_MAX or bounds.is_consistent() else bounds.without_ranges()
    return bounds.without_ranges()


def assume(op_code: int, left: Bounds, right: Bounds, is_jmp32: bool, rules: ArithmeticRules) -> tuple[Bounds, Bounds]:
    """What both are known to be where `left op right` holds. Kernel: regs_refine_cond_op()."""
    if op_code == JEQ:
        if rules.circular:
            return circular.assume(op_code, left, right, is_jmp32)
        return _assume_equal32(left, right, rules) if is_jmp32 else _assume_equal64(left, right, rules)
    if op_code in ABOUT_BITS:
        if right.is_const_in(is_jmp32):
            return _assume_constant(op_code, left, right.const_in(is_jmp32), is_jmp32, rules), sync_again(right, rules)
        if left.is_const_in(is_jmp32):
            return sync_again(left, rules), _assume_constant(op_code, right, left.const_in(is_jmp32), is_jmp32, rules)
        return sync_again(left, rules), sync_again(right, rules)
    if op_code in GREATER:
        right, left = assume(FLIPPED[op_code], right, left, is_jmp32, rules)
        return left, right
    if rules.circular:
        return circular.assume(op_code, left, right, is_jmp32)
    gap = 1 if op_code in STRICTLY_LESS else 0
    if op_code in UNSIGNED:
        if is_jmp32:
            most = min(left.u32_max, (right.u32_max - gap) & U32_MAX)
            least = max(right.u32_min, (left.u32_min + gap) & U32_MAX)
            return _with_u32(left, left.u32_min, most, rules), _with_u32(right, least, right.u32_max, rules)
        most = min(left.umax, (right.umax - gap) & U64_MAX)
        least = max(right.umin, (left.umin + gap) & U64_MAX)
        return _with_u64(left, left.umin, most, rules), _with_u64(right, least, right.umax, rules)
    if is_jmp32:
        most = min(left.s32_max, _signed(right.s32_max - gap, SIGN32))
        least = max(right.s32_min, _signed(left.s32_min + gap, SIGN32))
        return _with_s32(left, left.s32_min, most, rules), _with_s32(right, least, right.s32_max, rules)
    most = min(left.smax, _signed(right.smax - gap, SIGN64))
    least = max(right.smin, _signed(left.smin + gap, SIGN64))
    return _with_s64(left, left.smin, most, rules), _with_s64(right, least, right.smax, rules)


def _equal(left: Bounds, right: Bounds, is_jmp32: bool, rules: ArithmeticRules) -> int:
    """1 equal, 0 unequal, -1 unknown. Kernel: BPF_JEQ of is_scalar_branch_taken()."""
    width = U32_MAX if is_jmp32 else U64_MAX
    if not (left.mask | right.mask) & width:
        return 1 if left.value & width == right.value & width else 0
    # Since Linux kernel commit f41345f47fb2 ("bpf: Use tnums for JEQ/JNE is_branch_taken logic") (in v6.18).
    if rules.equal_by_bits and not overlap(
        left.value & width, left.mask & width, right.value & width, right.mask & width
    ):
        return 0
    if left.u32_min > right.u32_max or left.u32_max < right.u32_min:
        return 0
    if left.s32_min > right.s32_max or left.s32_max < right.s32_min:
        return 0
    if is_jmp32:
        return -1
    if left.umin > right.umax or left.umax < right.umin or left.smin > right.smax or left.smax < right.smin:
        return 0
    return -1


def _assume_equal64(left: Bounds, right: Bounds, rules: ArithmeticRules) -> tuple[Bounds, Bounds]:
    if right.mask == 0 and left.contains(right.value):
        known = const(right.value)
        return known, known
    mask = left.mask & right.mask
    value = (left.value | right.value) & ~mask
    umin, umax = max(left.umin, right.umin), min(left.umax, right.umax)
    smin, smax = max(left.smin, right.smin), min(left.smax, right.smax)
    return (
        sync(value, mask, smin, smax, umin, umax, left.s32_min, left.s32_max, left.u32_min, left.u32_max, rules),
        sync(value, mask, smin, smax, umin, umax, right.s32_min, right.s32_max, right.u32_min, right.u32_max, rules),
    )


def _assume_equal32(left: Bounds, right: Bounds, rules: ArithmeticRules) -> tuple[Bounds, Bounds]:
    low_mask = left.mask & right.mask & U32_MAX
    low = (left.value | right.value) & U32_MAX & ~low_mask
    u32_min, u32_max = max(left.u32_min, right.u32_min), min(left.u32_max, right.u32_max)
    s32_min, s32_max = max(left.s32_min, right.s32_min), min(left.s32_max, right.s32_max)
    value, mask = left.value & HIGH_HALF | low, left.mask & HIGH_HALF | low_mask
    left = sync(value, mask, left.smin, left.smax, left.umin, left.umax, s32_min, s32_max, u32_min, u32_max, rules)
    value, mask = right.value & HIGH_HALF | low, right.mask & HIGH_HALF | low_mask
    return left, sync(
        value, mask, right.smin, right.smax, right.umin, right.umax, s32_min, s32_max, u32_min, u32_max, rules
    )


def _assume_constant(op_code: int, b: Bounds, number: int, is_jmp32: bool, rules: ArithmeticRules) -> Bounds:
    """JNE, JSET and its opposite with a known number of 32 or 64 bits on the other side."""
    value, mask = b.value, b.mask
    if op_code == JSET:
        if number == 0 or number & (number - 1):
            return sync_again(b, rules)  # several bits: any of them may be the one
        return _with_bits(b, value | number, mask & ~number, rules)
    if op_code == NOT_JSET:
        if rules.jset_forgets:
            # Since Linux kernel commit 6279846b9b25 ("bpf: Forget ranges when refining tnum after JSET") (in v6.17).
            b = b.without_ranges()
        return _with_bits(b, value & ~number, mask & ~number, rules)
    if rules.circular:
        return circular.assume_not_equal(b, number, is_jmp32)
    smin, smax, umin, umax = b.smin, b.smax, b.umin, b.umax
    s32_min, s32_max, u32_min, u32_max = b.s32_min, b.s32_max, b.u32_min, b.u32_max
    if is_jmp32:
        signed = (number ^ SIGN32) - SIGN32
        u32_min += u32_min == number
        u32_max -= u32_max == number
        s32_min += s32_min == signed
        s32_max -= s32_max == signed
    else:
        signed = (number ^ SIGN64) - SIGN64
        umin += umin == number
        umax -= umax == number
        smin += smin == signed
        smax -= smax == signed
    return sync(value, mask, smin, smax, umin, umax, s32_min, s32_max, u32_min, u32_max, rules)


def _signed(number: int, sign: int) -> int:
    """Wrapped into the signed range whose top bit is sign."""
    return ((number & (sign << 1) - 1) ^ sign) - sign


def _with_bits(b: Bounds, value: int, mask: int, rules: ArithmeticRules) -> Bounds:
    if rules.circular:
        return circular.sync(value, mask, *arcs_of(b))
    return sync(value, mask, b.smin, b.smax, b.umin, b.umax, b.s32_min, b.s32_max, b.u32_min, b.u32_max, rules)


def _with_u64(b: Bounds, umin: int, umax: int, rules: ArithmeticRules) -> Bounds:
    return sync(b.value, b.mask, b.smin, b.smax, umin, umax, b.s32_min, b.s32_max, b.u32_min, b.u32_max, rules)


def _with_s64(b: Bounds, smin: int, smax: int, rules: ArithmeticRules) -> Bounds:
    return sync(b.value, b.mask, smin, smax, b.umin, b.umax, b.s32_min, b.s32_max, b.u32_min, b.u32_max, rules)


def _with_u32(b: Bounds, u32_min: int, u32_max: int, rules: ArithmeticRules) -> Bounds:
    return sync(b.value, b.mask, b.smin, b.smax, b.umin, b.umax, b.s32_min, b.s32_max, u32_min, u32_max, rules)


def _with_s32(b: Bounds, s32_min: int, s32_max: int, rules: ArithmeticRules) -> Bounds:
    return sync(b.value, b.mask, b.smin, b.smax, b.umin, b.umax, s32_min, s32_max, b.u32_min, b.u32_max, rules)
