"""Every well-formed instruction shape of every conformance group, as encoded fields; shared by the tests of isa."""

from __future__ import annotations

from kverdict.isa import opcode as op
from kverdict.isa.decode import ld_imm64, make
from kverdict.isa.insn import Insn
from kverdict.isa.validity import KNOWN, LATER

ATOMICS = (0x00, 0x01, 0x40, 0x41, 0x50, 0x51, 0xA0, 0xA1, 0xE1, 0xF1)


def every_instruction() -> list[Insn]:
    """One well-formed Insn (LD_IMM64: two) for each opcode byte and variant."""
    codes = sorted(KNOWN.union(*(codes for _, codes in LATER)))
    found: list[Insn] = []
    for code in codes:
        found += _forms(code)
    return found


def _forms(code: int) -> list[Insn]:
    insn_class, by_register = code & op.CLASS_MASK, bool(code & op.X)
    if insn_class in (op.ALU, op.ALU64):
        return _alu(code, insn_class, by_register)
    if insn_class in (op.JMP, op.JMP32):
        return _jump(code, insn_class, by_register)
    if code == op.LD_IMM64:
        sources = (0, op.PSEUDO_MAP_FD, op.PSEUDO_MAP_VALUE, op.PSEUDO_BTF_ID, op.PSEUDO_FUNC, 5, 6)
        low_only = (op.PSEUDO_MAP_FD, op.PSEUDO_FUNC, 5)
        return [i for s in sources for i in ld_imm64(1, s, 3 if s in low_only else 0x1122334455667788)]
    if insn_class == op.LD:
        return [make(code, 0, 7 if code & op.MODE_MASK == op.IND else 0, 0, 14)]
    if insn_class == op.LDX:
        return [make(code, 3, 1, -8, 0)]
    if insn_class == op.ST:
        return [make(code, 10, 0, -16, -1)]
    if code & op.MODE_MASK == op.ATOMIC:
        wide = code & op.SIZE_MASK in (op.W, op.DW)
        return [make(code, 10, 2, -8, imm) for imm in (*(ATOMICS if wide else ()), op.LOAD_ACQ, op.STORE_REL)]
    return [make(code, 10, 4, -24, 0)]


def _alu(code: int, insn_class: int, by_register: bool) -> list[Insn]:
    operation = code & op.CODE_MASK
    if operation == op.NEG:
        return [make(code, 5, 0, 0, 0)]
    if operation == op.END:
        return [make(code, 5, 0, 0, bits) for bits in (16, 32, 64)]
    offs = [0]
    if operation in (op.DIV, op.MOD):
        offs.append(1)
    if operation == op.MOV and by_register:
        offs += [8, 16] if insn_class == op.ALU else [8, 16, 32]
    found = [make(code, 2, 3 if by_register else 0, off, 0 if by_register else 7) for off in offs]
    if code == (op.ALU64 | op.MOV | op.X):
        found += [make(code, 2, 3, 1, 1), make(code, 2, 3, 1, 1 << 16)]
    return found


def _jump(code: int, insn_class: int, by_register: bool) -> list[Insn]:
    operation = code & op.CODE_MASK
    if operation == op.JA:
        return [make(code, 0, 0, 0, 70000) if insn_class == op.JMP32 else make(code, 0, 0, -3, 0)]
    if operation == op.CALL:
        return [make(code, 0, 0, 0, 1), make(code, 0, 1, 0, -5), make(code, 0, 2, 0, 4711)]
    if operation == op.EXIT:
        return [make(code, 0, 0, 0, 0)]
    if operation == op.JCOND:
        return [make(code, 0, 0, 4, 0)]
    return [make(code, 6, 7 if by_register else 0, 12, 0 if by_register else -1)]
