"""Kernel pointers kept in maps and objects: what may be stored in the field, and where bpf_kptr_xchg() may point.

Documentation/bpf/kptr; kernel: map_kptr_match_type(), process_kptr_func(), process_kf_arg_ptr_to_kptr().
"""

from __future__ import annotations

from typing import NoReturn

from kverdict.btf.btf import Btf
from kverdict.btf.walk import struct_ids_match, walk_rules
from kverdict.catalogue.maps import (
    KPTR_NOT_REFERENCED,
    KPTR_TYPE_MISMATCH,
    KPTR_XCHG_NO_BTF,
    KPTR_XCHG_VARIABLE_OFFSET,
    NO_VALID_KPTR,
    NOT_AT_KPTR,
)
from kverdict.domain.value import PTR_TO_BTF_ID, PTR_TO_MAP_VALUE, Value, type_text
from kverdict.kernel.proto import BASE_MASK, MEM_ALLOC, MEM_PERCPU, MEM_RCU, PTR_MAYBE_NULL, PTR_TRUSTED, PTR_UNTRUSTED
from kverdict.program.program import Map, RecordField
from kverdict.verify.env import Env
from kverdict.verify.records import KPTRS, Record, find_field, has_field, record_of
from kverdict.verify.stack_objects import offset_of


def pointee_btf(env: Env, field: RecordField, owner: Map | None) -> Btf | None:
    """The BTF that describes what the kptr points to."""
    if field.in_kernel:
        return env.profile.btf
    return owner.btf if owner is not None else env.program.btf


def check_kptr_type(env: Env, field: RecordField | None, value: Value, regno: int, owner: Map | None) -> None:
    """The pointer may be kept in this kptr field; kernel: map_kptr_match_type(). owner: the map, None for objects."""
    if field is None:
        env.unsupported("a kptr without its field")
    btf = pointee_btf(env, field, owner)
    if btf is None:
        env.unsupported("a kptr to a type of a program without BTF")
    flags = value.type & ~BASE_MASK
    source = value.subject
    fits = value.base == PTR_TO_BTF_ID and isinstance(source, Btf) and not flags & ~_allowed(env, field, source)
    if env.does("PERCPU_KPTR_MATCHED") and (field.kind == "kptr_percpu") != bool(flags & MEM_PERCPU):
        fits = False
    if not fits or not isinstance(source, Btf) or not isinstance(value.detail, int):
        _refuse(env, field, btf, value, regno, "")
    from kverdict.verify.memory import check_fixed_ptr_off

    check_fixed_ptr_off(env, value, regno, True)
    strict = field.kind != "kptr_unref"
    if not struct_ids_match(source, value.detail, value.off, btf, field.type_id, strict, walk_rules(env.does)):
        _refuse(env, field, btf, value, regno, source.type(value.detail).name)


def _allowed(env: Env, field: RecordField, source: Btf) -> int:
    """Flags that a pointer may have to be kept in the field."""
    if source is not env.profile.btf and env.does("KPTR_TO_LOCAL_TYPES"):
        return PTR_MAYBE_NULL | MEM_ALLOC | (MEM_PERCPU if field.kind == "kptr_percpu" else 0)
    allowed = PTR_MAYBE_NULL | PTR_TRUSTED
    if env.does("RCU_FIELDS_ENFORCED"):
        allowed |= MEM_RCU
    return allowed | PTR_UNTRUSTED if field.kind == "kptr_unref" else allowed


def _refuse(env: Env, field: RecordField, btf: Btf, value: Value, regno: int, struct: str) -> NoReturn:
    name = btf.type(field.type_id).name
    expected = f"{type_text(PTR_TO_BTF_ID)}{name}"
    if field.kind == "kptr_unref":
        expected += f" or {type_text(PTR_TO_BTF_ID | PTR_UNTRUSTED)}{name}"
    env.refuse(KPTR_TYPE_MISMATCH, reg=regno, type=type_text(value.type) + struct, expected=expected)


def find_xchg_field(env: Env, regno: int) -> tuple[RecordField, Map | None]:
    """The kptr field that register `regno` of bpf_kptr_xchg() points to, and its map; kernel: process_kptr_func()."""
    value = env.regs[regno]
    map = value.subject if value.type == PTR_TO_MAP_VALUE and isinstance(value.subject, Map) else None
    offset_first = not env.does("KPTR_XCHG_INTO_ALLOCATED")
    if offset_first and value.num.mask:
        env.refuse(KPTR_XCHG_VARIABLE_OFFSET, reg=regno)
    if map is not None and map.btf is None:
        env.refuse(KPTR_XCHG_NO_BTF, map=map.name)
    if value.num.mask:
        env.refuse(KPTR_XCHG_VARIABLE_OFFSET, reg=regno)
    record: Record = record_of(env, value)
    if not has_field(record, *KPTRS):
        env.refuse(NO_VALID_KPTR, reg=regno, map=map.name if map else "")
    off = offset_of(value)
    field = find_field(record, off, *KPTRS)
    if field is None:
        env.refuse(NOT_AT_KPTR, off=off)
    if field.kind == "kptr_unref":
        env.refuse(KPTR_NOT_REFERENCED, off=off)
    return field, map
