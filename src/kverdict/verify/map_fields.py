"""Timers, work queues and task work in map values: a pointer to exactly that field.

Source: check_map_field_pointer() of the kernel.
"""

from __future__ import annotations

from kverdict.catalogue.maps import FIELD_NO_BTF, FIELD_VARIABLE_OFFSET, NO_VALID_FIELD, NOT_AT_FIELD
from kverdict.domain.value import Value
from kverdict.program.program import Map
from kverdict.verify.env import Env
from kverdict.verify.records import FIELD_NAMES, find_field, has_field, offset_of
from kverdict.verify.stack_objects import offset_of as pointer_offset


def check_map_field(env: Env, regno: int, kind: str) -> Map:
    """Register `regno` points to the map value's field of this kind ("timer", "wq", "task_work"); returns the map."""
    value = env.regs[regno]
    map = value.subject
    name = FIELD_NAMES[kind]
    if not isinstance(map, Map):
        env.unsupported(f"{name} outside of a map")
    if kind == "wq" and not env.does("WORK_QUEUE_FIELD_CHECKED"):
        return _older_work_queue(env, value, map)
    if value.num.mask:
        env.refuse(FIELD_VARIABLE_OFFSET, reg=regno, field=name)
    if map.btf is None:
        env.refuse(FIELD_NO_BTF, map=map.name, field=name)
    if not has_field(map.fields, kind):
        env.refuse(NO_VALID_FIELD, owner="map", map=map.name, field=name)
    off = pointer_offset(value)
    if find_field(map.fields, off, kind) is None:
        env.refuse(NOT_AT_FIELD, off=off, field=name, field_off=offset_of(map.fields, kind))
    return map


def _older_work_queue(env: Env, value: Value, map: Map) -> Map:
    """Only the offset is compared, without the part that is not known; kernel: process_wq_func() up to 6.12."""
    if not map.fields:
        env.unsupported("a work queue in a map without fields, where this kernel's verifier crashes")
    if value.num.mask:
        env.unsupported("a work queue at a variable offset on this kernel")
    off, at = pointer_offset(value), offset_of(map.fields, "wq")
    if off != at:
        env.refuse(NOT_AT_FIELD, off=off, field=FIELD_NAMES["wq"], field_off=at)
    return map
