"""No transfer function of any kernel loses a number that the machine could hold."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from kverdict.domain.arithmetic import alu32, alu64
from kverdict.domain.bounds import UNKNOWN, Bounds, const, range_within, tnum_in
from kverdict.domain.coerce import byte_swap, coerce_to_size, sign_extend, sign_extend32
from kverdict.domain.compare import branch_taken, branch_taken_same, refine, refine_same
from kverdict.domain.rules import ArithmeticRules
from kverdict.domain.sync import zext32
from kverdict.domain.tnum import SIGN32, SIGN64, U32_MAX, U64_MAX, swap_bytes
from kverdict.isa.opcode import (
    ADD,
    AND,
    ARSH,
    DIV,
    JEQ,
    JGE,
    JGT,
    JLE,
    JLT,
    JNE,
    JSET,
    JSGE,
    JSGT,
    JSLE,
    JSLT,
    LSH,
    MOD,
    MUL,
    NEG,
    OR,
    RSH,
    SUB,
    XOR,
)
from tests.domain.rules_of import KERNELS, rules_of

OPERATIONS = (ADD, SUB, MUL, DIV, OR, AND, LSH, RSH, NEG, MOD, XOR, ARSH)
JUMPS = (JEQ, JGT, JGE, JSET, JNE, JSGT, JSGE, JLT, JLE, JSLT, JSLE)
edges = st.sampled_from(
    [0, 1, 7, 31, 32, 63, 0x7FFFFFFF, 0x80000000, U32_MAX, 1 << 32, (1 << 63) - 1, 1 << 63, U64_MAX]
)
numbers = st.one_of(edges, st.integers(0, U64_MAX), st.integers(0, 100), st.integers(0, 100).map(lambda n: U64_MAX - n))
steps = st.lists(st.tuples(st.sampled_from(JUMPS), numbers, st.booleans()), max_size=4)


def signed(number: int, is_32: bool) -> int:
    """Read as a signed number of that width."""
    return ((number & U32_MAX) ^ SIGN32) - SIGN32 if is_32 else (number ^ SIGN64) - SIGN64


def holds(op: int, left: int, right: int, is_32: bool) -> bool:
    """Whether the machine would jump."""
    if is_32:
        left, right = left & U32_MAX, right & U32_MAX
    if op in (JSGT, JSGE, JSLT, JSLE):
        left, right = signed(left, is_32), signed(right, is_32)
    return {
        JEQ: left == right,
        JNE: left != right,
        JSET: left & right != 0,
        JGT: left > right,
        JSGT: left > right,
        JGE: left >= right,
        JSGE: left >= right,
        JLT: left < right,
        JSLT: left < right,
        JLE: left <= right,
        JSLE: left <= right,
    }[op]


def computed(op: int, left: int, right: int, is_32: bool, is_signed: bool) -> int | None:
    """What the machine computes; None for shifts that it does not define."""
    width, most = (32, U32_MAX) if is_32 else (64, U64_MAX)
    left, right = left & most, right & most
    if op in (LSH, RSH, ARSH):
        if right >= width:
            return None
        shifted = left << right if op == LSH else left >> right if op == RSH else signed(left, is_32) >> right
        return shifted & most
    if op in (DIV, MOD):
        if right == 0:
            return 0 if op == DIV else left
        if not is_signed:
            return left // right if op == DIV else left % right
        one, other = signed(left, is_32), signed(right, is_32)
        quotient = abs(one) // abs(other) * (-1 if (one < 0) != (other < 0) else 1)
        return (quotient if op == DIV else one - quotient * other) & most
    simple = {ADD: left + right, SUB: left - right, MUL: left * right, NEG: -left}
    bitwise = {AND: left & right, OR: left | right, XOR: left ^ right}
    return (simple | bitwise)[op] & most


def knowing(number: int, learned: list[tuple[int, int, bool]], rules: ArithmeticRules) -> Bounds:
    """Bounds that comparisons of this number with others give."""
    known = UNKNOWN
    for op, other, is_32 in learned:
        right = const(other)
        if branch_taken(op, known, right, is_32, rules) < 0:
            true, _, false, _ = refine(op, known, right, is_32, rules)
            known = true if holds(op, number, other, is_32) else false
    return known


@settings(max_examples=150, deadline=None)
@given(numbers, numbers, steps, steps, st.sampled_from(OPERATIONS), st.booleans(), st.booleans(), st.booleans())
def test_arithmetic_holds_the_result(
    x: int,
    y: int,
    of_x: list[tuple[int, int, bool]],
    of_y: list[tuple[int, int, bool]],
    op: int,
    is_32: bool,
    is_signed: bool,
    y_is_known: bool,
) -> None:
    result = computed(op, x, y, is_32, is_signed)
    for kernel in KERNELS:
        rules = rules_of(kernel)
        left, right = knowing(x, of_x, rules), const(y) if y_is_known else knowing(y, of_y, rules)
        assert left.contains(x) and right.contains(y), kernel
        after = (alu32 if is_32 else alu64)(op, left, right, rules, is_signed)
        assert after.is_consistent(), kernel
        assert result is None or after.contains(result), kernel


@settings(max_examples=150, deadline=None)
@given(numbers, numbers, steps, steps, st.sampled_from(JUMPS), st.booleans())
def test_comparisons_keep_the_side_that_the_machine_takes(
    x: int, y: int, of_x: list[tuple[int, int, bool]], of_y: list[tuple[int, int, bool]], op: int, is_32: bool
) -> None:
    wanted = holds(op, x, y, is_32)
    for kernel in KERNELS:
        rules = rules_of(kernel)
        left, right = knowing(x, of_x, rules), knowing(y, of_y, rules)
        taken = branch_taken(op, left, right, is_32, rules)
        assert taken in (-1, int(wanted)), kernel
        if taken < 0:
            true_left, true_right, false_left, false_right = refine(op, left, right, is_32, rules)
            sides = (true_left, true_right) if wanted else (false_left, false_right)
            assert sides[0].contains(x) and sides[1].contains(y), kernel
        wanted_same = holds(op, x, x, is_32)
        assert branch_taken_same(op, left, is_32, rules) in (-1, int(wanted_same)), kernel
        if branch_taken_same(op, left, is_32, rules) < 0:
            true, false = refine_same(op, left, is_32, rules)
            assert (true if wanted_same else false).contains(x), kernel


@settings(max_examples=100, deadline=None)
@given(numbers, steps, st.sampled_from([1, 2, 4]))
def test_narrowing_holds_the_result(x: int, of_x: list[tuple[int, int, bool]], size: int) -> None:
    most, sign = (1 << size * 8) - 1, 1 << size * 8 - 1
    extended = ((x & most) ^ sign) - sign
    for kernel in KERNELS:
        rules = rules_of(kernel)
        known = knowing(x, of_x, rules)
        assert coerce_to_size(known, size, rules).contains(x & most), kernel
        assert sign_extend(known, size, rules).contains(extended & U64_MAX), kernel
        assert zext32(known, rules).contains(x & U32_MAX), kernel
        if size < 4:
            assert sign_extend32(known, size, rules).contains(extended & U32_MAX), kernel
        assert byte_swap(known, size * 2, True, rules).contains(swap_bytes(x, size * 2)), kernel
        assert byte_swap(known, size * 2, False, rules).contains(x & ((1 << size * 16) - 1)), kernel
        assert range_within(UNKNOWN, known) and tnum_in(UNKNOWN, known)
        assert range_within(known, known) and range_within(known, const(x)) and tnum_in(known, const(x))
