"""Saved interrupt flags on the stack: bpf_local_irq_save() and bpf_res_spin_lock_irqsave(), restored in reverse order.

The slot holds a Value of type PTR_TO_STACK with ref = id of the saved flag and subject = "native" or "lock".
Source: process_irq_flag(), mark_stack_slot_irq_flag(), release_irq_state() of the kernel.
"""

from __future__ import annotations

from typing import Final

from kverdict.catalogue.locks import (
    IRQ_INITIALIZED_EXPECTED,
    IRQ_OUT_OF_ORDER,
    IRQ_UNINITIALIZED_EXPECTED,
    IRQ_WRONG_KIND,
)
from kverdict.domain.bounds import ZERO
from kverdict.domain.references import REF_IRQ, Held, without
from kverdict.domain.stack import IRQ_FLAG, Slot
from kverdict.domain.value import PTR_TO_STACK, Value
from kverdict.isa.opcode import DW
from kverdict.verify.env import Env
from kverdict.verify.stack_objects import OUT_OF_STACK, clear, find_slot, frame_of, mark_read, sentence

_KINDS: Final = bytes([IRQ_FLAG]) * 8
_SAVES: Final = {"bpf_local_irq_save": "native", "bpf_res_spin_lock_irqsave": "lock"}
_RESTORES: Final = {"bpf_local_irq_restore": "native", "bpf_res_spin_unlock_irqrestore": "lock"}


def check_irq_flag_arg(env: Env, name: str, regno: int) -> None:
    """Save or restore the flag at a stack pointer. name: of the kfunc."""
    if name in _SAVES:
        _save(env, regno, _SAVES[name])
    elif name in _RESTORES:
        _restore(env, regno, _RESTORES[name])
    else:
        env.unsupported(f"interrupt flag argument of {name}")


def _save(env: Env, regno: int, kind: str) -> None:
    from kverdict.verify.memory import check_mem_access

    value = env.regs[regno]
    slot, why = find_slot(env, value, "irq_flag", 1)
    frame = frame_of(env, value)
    if (slot < 0 and slot != OUT_OF_STACK) or (slot >= 0 and IRQ_FLAG in frame.stack[slot].kinds):
        env.refuse(IRQ_UNINITIALIZED_EXPECTED, *sentence(env, why), reg=regno, arg=regno - 1)
    check_mem_access(env, regno, 0, DW, True, -1)
    slot, _ = find_slot(env, value, "irq_flag", 1)
    id = env.new_id()
    env.state.refs = (*env.state.refs, Held(id, env.insn_idx, REF_IRQ))
    env.state.irq = id
    frame.stack[slot] = Slot(_KINDS, Value(PTR_TO_STACK, ZERO, 0, kind, 0, 0, id))
    frame.precise_stack &= ~(1 << slot)
    env.liveness.stack_write(env, value.frameno, slot)


def _restore(env: Env, regno: int, kind: str) -> None:
    value = env.regs[regno]
    slot, why = find_slot(env, value, "irq_flag", 1)
    frame = frame_of(env, value)
    if slot < 0 or frame.stack[slot].kinds != _KINDS or not frame.stack[slot].value.ref:
        env.refuse(IRQ_INITIALIZED_EXPECTED, *sentence(env, why), reg=regno, arg=regno - 1)
    mark_read(env, value.frameno, slot, 1)
    saved = frame.stack[slot].value
    if saved.subject != kind:
        env.refuse(IRQ_WRONG_KIND, saved=saved.subject, used=kind)
    state = env.state
    if saved.ref != state.irq:
        at = next((held.insn for held in state.refs if held.id == state.irq), 0)
        env.refuse(IRQ_OUT_OF_ORDER, id=state.irq, at=at)
    held = next(held for held in state.refs if held.kind == REF_IRQ and held.id == saved.ref)
    state.refs = without(state.refs, held)
    flags = [other.id for other in state.refs if other.kind == REF_IRQ]
    state.irq = flags[-1] if flags else 0
    clear(env, value.frameno, slot, 1)
