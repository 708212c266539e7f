"""Every instruction does what RFC 9669 says, in the interpreter and in the translating engine alike."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kverdict.errors import UnsupportedError
from kverdict.isa.insn import Insn
from kverdict.isa.text import format_insn
from kverdict.machine.code import Code
from kverdict.machine.fault import OUT_OF_BOUNDS, UNINITIALISED, Fault
from kverdict.machine.step import handler
from kverdict.machine.world import World
from kverdict.program.program import Map
from tests.isa.programs import every_instruction
from tests.machine.programs import result

U64 = (1 << 64) - 1
WORDS = st.one_of(
    st.sampled_from([0, 1, 2, 7, 31, 32, 63, 64, 255, 1 << 31, (1 << 31) - 1, 1 << 32, 1 << 63, (1 << 63) - 1, U64]),
    st.integers(0, U64),
)


def both(text: str, context: bytes = b"") -> int:
    """r0, after checking that the engines agree."""
    code = Code.assembled("test", text)
    answers = {World(codes=[code]).run(code, context, fast=fast).result for fast in (False, True)}
    assert len(answers) == 1
    return answers.pop()


def s64(value: int) -> int:
    return ctypes.c_int64(value).value


def s32(value: int) -> int:
    return ctypes.c_int32(value).value


def quotient(a: int, b: int) -> int:
    return (abs(a) // abs(b)) * (1 if (a < 0) == (b < 0) else -1) if b else 0


WIDE: dict[str, Callable[[int, int], int]] = {
    "+=": lambda a, b: a + b,
    "-=": lambda a, b: a - b,
    "*=": lambda a, b: a * b,
    "/=": lambda a, b: a // b if b else 0,
    "%=": lambda a, b: a % b if b else a,
    "|=": lambda a, b: a | b,
    "&=": lambda a, b: a & b,
    "^=": lambda a, b: a ^ b,
    "<<=": lambda a, b: a << (b % 64),
    ">>=": lambda a, b: a >> (b % 64),
    "s>>=": lambda a, b: s64(a) >> (b % 64),
    "s/=": lambda a, b: quotient(s64(a), s64(b)),
    "s%=": lambda a, b: s64(a) - quotient(s64(a), s64(b)) * s64(b),
}
NARROW: dict[str, Callable[[int, int], int]] = {
    **{sign: WIDE[sign] for sign in ("+=", "-=", "*=", "/=", "%=", "|=", "&=", "^=")},
    "<<=": lambda a, b: a << (b % 32),
    ">>=": lambda a, b: a >> (b % 32),
    "s>>=": lambda a, b: s32(a) >> (b % 32),
    "s/=": lambda a, b: quotient(s32(a), s32(b)),
    "s%=": lambda a, b: s32(a) - quotient(s32(a), s32(b)) * s32(b),
}


@pytest.mark.parametrize("sign", WIDE)
@settings(max_examples=25, deadline=None)
@given(a=WORDS, b=WORDS)
def test_64_bit_arithmetic(sign: str, a: int, b: int) -> None:
    assert both(f"r0 = {a:#x} ll\nr1 = {b:#x} ll\nr0 {sign} r1\nexit") == WIDE[sign](a, b) & U64


@pytest.mark.parametrize("sign", NARROW)
@settings(max_examples=25, deadline=None)
@given(a=WORDS, b=WORDS)
def test_32_bit_arithmetic_zero_extends(sign: str, a: int, b: int) -> None:
    low = NARROW[sign](a & 0xFFFFFFFF, b & 0xFFFFFFFF) & 0xFFFFFFFF
    assert both(f"r0 = {a:#x} ll\nr1 = {b:#x} ll\nw0 {sign} w1\nexit") == low


@pytest.mark.parametrize("sign", WIDE)
@settings(max_examples=10, deadline=None)
@given(a=WORDS, imm=st.integers(-(1 << 31), (1 << 31) - 1))
def test_constants_are_sign_extended(sign: str, a: int, imm: int) -> None:
    assert both(f"r0 = {a:#x} ll\nr0 {sign} {imm}\nexit") == WIDE[sign](a, imm & U64) & U64


COMPARE: dict[str, Callable[[int, int, int, int], bool]] = {
    "==": lambda a, b, x, y: a == b,
    "!=": lambda a, b, x, y: a != b,
    ">": lambda a, b, x, y: a > b,
    ">=": lambda a, b, x, y: a >= b,
    "<": lambda a, b, x, y: a < b,
    "<=": lambda a, b, x, y: a <= b,
    "&": lambda a, b, x, y: a & b != 0,
    "s>": lambda a, b, x, y: x > y,
    "s>=": lambda a, b, x, y: x >= y,
    "s<": lambda a, b, x, y: x < y,
    "s<=": lambda a, b, x, y: x <= y,
}


@pytest.mark.parametrize("sign", COMPARE)
@settings(max_examples=20, deadline=None)
@given(a=WORDS, b=WORDS)
def test_conditions(sign: str, a: int, b: int) -> None:
    text = "r0 = 1\nr2 = {:#x} ll\nr3 = {:#x} ll\nif {} {} {} goto yes\nr0 = 0\nyes: exit"
    assert both(text.format(a, b, "r2", sign, "r3")) == COMPARE[sign](a, b, s64(a), s64(b))
    low, lower = a & 0xFFFFFFFF, b & 0xFFFFFFFF
    assert both(text.format(a, b, "w2", sign, "w3")) == COMPARE[sign](low, lower, s32(a), s32(b))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("r0 = 0x1122334455667788 ll\nr0 = bswap64 r0", 0x8877665544332211),
        ("r0 = 0x1122334455667788 ll\nr0 = bswap16 r0", 0x8877),
        ("r0 = 0x1122334455667788 ll\nr0 = be32 r0", 0x88776655),
        ("r0 = 0x1122334455667788 ll\nr0 = le32 r0", 0x55667788),
        ("r1 = 0x80 ll\nr0 = (s8)r1", U64 - 127),
        ("r1 = 0x8000 ll\nw0 = (s16)w1", 0xFFFF8000),
        ("r1 = 0x80000000 ll\nr0 = (s32)r1", U64 - (1 << 31) + 1),
        ("r0 = 5\nr0 = -r0", U64 - 4),
        ("r0 = 5\nw0 = -w0", 0xFFFFFFFB),
        ("r1 = -1\nw0 = w1", 0xFFFFFFFF),
        ("*(u64 *)(r10 -8) = -2\nr0 = *(s8 *)(r10 -8)", U64 - 1),
        ("*(u32 *)(r10 -4) = 7\nr0 = *(u8 *)(r10 -4)", 7),
        ("*(u64 *)(r10 -8) = 0\nr1 = r10\nr1 += -7\n*(u32 *)(r1 +0) = -1\nr0 = *(u64 *)(r10 -8)", 0xFFFFFFFF00),
        ("*(u64 *)(r10 -8) = 5\nr1 = 3\nlock *(u64 *)(r10 -8) += r1\nr0 = *(u64 *)(r10 -8)", 8),
        ("*(u64 *)(r10 -8) = 5\nr1 = 3\nr1 = atomic64_fetch_xor((u64 *)(r10 -8), r1)\nr0 = r1", 5),
        ("*(u64 *)(r10 -8) = 5\nr0 = 5\nr1 = 9\nr0 = atomic64_cmpxchg((u64 *)(r10 -8), r0, r1)\nr0 += 1", 6),
        ("*(u32 *)(r10 -4) = -1\nr1 = 1\nr1 = atomic_fetch_add((u32 *)(r10 -4), r1)\nr0 = *(u32 *)(r10 -4)", 0),
        ("r1 = 258\nstore_release((u16 *)(r10 -2), r1)\nr0 = load_acquire((u8 *)(r10 -2))", 2),
        ("r6 = 3\ncall f\nr0 += r6\nexit\nf: r6 = 9\nr0 = 4", 7),
        ("r0 = 1\ngotol skip\nr0 = 2\nskip: r0 += 1", 2),
    ],
)
def test_one_of_each(text: str, expected: int) -> None:
    assert both(text + "\nexit") == expected


@pytest.mark.parametrize("fast", (False, True))
def test_probe_loads_never_fault(fast: bool) -> None:
    code = Code.assembled("stale", "r1 = 0\nr0 = *(u64 *)(r1 +16)\nr2 = *(s8 *)(r1 +8)\nr0 += r2\nexit")
    code.probes = frozenset({1, 2})
    assert World(codes=[code]).run(code, fast=fast).result == 0


LOOP = """
    r1 = 1000
    r2 = map[id:0][0]+0
    r3 = 7
    call bpf_ktime_get_ns
    r0 = 0
    r6 = 0
