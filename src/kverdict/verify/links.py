"""Links between scalars (Value.id) as a whole: which of them nothing shares.

Source: bpf_clear_singular_ids() of the kernel.
"""

from __future__ import annotations

from collections import Counter

from kverdict.domain.stack import SPILL
from kverdict.domain.state import State
from kverdict.domain.value import ADD_CONST, SCALAR, Value


def clear_singular_ids(state: State) -> None:
    """A scalar whose link no other register or spilled slot has is linked to nothing."""
    linked = [value.id & ~ADD_CONST for value in _values(state) if value.type == SCALAR and value.id]
    alone = {id for id, times in Counter(linked).items() if times == 1}
    if not alone:
        return
    for frame in state.frames:
        for number, value in enumerate(frame.regs):
            if value.type == SCALAR and value.id & ~ADD_CONST in alone:
                frame.regs[number] = Value(SCALAR, value.num)
        for number, slot in enumerate(frame.stack):
            value = slot.value
            if slot.kinds[7] == SPILL and value.type == SCALAR and value.id & ~ADD_CONST in alone:
                frame.stack[number] = slot.with_value(Value(SCALAR, value.num))


def _values(state: State) -> list[Value]:
    values: list[Value] = []
    for frame in state.frames:
        values += frame.regs
        values += [slot.value for slot in frame.stack if slot.kinds[7] == SPILL]
    return values
