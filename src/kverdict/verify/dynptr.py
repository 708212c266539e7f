"""Dynptrs: objects on the stack that stand for a piece of memory, their references, clones and slices.

A dynptr takes two slots; both hold a Value of type CONST_PTR_TO_DYNPTR with subject = type flag (DYNPTR_TYPE_*),
detail = it is the first slot, id = the dynptr's own id. Source: process_dynptr_func() and around it.
"""

from __future__ import annotations

from typing import Final

from kverdict.catalogue.objects import (
    DYNPTR_CONST,
    DYNPTR_CONST_RELEASE,
    DYNPTR_INITIALIZED,
    DYNPTR_NOT_INITIALIZED,
    DYNPTR_NOT_STACK,
    DYNPTR_OVERWRITTEN,
    DYNPTR_WRONG_TYPE,
)
from kverdict.domain.bounds import ZERO
from kverdict.domain.stack import DYNPTR, Slot
from kverdict.domain.value import CONST_PTR_TO_DYNPTR, PTR_TO_MEM, PTR_TO_STACK, Value
from kverdict.isa.opcode import DW
from kverdict.kernel.proto import (
    BASE_MASK,
    DYNPTR_TYPE_FILE,
    DYNPTR_TYPE_LOCAL,
    DYNPTR_TYPE_MASK,
    DYNPTR_TYPE_RINGBUF,
    DYNPTR_TYPE_SKB,
    DYNPTR_TYPE_SKB_META,
    DYNPTR_TYPE_XDP,
    MEM_RDONLY,
    MEM_UNINIT,
    OBJ_RELEASE,
    PTR_MAYBE_NULL,
)
from kverdict.verify import dynptr_unprotected
from kverdict.verify.env import Env
from kverdict.verify.everywhere import forget
from kverdict.verify.references import acquire_reference, release_reference
from kverdict.verify.stack_objects import clear, find_slot, frame_of, mark_read, sentence

SLOTS: Final = 2
BYTES: Final = 16
NAMES: Final = {
    DYNPTR_TYPE_LOCAL: "local",
    DYNPTR_TYPE_RINGBUF: "ringbuf",
    DYNPTR_TYPE_SKB: "skb",
    DYNPTR_TYPE_XDP: "xdp",
    DYNPTR_TYPE_SKB_META: "skb_meta",
    DYNPTR_TYPE_FILE: "file",
}
_KINDS: Final = bytes([DYNPTR]) * 8
_REFCOUNTED: Final = (DYNPTR_TYPE_RINGBUF, DYNPTR_TYPE_FILE)


def dynptr_value(type_flag: int, first: bool, id: int, ref: int = 0) -> Value:
    """The state of a dynptr (slot, or argument of a callback)."""
    return Value(CONST_PTR_TO_DYNPTR, ZERO, 0, type_flag, first, id, ref)


def is_refcounted(type_flag: object) -> bool:
    """Dynptrs of this type own a reference; kernel: dynptr_type_refcounted()."""
    return type_flag in _REFCOUNTED


def state_of(env: Env, value: Value) -> Value | None:
    """The dynptr behind a register: the register itself if it is a const pointer, else the slot's value."""
    if value.type == CONST_PTR_TO_DYNPTR:
        return value
    if not env.does("DYNPTRS_PROTECTED"):
        return dynptr_unprotected.state_at(env, value)
    slot, _ = find_slot(env, value, "dynptr", SLOTS)
    return frame_of(env, value).stack[slot].value if slot >= 0 else None


def check_dynptr_arg(env: Env, regno: int, arg_type: int, clone_of: int = 0) -> None:
    """Check a dynptr argument, or make the dynptr that the callee constructs there.

    arg_type: flags MEM_UNINIT (constructs), MEM_RDONLY (does not change it), DYNPTR_TYPE_*. clone_of: the reference
    that a clone shares, or the one of the object behind the dynptr; 0 for none. Kernel: process_dynptr_func().
    """
    if not env.does("DYNPTRS_PROTECTED"):
        dynptr_unprotected.check_argument(env, regno, arg_type)
        return
    value = env.regs[regno]
    if value.type not in (PTR_TO_STACK, CONST_PTR_TO_DYNPTR):
        env.refuse(DYNPTR_NOT_STACK, reg=regno, arg=regno - 1, callee=_callee(env))
    if arg_type & MEM_UNINIT:
        _construct(env, regno, value, arg_type, clone_of)
        return
    if value.type == CONST_PTR_TO_DYNPTR:
        if not env.does("DERIVED_OBJECTS_TRACKED"):
            if not arg_type & MEM_RDONLY:
                env.refuse(DYNPTR_CONST)
        elif arg_type & OBJ_RELEASE:
            env.refuse(DYNPTR_CONST_RELEASE)
    _check_initialized(env, regno, value, arg_type)
    if value.type == PTR_TO_STACK:
        slot, _ = find_slot(env, value, "dynptr", SLOTS)
        mark_read(env, value.frameno, slot, SLOTS)


def _callee(env: Env) -> str:
    from kverdict.verify.traits import helper_name, kfunc_name

    insn = env.insns[env.insn_idx]
    return helper_name(env, insn) or kfunc_name(env, insn)


def _argument(env: Env, regno: int) -> int:
    return regno - 1 if env.does("ZERO_BASED_ARGUMENTS") else regno


