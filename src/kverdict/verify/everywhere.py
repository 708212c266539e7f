"""Changing every register and spilled slot of a path at once: all frames, as the kernel's walk over a state does.

Source: bpf_for_each_reg_in_vstate() and mark_reg_invalid() of the kernel.
"""

from __future__ import annotations

from collections.abc import Callable

from kverdict.domain.stack import ITER, SPILL
from kverdict.domain.state import State
from kverdict.domain.value import (
    PTR_TO_MEM,
    PTR_TO_PACKET,
    PTR_TO_PACKET_END,
    PTR_TO_PACKET_META,
    UNKNOWN_SCALAR,
    Value,
)
from kverdict.kernel.proto import BASE_MASK, DYNPTR_TYPE_SKB, DYNPTR_TYPE_SKB_META, DYNPTR_TYPE_XDP

_PACKET: tuple[int, ...] = (PTR_TO_PACKET, PTR_TO_PACKET_META, PTR_TO_PACKET_END)
_PACKET_SLICE = DYNPTR_TYPE_SKB | DYNPTR_TYPE_XDP | DYNPTR_TYPE_SKB_META


def rewrite(state: State, change: Callable[[Value], Value], iterators: bool = False) -> None:
    """Replace each register and spilled value by change(value); also the state of iterators, if asked.

    A value that changed is not precise any more.
    """
    for frame in state.frames:
        regs = frame.regs
        for number in range(11):
            old = regs[number]
            new = change(old)
            if new is not old:
                regs[number] = new
                frame.precise &= ~(1 << number)
        stack = frame.stack
        for number, slot in enumerate(stack):
            kind = slot.kinds[7]
            if kind != SPILL and not (iterators and kind == ITER):
                continue
            new = change(slot.value)
            if new is not slot.value:
                stack[number] = slot.with_value(new)
                frame.precise_stack &= ~(1 << number)


def forget(state: State, doomed: Callable[[Value], bool]) -> None:
    """Every value for which doomed(value) holds becomes an unknown scalar; kernel: mark_reg_invalid()."""
    rewrite(state, lambda value: UNKNOWN_SCALAR if doomed(value) else value)


def forget_packet_pointers(state: State) -> None:
    """The packet may have moved: pointers and slices into it are void; kernel: clear_all_pkt_pointers()."""
    forget(state, is_packet_pointer)


def is_packet_pointer(value: Value) -> bool:
    """A pointer into the packet, to its end or metadata, or a dynptr's slice of it."""
    base = value.type & BASE_MASK
    return base in _PACKET or (base == PTR_TO_MEM and bool(value.type & _PACKET_SLICE))
