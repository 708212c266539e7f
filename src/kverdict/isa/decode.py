"""Bytes to instructions and back, without loss: whatever the encoding hides in odd fields also becomes part of `op`."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

from kverdict.isa import opcode as op
from kverdict.isa.insn import Insn

SLOT_SIZE: Final = 8
_SLOT: Final = struct.Struct("<BBhi")
_U32: Final = 0xFFFFFFFF
_U16: Final = 0xFFFF
_S32_MAX: Final = 0x7FFFFFFF


def decode(raw: bytes) -> list[Insn]:
    """One Insn for each 8-byte slot of little-endian bytecode; odd content is kept as it is.

    An LD_IMM64 carries its 64-bit constant (low: its own imm, high: the next slot's imm); the next slot follows as it
    is encoded. Raises ValueError if the length is not a multiple of 8. Source: RFC 9669, section 3.
    """
    if len(raw) % SLOT_SIZE:
        raise ValueError(f"bytecode is {len(raw)} bytes long, expected a multiple of {SLOT_SIZE}")
    insns: list[Insn] = []
    previous: Insn | None = None
    for code, regs, off, imm in _SLOT.iter_unpack(raw):
        insn = make(code, regs & 0x0F, regs >> 4, off, imm)
        if previous is not None and (previous.op & 0xFF) == op.LD_IMM64:
            previous.imm |= (imm & _U32) << 32
        if code == op.LD_IMM64:
            insn.imm = imm & _U32
        insns.append(insn)
        previous = insn
    return insns


def encode(insns: Sequence[Insn]) -> bytes:
    """The exact inverse of decode: 8 bytes for each Insn. Bits of `op` above the opcode byte are not looked at."""
    return b"".join(
        _SLOT.pack(insn.op & 0xFF, insn.dst | insn.src << 4, insn.off, signed32(insn.imm)) for insn in insns
    )


def make(code: int, dst: int, src: int, off: int, imm: int) -> Insn:
    """An Insn from the five encoded fields, with the variant of `op` set as opcode.py says."""
    return Insn(code | variant(code, src, off, imm) << op.VARIANT_SHIFT, dst, src, off, imm)


def ld_imm64(dst: int, src: int, value: int) -> list[Insn]:
    """The two slots of an LD_IMM64; value: 64 bits, signed or unsigned; src: 0 or PSEUDO_*."""
    value &= (1 << 64) - 1
    first = make(op.LD_IMM64, dst, src, 0, 0)
    first.imm = value
    return [first, Insn(0, 0, 0, 0, signed32(value >> 32))]


def variant(code: int, src: int, off: int, imm: int) -> int:
    """What the encoding of opcode byte `code` hides in other fields; 0 where it hides nothing. Unsigned."""
    insn_class = code & op.CLASS_MASK
    if insn_class in (op.ALU, op.ALU64):
        operation = code & op.CODE_MASK
        if operation in (op.DIV, op.MOD) or (operation == op.MOV and code & op.X):
            return off & _U16
    elif insn_class == op.STX:
        if code & op.MODE_MASK == op.ATOMIC:
            return imm & _U32
    elif code in (op.JMP | op.CALL, op.LD_IMM64):
        return src
    return 0


def signed32(value: int) -> int:
    """The low 32 bits of value as a signed number."""
    value &= _U32
    return value - (1 << 32) if value > _S32_MAX else value
