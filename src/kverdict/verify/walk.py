"""The walk over all paths of a program, in the kernel's order: depth first, the jump of a branch put aside.

Source: do_check(), do_check_common(), do_check_main(), do_check_subprogs() of the kernel.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Final

from kverdict.catalogue.limits import TOO_LARGE
from kverdict.domain.state import MAIN, Frame, State
from kverdict.domain.value import PTR_TO_CTX, pointer
from kverdict.isa.insn import Insn
from kverdict.isa.opcode import CALL as CALL_CODE
from kverdict.isa.opcode import CLASS_MASK, CODE_MASK, EXIT, JMP, ST, STX
from kverdict.verify.env import INSN_LIMIT, Env
from kverdict.verify.exceptions import enter_exception_callback
from kverdict.verify.exit import PATH_DONE
from kverdict.verify.global_args import entry_arguments, prepare_main
from kverdict.verify.log import disassemble
from kverdict.verify.prune import is_state_visited, update_branch_counts
from kverdict.verify.steps import steps_of
from kverdict.verify.struct_ops import enter_struct_ops

Step = Callable[[Env, Insn], int]
_WRITERS: Final = frozenset((ST, STX))


def walk_program(env: Env) -> None:
    """Walk the main program, then each global function that it (or another one) calls."""
    steps = steps_of(env)
    collecting = gc.isenabled()
    gc.disable()
    try:
        if env.does("GLOBALS_VERIFIED_WHEN_CALLED"):
            _walk_function(env, steps, 0)
        for subprog in env.subprogs:
            subprog.called |= subprog.exception_cb or not env.does("GLOBALS_VERIFIED_WHEN_CALLED")
        found = True
        while found:
            found = False
            for number in range(1, len(env.subprogs)):
                subprog = env.subprogs[number]
                if subprog.is_global and subprog.called and not subprog.verified:
                    _walk_function(env, steps, number)
                    subprog.verified = True
                    found = True
                    if env.log is not None:
                        name = f" ('{subprog.name}')" if env.does("LOG_NAMES_GLOBAL_FUNCTIONS") else ""
                        env.log.write(f"Func#{number}{name} is safe for any args that match its prototype\n")
        if not env.does("GLOBALS_VERIFIED_WHEN_CALLED"):
            _walk_function(env, steps, 0)
    finally:
        if collecting:
            gc.enable()


def _walk_function(env: Env, steps: list[Step], number: int) -> None:
    """From the entry of a function to the ends of all its paths."""
    subprog = env.subprogs[number]
    state = State()
    state.branches = 1
    state.in_sleepable = env.program.sleepable
    frame = Frame(MAIN, 0, number)
    state.frames.append(frame)
    state.first_insn = subprog.start
    env.enter(state)
    env.insn_idx = subprog.start
    env.prev_insn_idx = -1
    env.explored.clear()
    env.visits.clear()
    env.waiting.clear()
    if env.log is not None:
        env.log.everything_changed()
        env.log.last_record = None
    if env.log is not None and number:
        env.log.write(f"Validating {subprog.name}() func#{number}...\n")
    if number or env.program.prog_type == "ext":
        entry_arguments(env, number, frame)
        enter_exception_callback(env, number, frame)
    else:
        frame.regs[1] = pointer(PTR_TO_CTX)
        prepare_main(env)
        enter_struct_ops(env)
    env.liveness.entered()
    _walk(env, steps)
    if env.log is not None and env.log.level < 2:
        env.log.forget(0)


def _walk(env: Env, steps: list[Step]) -> None:
    insns = env.insns
    prune_points = env.prune_points
    jmp_points = env.jmp_points
    notes_all_jumps = env.does("JUMP_TO_NEW_CHECKPOINT_IN_HISTORY")
    log = env.log
    liveness = env.liveness
    writes_stack = [
        insn.op & CLASS_MASK in _WRITERS or insn.op & (CLASS_MASK | CODE_MASK) == JMP | CALL_CODE for insn in insns
    ]
    index = env.insn_idx
    previous = -1
    shows_state = False
    while True:
        env.history_pushed = False
        env.prev_insn_idx = previous
        env.insn_idx = index
        insn = insns[index]
        env.insn_processed += 1
        if env.insn_processed > INSN_LIMIT:
            env.refuse(TOO_LARGE, processed=env.insn_processed)
        if prune_points[index] and _is_visited(env, index, previous):
            if log is not None:
                _log_safe(env, index, previous, shows_state)
            index = PATH_DONE
        else:
            if jmp_points[index] and (notes_all_jumps or env.prev_insn_processed != env.insn_processed):
                env.push_history()
            if log is not None:
                shows_state = _log_insn(env, index, previous, shows_state)
            env.seen[index] = 1
            previous = index
            if writes_stack[index]:
                liveness.begin(env)
                index = steps[index](env, insn)
                liveness.commit(env)
            else:
                index = steps[index](env, insn)
            if log is not None:
                log.touched(env, previous)
                shows_state |= insn.op == JMP | EXIT and index != PATH_DONE
        if index == PATH_DONE:
            env.state.insn = env.insn_idx
            update_branch_counts(env, env.state)
            liveness.path_ended(env)
            if not env.pending:
                return
            entry = env.pending.pop()
            if log is not None:
                log.back_to(entry.log_position)
            env.enter(entry.state)
            index, previous = entry.insn, entry.prev_insn
            shows_state = True


def _is_visited(env: Env, index: int, previous: int) -> bool:
    """Where a state may be kept or compared, it knows where it stands and where it came from."""
    state = env.state
    state.last_insn = previous
    state.insn = index
    return is_state_visited(env, index)


def _log_safe(env: Env, index: int, previous: int, shows_state: bool) -> None:
    assert env.log is not None
    if shows_state:
        env.log.write(f"\nfrom {previous} to {index}: safe\n")
    else:
        env.log.write(f"{index}: safe\n")


def _log_insn(env: Env, index: int, previous: int, shows_state: bool) -> bool:
    """The state if a path begins here, the source line, and the instruction."""
    log = env.log
    assert log is not None
    if log.level > 1 and shows_state:
        log.write(f"\nfrom {previous} to {index}:{env.describe_state(env.state, len(env.state.frames) - 1, True)}\n")
        shows_state = False
    log.before_insn(env, index)
    log.insn(f"{index}: {disassemble(env, index)}")
    return shows_state
