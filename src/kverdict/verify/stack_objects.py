"""Objects that the kernel keeps on the program's stack: where they lie, and marks on their slots.

Dynptrs, iterators and interrupt flags. Source: stack_slot_obj_get_spi(), is_spi_bounds_valid() of the kernel.
"""

from __future__ import annotations

from typing import Final

from kverdict.catalogue.objects import OBJECT_AT_OFFSET, OBJECT_CONSTANT_OFFSET
from kverdict.diagnostic import Diagnostic
from kverdict.domain.stack import EMPTY
from kverdict.domain.state import Frame
from kverdict.domain.tnum import SIGN64
from kverdict.domain.value import Value
from kverdict.verify.env import Env

OUT_OF_STACK: Final = -34  # the slots are not allocated yet (-ERANGE)
INVALID: Final = -22


def frame_of(env: Env, value: Value) -> Frame:
    """The frame that a stack pointer points into."""
    return env.state.frames[value.frameno]


def offset_of(value: Value) -> int:
    """Fixed plus constant variable offset in bytes, signed."""
    return value.off + (value.num.value ^ SIGN64) - SIGN64


def find_slot(env: Env, value: Value, object: str, slots: int) -> tuple[int, Diagnostic | None]:
    """(first slot, None) of an object of that many slots at a stack pointer; else a negative number and why.

    OUT_OF_STACK without an objection: the slots lie below what the frame has used so far.
    """
    if value.num.mask:
        return INVALID, OBJECT_CONSTANT_OFFSET.at(env.insn_idx, object=object)
    off = offset_of(value)
    slot = (-off - 1) // 8
    if off == 0 and not env.does("OBJECTS_BELOW_FRAME_POINTER"):
        slot = 0  # the kernel's division rounds towards 0
    if off % 8 or slot + 1 < slots:
        return INVALID, OBJECT_AT_OFFSET.at(env.insn_idx, object=object, off=off)
    allocated = len(frame_of(env, value).stack)
    if slot - slots + 1 < 0 or slot >= allocated:
        return OUT_OF_STACK, None
    return slot, None


def sentence(env: Env, diagnostic: Diagnostic | None) -> tuple[str, ...]:
    """The objection as lines that precede another one."""
    if diagnostic is None:
        return ()
    return (diagnostic.message.says(env.does, diagnostic.facts),)


def mark_read(env: Env, frameno: int, slot: int, count: int) -> None:
    """The call reads `count` slots from `slot` on (towards higher addresses); kernel: mark_stack_slot_obj_read()."""
    for number in range(count):
        env.liveness.stack_read(env, frameno, slot - number)
        if env.log is not None and env.does("LOG_SHOWS_OBJECT_READS"):
            env.log.slots |= 1 << (slot - number)


def clear(env: Env, frameno: int, slot: int, count: int) -> None:
    """The object is gone: its slots are as if never written, and count as written for liveness."""
    frame = env.state.frames[frameno]
    for number in range(slot - count + 1, slot + 1):
        frame.stack[number] = EMPTY
        frame.precise_stack &= ~(1 << number)
        env.liveness.stack_write(env, frameno, number)
