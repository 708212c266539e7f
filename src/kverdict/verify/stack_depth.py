"""The stack that the deepest chain of calls needs, after the walk.

Source: check_max_stack_depth(), check_max_stack_depth_subprog() of the kernel.
"""

from __future__ import annotations

from typing import Final

from kverdict.catalogue.context import LD_ABS_IN_CALLBACK
from kverdict.catalogue.limits import CALL_DEPTH, COMBINED_STACK, SUBPROGRAM_STACK, TAIL_CALL_STACK
from kverdict.isa.opcode import CALL_SUBPROG, LD_IMM64, PSEUDO_FUNC, VARIANT_SHIFT
from kverdict.verify.cfg import has_legacy_load
from kverdict.verify.env import Env
from kverdict.verify.exceptions import check_direct_call, check_tail_call, check_throw
from kverdict.verify.flow import signed32
from kverdict.verify.struct_ops import asks_for_private_stack

_LIMIT: Final = 512
_FUNC_REFERENCE: Final = LD_IMM64 | PSEUDO_FUNC << VARIANT_SHIFT
_PRIVATE_MINIMUM: Final = 64


def check_max_stack_depth(env: Env) -> None:
    """From the main program and from each asynchronous callback; what these reach has no private stack."""
    private = env.does("PRIVATE_STACK") and _may_use_private_stack(env)
    shared: set[int] = set()
    for number in range(len(env.subprogs) - 1, -1, -1):
        if number == 0 or env.subprogs[number].is_async_cb:
            _check_from(env, number, private and number == 0, shared)


def _may_use_private_stack(env: Env) -> bool:
    """Tracing programs whose JIT gives them a stack of their own; kernel: bpf_enable_priv_stack()."""
    if any(subprog.has_tail_call for subprog in env.subprogs):
        return False
    kind, attach = env.program.prog_type, env.program.attach_type
    if kind == "struct_ops":
        return asks_for_private_stack(env)
    if kind in ("kprobe", "tracepoint", "perf_event", "raw_tracepoint"):
        return True
    return (kind == "tracing" and attach != "trace_iter") or (kind == "lsm" and attach != "lsm_cgroup")


def _rounded(env: Env, depth: int) -> int:
    if env.does("STACK_ROUNDED_TO_16"):
        return (depth + 15) // 16 * 16
    return (max(depth, 1) + 31) // 32 * 32


def _nested(env: Env, callee: int, callers: list[int]) -> int:
    """Frames below the callee's; with SIXTEEN_FRAMES a global function begins to count anew."""
    if not env.does("SIXTEEN_FRAMES"):
        return len(callers)
    frames = 0
    for number in (*callers[1:], callee):
        frames = 0 if env.subprogs[number].is_global else frames + 1
    return frames


def _check_legacy_load(env: Env, number: int, chain: list[tuple[int, int, int]]) -> None:
    """Packet loads may end the program, so no callback may have them, nor what it calls."""
    subprogs = env.subprogs
    in_callback = any(subprogs[caller].is_cb for caller in (number, *(caller for _, caller, _ in chain)))
    if in_callback and has_legacy_load(env, subprogs[number]) and env.does("LD_ABS_NOT_IN_CALLBACKS"):
        env.refuse(LD_ABS_IN_CALLBACK)


def _check_from(env: Env, start: int, private: bool, shared: set[int]) -> None:
    """Depth first along the calls, in the order of instructions."""
    subprogs = env.subprogs
    depth = 0
    chain: list[tuple[int, int, int]] = []  # where to go on, in which function, what it took
    number, index = start, subprogs[start].start
    entered = True
    while True:
        subprog = subprogs[number]
        if entered:
            entered = False
            _check_legacy_load(env, number, chain)
            if number and subprog.has_tail_call and depth >= 256:
                env.refuse(TAIL_CALL_STACK, depth=depth)
            own = _rounded(env, subprog.stack_depth)
            if not private:
                shared.add(number)
            elif own >= _PRIVATE_MINIMUM and number not in shared:
                if own > _LIMIT:
                    env.refuse(SUBPROGRAM_STACK, number=number, depth=own)
                own = 0
            depth += own
            if depth > _LIMIT:
                env.refuse(COMBINED_STACK, frames=len(chain) + 1, depth=depth)
        callee = -1
        while index < subprog.end:
            insn = env.insns[index]
            check_throw(env, index, number, [caller for _, caller, _ in chain])
            if insn.op in (CALL_SUBPROG, _FUNC_REFERENCE):
                target = env.subprog_at[index + signed32(insn.imm) + 1]
                if not (subprogs[target].is_async_cb and insn.op == _FUNC_REFERENCE):
                    if subprogs[target].is_async_cb:
                        check_direct_call(env, index, target)
                    callee = target
                    break
            index += 1
        if callee >= 0:
            chain.append((index + 1, number, own))
            frames = _nested(env, callee, [caller for _, caller, _ in chain])
            if frames >= env.max_frames:
                env.refuse(CALL_DEPTH, frames=frames)
            check_tail_call(env, callee, [caller for _, caller, _ in chain])
            number, index, entered = callee, subprogs[callee].start, True
            continue
        depth -= own
        if not chain:
            return
        index, number, own = chain.pop()
