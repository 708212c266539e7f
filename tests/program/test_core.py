"""CO-RE: the instructions that libbpf makes, for every kind of relocation, and its refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from elftools.elf.elffile import ELFFile

from kverdict.btf.btf import Btf
from kverdict.errors import InputError, LinkError
from kverdict.isa import opcode as op
from kverdict.isa.decode import decode, encode, ld_imm64, make
from kverdict.isa.insn import Insn
from kverdict.objfile import core_relocs as kinds
from kverdict.objfile.core_relocs import CoreReloc, parse_core_relocs
from kverdict.program.core import POISON, apply_core_relocs, find_candidates
from tests.btf.build import Maker
from tests.btf.kernels import kernel_btf, kernel_names

FIXTURES = Path(__file__).parent / "fixtures"
EXPECTED: dict[str, dict[str, list[str]]] = json.loads((FIXTURES / "core_expected.json").read_text())
CASES = [
    pytest.param(kernel, section, id=f"{kernel}-{EXPECTED[kernel][section][0]}")
    for kernel in EXPECTED
    for section in EXPECTED[kernel]
    if kernel == "core_kernel" or kernel in kernel_names()
]
POISONED = make(op.JMP | op.CALL, 0, 0, 0, POISON)


def _section(name: str) -> bytes:
    with open(FIXTURES / "core.bpf.o", "rb") as stream:
        section: Any = ELFFile(stream).get_section_by_name(name)
        return bytes(section.data())


def _kernel(name: str) -> Btf:
    if name == "core_kernel":
        return Btf.parse((FIXTURES / "core_kernel.btf").read_bytes(), "made-up kernel")
    return kernel_btf(name)


@pytest.fixture(scope="module")
def local() -> Btf:
    return Btf.parse(_section(".BTF"), "core.bpf.o")


@pytest.mark.parametrize(("kernel", "section"), CASES)
def test_the_instructions_are_those_that_libbpf_makes(kernel: str, section: str, local: Btf) -> None:
    name, wanted = EXPECTED[kernel][section]
    relocs = parse_core_relocs(_section(".BTF.ext"), local, "core.bpf.o")[section]
    insns = decode(_section(section))
    if wanted.startswith("-"):
        with pytest.raises((InputError, LinkError)):
            apply_core_relocs(insns, relocs, local, _kernel(kernel))
        return
    poisoned = apply_core_relocs(insns, relocs, local, _kernel(kernel))
    assert encode(insns).hex() == wanted, name
    assert {at.insn for at in poisoned} == {at.insn for at in poisoned if insns[at.insn] == POISONED}
    assert (b"\x10\x23\xad\x0b" in bytes.fromhex(wanted)) == bool(poisoned)


def test_a_poisoned_instruction_tells_what_it_asked_for_in_libbpfs_words(local: Btf) -> None:
    relocs = parse_core_relocs(_section(".BTF.ext"), local, "core.bpf.o")
    told = [
        at.spec.replace(f"[{at.reloc.type_id}]", "[N]")
        for section in ("raw_tp/e", "raw_tp/f", "raw_tp/q")
        for at in apply_core_relocs(decode(_section(section)), relocs[section], local, _kernel("core_kernel"))
    ]
    assert told == [
        "<byte_off> [N] struct moved___with_gone.gone (0:0 @ offset 0)",
        "<byte_off> [N] struct moved___other_type.a.first (0:0:0 @ offset 0)",
        "<enumval_value> [N] enum color::GREEN = 1",
    ]


def _pair(size: int = 4, encoding: int = 0) -> tuple[Maker, Maker]:
    """A local `struct s { u32 a; }` and a kernel's `struct s { u64 before; <size> a; }`; ids 2 in both."""
    local, kernel = Maker(), Maker()
    local.integer("unsigned int", 4)
    local.struct("s", 4, ("a", 1, 0))
    kernel.integer("other", size, encoding)
    kernel.struct("s", 8 + size, ("a", 1, 64))
    return local, kernel


def _apply(insns: list[Insn], local: Maker, kernel: Maker, *relocs: CoreReloc) -> list[int]:
    return [at.insn for at in apply_core_relocs(insns, relocs, local.btf("prog.o"), kernel.btf("kernel"))]


