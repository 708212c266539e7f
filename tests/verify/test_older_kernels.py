"""What older kernels (6.1, 6.12 with their stable patches) do otherwise, each with a program of our own."""

from __future__ import annotations

from functools import cache

import pytest

from kverdict.domain.arithmetic import alu64, moved
from kverdict.domain.bounds import const
from kverdict.domain.describe import tnum_text
from kverdict.domain.rules import ArithmeticRules
from kverdict.domain.value import PTR_TO_MAP_VALUE, SCALAR, Value, pointer
from kverdict.isa.opcode import ADD, AND
from kverdict.kernel.profile import KernelProfile, load_profile
from kverdict.kernel.proto import PTR_MAYBE_NULL
from kverdict.program.assembled import program_from_text
from kverdict.verify import Accepted, Rejected, verify
from kverdict.verify.env import Env
from kverdict.verify.equal import NOT_EXACT, IdMap, value_safe
from kverdict.verify.equal_by_number import value_safe_by_number
from kverdict.verify.verdict import Verdict

FALLS_INTO_ITSELF = """
r1 = 0
goto middle
top:
r1 += 1
middle:
r2 = r1
if r1 < 4 goto top
r0 = 0
exit
"""
UNTOUCHED_STACK = "r0 = *(u64 *)(r10 -8)\nr0 = 0\nexit"
COPY_IN_NARROW_SLOT = """
call bpf_ktime_get_ns
r0 &= 65535
*(u32 *)(r10 -8) = r0
if r0 < 1 goto out
r1 = *(u32 *)(r10 -8)
if r1 >= 1 goto out
r0 = *(u64 *)(r9 +0)
out:
r0 = 0
exit
"""


@cache
def profile(kernel: str) -> KernelProfile:
    return load_profile(kernel)


@cache
def environment(kernel: str) -> Env:
    return Env(program_from_text("r0 = 0\nexit", "socket", profile(kernel)), None)


def asked(text: str, section: str, kernel: str) -> Verdict:
    return verify(program_from_text(text, section, profile(kernel)))


def sentence(verdict: Verdict) -> str:
    return verdict.sentence if isinstance(verdict, Rejected) else "" if isinstance(verdict, Accepted) else str(verdict)


@pytest.mark.parametrize(
    ("kernel", "says"),
    [("6.1", "back-edge from insn 2 to 3"), ("6.4", "back-edge from insn 2 to 3"), ("6.12", ""), ("6.18", "")],
)
def test_a_loop_may_not_be_closed_by_falling_into_it(kernel: str, says: str) -> None:
    assert sentence(asked(FALLS_INTO_ITSELF, "socket", kernel)) == says


@pytest.mark.parametrize("kernel", ["6.1", "6.12", "6.18"])
def test_a_jump_may_close_a_loop_in_every_kernel(kernel: str) -> None:
    text = "r1 = 0\ntop:\nr1 += 1\nif r1 < 4 goto top\nr0 = 0\nexit"
    assert sentence(asked(text, "socket", kernel)) == ""


@pytest.mark.parametrize(
    ("kernel", "says"), [("6.1", ""), ("6.4", "invalid read from stack R10 off=-8 size=8"), ("6.12", "")]
)
def test_untouched_stack_is_readable_where_the_frame_grows_on_access(kernel: str, says: str) -> None:
    assert sentence(asked(UNTOUCHED_STACK, "socket", kernel)) == says


@pytest.mark.parametrize(("kernel", "says"), [("6.1", "R9 !read_ok"), ("6.12", ""), ("6.18", "")])
def test_a_copy_in_half_a_slot_learns_nothing_before_6_9(kernel: str, says: str) -> None:
    assert sentence(asked(COPY_IN_NARROW_SLOT, "socket", kernel)) == says


@pytest.mark.parametrize(
    ("kernel", "says"), [("6.12", "invalid may_goto off 0 imm 0"), ("6.18", ""), ("6.1", "unknown opcode e5")]
)
def test_may_goto_nowhere_is_refused_before_it_was_allowed(kernel: str, says: str) -> None:
    assert sentence(asked("r0 = 0\nmay_goto pc+0\nexit", "socket", kernel)) == says


@pytest.mark.parametrize(
    ("kernel", "says"), [("6.1", "BPF_ST stores into R1 ctx is not allowed"), ("6.12", ""), ("6.4", "")]
)
def test_a_constant_goes_into_the_context_since_6_4(kernel: str, says: str) -> None:
    assert sentence(asked("*(u32 *)(r1 +8) = 1\nr0 = 0\nexit", "tc", kernel)) == says


@pytest.mark.parametrize(("kernel", "safe"), [("6.12", True), ("6.18", True), ("6.4", False)])
def test_a_number_without_a_link_equals_a_linked_one(kernel: str, safe: bool) -> None:
    num = alu64(AND, Value(SCALAR, const(7)).num, const(7), ArithmeticRules.of(profile(kernel).does))
    lone, linked = Value(SCALAR, num), Value(SCALAR, num, id=5)
    env = environment(kernel)
    two = IdMap(100)
    assert value_safe(env, linked, Value(SCALAR, num, id=9), True, two, NOT_EXACT)
    assert not value_safe(env, linked, Value(SCALAR, num, id=8), True, two, NOT_EXACT)
    if safe:
        assert value_safe(env, lone, linked, True, IdMap(100), NOT_EXACT)
    else:
        assert not env.unlinked_equals_linked


def test_before_6_3_ids_are_compared_as_numbers() -> None:
    element = pointer(PTR_TO_MAP_VALUE, "map", 0, id=3)
    other = pointer(PTR_TO_MAP_VALUE, "map", 0, id=4)
    assert value_safe_by_number(element, other, False, {})
    assert not value_safe_by_number(element, pointer(PTR_TO_MAP_VALUE, "another", 0, id=3), False, {})
    tested = pointer(PTR_TO_MAP_VALUE | PTR_MAYBE_NULL, "map", 0, id=3)
    ids: dict[int, int] = {}
    assert value_safe_by_number(tested, tested.with_id(7), False, ids)
    assert not value_safe_by_number(tested, tested.with_id(8), False, ids)
    assert not value_safe_by_number(tested, element, False, {})
    number = Value(SCALAR, const(1))
    assert value_safe_by_number(number, Value(SCALAR, const(2)), False, {})
    assert not value_safe_by_number(number, Value(SCALAR, const(2)), True, {})


def test_a_linked_sum_is_added_without_learning() -> None:
    rules = ArithmeticRules.of(profile("6.12").does)
    less_by_one = moved(const(8), const((1 << 64) - 1), rules)
    assert (less_by_one.value, less_by_one.smin, less_by_one.umin) == (7, 7, 0)
    assert alu64(ADD, const(8), const((1 << 64) - 1), rules).umin == 7


@pytest.mark.parametrize(("compact", "text"), [(True, "0"), (False, "(0x0; 0x0)")])
def test_known_bits_were_printed_as_bits(compact: bool, text: str) -> None:
    assert tnum_text(0, 0, compact) == text
    assert tnum_text(1, 2, compact) == "(0x1; 0x2)"


def test_the_state_of_older_kernels_tells_what_is_read_and_written() -> None:
    for kernel, text in (("6.12", "R6_w=ctx()"), ("6.18", "R6=ctx()")):
        verdict = verify(program_from_text("r6 = r1\nr0 = 0\nexit", "socket", profile(kernel)), log_level=2)
        assert isinstance(verdict, Accepted)
        assert text in verdict.log