again:
    r6 += 1
    if r6 > 10 goto done
    r0 += r6
    if r0 & 1 goto again
    r0 ^= 3
    goto again
done: exit
"""


def test_loops_and_joins_agree() -> None:
    code = Code.assembled("test", LOOP, [Map("one", 2, 4, 8, 1)])
    answers = [World(codes=[code]).run(code, fast=fast).result for fast in (False, True)]
    assert answers[0] == answers[1]


COUNT = """
    r6 = 0
loop:
    r1 = r6
    r1 &= 3
    *(u32 *)(r10 -4) = r1
    r2 = r10
    r2 += -4
    r1 = map[id:0]
    call bpf_map_lookup_elem
    if r0 == 0 goto next
    r1 = *(u64 *)(r0 +0)
    r1 += 1
    *(u64 *)(r0 +0) = r1
next:
    r6 += 1
    if r6 < 10 goto loop
    r0 = r6
    exit
"""


@pytest.mark.parametrize("map_type", (1, 2, 6), ids=("hash", "array", "percpu array"))
def test_map_loop_agrees(map_type: int) -> None:
    spec = Map("counts", map_type, 4, 8, 3)
    code = Code.assembled("count", COUNT, [spec])
    contents = []
    for fast in (False, True):
        world = World(codes=[code])
        assert world.run(code, fast=fast).result == 10
        keys = world.map_table[0].keys()
        contents.append({key: bytes(world.maps["counts"].region(key).data) for key in keys})
    assert contents[0] == contents[1]


@pytest.mark.parametrize("fast", (False, True))
def test_fault_names_the_instruction_in_both_engines(fast: bool) -> None:
    code = Code.assembled("bad", "r2 = 1\nr0 = *(u64 *)(r1 +8)\nexit")
    world = World(codes=[code])
    with pytest.raises(Fault) as caught:
        world.run(code, bytes(8), fast=fast)
    assert caught.value.kind == OUT_OF_BOUNDS
    assert world.findings[-1].insn == 1


def test_unwritten_stack_is_seen_by_the_interpreter() -> None:
    with pytest.raises(Fault) as caught:
        result("r0 = *(u64 *)(r10 -8)\nexit")
    assert caught.value.kind == UNINITIALISED


def test_callbacks_agree() -> None:
    text = """
        *(u64 *)(r10 -8) = 0
        r1 = 10
        r2 = subprog[add]
        r3 = r10
        r3 += -8
        r4 = 0
        call bpf_loop
        r6 = r0
        r0 = *(u64 *)(r10 -8)
        r0 <<= 8
        r0 |= r6
        exit
    add:
        r3 = *(u64 *)(r2 +0)
        r3 += r1
        *(u64 *)(r2 +0) = r3
        r0 = 0
        if r1 != 6 goto end
        r0 = 1
    end: exit
    """
    assert both(text) == 21 << 8 | 7


def _has_handler(insn: Insn) -> bool:
    try:
        handler(insn)
    except UnsupportedError:
        return False
    return True


def test_only_casts_between_address_spaces_are_not_modelled() -> None:
    without = {format_insn(insn) for insn in every_instruction() if insn.op and not _has_handler(insn)}
    assert without == {"(bf) r2 = addr_space_cast(r3, 0, 1)", "(bf) r2 = addr_space_cast(r3, 1, 0)"}