OFFSET = CoreReloc(0, 2, (0, 0), kinds.FIELD_BYTE_OFFSET)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (make(op.LDX | op.MEM | op.W, 1, 2, 0, 0), make(op.LDX | op.MEM | op.DW, 1, 2, 8, 0)),
        (make(op.STX | op.MEM | op.W, 1, 2, 0, 0), make(op.STX | op.MEM | op.DW, 1, 2, 8, 0)),
        (make(op.ST | op.MEM | op.W, 1, 0, 0, 7), make(op.ST | op.MEM | op.DW, 1, 0, 8, 7)),
        (make(op.STX | op.ATOMIC | op.W, 1, 2, 0, op.ADD), make(op.STX | op.ATOMIC | op.DW, 1, 2, 8, op.ADD)),
        (make(op.ALU64 | op.ADD, 1, 0, 0, 0), make(op.ALU64 | op.ADD, 1, 0, 0, 8)),
        (make(op.ALU | op.MOV, 1, 0, 0, 0), make(op.ALU | op.MOV, 1, 0, 0, 8)),
    ],
)
def test_an_unsigned_field_that_grew_changes_offset_and_size_of_the_access(before: Insn, after: Insn) -> None:
    insns = [before]
    assert _apply(insns, *_pair(size=8), OFFSET) == []
    assert insns == [after]


def test_a_64_bit_load_of_an_immediate_is_patched_in_both_slots() -> None:
    local, kernel = _pair()
    for make_enum, value in ((local, 5), (kernel, -2)):
        make_enum.enum64("e", ("A", value))
    insns = ld_imm64(3, 0, 5)
    reloc = CoreReloc(0, 3, (0,), kinds.ENUMVAL_VALUE)
    assert _apply(insns, local, kernel, reloc) == []
    assert insns == ld_imm64(3, 0, -2)
    assert encode(insns)[12:] == b"\xff\xff\xff\xff"


def test_a_poisoned_64_bit_load_becomes_two_calls() -> None:
    local, kernel = _pair()
    local.enum64("only_here", ("A", 5))
    insns = ld_imm64(3, 0, 5)
    assert _apply(insns, local, kernel, CoreReloc(0, 3, (0,), kinds.ENUMVAL_VALUE)) == [0]
    assert insns == [POISONED, POISONED]


@pytest.mark.parametrize("size", [2, 8])
def test_a_signed_field_of_another_size_poisons_the_access_but_not_an_addition(size: int) -> None:
    insns = [make(op.LDX | op.MEM | op.W, 1, 2, 0, 0), make(op.ALU64 | op.ADD, 1, 0, 0, 0)]
    relocs = [OFFSET, CoreReloc(1, 2, (0, 0), kinds.FIELD_BYTE_OFFSET)]
    assert _apply(insns, *_pair(size, encoding=1), *relocs) == [0]
    assert insns == [POISONED, make(op.ALU64 | op.ADD, 1, 0, 0, 8)]


def test_relocations_count_from_the_start_of_the_section() -> None:
    local, kernel = _pair()
    insns = [make(op.LDX | op.MEM | op.W, 1, 2, 0, 0)]
    reloc = CoreReloc(10, 2, (0, 0), kinds.FIELD_BYTE_OFFSET)
    apply_core_relocs(insns, [reloc], local.btf(), kernel.btf(), first=10)
    assert insns[0].off == 8


