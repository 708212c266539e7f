"""Equality of values in kernels before 6.3: ids are compared as numbers, but for null checks and packet pointers.

Source: regsafe() of Linux 6.1 (6.3 replaced it by roles of ids, see equal.py).
"""

from __future__ import annotations

from typing import Final

from kverdict.domain.bounds import range_within, tnum_in
from kverdict.domain.value import (
    NOT_INIT,
    PTR_TO_MAP_KEY,
    PTR_TO_MAP_VALUE,
    PTR_TO_PACKET,
    PTR_TO_PACKET_META,
    PTR_TO_STACK,
    SCALAR,
    Value,
)
from kverdict.kernel.proto import BASE_MASK, PTR_MAYBE_NULL

_MAP_ELEMENTS: Final = frozenset((PTR_TO_MAP_KEY, PTR_TO_MAP_VALUE))
_PACKETS: Final = frozenset((PTR_TO_PACKET, PTR_TO_PACKET_META))


def value_safe_by_number(
    old: Value, new: Value, precise: bool, ids: dict[int, int], end_compared: bool = False
) -> bool:
    """Is `new` safe where `old` was? ids: which id stands for which, in one frame, one way only.

    end_compared: packet pointers at or past the end of the packet (their range is negative) equal only their kind.
    """
    same = old.id == new.id and old.ref == new.ref and old.same_but_ids(new)
    if old.type == PTR_TO_STACK:
        return same and old.frameno == new.frameno
    if same or old.type == NOT_INIT:
        return True
    if new.type == NOT_INIT:
        return False
    base = old.type & BASE_MASK
    if base == SCALAR:
        return new.type == SCALAR and (not precise or _within(old, new))
    if base in _MAP_ELEMENTS:
        if old.type & PTR_MAYBE_NULL:
            return bool(new.type & PTR_MAYBE_NULL) and _same_place(old, new) and _stands_for(old.id, new.id, ids)
        return _same_place(old, new) and _within(old, new)
    if base in _PACKETS:
        return (
            old.type == new.type
            and _range(old) <= _range(new)
            and (not end_compared or min(_range(old), _range(new)) >= 0 or _range(old) == _range(new))
            and old.off == new.off
            and (not old.id or _stands_for(old.id, new.id, ids))
            and _within(old, new)
        )
    return False


def _within(old: Value, new: Value) -> bool:
    return range_within(old.num, new.num) and tnum_in(old.num, new.num)


def _same_place(old: Value, new: Value) -> bool:
    return old.type == new.type and old.off == new.off and old.subject == new.subject and old.detail == new.detail


def _range(value: Value) -> int:
    return value.subject if isinstance(value.subject, int) else 0


def _stands_for(old: int, new: int, ids: dict[int, int]) -> bool:
    """Kernel: check_ids() before it asked whether two ids became one."""
    return ids.setdefault(old, new) == new
