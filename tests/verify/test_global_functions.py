"""Calls of global functions, and functions that end in an unusual way: what 6.1, 6.12, 6.18.44 and 7.2 answered."""

from __future__ import annotations

from typing import Final

import pytest

from kverdict.program.assembled import program_from_text
from kverdict.verify.verdict import Unsupported
from kverdict.verify.verify import verify
from tests.btf.build import Maker
from tests.verify.asking import profile
from tests.verify.described import Outcome, described, outcome

_MAKER: Final = Maker()
INT: Final = _MAKER.integer("int", 4, 1)
U64: Final = _MAKER.integer("unsigned long", 8)
_CONTEXT: Final = _MAKER.ptr(_MAKER.struct("__sk_buff", 192))
_POINTER: Final = _MAKER.ptr(INT)
MAIN: Final = _MAKER.func("main", _MAKER.proto(INT, ("ctx", _CONTEXT)), 0)
NONNULL: Final = _MAKER.func("nonnull", _MAKER.proto(INT, ("p", _POINTER)), 1)
_MAKER.decl_tag("arg:nonnull", NONNULL, 0)
NUMBER: Final = _MAKER.func("number", _MAKER.proto(INT, ("a", INT)), 1)
MEMORY: Final = _MAKER.func("memory", _MAKER.proto(INT, ("ctx", _CONTEXT), ("p", _POINTER)), 1)
SIX: Final = _MAKER.func("six", _MAKER.proto(INT, *((f"a{n}", INT) for n in range(6))), 1)
THIRTEEN: Final = _MAKER.func("thirteen", _MAKER.proto(INT, *((f"a{n}", INT) for n in range(13))), 0)
WITH_CONTEXT: Final = _MAKER.func("with_context", _MAKER.proto(INT, ("ctx", _CONTEXT)), 1)
_MAKER.decl_tag("arg:ctx", WITH_CONTEXT, 0)
WITH_LONG: Final = _MAKER.func("with_long", _MAKER.proto(INT, ("p", _MAKER.ptr(U64))), 1)
STATIC: Final = {
    name: _MAKER.func(f"static_{name}", _MAKER.proto(type_id, ("ctx", _CONTEXT)), 0)
    for name, type_id in (("int", INT), ("void", 0), ("pointer", _POINTER), ("u64", U64))
}
BTF: Final = _MAKER.btf()

CALL_WITH_NULL: Final = "r1 = 0\ncall f\nr0 = 0\nexit\nf:\nr0 = *(u32 *)(r1 +0)\nexit\n"
CALL_WITH_STACK: Final = (
    "*(u64 *)(r10 -8) = 0\nr1 = r10\nr1 += -8\ncall f\nr0 = 0\nexit\nf:\nr0 = *(u32 *)(r1 +0)\nexit\n"
)


@pytest.mark.parametrize(
    ("kernel", "text", "expected"),
    [
        ("7.2", CALL_WITH_NULL, ("Caller passes invalid args into func#1 ('nonnull')", 2)),
        ("7.2", CALL_WITH_STACK, ("", 8)),
        ("6.18", CALL_WITH_NULL, ("", 6)),
        ("6.12", CALL_WITH_NULL, ("", 6)),
    ],
)
def test_null_for_an_argument_that_must_not_be(kernel: str, text: str, expected: Outcome) -> None:
    assert outcome(described(text, "socket", kernel, BTF, [MAIN, NONNULL])) == expected


PACKET: Final = """r6 = r1
r2 = *(u32 *)(r1 +76)
r3 = *(u32 *)(r1 +80)
r4 = r2
r4 += 8
if r4 > r3 goto out
r1 = r6
call f
out:
r0 = 0
exit
f:
r6 = r2
{moves}r0 = 0
if r6 == 0 goto end
r0 = *(u32 *)(r6 +0)
end:
exit
"""
MOVING: Final = PACKET.format(moves="r2 = 8\ncall bpf_skb_pull_data\n")


