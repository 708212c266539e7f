"""The kernel's objections to encodings, by kernel behaviour."""

from __future__ import annotations

import pytest

from kverdict.isa.asm import assemble
from kverdict.isa.decode import decode
from kverdict.isa.validity import fields_check, jump_fields, known_opcode, late_check, register_check, static_check
from tests.isa.programs import every_instruction


def new(_: str) -> bool:
    return True


def old(_: str) -> bool:
    return False


def test_all_instructions_are_fine_on_a_new_kernel() -> None:
    insns = every_instruction()
    second = False
    for index, insn in enumerate(insns):
        if second:
            second = False
            continue
        assert static_check(insns, index, new) is None, insn
        assert fields_check(insn, new) is None, insn
        second = insn.op & 0xFF == 0x18


def test_this_many_opcodes_are_known() -> None:
    assert sum(known_opcode(code, new) for code in range(256)) == 128
    assert sum(known_opcode(code, old) for code in range(256)) == 120


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("8f00000000000000", "unknown opcode 8f"),
        ("6100000001000000", "BPF_LDX uses reserved fields"),
        ("1801000000000000", "invalid bpf_ld_imm64 insn"),
        ("18010000000000000001000000000000", "invalid bpf_ld_imm64 insn"),
        ("18710000000000000000000000000000", "unrecognized bpf_ld_imm64 insn"),
        ("18110000000000000000000001000000", "unrecognized bpf_ld_imm64 insn"),
    ],
)
def test_refused_before_the_walk(raw: str, text: str) -> None:
    found = static_check(decode(bytes.fromhex(raw)), 0, new)
    assert found is not None
    assert found.text == text


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("r1 = bswap16 r1", "unknown opcode d7"),
        ("may_goto pc+1", "unknown opcode e5"),
        ("gotol pc+1", "unknown opcode 06"),
        ("r1 = *(s8 *)(r2 +0)", "BPF_LDX uses reserved fields"),
        ("r1 = load_acquire((u16 *)(r10 -2))", "unknown opcode cb"),
    ],
)
def test_later_instructions_are_unknown_to_old_kernels(line: str, text: str) -> None:
    found = static_check(assemble(line), 0, old)
    assert found is not None
    assert found.text == text


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("0712010000000000", "BPF_ALU uses reserved fields"),
        ("3f12070000000000", "BPF_ALU uses reserved fields"),
        ("3f12ffff00000000", "BPF_ALU uses reserved fields"),
        ("8711000000000000", "BPF_NEG uses reserved fields"),
        ("d70100000f000000", "BPF_END uses reserved fields"),
        ("bc12200000000000", "BPF_MOV uses reserved fields"),
        ("bf12010003000000", "addr_space_cast insn can only convert between address space 1 and 0"),
        ("8530000001000000", "BPF_CALL uses reserved fields"),
        ("0500010001000000", "BPF_JA uses reserved fields"),
        ("9500000001000000", "BPF_EXIT uses reserved fields"),
        ("e501010000000000", "invalid may_goto imm 0"),
        ("7b1af8ff01000000", "BPF_STX uses reserved fields"),
        ("7a1af8ff01000000", "BPF_ST uses reserved fields"),
        ("db1af8ff02000000", "BPF_ATOMIC uses invalid atomic opcode 02"),
        ("cb1af8ff00000000", "invalid atomic operand size"),
        ("300100000e000000", "BPF_LD_[ABS|IND] uses reserved fields"),
        ("18010100000000000000000000000000", "BPF_LD_IMM64 uses reserved fields"),
    ],
)
def test_refused_where_reached(raw: str, text: str) -> None:
    found = fields_check(decode(bytes.fromhex(raw))[0], new)
    assert found is not None
    assert found.text == text


@pytest.mark.parametrize("line", ["r1 = (s8)r2", "w1 = (s16)w2", "r1 s/= r2", "r1 = addr_space_cast(r2, 0, 1)"])
def test_later_variants_use_reserved_fields_of_old_kernels(line: str) -> None:
    found = fields_check(assemble(line)[0], old)
    assert found is not None
    assert found.text.endswith("uses reserved fields")


def test_registers_end_at_ten() -> None:
    assert register_check(10) is None
    found = register_check(11)
    assert found is not None
    assert found.text == "R11 is invalid"


@pytest.mark.parametrize(
    ("line", "text"),
    [("r1 <<= 64", "invalid shift 64"), ("w1 >>= 32", "invalid shift 32"), ("r1 /= 0", "div by zero")],
)
def test_constants_are_refused_late(line: str, text: str) -> None:
    insn = assemble(line)[0]
    assert fields_check(insn, new) is None
    found = late_check(insn)
    assert found is not None
    assert found.text == text


def test_conditional_jumps_have_reserved_fields() -> None:
    assert jump_fields(decode(bytes.fromhex("1d12000001000000"))[0]) is not None
    assert jump_fields(decode(bytes.fromhex("1512000001000000"))[0]) is not None
    assert jump_fields(assemble("if r1 == 0x1 goto pc+0")[0]) is None
