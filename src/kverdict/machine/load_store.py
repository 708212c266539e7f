"""Loads, stores and 64-bit constants. RFC 9669, section 5; packet loads: linux-notes on legacy instructions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kverdict.errors import UnsupportedError
from kverdict.isa import opcode as op
from kverdict.isa.insn import Insn
from kverdict.isa.text import format_insn
from kverdict.machine.alu import U32, U64, Handler, sign_extend
from kverdict.machine.run import DONE, Frame, Run

if TYPE_CHECKING:
    from kverdict.machine.world import World

SIZE: Final = op.SIZE_BYTES


def load(world: World, run: Run, frame: Frame, insn: Insn) -> None:
    regs = frame.regs
    address = (regs[insn.src] + insn.off) & U64
    size = SIZE[insn.op & op.SIZE_MASK]
    if frame.pc in run.probes:
        regs[insn.dst] = probe(world, address, size)
    else:
        regs[insn.dst] = world.memory.load(address, size)
    frame.pc += 1


def load_signed(world: World, run: Run, frame: Frame, insn: Insn) -> None:
    regs = frame.regs
    address = (regs[insn.src] + insn.off) & U64
    size = SIZE[insn.op & op.SIZE_MASK]
    value = probe(world, address, size) if frame.pc in run.probes else world.memory.load(address, size)
    regs[insn.dst] = sign_extend(value, size * 8)
    frame.pc += 1


def probe(world: World, address: int, size: int) -> int:
    """A load that the kernel made fault-tolerant: 0 where nothing is mapped, garbage where memory was freed."""
    raw = world.memory.try_read(address, size)
    return 0 if raw is None else int.from_bytes(raw, "little")


def store_register(world: World, run: Run, frame: Frame, insn: Insn) -> None:
    regs = frame.regs
    world.memory.store((regs[insn.dst] + insn.off) & U64, SIZE[insn.op & op.SIZE_MASK], regs[insn.src])
    frame.pc += 1


def store_constant(world: World, run: Run, frame: Frame, insn: Insn) -> None:
    address = (frame.regs[insn.dst] + insn.off) & U64
    world.memory.store(address, SIZE[insn.op & op.SIZE_MASK], insn.imm & U64)
    frame.pc += 1


def load_constant(world: World, run: Run, frame: Frame, insn: Insn) -> None:
    frame.regs[insn.dst] = world.constant(run, insn, frame.pc)
    frame.pc += 2


def load_packet(world: World, run: Run, frame: Frame, insn: Insn) -> None:
    """LD_ABS and LD_IND: big-endian bytes of the packet; outside of it the program ends with 0."""
    offset = insn.imm if insn.op & op.MODE_MASK == op.ABS else insn.imm + frame.regs[insn.src]
    size = SIZE[insn.op & op.SIZE_MASK]
    raw = world.packet_bytes(run, offset & U32, size)
    for number in range(1, 6):
        frame.regs[number] = 0
    if raw is None:
        while len(run.frames) > 1:
            world.memory.drop(run.frames.pop().stack)
        run.frames[-1].regs[0] = 0
        run.status = DONE
        world.finish(run, 0)
        return
    frame.regs[0] = int.from_bytes(raw, "big")
    frame.pc += 1


def handler(insn: Insn) -> Handler:
    """The handler of an LD, LDX, ST or (not atomic) STX instruction. Raises UnsupportedError."""
    code = insn.op & 0xFF
    insn_class = code & op.CLASS_MASK
    mode = code & op.MODE_MASK
    if code == op.LD_IMM64:
        return load_constant
    if insn_class == op.LD and mode in (op.ABS, op.IND) and code & op.SIZE_MASK != op.DW:
        return load_packet
    if insn_class == op.LDX and mode == op.MEM:
        return load
    if insn_class == op.LDX and mode == op.MEMSX and code & op.SIZE_MASK != op.DW:
        return load_signed
    if insn_class == op.STX and mode == op.MEM:
        return store_register
    if insn_class == op.ST and mode == op.MEM:
        return store_constant
    raise UnsupportedError(f"instruction {format_insn(insn)}")