@pytest.mark.parametrize(
    ("kernel", "text", "expected"),
    [
        ("7.2", MOVING, ("Caller passes invalid args into func#1 ('memory')", 8)),
        ("7.2", PACKET.format(moves=""), ("", 17)),
        ("6.18", MOVING, ("", 19)),
        ("6.12", MOVING, ("", 19)),
    ],
)
def test_packet_pointer_for_a_function_that_moves_the_packet(kernel: str, text: str, expected: Outcome) -> None:
    assert outcome(described(text, "tc", kernel, BTF, [MAIN, MEMORY])) == expected


THROWS: Final = "f:\nif r1 == 0 goto end\nr1 = 0\ncall bpf_throw\nend:\nr0 = 0\nexit\n"
HOLDING: Final = (
    """# map 0: ringbuf 0 0 4096
r1 = map[id:0]
r2 = 64
r3 = 0
call bpf_ringbuf_reserve
r7 = r0
r1 = 1
call f
if r7 == 0 goto out
r1 = r7
r2 = 0
call bpf_ringbuf_submit
out:
r0 = 0
exit
"""
    + THROWS
)
IN_SECTION: Final = "call bpf_rcu_read_lock\nr1 = 1\ncall f\ncall bpf_rcu_read_unlock\nr0 = 0\nexit\n" + THROWS


@pytest.mark.parametrize(
    ("kernel", "text", "expected"),
    [
        ("7.2", "r1 = 1\ncall f\nr0 = 0\nexit\n" + THROWS, ("", 9)),
        ("7.2", HOLDING, ("bpf_throw would lead to reference leak", 7)),
        ("7.2", IN_SECTION, ("bpf_throw cannot be used inside bpf_rcu_read_lock-ed region", 3)),
        ("6.18", HOLDING, ("", 20)),
        ("6.12", HOLDING, ("", 20)),
        ("6.18", IN_SECTION, ("", 11)),
    ],
)
def test_call_of_a_function_that_may_throw(kernel: str, text: str, expected: Outcome) -> None:
    assert outcome(described(text, "tc", kernel, BTF, [MAIN, NUMBER])) == expected


FIVE: Final = "r1 = 0\nr2 = 0\nr3 = 0\nr4 = 0\nr5 = 0\ncall f\nr0 = 0\nexit\nf:\nr0 = 0\nexit\n"


@pytest.mark.parametrize(
    ("kernel", "function", "expected"),
    [
        ("7.2", SIX, ("callee expects 6 args, stack arg1 is not initialized", 6)),
        ("7.2", THIRTEEN, ("callee expects 13 args, stack arg1 is not initialized", 6)),
        ("6.18", SIX, ("Caller passes invalid args into func#1 ('six')", 6)),
        ("6.18", THIRTEEN, ("", 10)),
        ("6.12", THIRTEEN, ("", 10)),
    ],
)
def test_arguments_past_the_fifth(kernel: str, function: int, expected: Outcome) -> None:
    assert outcome(described(FIVE, "socket", kernel, BTF, [MAIN, function])) == expected


@pytest.mark.parametrize(
    "access", ["*(u64 *)(r11 -8) = 1", "*(u64 *)(r11 -64) = r0", "r0 = *(u64 *)(r11 +8)", "r0 = *(u64 *)(r11 +64)"]
)
def test_arguments_on_the_stack_are_not_modelled(access: str) -> None:
    """Linux 7.2 takes each of these, in code that is never reached."""
    text = f"r0 = 0\nif r0 == 0 goto end\n{access}\nend:\nexit\n"
    verdict = verify(program_from_text(text, "socket", profile("7.2")))
    assert isinstance(verdict, Unsupported)
    assert verdict.what == "arguments on the stack (r11)"
    assert outcome(program_from_text(text, "socket", profile("6.18"))) == ("", 3)


