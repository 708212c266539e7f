"""Spills around calls that the JIT inlines (bpf_fastcall): if nothing else uses their slots, they take no stack.

Source: mark_fastcall_patterns(), remove_fastcall_spills_fills(), check_fastcall_stack_contract() of the kernel.
"""

from __future__ import annotations

from typing import Final

from kverdict.isa.opcode import CALL, CLASS_MASK, CODE_MASK, DW, FP, JMP, LDX, MEM, STX
from kverdict.verify.env import Env, Subprog
from kverdict.verify.traits import call_summary

_SPILL: Final = STX | MEM | DW
_FILL: Final = LDX | MEM | DW
_CALLER_SAVED: Final = 0x3F


def mark_fastcall_patterns(env: Env) -> None:
    """Find `*(u64 *)(r10 - off) = rX; call; rX = *(u64 *)(r10 - off)` around each call."""
    if not env.does("FASTCALL_STACK"):
        return
    for subprog in env.subprogs:
        lowest = 0
        for insn in env.insns[subprog.start : subprog.end]:
            if insn.op == _SPILL and insn.dst == FP:
                lowest = min(lowest, insn.off)
        for index in range(subprog.start, subprog.end):
            if env.insns[index].op & (CLASS_MASK | CODE_MASK) == JMP | CALL:
                _mark(env, subprog, index, lowest)


def _mark(env: Env, subprog: Subprog, index: int, lowest: int) -> None:
    summary = call_summary(env, env.insns[index])
    if summary is None:
        return
    first = 1 if summary.is_void else 0
    clobbered = ((1 << (summary.params + 1)) - 1) & ~((1 << first) - 1)
    expected = ~clobbered & _CALLER_SAVED
    off = lowest
    count = 0
    for distance in range(1, 7):
        if index - distance < 0 or index + distance >= env.count:
            break
        if env.does("FASTCALL_NOT_JUMPED_INTO") and (
            index - distance + 1 in env.jump_targets or index + distance in env.jump_targets
        ):
            break
        spill, fill = env.insns[index - distance], env.insns[index + distance]
        if spill.op != _SPILL or fill.op != _FILL or spill.dst != FP or fill.src != FP:
            break
        if spill.src != fill.dst or not 1 << spill.src & expected or spill.off != off or fill.off != off:
            break
        expected &= ~(1 << spill.src)
        env.aux[index - distance].fastcall_pattern = True
        env.aux[index + distance].fastcall_pattern = True
        count = distance
        off += 8
    if not count:
        return
    if summary.fastcall:
        env.aux[index].fastcall_spills = count
    else:
        subprog.keep_fastcall_stack = True
    env.fastcall_off[subprog.start] = min(env.fastcall_off.get(subprog.start, 0), off)


def check_contract(env: Env, number: int, insn: int, off: int) -> None:
    """A stack access below the ordinary slots that is not part of a pattern: the spills of the function stay."""
    subprog = env.subprogs[number]
    limit = env.fastcall_off.get(subprog.start)
    if limit is None or limit <= off or env.aux[insn].fastcall_pattern:
        return
    del env.fastcall_off[subprog.start]
    for aux in env.aux[subprog.start : subprog.end]:
        aux.fastcall_spills = 0
        aux.fastcall_pattern = False


def remove_fastcall_stack(env: Env) -> None:
    """Spills that the kernel removes take no stack; kernel: remove_fastcall_spills_fills()."""
    for subprog in env.subprogs:
        limit = env.fastcall_off.get(subprog.start)
        if limit is None or subprog.keep_fastcall_stack:
            continue
        if any(aux.fastcall_spills for aux in env.aux[subprog.start : subprog.end]):
            subprog.stack_depth = -limit
