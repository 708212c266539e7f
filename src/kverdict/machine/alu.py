"""Arithmetic: what each operation computes, and the instruction handlers. Values are unsigned; RFC 9669, section 4."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from kverdict.errors import UnsupportedError
from kverdict.isa import opcode as op
from kverdict.isa.insn import Insn
from kverdict.isa.text import format_insn
from kverdict.machine.run import Frame, Run

if TYPE_CHECKING:
    from kverdict.machine.world import World

U64: Final = (1 << 64) - 1
U32: Final = (1 << 32) - 1
SIGN64: Final = 1 << 63
SIGN32: Final = 1 << 31

Handler = Callable[["World", Run, Frame, Insn], None]


def signed64(value: int) -> int:
    return value - (1 << 64) if value & SIGN64 else value


def signed32(value: int) -> int:
    value &= U32
    return value - (1 << 32) if value & SIGN32 else value


def sign_extend(value: int, bits: int) -> int:
    """The low `bits` of value as a signed number, in 64 bits."""
    value &= (1 << bits) - 1
    return value | (U64 & -(1 << bits)) if value >> bits - 1 else value


def divide_towards_zero(dividend: int, divisor: int) -> int:
    """Signed division as C does it; both signed, divisor not 0."""
    quotient = abs(dividend) // abs(divisor)
    return -quotient if (dividend < 0) != (divisor < 0) else quotient


def _sdiv(a: int, b: int) -> int:
    return divide_towards_zero(a, b) if b else 0


def _smod(a: int, b: int) -> int:
    return a - divide_towards_zero(a, b) * b if b else a


def compute64(operation: int, a: int, b: int) -> int:
    """a OPERATION b in 64 bits. operation: CODE_MASK bits, with SIGNED for s/= and s%=."""
    if operation == op.ADD:
        return (a + b) & U64
    if operation == op.SUB:
        return (a - b) & U64
    if operation == op.AND:
        return a & b
    if operation == op.OR:
        return a | b
    if operation == op.LSH:
        return (a << (b & 63)) & U64
    if operation == op.RSH:
        return a >> (b & 63)
    if operation == op.MUL:
        return (a * b) & U64
    if operation == op.XOR:
        return a ^ b
    if operation == op.ARSH:
        return (signed64(a) >> (b & 63)) & U64
    if operation == op.DIV:
        return a // b if b else 0
    if operation == op.MOD:
        return a % b if b else a
    if operation == op.DIV | op.SIGNED:
        return _sdiv(signed64(a), signed64(b)) & U64
    if operation == op.MOD | op.SIGNED:
        return _smod(signed64(a), signed64(b)) & U64
    raise UnsupportedError(f"arithmetic operation {operation:#x}")


def compute32(operation: int, a: int, b: int) -> int:
    """The same in 32 bits; the result is zero-extended."""
    a &= U32
    b &= U32
    if operation in (op.LSH, op.RSH):
        return (a << (b & 31)) & U32 if operation == op.LSH else a >> (b & 31)
    if operation == op.ARSH:
        return (signed32(a) >> (b & 31)) & U32
    if operation == op.DIV | op.SIGNED:
        return _sdiv(signed32(a), signed32(b)) & U32
    if operation == op.MOD | op.SIGNED:
        return _smod(signed32(a), signed32(b)) & U32
    return compute64(operation, a, b) & U32


def swap(value: int, bits: int) -> int:
    """The low `bits` of value with its bytes in opposite order, zero-extended."""
    size = bits // 8
    return int.from_bytes((value & ((1 << bits) - 1)).to_bytes(size, "little"), "big")


_OPERATION: Final = op.CODE_MASK | 0xFFFF << op.VARIANT_SHIFT


def alu64(world: World, run: Run, frame: Frame, insn: Insn) -> None:
    regs = frame.regs
    b = regs[insn.src] if insn.op & op.X else insn.imm & U64
    regs[insn.dst] = compute64(insn.op & _OPERATION, regs[insn.dst], b)
    frame.pc += 1


def alu32(world: World, run: Run, frame: Frame, insn: Insn) -> None:
    regs = frame.regs
    b = regs[insn.src] if insn.op & op.X else insn.imm
    regs[insn.dst] = compute32(insn.op & _OPERATION, regs[insn.dst], b)
    frame.pc += 1


def mov64(world: World, run: Run, frame: Frame, insn: Insn) -> None:
    regs = frame.regs
    regs[insn.dst] = regs[insn.src] if insn.op & op.X else insn.imm & U64
    frame.pc += 1


def mov32(world: World, run: Run, frame: Frame, insn: Insn) -> None:
    regs = frame.regs
    regs[insn.dst] = (regs[insn.src] if insn.op & op.X else insn.imm) & U32
    frame.pc += 1


def movsx64(world: World, run: Run, frame: Frame, insn: Insn) -> None:
    frame.regs[insn.dst] = sign_extend(frame.regs[insn.src], insn.off)
    frame.pc += 1


def movsx32(world: World, run: Run, frame: Frame, insn: Insn) -> None:
    frame.regs[insn.dst] = sign_extend(frame.regs[insn.src], insn.off) & U32
    frame.pc += 1


def neg64(world: World, run: Run, frame: Frame, insn: Insn) -> None:
    frame.regs[insn.dst] = -frame.regs[insn.dst] & U64
    frame.pc += 1


def neg32(world: World, run: Run, frame: Frame, insn: Insn) -> None:
    frame.regs[insn.dst] = -frame.regs[insn.dst] & U32
    frame.pc += 1


def byte_swap(world: World, run: Run, frame: Frame, insn: Insn) -> None:
    frame.regs[insn.dst] = swap(frame.regs[insn.dst], insn.imm)
    frame.pc += 1


def to_little(world: World, run: Run, frame: Frame, insn: Insn) -> None:
    """The simulated CPU is little-endian: only the upper bits go."""
    frame.regs[insn.dst] &= (1 << insn.imm) - 1
    frame.pc += 1


def handler(insn: Insn) -> Handler:
    """The handler of an ALU or ALU64 instruction. Raises UnsupportedError."""
    code = insn.op & 0xFF
    wide = code & op.CLASS_MASK == op.ALU64
    operation = code & op.CODE_MASK
    variant = insn.op >> op.VARIANT_SHIFT
    if operation == op.MOV:
        if variant == 0:
            return mov64 if wide else mov32
        if variant in (8, 16, 32):
            return movsx64 if wide else movsx32
    elif operation == op.NEG:
        return neg64 if wide else neg32
    elif operation == op.END:
        return byte_swap if wide or code & op.X else to_little
    elif operation < op.END and variant in (0, 1):
        return alu64 if wide else alu32
    raise UnsupportedError(f"instruction {format_insn(insn)}")
