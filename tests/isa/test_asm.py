"""What text.py writes, asm.py reads back; recorded lines of the kernel come out letter by letter."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kverdict.errors import InputError
from kverdict.isa import opcode as op
from kverdict.isa.asm import assemble
from kverdict.isa.decode import decode, encode
from kverdict.isa.groups import INCLUDES, group
from kverdict.isa.insn import Insn
from kverdict.isa.text import format_insn, format_program
from tests.isa.programs import every_instruction

KERNEL_LINES = """\
bf16000000000000 (bf) r6 = r1
7911000000000000 (79) r1 = *(u64 *)(r1 +0)
b7000000ffffffff (b7) r0 = -1
b401000005000000 (b4) w1 = 5
bc21000000000000 (bc) w1 = w2
1501050000000000 (15) if r1 == 0x0 goto pc+5
6601fdff0a000000 (66) if w1 s> 0xa goto pc-3
2d21010000000000 (2d) if r1 > r2 goto pc+1
0500feff00000000 (05) goto pc-2
0600000070110100 (06) gotol pc+70000
e500030000000000 (e5) may_goto pc+3
8500000001000000 (85) call bpf_map_lookup_elem#1
8510000003000000 (85) call pc+3
9500000000000000 (95) exit
7b1af8ff00000000 (7b) *(u64 *)(r10 -8) = r1
7a0af0ff07000000 (7a) *(u64 *)(r10 -16) = 7
db1af8ff00000000 (db) lock *(u64 *)(r10 -8) += r1
c31afcff01000000 (c3) r1 = atomic_fetch_add((u32 *)(r10 -4), r1)
db1af8ff41000000 (db) r1 = atomic64_fetch_or((u64 *)(r10 -8), r1)
db1af8ffe1000000 (db) r1 = atomic64_xchg((u64 *)(r10 -8), r1)
db1af8fff1000000 (db) r0 = atomic64_cmpxchg((u64 *)(r10 -8), r0, r1)
d3a1ffff00010000 (d3) r1 = load_acquire((u8 *)(r10 -1))
db1af8ff10010000 (db) store_release((u64 *)(r10 -8), r1)
dc01000010000000 (dc) r1 = be16 r1
d401000020000000 (d4) r1 = le32 r1
d701000040000000 (d7) r1 = bswap64 r1
3f21010000000000 (3f) r1 s/= r2
970101000a000000 (97) r1 s%= 10
bf21080000000000 (bf) r1 = (s8)r2
bc21100000000000 (bc) w1 = (s16)w2
8911000000000000 (89) r1 = *(s16 *)(r1 +0)
8401000000000000 (84) w1 = -w1
c701000003000000 (c7) r1 s>>= 3
bf21010001000000 (bf) r1 = addr_space_cast(r2, 0, 1)
300000000e000000 (30) r0 = *(u8 *)skb[14]
5070000003000000 (50) r0 = *(u8 *)skb[r7 + 3]
"""


@pytest.mark.parametrize("line", KERNEL_LINES.splitlines())
def test_kernel_line_both_ways(line: str) -> None:
    raw, _, text = line.partition(" ")
    insn = decode(bytes.fromhex(raw))[0]
    assert format_insn(insn, lambda _: "bpf_map_lookup_elem") == text
    assert encode(assemble(text)).hex() == raw
    assert encode(assemble(text[5:])).hex() == raw


def test_every_instruction_survives_text() -> None:
    insns = every_instruction()
    assert assemble("\n".join(format_program(insns, symbolic=True))) == insns


instructions = st.sampled_from([i for i in every_instruction() if i.op & 0xFF not in (0, op.LD_IMM64)])
registers = st.integers(0, 15)


@given(instructions, registers, registers, st.integers(-32768, 32767), st.integers(-(1 << 31), (1 << 31) - 1))
def test_fields_survive_text(like: Insn, dst: int, src: int, off: int, imm: int) -> None:
    insn_class = like.op & op.CLASS_MASK
    memory = insn_class in (op.LDX, op.ST, op.STX)
    conditional = insn_class in (op.JMP, op.JMP32) and like.dst == 6
    insn = Insn(
        like.op,
        dst if like.dst else 0,
        src if like.src and (insn_class != op.JMP or conditional) else like.src,
        off if memory or conditional else like.off,
        imm if like.imm and (insn_class in (op.ST, op.LD) or conditional) else like.imm,
    )
    assert assemble(format_insn(insn)) == [insn]


@given(st.integers(0, (1 << 64) - 1))
def test_64_bit_constants_survive_text(value: int) -> None:
    insns = assemble(f"r3 = {value:#x} ll")
    assert insns[0].imm == value
    assert assemble(format_insn(insns[0])) == insns
    assert decode(encode(insns)) == insns


def test_labels_and_comments() -> None:
    insns = assemble(
        """
        r0 = 0              ; count
        r1 = 0x5 ll         // two slots
    loop:
        r0 += 1
        if r0 < r1 goto loop
        call work
        r2 = subprog[work]
        goto end
    end: exit
    work: exit
        """
    )
    assert [i.off for i in insns if i.op == op.JMP | op.JLT | op.X] == [-2]
    call = next(i for i in insns if i.op == op.CALL_SUBPROG)
    assert insns[insns.index(call) + 1 + call.imm] == insns[-1]


def test_names_of_calls() -> None:
    text = "call bpf_task_acquire\ncall bpf_ktime_get_ns\ncall kernel-function#9"
    first, second, third = assemble(text, {"bpf_task_acquire": 7}, {"bpf_ktime_get_ns": 5})
    assert (first.op, first.imm) == (op.CALL_KFUNC, 7)
    assert (second.op, second.imm) == (op.CALL_HELPER, 5)
    assert (third.op, third.imm) == (op.CALL_KFUNC, 9)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("goto nowhere", "label 'nowhere' is not defined"),
        ("a:\na: exit", "defined twice"),
        ("r1 = w2", "mixed"),
        ("frobnicate r1", "cannot read"),
        ("r1 += 99999999999", "out of range"),
        ("(b7) exit", "does not fit"),
        ("call unknown_function", "neither a label"),
        ("r1 = *(u64 *)(r2 +99999)", "out of range"),
    ],
)
def test_mistakes_name_line_and_problem(text: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem) as caught:
        assemble(text)
    assert caught.value.where.startswith("line ")


def test_all_conformance_groups_are_covered() -> None:
    assert {group(insn) for insn in every_instruction() if insn.op} == set(INCLUDES)