@pytest.mark.parametrize(
    ("access", "register"),
    [
        ("*(u64 *)(r11 -4) = 1", 11),
        ("*(u64 *)(r11 +8) = r0", 11),
        ("*(u64 *)(r11 +0) = 1", 11),
        ("*(u32 *)(r11 -8) = r0", 11),
        ("r0 = *(u64 *)(r11 -8)", 11),
        ("r0 = *(u64 *)(r11 +4)", 11),
        ("r0 = *(s32 *)(r11 +8)", 11),
        ("r11 = *(u64 *)(r11 +8)", 11),
        ("*(u64 *)(r11 -8) = r12", 12),
        ("r11 = 1", 11),
    ],
)
def test_other_uses_of_r11_are_refused_where_nothing_reaches_them(access: str, register: int) -> None:
    text = f"r0 = 0\nif r0 == 0 goto end\n{access}\nend:\nexit\n"
    assert outcome(program_from_text(text, "socket", profile("7.2"))) == (f"R{register} is invalid", 0)


CONTEXT: Final = "r1 += 8\ncall f\nr0 = 0\nexit\nf:\nr0 = 0\nexit\n"


@pytest.mark.parametrize(
    ("kernel", "function", "expected"),
    [
        ("7.2", WITH_CONTEXT, ("Caller passes invalid args into func#1 ('with_context')", 2)),
        ("7.2", WITH_LONG, ("", 6)),
        ("6.18", WITH_CONTEXT, ("Caller passes invalid args into func#1 ('with_context')", 2)),
        ("6.18", WITH_LONG, ("Caller passes invalid args into func#1 ('with_long')", 2)),
    ],
)
def test_part_of_a_syscall_context_is_memory_but_no_context(kernel: str, function: int, expected: Outcome) -> None:
    assert outcome(described(CONTEXT, "syscall", kernel, BTF, [MAIN, function])) == expected


TAIL_CALL: Final = """# map 0: prog_array 4 4 4
call f
r0 = 0
exit
f:
r2 = map[id:0]
r3 = 0
call bpf_tail_call
r0 = 0
exit
"""
PACKET_LOAD: Final = "r6 = r1\ncall f\nr0 = 0\nexit\nf:\nr6 = r1\nr0 = *(u8 *)skb[0]\nr0 = 0\nexit\n"


@pytest.mark.parametrize("kernel", ["6.1", "6.12", "6.18", "7.2"])
@pytest.mark.parametrize("returns", ["void", "pointer"])
def test_only_functions_that_return_numbers_may_end_early(kernel: str, returns: str) -> None:
    functions = [MAIN, STATIC[returns]]
    sentence = " is only allowed in functions that return 'int'."
    assert outcome(described(TAIL_CALL, "socket", kernel, BTF, functions)) == (f"tail_call{sentence}", 0)
    assert outcome(described(PACKET_LOAD, "socket", kernel, BTF, functions)) == (f"LD_ABS{sentence}", 0)


@pytest.mark.parametrize("returns", ["int", "u64"])
def test_functions_that_return_numbers_may_end_early(returns: str) -> None:
    functions = [MAIN, STATIC[returns]]
    assert outcome(described(TAIL_CALL, "socket", "7.2", BTF, functions)) == ("", 10)
    assert outcome(described(TAIL_CALL, "socket", "6.12", BTF, functions)) == ("", 8)
    assert outcome(described(PACKET_LOAD, "socket", "7.2", BTF, functions)) == ("", 10)


@pytest.mark.parametrize("kernel", ["6.1", "6.12", "6.18", "7.2"])
def test_functions_without_types_may_not_end_early(kernel: str) -> None:
    for text, what in ((TAIL_CALL, "tail_call"), (PACKET_LOAD, "LD_ABS")):
        expected = (f"{what} is not allowed in subprogs without BTF", 0)
        assert outcome(program_from_text(text, "socket", profile(kernel))) == expected
