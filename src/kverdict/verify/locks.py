"""bpf_spin_lock and bpf_res_spin_lock: taking and giving back, one at a time or in order.

A lock is known by what its memory belongs to (the Map or the Btf of an allocated object) and by the id of the pointer.
Source: process_spin_lock(), acquire_lock_state(), find_lock_state(), check_reg_allocation_locked() of the kernel.
"""

from __future__ import annotations

from typing import Final

from kverdict.catalogue.locks import (
    LOCK_NO_BTF,
    LOCK_VARIABLE_OFFSET,
    NO_VALID_LOCK,
    NOT_AT_LOCK,
    NOT_SAME_ALLOCATION,
    SAME_LOCK_TWICE,
    TWO_LOCKS,
    UNLOCK_DIFFERENT,
    UNLOCK_OUT_OF_ORDER,
    UNLOCK_WITHOUT_LOCK,
)
from kverdict.domain.references import REF_LOCK, REF_RES_LOCK, REF_RES_LOCK_IRQ, Held, without
from kverdict.domain.value import Value
from kverdict.program.program import Map
from kverdict.verify.env import Env
from kverdict.verify.records import find_field, has_field, offset_of, record_of
from kverdict.verify.references import forget_non_owning
from kverdict.verify.sections import distrust_rcu_pointers, in_rcu_section
from kverdict.verify.stack_objects import offset_of as pointer_offset

_KINDS: Final = (REF_LOCK, REF_RES_LOCK, REF_RES_LOCK_IRQ)


def check_lock(env: Env, regno: int, takes: bool, resilient: bool = False, irq: bool = False) -> None:
    """Lock or unlock what register `regno` points to. resilient: bpf_res_spin_lock; irq: with the interrupt flag."""
    value = env.regs[regno]
    lock = "bpf_res_spin_lock" if resilient else "bpf_spin_lock"
    _check_place(env, regno, value, lock, "res_spin_lock" if resilient else "spin_lock")
    kind = REF_LOCK
    if resilient:
        kind = REF_RES_LOCK_IRQ if irq else REF_RES_LOCK
    if takes:
        _take(env, value, kind)
    else:
        _give_back(env, value, kind, lock.removesuffix("_lock"))


def _check_place(env: Env, regno: int, value: Value, lock: str, kind: str) -> None:
    if value.num.mask:
        env.refuse(LOCK_VARIABLE_OFFSET, reg=regno, lock=lock)
    map = value.subject if isinstance(value.subject, Map) else None
    if map is not None and map.btf is None:
        env.refuse(LOCK_NO_BTF, map=map.name, lock=lock)
    record = record_of(env, value)
    if not has_field(record, kind):
        env.refuse(NO_VALID_LOCK, owner="map" if map else "local", map=map.name if map else "kptr", lock=lock)
    off = pointer_offset(value)
    if find_field(record, off, kind) is None:
        env.refuse(NOT_AT_LOCK, off=off, lock=lock, lock_off=offset_of(record, kind))


def find_lock(env: Env, kinds: tuple[int, ...], id: int, subject: object) -> Held | None:
    """The held lock of one of these kinds with this identity; kernel: find_lock_state()."""
    for held in env.state.refs:
        if held.kind in kinds and held.id == id and held.subject is subject:
            return held
    return None


def _take(env: Env, value: Value, kind: int) -> None:
    state = env.state
    if state.locks:
        if kind == REF_LOCK:
            # Since 6.15 the kernel looks for a lock of no object here and so never finds one: it must be REF_LOCK held.
            if _holds_plain_lock(env):
                env.refuse(TWO_LOCKS)
        elif find_lock(env, (REF_RES_LOCK, REF_RES_LOCK_IRQ), value.id, value.subject):
            env.refuse(SAME_LOCK_TWICE)
    state.refs = (*state.refs, Held(value.id, env.insn_idx, kind, value.subject))
    state.locks += 1
    state.lock_id = value.id
    state.lock_subject = value.subject


def _holds_plain_lock(env: Env) -> bool:
    """Whether the kernel notices a second bpf_spin_lock."""
    if env.does("LOCKS_ARE_A_STACK"):
        return find_lock(env, (REF_LOCK,), 0, None) is not None
    return True


def _give_back(env: Env, value: Value, kind: int, lock: str) -> None:
    state = env.state
    if not state.locks:
        env.refuse(UNLOCK_WITHOUT_LOCK, lock=lock)
    held = find_lock(env, (kind,), value.id, value.subject)
    if held is None:
        env.refuse(UNLOCK_DIFFERENT, lock=lock)
    if value.id != state.lock_id or value.subject is not state.lock_subject:
        env.refuse(UNLOCK_OUT_OF_ORDER, lock=lock)
    protected = in_rcu_section(env)
    state.refs = without(state.refs, held)
    state.locks -= 1
    before = [other for other in state.refs if other.kind in _KINDS]
    state.lock_id = before[-1].id if before else 0
    state.lock_subject = before[-1].subject if before else None
    if protected and env.does("UNLOCKING_ENDS_RCU") and not in_rcu_section(env):
        distrust_rcu_pointers(env)
    forget_non_owning(env)


def is_allocation_locked(env: Env, value: Value) -> tuple[bool, tuple[str, ...]]:
    """(the lock beside the collection that `value` points to is held, lines that the kernel prints if another is)."""
    if not env.state.locks:
        return False, ()
    if find_lock(env, _KINDS, value.id, value.subject) is None:
        return False, (NOT_SAME_ALLOCATION.says(env.does, {}),)
    return True, ()
