"""Open-coded iterators: bpf_iter_*_new(), _next() and _destroy() on an object on the stack.

Each slot of an iterator holds a Value of type PTR_TO_STACK (with MEM_RCU or PTR_UNTRUSTED for those that RCU
protects), subject = Btf, detail = (type id, state, depth), and ref in the first slot. Source: process_iter_arg(),
process_iter_next_call(), widen_imprecise_scalars() of the kernel.
"""

from __future__ import annotations

from typing import Final

from kverdict.btf.layout import deref
from kverdict.btf.types import Struct
from kverdict.catalogue.lifetime import EXPECTED_RCU_SECTION
from kverdict.catalogue.objects import ITER_INITIALIZED, ITER_NOT_INITIALIZED, ITER_NOT_STACK, ITER_NOT_VALID
from kverdict.domain.bounds import ZERO
from kverdict.domain.stack import ITER, Slot
from kverdict.domain.state import State
from kverdict.domain.value import PTR_TO_STACK, ZERO_SCALAR, Value
from kverdict.isa.opcode import DW
from kverdict.kernel.proto import (
    KF_ITER_DESTROY,
    KF_ITER_NEW,
    KF_RCU_PROTECTED,
    MEM_RCU,
    PTR_UNTRUSTED,
)
from kverdict.verify.call_meta import KfuncMeta
from kverdict.verify.converge import find_previous_entry, widen_imprecise
from kverdict.verify.env import Env
from kverdict.verify.nullness import known_not_null
from kverdict.verify.references import acquire_reference, release_reference
from kverdict.verify.sections import in_rcu_section
from kverdict.verify.stack_objects import OUT_OF_STACK, clear, find_slot, frame_of, mark_read, sentence

ACTIVE: Final = 1
DRAINED: Final = 2
_PREFIX: Final = "bpf_iter_"
_KINDS: Final = bytes([ITER]) * 8


def check_iterator_arg(env: Env, meta: KfuncMeta, regno: int) -> None:
    """Check an iterator argument; construct or destroy it if the kfunc does. Kernel: process_iter_arg()."""
    value = env.regs[regno]
    if value.type != PTR_TO_STACK and env.does("ITERATOR_ARGUMENTS_CHECKED"):
        env.refuse(ITER_NOT_STACK, reg=regno, arg=regno - 1, callee=meta.name)
    btf = env.profile.btf
    place = regno - 1 if env.does("ITERATOR_ARGUMENTS_CHECKED") else 0
    type_id = deref(btf, meta.kfunc.params[place].type_id)
    struct = btf.type(type_id) if type_id > 0 else None
    if not isinstance(struct, Struct) or not struct.name.startswith(_PREFIX):
        env.refuse(ITER_NOT_VALID, reg=regno, arg=regno - 1, callee=meta.name)
    slots = struct.size // 8
    if meta.flags & KF_ITER_NEW:
        _construct(env, meta, regno, value, type_id, struct.name, slots)
    else:
        _use(env, meta, regno, value, type_id, struct.name, slots)


def _argument(env: Env, regno: int) -> int:
    return regno - 1 if env.does("ZERO_BASED_ARGUMENTS") else regno


def _construct(env: Env, meta: KfuncMeta, regno: int, value: Value, type_id: int, name: str, slots: int) -> None:
    from kverdict.verify.memory import check_mem_access

    slot, why = find_slot(env, value, "iter", slots)
    frame = frame_of(env, value)
    in_use = slot >= 0 and any(ITER in frame.stack[slot - number].kinds for number in range(slots))
    if in_use or (slot < 0 and slot != OUT_OF_STACK):
        env.refuse(
            ITER_INITIALIZED,
            *sentence(env, why),
            reg=regno,
            arg=_argument(env, regno),
            iterator=name.removeprefix(_PREFIX),
            callee=meta.name,
        )
    for off in range(0, slots * 8, 8):
        check_mem_access(env, regno, off, DW, True, -1)
    slot, _ = find_slot(env, value, "iter", slots)
    id = acquire_reference(env)
    type = PTR_TO_STACK
    if meta.flags & KF_RCU_PROTECTED:
        type |= MEM_RCU if in_rcu_section(env) else PTR_UNTRUSTED
    for number in range(slots):
        state = Value(type, ZERO, 0, env.profile.btf, (type_id, ACTIVE, 0), 0, id if number == 0 else 0)
        frame.stack[slot - number] = Slot(_KINDS, state)
        frame.precise_stack &= ~(1 << (slot - number))
        env.liveness.stack_write(env, value.frameno, slot - number)


