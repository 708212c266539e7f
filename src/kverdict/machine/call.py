"""Calls of subprograms, helpers and kfuncs, their continuations, and EXIT."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kverdict.errors import UnsupportedError
from kverdict.isa import opcode as op
from kverdict.isa.insn import Insn
from kverdict.isa.text import format_insn
from kverdict.machine.alu import U64, Handler
from kverdict.machine.fault import INVALID, Fault
from kverdict.machine.pending import Pending
from kverdict.machine.run import MAX_FRAMES, UNWRITTEN, Frame, Run, fresh_registers

if TYPE_CHECKING:
    from kverdict.machine.world import World


def call_subprog(world: World, run: Run, frame: Frame, insn: Insn) -> None:
    target = frame.pc + 1 + insn.imm
    frame.pc += 1
    enter(world, run, target, frame.regs[1:6], None)


def enter(world: World, run: Run, target: int, arguments: list[int], back: Pending | None) -> None:
    """Push a frame for the function at instruction `target`; r1.. get the arguments."""
    if len(run.frames) >= MAX_FRAMES and back is None:
        raise Fault(INVALID, f"more than {MAX_FRAMES} frames")
    stack, pointer = world.new_stack(run)
    regs = fresh_registers(pointer)
    regs[1 : 1 + len(arguments)] = arguments
    run.frames.append(Frame(target, regs, stack, back))


def call_function(world: World, run: Run, frame: Frame, insn: Insn) -> None:
    """A helper or kfunc: found once per program (code.functions), it returns r0 or a continuation."""
    function = run.code.functions[frame.pc]
    regs = frame.regs
    answer = function(world, run, regs[1], regs[2], regs[3], regs[4], regs[5])
    if isinstance(answer, Pending):
        run.pending = answer
    elif answer is not None:
        give_result(frame, answer)


def give_result(frame: Frame, value: int) -> None:
    """The call at frame.pc is over: r0 is its result, r1..r5 are lost."""
    regs = frame.regs
    regs[0] = value & U64
    for number in range(1, 6):
        regs[number] = UNWRITTEN | number
    frame.pc += 1


def advance(world: World, run: Run) -> None:
    """One step of the operation that the run is in the middle of."""
    pending = run.pending
    if pending is None:
        raise Fault(INVALID, "no operation is under way")
    depth = len(run.frames)
    run.pending = None
    answer = pending.step(world, run)
    if answer is not None:
        give_result(run.frame, answer)
    elif len(run.frames) == depth and run.pending is None:
        run.pending = pending


def leave(world: World, run: Run, frame: Frame, insn: Insn) -> None:
    """EXIT: back to the caller, to the helper that called back, or out of the program."""
    value = frame.regs[0]
    run.frames.pop()
    world.memory.drop(frame.stack)
    if frame.back is not None:
        _resume(world, run, frame.back, value)
    elif run.frames:
        caller = run.frames[-1]
        caller.regs[0] = value
        for number in range(1, 6):
            caller.regs[number] = UNWRITTEN | number
    else:
        world.finish(run, value)


def _resume(world: World, run: Run, back: Pending, value: int) -> None:
    depth = len(run.frames)
    answer = back.resume(world, run, value)
    if answer is None:
        if len(run.frames) == depth and run.pending is None:
            run.pending = back
    elif run.frames:
        give_result(run.frame, answer)
    else:
        world.finish(run, answer)


def handler(insn: Insn) -> Handler:
    """The handler of CALL or EXIT. Raises UnsupportedError."""
    if insn.op & 0xFF == op.JMP | op.EXIT:
        return leave
    if insn.op == op.CALL_SUBPROG:
        return call_subprog
    if insn.op in (op.CALL_HELPER, op.CALL_KFUNC):
        return call_function
    raise UnsupportedError(f"instruction {format_insn(insn)}")
