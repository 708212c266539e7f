"""The plain interpreter: one instruction, or one step of an operation, at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kverdict.errors import UnsupportedError
from kverdict.isa import opcode as op
from kverdict.isa.insn import Insn
from kverdict.machine import alu, atomic, branch, call, load_store
from kverdict.machine.alu import Handler
from kverdict.machine.fault import Fault
from kverdict.machine.run import FAULTED, RUNNING, Frame, Run

if TYPE_CHECKING:
    from kverdict.machine.world import World


def step(world: World, run: Run) -> None:
    """Execute the next instruction of the run (or the next step of its pending helper).

    A Fault ends the run: its status becomes "faulted", world.findings gets the story, and the Fault is raised.
    """
    world.active = run.id
    try:
        if run.pending is not None:
            call.advance(world, run)
        else:
            frame = run.frames[-1]
            pc = frame.pc
            run.executed += 1
            run.code.handlers[pc](world, run, frame, run.code.insns[pc])
    except Fault as fault:
        run.status = FAULTED
        world.fault(run, fault)
        raise


def run_to_end(world: World, run: Run, limit: int = 1 << 62) -> None:
    """Step until the run has ended, or `limit` instructions were executed. Raises Fault as step() does."""
    end = run.executed + limit
    watcher = world.watcher
    if watcher is None:
        _go(world, run, end)
        return
    while run.status == RUNNING and run.executed < end:
        watcher.about_to(run)
        step(world, run)
        watcher.did(run)


def _go(world: World, run: Run, end: int) -> None:
    """The loop of step(), written out: nothing looks at the run in between."""
    world.active = run.id
    try:
        while run.status == RUNNING and run.executed < end:
            if run.pending is not None:
                call.advance(world, run)
                continue
            frame = run.frames[-1]
            pc = frame.pc
            code = run.code
            run.executed += 1
            code.handlers[pc](world, run, frame, code.insns[pc])
    except Fault as fault:
        run.status = FAULTED
        world.fault(run, fault)
        raise


def handlers(insns: tuple[Insn, ...]) -> list[Handler]:
    """One handler for each slot; an instruction that is not modelled complains only when it is reached."""
    found: list[Handler] = []
    for insn in insns:
        try:
            found.append(handler(insn))
        except UnsupportedError:
            found.append(_unsupported)
    return found


def handler(insn: Insn) -> Handler:
    """The function that executes this instruction. Raises UnsupportedError."""
    code = insn.op & 0xFF
    insn_class = code & op.CLASS_MASK
    if insn_class in (op.ALU, op.ALU64):
        return alu.handler(insn)
    if insn_class in (op.JMP, op.JMP32):
        if code & op.CODE_MASK in (op.CALL, op.EXIT):
            return call.handler(insn)
        return branch.handler(insn)
    if insn_class == op.STX and code & op.MODE_MASK == op.ATOMIC:
        return atomic.handler(insn)
    return load_store.handler(insn)


def _unsupported(world: World, run: Run, frame: Frame, insn: Insn) -> None:
    handler(insn)
