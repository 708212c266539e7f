"""Conformance groups of RFC 9669 (section 2.4 and appendix A), and what the kernel added to them."""

from __future__ import annotations

from typing import Final

from kverdict.isa import opcode as op
from kverdict.isa.insn import Insn

BASE32: Final = "base32"
BASE64: Final = "base64"
DIVMUL32: Final = "divmul32"
DIVMUL64: Final = "divmul64"
ATOMIC32: Final = "atomic32"
ATOMIC64: Final = "atomic64"
PACKET: Final = "packet"
KERNEL: Final = "kernel"  # not in the RFC: may_goto, addr_space_cast, load_acquire, store_release

INCLUDES: Final = {
    BASE32: (),
    BASE64: (BASE32,),
    DIVMUL32: (),
    DIVMUL64: (DIVMUL32,),
    ATOMIC32: (),
    ATOMIC64: (ATOMIC32,),
    PACKET: (),
    KERNEL: (),
}


def group(insn: Insn) -> str:
    """The smallest conformance group that has this well-formed instruction."""
    code = insn.op & 0xFF
    insn_class = code & op.CLASS_MASK
    if insn_class in (op.ALU, op.ALU64):
        return _alu(insn, code, insn_class == op.ALU64)
    if insn_class in (op.JMP, op.JMP32):
        return _jump(code, insn_class == op.JMP)
    mode = code & op.MODE_MASK
    if mode == op.ATOMIC:
        if insn.imm in (op.LOAD_ACQ, op.STORE_REL):
            return KERNEL
        return ATOMIC64 if code & op.SIZE_MASK == op.DW else ATOMIC32
    if insn_class == op.LD:
        return PACKET if mode in (op.ABS, op.IND) else BASE64
    return BASE64 if code & op.SIZE_MASK == op.DW else BASE32


def _alu(insn: Insn, code: int, wide: bool) -> str:
    operation = code & op.CODE_MASK
    if operation in (op.MUL, op.DIV, op.MOD):
        return DIVMUL64 if wide else DIVMUL32
    if operation == op.END:
        return BASE64 if insn.imm == 64 else BASE32
    if wide and operation == op.MOV and code & op.X and insn.off == 1:
        return KERNEL
    return BASE64 if wide else BASE32


def _jump(code: int, wide: bool) -> str:
    operation = code & op.CODE_MASK
    if operation == op.JCOND:
        return KERNEL
    if operation in (op.JA, op.CALL, op.EXIT):
        return BASE32
    return BASE64 if wide else BASE32
