"""One BPF instruction with its odd encodings made regular, so that every floor above asks one field: `op`."""

from __future__ import annotations


class Insn:
    """A decoded instruction; never changed after it was made.

    op:  the opcode byte in bits 0..7, and in bits 8.. the variant that the encoding hides in other fields
         (see opcode.py): signed DIV/MOD and sign-extending MOV (hidden in `off`), the atomic operation
         (hidden in `imm`), what a CALL calls and what an LD_IMM64 loads (hidden in `src`).
    dst, src: register numbers 0..15 as encoded (11..15 are for the verifier to refuse).
    off: signed 16 bits as encoded.
    imm: signed 32 bits; for LD_IMM64 the whole unsigned 64-bit constant, for its second slot (op 0) the raw imm.
    """

    __slots__ = ("dst", "imm", "off", "op", "src")

    op: int
    dst: int
    src: int
    off: int
    imm: int

    def __init__(self, op: int, dst: int, src: int, off: int, imm: int) -> None:
        self.op = op
        self.dst = dst
        self.src = src
        self.off = off
        self.imm = imm

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Insn):
            return NotImplemented
        return (self.op, self.dst, self.src, self.off, self.imm) == (
            other.op,
            other.dst,
            other.src,
            other.off,
            other.imm,
        )

    def __hash__(self) -> int:
        return hash((self.op, self.dst, self.src, self.off, self.imm))

    def __repr__(self) -> str:
        return f"Insn({self.op:#x}, dst={self.dst}, src={self.src}, off={self.off}, imm={self.imm})"
