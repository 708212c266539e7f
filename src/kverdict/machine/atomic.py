"""Atomic operations on memory, load-acquire and store-release. RFC 9669, section 5.3. Each is one indivisible step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kverdict.errors import UnsupportedError
from kverdict.isa import opcode as op
from kverdict.isa.insn import Insn
from kverdict.isa.text import format_insn
from kverdict.machine.alu import U64, Handler
from kverdict.machine.run import Frame, Run

if TYPE_CHECKING:
    from kverdict.machine.world import World


def combine(operation: int, old: int, value: int, mask: int) -> int:
    """What memory holds after ADD, OR, AND or XOR; mask: the width."""
    if operation == op.ATOMIC_ADD:
        return (old + value) & mask
    if operation == op.ATOMIC_OR:
        return old | value
    if operation == op.ATOMIC_AND:
        return old & value
    return old ^ value


def modify(world: World, run: Run, frame: Frame, insn: Insn) -> None:
    regs = frame.regs
    size = op.SIZE_BYTES[insn.op & op.SIZE_MASK]
    mask = (1 << size * 8) - 1
    address = (regs[insn.dst] + insn.off) & U64
    memory = world.memory
    old = memory.load(address, size)
    value = regs[insn.src] & mask
    if insn.imm == op.CMPXCHG:
        if old == regs[0] & mask:
            memory.store(address, size, value)
        regs[0] = old
    elif insn.imm == op.XCHG:
        memory.store(address, size, value)
        regs[insn.src] = old
    else:
        memory.store(address, size, combine(insn.imm & ~op.FETCH, old, value, mask))
        if insn.imm & op.FETCH:
            regs[insn.src] = old
    frame.pc += 1


def load_acquire(world: World, run: Run, frame: Frame, insn: Insn) -> None:
    regs = frame.regs
    size = op.SIZE_BYTES[insn.op & op.SIZE_MASK]
    regs[insn.dst] = world.memory.load((regs[insn.src] + insn.off) & U64, size)
    frame.pc += 1


def store_release(world: World, run: Run, frame: Frame, insn: Insn) -> None:
    regs = frame.regs
    size = op.SIZE_BYTES[insn.op & op.SIZE_MASK]
    world.memory.store((regs[insn.dst] + insn.off) & U64, size, regs[insn.src])
    frame.pc += 1


_MODIFY = frozenset(
    {base | fetch for base in (op.ATOMIC_ADD, op.ATOMIC_OR, op.ATOMIC_AND, op.ATOMIC_XOR) for fetch in (0, op.FETCH)}
    | {op.XCHG, op.CMPXCHG}
)


def handler(insn: Insn) -> Handler:
    """The handler of an atomic STX. Raises UnsupportedError."""
    if insn.imm == op.LOAD_ACQ:
        return load_acquire
    if insn.imm == op.STORE_REL:
        return store_release
    if insn.imm in _MODIFY and insn.op & op.SIZE_MASK in (op.W, op.DW):
        return modify
    raise UnsupportedError(f"instruction {format_insn(insn)}")