def _use(env: Env, meta: KfuncMeta, regno: int, value: Value, type_id: int, name: str, slots: int) -> None:
    slot, why = find_slot(env, value, "iter", slots)
    problem = _problem(env, value, slot, type_id, slots)
    if problem == "section":
        env.refuse(EXPECTED_RCU_SECTION, callee=meta.name)
    if problem:
        env.refuse(
            ITER_NOT_INITIALIZED,
            *sentence(env, why),
            reg=regno,
            arg=_argument(env, regno),
            iterator=name.removeprefix(_PREFIX),
            callee=meta.name,
        )
    mark_read(env, value.frameno, slot, slots)
    meta.iter_frame = value.frameno
    meta.iter_slot = slot
    meta.ref = frame_of(env, value).stack[slot].value.ref
    if meta.flags & KF_ITER_DESTROY:
        release_reference(env, meta.ref)
        clear(env, value.frameno, slot, slots)


def _problem(env: Env, value: Value, slot: int, type_id: int, slots: int) -> str:
    """Why this is no initialized iterator of that type; "" if it is one. Kernel: is_iter_reg_valid_init()."""
    if slot < 0:
        return "slot"
    stack = frame_of(env, value).stack
    for number in range(slots):
        content = stack[slot - number]
        state = content.value
        if state.type & PTR_UNTRUSTED and env.does("RCU_ITERATORS"):
            return "section"
        if bool(state.ref) != (number == 0):
            return "reference"
        if state.subject is not env.profile.btf or not isinstance(state.detail, tuple) or state.detail[0] != type_id:
            return "type"
        if content.kinds != _KINDS:
            return "slot"
    return ""


def iterator_state(state: State, meta: KfuncMeta) -> Value:
    """The first slot of the iterator that the call works on."""
    return state.frames[meta.iter_frame].stack[meta.iter_slot].value


def _set_state(state: State, meta: KfuncMeta, iter_state: int, deeper: int) -> None:
    stack = state.frames[meta.iter_frame].stack
    slot = stack[meta.iter_slot]
    detail = slot.value.detail
    assert isinstance(detail, tuple)
    new = slot.value.with_subject(slot.value.subject, (detail[0], iter_state, detail[2] + deeper))
    stack[meta.iter_slot] = slot.with_value(new)


def step(env: Env, meta: KfuncMeta) -> None:
    """After a _next() call: one path gets NULL and a drained iterator, another goes round with an element."""
    state = env.state
    detail = iterator_state(state, meta).detail
    assert isinstance(detail, tuple)
    if detail[1] == ACTIVE:
        previous = _previous_round(env)
        queued = env.push_state(env.insn_idx + 1, env.insn_idx)
        _set_state(queued, meta, ACTIVE, 1)
        if previous is not None:
            widen_imprecise(env, previous, queued)
        frame = queued.frames[-1]
        frame.regs[0] = known_not_null(env, frame.regs[0])
    _set_state(state, meta, DRAINED, 0)
    env.regs[0] = ZERO_SCALAR
    env.frame.precise &= ~1


def _previous_round(env: Env) -> State | None:
    if not env.does("LOOPS_COMPARED_EXACTLY"):
        return None
    parent = env.state.parent
    return find_previous_entry(env, parent, env.insn_idx) if parent is not None else None
