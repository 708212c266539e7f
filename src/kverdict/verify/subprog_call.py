"""Calls of the program's own functions: new frames, global functions, callbacks, and the way back.

Source: check_func_call(), setup_func_entry(), push_callback_call(), prepare_func_exit() of the kernel.
"""

from __future__ import annotations

from collections.abc import Callable

from kverdict.catalogue.exits import CALLBACK_RETURNS_POINTER
from kverdict.catalogue.functions import GLOBAL_MIGHT_SLEEP, INVALID_ARGS
from kverdict.catalogue.limits import CALL_DEPTH_WALK
from kverdict.catalogue.locks import CALL_WITH_LOCK, GLOBAL_CALL_WITH_LOCK, GLOBAL_CALL_WITHOUT_PREEMPTION
from kverdict.catalogue.stack import RETURNS_STACK_POINTER
from kverdict.domain.state import Frame, State
from kverdict.domain.value import PTR_TO_STACK, SCALAR, UNKNOWN_SCALAR
from kverdict.isa.insn import Insn
from kverdict.isa.opcode import CALL_HELPER
from kverdict.verify.converge import find_previous_entry, widen_imprecise
from kverdict.verify.env import Env, Pending
from kverdict.verify.global_args import check_call_arguments
from kverdict.verify.precision import mark_chain_precision
from kverdict.verify.registers import clobber_caller_saved, read_reg, write_reg
from kverdict.verify.return_code import check_callback_return
from kverdict.verify.sections import region
from kverdict.verify.traits import calls_async_callback

SetCallee = Callable[[Env, Frame, Frame, int], None]


def call_subprog(env: Env, insn: Insn) -> int:
    """`call pc+N`: enter a static function, or assume a global one does what its prototype says."""
    target = env.insn_idx + insn.imm + 1
    number = env.subprog_at[target]
    subprog = env.subprogs[number]
    caller = env.frame
    if env.state.locks and not env.does("GLOBAL_CALL_LOCK_CHECK"):
        env.refuse(CALL_WITH_LOCK)
    matches = check_call_arguments(env, number, caller.regs)
    if subprog.is_global:
        return _call_global(env, number, matches)
    enter_frame(env, env.state, number, env.insn_idx, pass_arguments)
    clobber_caller_saved(env)
    env.enter(env.state)
    env.liveness.entered()
    if env.log is not None:
        log_call(env, env.state, caller.number)
    return target


def log_call(env: Env, state: State, caller: int) -> None:
    """The states of caller and callee at a call."""
    if env.log is not None:
        env.log.write("caller:\n" + env.describe_state(state, caller, True) + "\n")
        env.log.write("callee:\n" + env.describe_state(state, len(state.frames) - 1, True) + "\n")


def _call_global(env: Env, number: int, matches: bool) -> int:
    """A global function is verified by itself; here only its arguments count. Returns the next instruction."""
    from kverdict.verify.call import clear_packet_pointers

    subprog = env.subprogs[number]
    state = env.state
    if state.locks and env.does("GLOBAL_CALL_LOCK_CHECK"):
        env.refuse(GLOBAL_CALL_WITH_LOCK)
    if state.preempt and not env.does("GLOBAL_CALLS_IN_SECTIONS"):
        env.refuse(GLOBAL_CALL_WITHOUT_PREEMPTION)
    if subprog.might_sleep and env.does("GLOBAL_MIGHT_SLEEP_CHECK"):
        where = region(env)
        if where or not state.in_sleepable:
            env.refuse(GLOBAL_MIGHT_SLEEP, callee=subprog.name, region=where or "non-sleepable prog")
    if not matches:
        env.refuse(INVALID_ARGS, number=number, callee=subprog.name)
    if env.log is not None:
        if env.does("LOG_NAMES_GLOBAL_FUNCTIONS"):
            env.log.write(f"Func#{number} ('{subprog.name}') is global and assumed valid.\n")
        else:
            env.log.write(f"Func#{number} is global and valid. Skipping.\n")
    if subprog.changes_pkt_data and env.does("GLOBAL_CALL_INVALIDATES_PACKET"):
        clear_packet_pointers(env)
    subprog.called = True
    clobber_caller_saved(env)
    if not subprog.returns_void:
        write_reg(env, 0, UNKNOWN_SCALAR)
    if subprog.might_throw and env.does("GLOBAL_CALLS_MAY_THROW"):
        return _throw_from(env)
    return env.insn_idx + 1


def _throw_from(env: Env) -> int:
    """The function may throw: that path ends here, another goes on behind the call."""
    from kverdict.verify.exit import exit_by_exception

    env.push_state(env.insn_idx + 1, env.insn_idx)
    return exit_by_exception(env)


