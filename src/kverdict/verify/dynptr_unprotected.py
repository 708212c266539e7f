"""Dynptrs as kernels before 6.3 track them: by the kinds of two slots, without ids, and any write may break one.

What a write leaves of the slot's value (its reference, that it was the first slot) is still looked at, as the kernel
does. Source: mark_stack_slots_dynptr(), is_dynptr_reg_valid_init() and check_func_arg() of Linux 6.1.
"""

from __future__ import annotations

from typing import Final

from kverdict.catalogue.lifetime import RELEASE_UNACQUIRED_DYNPTR
from kverdict.catalogue.objects import (
    DYNPTR_INITIALIZED,
    DYNPTR_NOT_INITIALIZED,
    DYNPTR_UNALIGNED,
    DYNPTR_WRONG_TYPE,
)
from kverdict.domain.bounds import ZERO
from kverdict.domain.stack import DYNPTR, EMPTY, Slot
from kverdict.domain.value import CONST_PTR_TO_DYNPTR, PTR_TO_STACK, Value
from kverdict.isa.opcode import DW
from kverdict.kernel.proto import DYNPTR_TYPE_LOCAL, DYNPTR_TYPE_MASK, DYNPTR_TYPE_RINGBUF, MEM_UNINIT
from kverdict.verify.env import Env
from kverdict.verify.references import acquire_reference, release_reference

_BYTES: Final = 16
_KINDS: Final = bytes([DYNPTR]) * 8
_NAMES: Final = {DYNPTR_TYPE_LOCAL: "local", DYNPTR_TYPE_RINGBUF: "ringbuf"}


def check_argument(env: Env, regno: int, arg_type: int) -> None:
    """A dynptr that a helper reads, or that it makes in two slots."""
    value = env.regs[regno]
    if value.type == CONST_PTR_TO_DYNPTR:
        return
    if arg_type & MEM_UNINIT:
        _construct(env, regno, value, arg_type)
        return
    state = initialized(env, value)
    if state is None:
        env.refuse(DYNPTR_NOT_INITIALIZED, reg=regno, arg=regno)
    wanted = arg_type & DYNPTR_TYPE_MASK
    if wanted and state.subject != wanted:
        env.refuse(DYNPTR_WRONG_TYPE, reg=regno, arg=regno, expected=_NAMES.get(wanted, "<unknown>"))


def check_offset(env: Env, value: Value) -> None:
    """A dynptr lies at a multiple of eight bytes."""
    if value.type == PTR_TO_STACK and value.off % 8:
        env.refuse(DYNPTR_UNALIGNED)


def check_released(env: Env, regno: int) -> None:
    """Only a dynptr that owns a reference can be given back."""
    slots = _slots(env, env.regs[regno])
    if slots is None or not slots[0].value.ref:
        env.refuse(RELEASE_UNACQUIRED_DYNPTR, reg=regno)


def release(env: Env, value: Value) -> bool:
    """The callee takes the memory: the slots are empty, pointers into it void; kernel: unmark_stack_slots_dynptr()."""
    slots = _slots(env, value)
    if slots is None:
        return False
    first = slots[0].value
    place = _place(value)
    stack = env.state.frames[value.frameno].stack
    stack[place] = stack[place - 1] = EMPTY
    if first.subject == DYNPTR_TYPE_RINGBUF:
        release_reference(env, first.ref)
    return True


def state_at(env: Env, value: Value) -> Value | None:
    """What the first slot says, whether or not it still is a dynptr."""
    slots = _slots(env, value)
    return slots[0].value if slots is not None else None


def _place(value: Value) -> int:
    return (-value.off - 1) // 8 if value.off < 0 else 0


def _slots(env: Env, value: Value) -> tuple[Slot, Slot] | None:
    if value.num.mask or value.num.value:
        env.unsupported("a dynptr at a variable offset on this kernel")
    stack = env.state.frames[value.frameno].stack
    place = _place(value)
    return (stack[place], stack[place - 1]) if 1 <= place < len(stack) else None


def initialized(env: Env, value: Value) -> Value | None:
    """The state of the dynptr at a stack pointer, None if there is none; kernel: is_dynptr_reg_valid_init()."""
    slots = _slots(env, value)
    if slots is None or slots[0].kinds != _KINDS or slots[1].kinds != _KINDS:
        return None
    state = slots[0].value
    return state if state.type == CONST_PTR_TO_DYNPTR and state.detail else None


def _construct(env: Env, regno: int, value: Value, arg_type: int) -> None:
    from kverdict.verify.memory import check_mem_access

    slots = _slots(env, value)
    if slots is not None and DYNPTR in slots[0].kinds + slots[1].kinds:
        env.refuse(DYNPTR_INITIALIZED)
    for off in range(0, _BYTES, 8):
        check_mem_access(env, regno, off, DW, True, -1)
    type_flag = arg_type & DYNPTR_TYPE_MASK
    if _slots(env, value) is None or type_flag not in _NAMES:
        env.unsupported("a dynptr outside of the stack")
    ref = acquire_reference(env) if type_flag == DYNPTR_TYPE_RINGBUF else 0
    frame = env.state.frames[value.frameno]
    place = _place(value)
    for slot, first in ((place, True), (place - 1, False)):
        frame.stack[slot] = Slot(_KINDS, Value(CONST_PTR_TO_DYNPTR, ZERO, 0, type_flag, first, 0, ref))
        frame.precise_stack &= ~(1 << slot)