def _check_initialized(env: Env, regno: int, value: Value, arg_type: int) -> None:
    arg = _argument(env, regno)
    lines: tuple[str, ...] = ()
    state: Value | None = value
    if value.type == PTR_TO_STACK:
        slot, why = find_slot(env, value, "dynptr", SLOTS)
        lines = sentence(env, why)
        state = _initialized_at(env, value, slot)
    if state is None:
        env.refuse(DYNPTR_NOT_INITIALIZED, *lines, reg=regno, arg=arg, callee=_callee(env))
    wanted = arg_type & DYNPTR_TYPE_MASK
    if wanted and state.subject != wanted:
        env.refuse(DYNPTR_WRONG_TYPE, reg=regno, arg=arg, expected=NAMES.get(wanted, "<unknown>"))


def _initialized_at(env: Env, value: Value, slot: int) -> Value | None:
    """The dynptr whose first slot is `slot`; kernel: is_dynptr_reg_valid_init()."""
    if slot < 0:
        return None
    stack = frame_of(env, value).stack
    state = stack[slot].value
    if stack[slot].kinds != _KINDS or stack[slot - 1].kinds != _KINDS or not state.detail:
        return None
    return state


def _construct(env: Env, regno: int, value: Value, arg_type: int, clone_of: int) -> None:
    from kverdict.verify.memory import check_mem_access

    slot, why = (-1, None) if value.type == CONST_PTR_TO_DYNPTR else find_slot(env, value, "dynptr", SLOTS)
    if why is not None or value.type == CONST_PTR_TO_DYNPTR:
        env.refuse(DYNPTR_INITIALIZED, *sentence(env, why))
    for off in range(0, BYTES, 8):
        check_mem_access(env, regno, off, DW, True, -1)
    slot, _ = find_slot(env, value, "dynptr", SLOTS)
    frame = frame_of(env, value)
    destroy_dynptr_at(env, value.frameno, slot)
    destroy_dynptr_at(env, value.frameno, slot - 1)
    type_flag = arg_type & DYNPTR_TYPE_MASK
    if not type_flag:
        env.unsupported(f"a dynptr of unknown type made by {_callee(env)}")
    id = 0 if env.tracks_derived else env.new_id()
    ref = 0
    if is_refcounted(type_flag):
        ref = clone_of or acquire_reference(env)
    elif env.tracks_derived:
        ref = clone_of
    id = id or env.new_id()
    for place, first in ((slot, True), (slot - 1, False)):
        frame.stack[place] = Slot(_KINDS, dynptr_value(type_flag, first, id, ref))
        frame.precise_stack &= ~(1 << place)
        env.liveness.stack_write(env, value.frameno, place)


def destroy_dynptr_at(env: Env, frameno: int, slot: int) -> None:
    """A write to this slot destroys the dynptr in it; refuses if it owns a reference.

    Kernel: destroy_if_dynptr_stack_slot().
    """
    stack = env.state.frames[frameno].stack
    if slot >= len(stack) or stack[slot].kinds[0] != DYNPTR or not env.does("DYNPTRS_PROTECTED"):
        return
    if not stack[slot].value.detail:
        slot += 1
    state = stack[slot].value
    if is_refcounted(state.subject) and not _has_other_clone(env, frameno, slot, state):
        env.refuse(DYNPTR_OVERWRITTEN)
    clear(env, frameno, slot, SLOTS)
    forget_slices(env, state.id)


def _has_other_clone(env: Env, frameno: int, slot: int, state: Value) -> bool:
    """Kernels that track derived objects let a referenced dynptr be overwritten while a clone keeps the reference."""
    if not env.does("DERIVED_OBJECTS_TRACKED"):
        return False
    return any(
        other.kinds[0] == DYNPTR and other.value.ref == state.ref and other.value.detail
        for number, frame in enumerate(env.state.frames)
        for place, other in enumerate(frame.stack)
        if (number, place) not in ((frameno, slot), (frameno, slot - 1))
    )


def forget_slices(env: Env, id: int) -> None:
    """Slices of the dynptr with this id are void (before 7.2 the read-only ones were overlooked)."""
    if env.does("DERIVED_OBJECTS_TRACKED"):
        forget(env.state, lambda value: value.type & BASE_MASK == PTR_TO_MEM and value.detail == id)
        return
    slices = (PTR_TO_MEM, PTR_TO_MEM | PTR_MAYBE_NULL)
    forget(env.state, lambda value: value.type in slices and value.detail == id)


def forget_dynptrs_of(env: Env, ref: int) -> None:
    """The object with this reference is gone, and dynptrs made from it (since 7.2); kernel: release_reference()."""
    if not env.tracks_derived or not ref:
        return
    for frame in env.state.frames:
        for place, slot in enumerate(frame.stack):
            if slot.kinds[0] == DYNPTR and slot.value.ref == ref and slot.value.detail:
                clear(env, frame.number, place, SLOTS)
                forget_slices(env, slot.value.id)


def release_dynptr(env: Env, value: Value) -> bool:
    """The callee gives the memory back: the dynptr, its clones and slices are gone; unmark_stack_slots_dynptr()."""
    if not env.does("DYNPTRS_PROTECTED"):
        return dynptr_unprotected.release(env, value)
    slot, _ = find_slot(env, value, "dynptr", SLOTS)
    if slot < 0:
        return False
    frame = frame_of(env, value)
    state = frame.stack[slot].value
    if not is_refcounted(state.subject):
        clear(env, value.frameno, slot, SLOTS)
        if env.does("DERIVED_OBJECTS_TRACKED"):
            forget_slices(env, state.id)
        return True
    release_reference(env, state.ref)
    for other_frame in env.state.frames if env.tracks_derived else [frame]:  # before, clones elsewhere were overlooked
        for place, other in enumerate(other_frame.stack):
            if other.kinds[0] == DYNPTR and other.value.ref == state.ref and other.value.detail:
                clear(env, other_frame.number, place, SLOTS)
                if env.tracks_derived:
                    forget_slices(env, other.value.id)
    return True
