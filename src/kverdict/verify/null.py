"""What a pointer becomes when it is found to be NULL or not.

Source: mark_ptr_not_null_reg(), mark_ptr_or_null_reg() of the kernel.
"""

from __future__ import annotations

from typing import Final

from kverdict.domain.references import find_reference, without
from kverdict.domain.state import State
from kverdict.domain.value import CONST_PTR_TO_MAP, PTR_TO_MAP_VALUE, PTR_TO_SOCKET, PTR_TO_XDP_SOCK, Value
from kverdict.kernel.proto import BASE_MASK, PTR_MAYBE_NULL
from kverdict.program.program import Map, RecordField

_XSKMAP: Final = 17
_SOCKMAP: Final = 15
_SOCKHASH: Final = 18
_LOCKS: Final = frozenset(("spin_lock", "res_spin_lock"))


def pointer_not_null(value: Value) -> Value:
    """The value after a test that found it not NULL. It keeps its id only where a lock may be behind it."""
    type = value.type & ~PTR_MAYBE_NULL
    subject, detail = value.subject, value.detail
    if value.type & BASE_MASK == PTR_TO_MAP_VALUE and isinstance(subject, Map):
        if subject.inner is not None:
            type = CONST_PTR_TO_MAP
            has_async = any(field.kind in ("timer", "wq", "task_work") for field in subject.inner.fields)
            subject, detail = subject.inner, value.id if has_async else detail
        elif subject.map_type == _XSKMAP:
            type = PTR_TO_XDP_SOCK
        elif subject.map_type in (_SOCKMAP, _SOCKHASH):
            type = PTR_TO_SOCKET
        else:
            type = PTR_TO_MAP_VALUE
    new = Value(type, value.num, value.off, subject, detail, value.id, value.ref, value.frameno)
    return new if may_point_to_lock(new) else new.with_id(0)


def fields_of(value: Value) -> tuple[RecordField, ...]:
    """Special fields of what a pointer points to; kernel: reg_btf_record()."""
    subject = value.subject
    if isinstance(subject, Map) and value.type & BASE_MASK == PTR_TO_MAP_VALUE:
        return subject.fields
    record = getattr(subject, "record_of", None)
    if record is not None and isinstance(value.detail, int):
        found: tuple[RecordField, ...] = record(value.detail)
        return found
    return ()


def may_point_to_lock(value: Value) -> bool:
    """What the pointer points to has a spin lock in it; kernel: reg_may_point_to_spin_lock()."""
    return any(field.kind in _LOCKS for field in fields_of(value))


def release_if_null(state: State, id: int) -> None:
    """A reference that turned out to be NULL was never taken."""
    held = find_reference(state.refs, id)
    if held is not None:
        state.refs = without(state.refs, held)