def enter_frame(env: Env, state: State, subprog: int, callsite: int, set_callee: SetCallee) -> None:
    """Add the frame of a function to `state`; set_callee(env, caller, callee, callsite) fills its registers."""
    depth = len(state.frames)
    if depth >= env.max_frames:
        env.refuse(CALL_DEPTH_WALK, frames=depth + 1)
    callee = Frame(callsite, depth, subprog)
    set_callee(env, state.frames[-1], callee, callsite)
    state.frames.append(callee)
    if env.log is not None:
        env.log.everything_changed()


def pass_arguments(env: Env, caller: Frame, callee: Frame, callsite: int) -> None:
    """r1..r5 of the caller are the callee's arguments."""
    callee.regs[1:6] = caller.regs[1:6]
    callee.written = caller.written & 0x3E
    callee.precise = caller.precise & 0x3E


def push_callback_call(env: Env, insn: Insn, subprog: int, set_callee: SetCallee) -> None:
    """A helper or kfunc that calls a function of the program: that path is put aside to be walked later.

    Older kernels walk it at once, and once only: env.frame is the callback's then.
    """
    state = env.state
    caller = env.frame
    check_call_arguments(env, subprog, caller.regs)
    info = env.subprogs[subprog]
    info.is_cb = True
    if calls_async_callback(env, insn):
        _push_async(env, insn, subprog, set_callee)
        return
    if not env.does("CALLBACKS_VERIFIED_AS_LOOPS"):
        enter_frame(env, state, subprog, env.insn_idx, set_callee)
        callee = state.frames[-1]
        for number, value in enumerate(callee.regs[1:6], 1):  # a copied register keeps its mark
            callee.written |= (value in caller.regs and caller.written >> caller.regs.index(value) & 1) << number
        clobber_caller_saved(env)
        env.enter(state)
        env.liveness.entered()
        if env.log is not None:
            log_call(env, state, caller.number)
        callee.written |= 0x3F  # the helper's call clears the registers of the frame that runs now
        return
    callback = env.push_state(info.start, env.insn_idx)
    enter_frame(env, callback, subprog, env.insn_idx, set_callee)
    callback.callback_unroll_depth += 1
    callback.frames[-2].callback_depth += 1
    caller.callback_depth = 0
    env.state = state


def _push_async(env: Env, insn: Insn, subprog: int, set_callee: SetCallee) -> None:
    """A callback that runs later, on a stack of its own, holding nothing."""
    info = env.subprogs[subprog]
    info.is_async_cb = True
    state = State()
    state.branches = 1
    state.insn = state.first_insn = info.start
    state.last_insn = env.prev_insn_idx
    frame = Frame(-1, 0, subprog)
    frame.async_entry = env.frame.async_entry + 1
    state.frames.append(frame)
    state.in_sleepable = insn.op != CALL_HELPER  # timers never sleep, work queues and task work always may
    set_callee(env, env.frame, frame, env.insn_idx)
    if env.log is not None:
        env.log.everything_changed()
    env.pending.append(Pending(state, info.start, env.insn_idx, env.log.position() if env.log else 0))


def leave_frame(env: Env) -> int:
    """`exit` in a called function: back to the caller (or, for a callback, to the call that made it)."""
    env.liveness.path_ended(env)
    state = env.state
    callee = env.frame
    result = callee.regs[0]
    if result.type == PTR_TO_STACK:
        env.refuse(RETURNS_STACK_POINTER)
    caller = state.frames[-2]
    if callee.callback == 1:
        if result.type != SCALAR:
            env.refuse(CALLBACK_RETURNS_POINTER)
        read_reg(env, 0)
        mark_chain_precision(env, 0)
        check_callback_return(env, result, callee.return_range)
    else:
        caller.regs[0] = result
        bit = callee.precise & 1
        caller.precise = (caller.precise & ~1) | bit
        caller.written = (caller.written & ~1) | (callee.written & 1)
        if callee.r0_frame >= 0:
            caller.r0_frame = callee.r0_frame
        else:
            caller.r0_frame = -1 if callee.fresh else callee.number
    repeats = callee.callback == 1 and env.does("CALLBACKS_VERIFIED_AS_LOOPS")
    back = callee.callsite if repeats else callee.callsite + 1
    if env.log is not None:
        env.log.write("returning from callee:\n" + env.describe_state(state, callee.number, True) + "\n")
        env.log.write(f"to caller at {back}:\n" + env.describe_state(state, caller.number, True) + "\n")
    state.frames.pop()
    env.enter(state)
    env.liveness.entered()
    if repeats:
        previous = find_previous_entry(env, state, back)
        if previous is not None:
            widen_imprecise(env, previous, state)
    return back