@pytest.mark.parametrize(
    ("insn", "problem"),
    [
        (make(op.LDX | op.MEM | op.W, 1, 2, 4, 0), "offset of the instruction is 4, expected 0"),
        (make(op.ALU64 | op.ADD, 1, 0, 0, 3), "immediate of the instruction is 3, expected 0"),
        (make(op.ALU64 | op.ADD | op.X, 1, 2, 0, 0), "without an immediate"),
        (make(op.LDX | op.MEM | op.B, 1, 2, 0, 0), "accesses 1 bytes, expected 4"),
        (make(op.JMP | op.EXIT, 0, 0, 0, 0), "opcode 0x95 cannot be relocated"),
        (make(op.LD_IMM64, 0, 1, 0, 0), "LD instruction of unexpected form"),
    ],
)
def test_an_instruction_that_does_not_fit_its_relocation_is_bad_input(insn: Insn, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        _apply([insn], *_pair(size=8), OFFSET)


@pytest.mark.parametrize(
    ("reloc", "problem"),
    [
        (CoreReloc(0, 2, (0, 1), kinds.FIELD_BYTE_OFFSET), "has 1 members, no number 1"),
        (CoreReloc(0, 2, (0, 0, 0), kinds.FIELD_BYTE_OFFSET), "has no members"),
        (CoreReloc(0, 2, (1,), kinds.TYPE_EXISTS), "wants the access string 0"),
        (CoreReloc(0, 2, (0,), kinds.ENUMVAL_VALUE), "expected the index of an enumerator"),
        (CoreReloc(0, 2, (0,), kinds.FIELD_SIGNED), "can't be applied to array access"),
        (CoreReloc(0, 0, (0,), kinds.TYPE_EXISTS), "expected a named type"),
        (CoreReloc(9, 2, (0, 0), kinds.FIELD_BYTE_OFFSET), "the program has 1 instructions, none at 9"),
    ],
)
def test_a_relocation_without_sense_is_bad_input(reloc: CoreReloc, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        _apply([make(op.LDX | op.MEM | op.W, 1, 2, 0, 0)], *_pair(), reloc)


def test_candidates_of_different_layout_are_ambiguous() -> None:
    local, kernel = _pair()
    kernel.struct("s___2", 24, ("a", 1, 128))
    with pytest.raises(LinkError, match="field offset ambiguity: 128 != 64"):
        _apply([make(op.LDX | op.MEM | op.W, 1, 2, 0, 0)], local, kernel, OFFSET)


def test_candidates_of_one_layout_but_different_sizes_are_ambiguous_for_their_size() -> None:
    local, kernel = _pair()
    kernel.struct("s", 24, ("a", 1, 64))
    with pytest.raises(LinkError, match="relocation decision ambiguity: success 24 != success 12"):
        _apply([make(op.ALU64 | op.MOV, 1, 0, 0, 4)], local, kernel, CoreReloc(0, 2, (0,), kinds.TYPE_SIZE))


def test_a_candidate_that_did_not_match_once_is_not_tried_again() -> None:
    """A relocation of `b` rules the second candidate out, so that its other place for `a` does no harm."""
    local, kernel = Maker(), Maker()
    for maker in (local, kernel):
        maker.integer("unsigned int", 4)
        maker.struct("s", 8, ("a", 1, 0), ("b", 1, 32))
    kernel.struct("s___2", 12, ("a", 1, 64))
    access_b = CoreReloc(0, 2, (0, 1), kinds.FIELD_BYTE_OFFSET)
    access_a = CoreReloc(1, 2, (0, 0), kinds.FIELD_BYTE_OFFSET)
    insns = [make(op.LDX | op.MEM | op.W, 1, 2, 4, 0), make(op.LDX | op.MEM | op.W, 1, 2, 0, 0)]
    assert _apply(list(insns), local, kernel, access_b, access_a) == []
    with pytest.raises(LinkError, match="ambiguity"):
        _apply(insns, local, kernel, access_a, access_b)


def test_candidates_have_the_same_kind_and_essential_name() -> None:
    local, kernel = Maker(), Maker()
    ours = local.struct("s___mine", 4)
    wanted = [kernel.struct("s", 4), kernel.struct("s___2", 4)]
    kernel.union("s", 4)
    kernel.struct("s____", 4)
    assert find_candidates(local.btf(), ours, kernel.btf()) == wanted


def test_an_offset_beyond_16_bits_cannot_be_loaded() -> None:
    local, kernel = _pair()
    kernel.types = b""
    kernel.next_id = 1
    kernel.integer("unsigned int", 4)
    kernel.struct("s", 1 << 17, ("a", 1, 1 << 19))
    with pytest.raises(LinkError, match="offset 65536 is beyond 32767"):
        _apply([make(op.LDX | op.MEM | op.W, 1, 2, 0, 0)], local, kernel, OFFSET)


def test_types_nested_without_end_end_in_an_error() -> None:
    """Anonymous members that double at each level: 2 ** 40 paths."""
    local, kernel = _pair()
    kernel.types = b""
    kernel.next_id = 1
    for level in range(2, 42):
        kernel.struct("", 4, ("", level, 0), ("", level, 0))
    kernel.struct("leaf", 4)
    kernel.struct("s", 4, ("", 1, 0))
    with pytest.raises(LinkError, match="were not enough"):
        _apply([make(op.LDX | op.MEM | op.W, 1, 2, 0, 0)], local, kernel, OFFSET)


def test_a_type_that_contains_itself_ends_in_an_error() -> None:
    local, kernel = _pair()
    kernel.types = b""
    kernel.next_id = 1
    kernel.struct("s", 4, ("", 1, 0))
    with pytest.raises(LinkError, match="nested more than 64 levels"):
        _apply([make(op.LDX | op.MEM | op.W, 1, 2, 0, 0)], local, kernel, OFFSET)
