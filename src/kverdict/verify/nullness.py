"""What a pointer becomes once it is known not to be NULL. Source: mark_ptr_not_null_reg() of the kernel."""

from __future__ import annotations

from kverdict.domain.value import CONST_PTR_TO_MAP, PTR_TO_MAP_VALUE, PTR_TO_SOCKET, PTR_TO_XDP_SOCK, Value
from kverdict.kernel.proto import BASE_MASK, PTR_MAYBE_NULL
from kverdict.program.program import Map
from kverdict.verify.env import Env
from kverdict.verify.records import has_field


def known_not_null(env: Env, value: Value) -> Value:
    """The pointer after a test that found it not NULL; values of maps of maps and sockets become what they hold.

    The id stays: who tests for NULL decides whether it may go.
    """
    if value.type & BASE_MASK != PTR_TO_MAP_VALUE or not isinstance(value.subject, Map):
        return value.with_type(value.type & ~PTR_MAYBE_NULL)
    map = value.subject
    types = env.profile.map_types
    if map.inner is not None:
        inner = map.inner
        keeps_uid = has_field(inner.fields, "timer", "wq", "task_work")
        uid = value.id if keeps_uid else value.detail
        return value.with_type(CONST_PTR_TO_MAP).with_subject(inner, uid)
    if map.map_type == types.get("xskmap"):
        return value.with_type(PTR_TO_XDP_SOCK)
    if map.map_type in (types.get("sockmap"), types.get("sockhash")):
        return value.with_type(PTR_TO_SOCKET)
    return value.with_type(PTR_TO_MAP_VALUE)
