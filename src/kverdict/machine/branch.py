"""Jumps: conditions, goto, gotol, may_goto. RFC 9669, section 4.3."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kverdict.errors import UnsupportedError
from kverdict.isa import opcode as op
from kverdict.isa.insn import Insn
from kverdict.isa.text import format_insn
from kverdict.machine.alu import SIGN32, SIGN64, U32, U64, Handler
from kverdict.machine.run import Frame, Run

if TYPE_CHECKING:
    from kverdict.machine.world import World


def holds(condition: int, a: int, b: int, sign: int) -> bool:
    """Is `a CONDITION b` true? a, b: unsigned; sign: the sign bit of their width (signed ones are compared shifted)."""
    if condition == op.JEQ:
        return a == b
    if condition == op.JNE:
        return a != b
    if condition == op.JGT:
        return a > b
    if condition == op.JGE:
        return a >= b
    if condition == op.JLT:
        return a < b
    if condition == op.JLE:
        return a <= b
    if condition == op.JSET:
        return a & b != 0
    a ^= sign
    b ^= sign
    if condition == op.JSGT:
        return a > b
    if condition == op.JSGE:
        return a >= b
    if condition == op.JSLT:
        return a < b
    return a <= b


def jump64(world: World, run: Run, frame: Frame, insn: Insn) -> None:
    regs = frame.regs
    b = regs[insn.src] if insn.op & op.X else insn.imm & U64
    frame.pc += 1 + insn.off if holds(insn.op & op.CODE_MASK, regs[insn.dst], b, SIGN64) else 1


def jump32(world: World, run: Run, frame: Frame, insn: Insn) -> None:
    regs = frame.regs
    b = (regs[insn.src] if insn.op & op.X else insn.imm) & U32
    frame.pc += 1 + insn.off if holds(insn.op & op.CODE_MASK, regs[insn.dst] & U32, b, SIGN32) else 1


def goto(world: World, run: Run, frame: Frame, insn: Insn) -> None:
    frame.pc += 1 + insn.off


def gotol(world: World, run: Run, frame: Frame, insn: Insn) -> None:
    frame.pc += 1 + insn.imm


def may_goto(world: World, run: Run, frame: Frame, insn: Insn) -> None:
    """Falls through until the budget of the run is used up, then jumps; kernel: do_misc_fixups()."""
    if run.loop_budget:
        run.loop_budget -= 1
        frame.pc += 1
    else:
        frame.pc += 1 + insn.off


def handler(insn: Insn) -> Handler:
    """The handler of a JMP or JMP32 instruction other than CALL and EXIT. Raises UnsupportedError."""
    code = insn.op & 0xFF
    if code == op.JMP | op.JA:
        return goto
    if code == op.JMP32 | op.JA:
        return gotol
    if code == op.JMP | op.JCOND:
        return may_goto
    if code & op.CODE_MASK in _CONDITIONS:
        return jump64 if code & op.CLASS_MASK == op.JMP else jump32
    raise UnsupportedError(f"instruction {format_insn(insn)}")


_CONDITIONS = frozenset(
    (op.JEQ, op.JNE, op.JGT, op.JGE, op.JLT, op.JLE, op.JSET, op.JSGT, op.JSGE, op.JSLT, op.JSLE),
)
