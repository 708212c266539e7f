"""Loads from and stores to map values: bounds, direction, special fields, kptrs, and constants of read-only maps.

Source: check_map_access(), check_map_kptr_access(), btf_ld_kptr_type() of the kernel.
"""

from __future__ import annotations

from typing import Final

from kverdict.btf.btf import Btf
from kverdict.btf.types import Struct
from kverdict.btf.walk import struct_ids_match, walk_rules
from kverdict.catalogue.maps import (
    KPTR_CLASS,
    KPTR_INDIRECT,
    KPTR_MISALIGNED,
    KPTR_MODE,
    KPTR_SIZE,
    KPTR_STORE,
    KPTR_STORE_IMM,
    KPTR_TYPE_MISMATCH,
    KPTR_VARIABLE_OFFSET,
    SPECIAL_FIELD_LOAD_STORE,
    UPTR_STORE,
)
from kverdict.catalogue.memory import MAP_READ_FORBIDDEN, MAP_WRITE_FORBIDDEN
from kverdict.domain.bounds import const
from kverdict.domain.value import (
    PTR_TO_BTF_ID,
    PTR_TO_MEM,
    SCALAR,
    UNKNOWN_SCALAR,
    Value,
    pointer,
    type_text,
)
from kverdict.isa.opcode import CLASS_MASK, LDX, MEM, MODE_MASK, ST, STX
from kverdict.kernel.proto import (
    BASE_MASK,
    MEM_ALLOC,
    MEM_PERCPU,
    MEM_RCU,
    NON_OWN_REF,
    PTR_MAYBE_NULL,
    PTR_TRUSTED,
    PTR_UNTRUSTED,
)
from kverdict.program.program import Map, RecordField
from kverdict.verify.env import Env
from kverdict.verify.precision import mark_chain_precision
from kverdict.verify.records import FIELD_NAMES, local_record
from kverdict.verify.registers import write_reg
from kverdict.verify.sections import in_rcu_section

RDONLY_PROG: Final = 1 << 7
WRONLY_PROG: Final = 1 << 8
_POINTERS: Final = frozenset(("kptr_unref", "kptr_ref", "kptr_percpu", "uptr"))
_READABLE: Final = ("array",)


def access_map_value(
    env: Env, regno: int, value: Value, off: int, size: int, is_write: bool, value_regno: int, is_ldsx: bool
) -> None:
    """`size` bytes at `off` (fixed offset included) of a map's value; kernel: check_mem_access()."""
    map = value.subject
    assert isinstance(map, Map)
    check_map_direction(env, value, off, size, is_write)
    check_map_access(env, regno, value, off, size, False, True)
    field = None
    if map.fields and value.num.mask == 0:
        at = off + value.num.smin
        field = next((f for f in map.fields if f.kind in _POINTERS and f.offset == at), None)
    if field is not None:
        _access_kptr(env, value_regno, field)
    elif not is_write and value_regno >= 0:
        write_reg(env, value_regno, _loaded(env, map, value, off, size, is_ldsx))


def _loaded(env: Env, map: Map, value: Value, off: int, size: int, is_ldsx: bool) -> Value:
    """A constant if the map never changes, else unknown; kernel: bpf_map_direct_read()."""
    if value.num.mask or not map.read_only or map.contents is None:
        return UNKNOWN_SCALAR
    if map.map_type != env.profile.map_types.get("array"):
        return UNKNOWN_SCALAR
    at = off + value.num.smin
    number = int.from_bytes(map.contents[at : at + size], "little", signed=is_ldsx)
    return Value(SCALAR, const(number & 0xFFFFFFFFFFFFFFFF))


def check_map_direction(env: Env, value: Value, off: int, size: int, is_write: bool) -> None:
    """Programs may read, or write, this map; kernel: check_map_access_type()."""
    map = value.subject
    assert isinstance(map, Map)
    lowest = value.num.smin if env.folds_offsets else 0
    if is_write and map.flags & RDONLY_PROG:
        env.refuse(MAP_WRITE_FORBIDDEN, value_size=map.value_size, off=lowest + off, size=size)
    if not is_write and map.flags & WRONLY_PROG:
        env.refuse(MAP_READ_FORBIDDEN, value_size=map.value_size, off=lowest + off, size=size)


def check_map_access(env: Env, regno: int, value: Value, off: int, size: int, zero_ok: bool, direct: bool) -> None:
    """Inside the value, and touching no special field but a kptr as a whole; kernel: check_map_access()."""
    from kverdict.verify.memory import check_region

    map = value.subject
    assert isinstance(map, Map)
    num = value.num
    inside = num.mask == 0 and off + num.smin >= 0 and size > 0 and off + num.smin + size <= map.value_size
    if not inside or (env.folds_offsets and value.off < 0):
        check_region(env, regno, off, size, map.value_size, zero_ok)
    for field in map.fields:
        if not (num.smin + off < field.offset + field.size and field.offset < num.umax + off + size):
            continue
        name = FIELD_NAMES[field.kind]
        if field.kind not in _POINTERS:
            env.refuse(SPECIAL_FIELD_LOAD_STORE, field=name)
        if not direct:
            env.refuse(KPTR_INDIRECT, field=name)
        if num.mask:
            env.refuse(KPTR_VARIABLE_OFFSET, field=name)
        if field.offset != off + num.smin:
            env.refuse(KPTR_MISALIGNED, field=name, expected=field.offset, off=off + num.smin)
        if size != 8:
            env.refuse(KPTR_SIZE, field=name)


def _access_kptr(env: Env, value_regno: int, field: RecordField) -> None:
    """A kptr as a whole: loaded with the trust that the section gives, stored only if unreferenced."""
    insn = env.insns[env.insn_idx]
    cls = insn.op & CLASS_MASK
    if insn.op & MODE_MASK != MEM:
        env.refuse(KPTR_MODE)
    if cls != LDX and field.kind in ("kptr_ref", "kptr_percpu"):
        env.refuse(KPTR_STORE)
    if cls != LDX and field.kind == "uptr":
        env.refuse(UPTR_STORE)
    if cls == LDX:
        write_reg(env, value_regno, _loaded_kptr(env, field))
    elif cls == STX:
        value = env.regs[value_regno]
        if not (value.type == SCALAR and value.num.mask == 0 and value.num.value == 0):
            check_kptr_type(env, field, value, value_regno)
        elif env.does("KPTR_NULL_STORE_IS_PRECISE"):
            mark_chain_precision(env, value_regno)
    elif cls == ST:
        if insn.imm:
            env.refuse(KPTR_STORE_IMM, off=field.offset)
    else:
        env.refuse(KPTR_CLASS)


def _loaded_kptr(env: Env, field: RecordField) -> Value:
    btf = env.profile.btf if field.in_kernel else env.program.btf
    assert btf is not None
    if field.kind == "uptr":
        target = btf.type(field.type_id)
        size = target.size if isinstance(target, Struct) else 0
        return pointer(PTR_TO_MEM | PTR_MAYBE_NULL, size, 0, id=env.new_id())
    return pointer(PTR_TO_BTF_ID | kptr_flags(env, field), btf, field.type_id, id=env.new_id())


def kptr_flags(env: Env, field: RecordField) -> int:
    """The trust that a loaded kptr has; kernel: btf_ld_kptr_type()."""
    if not (is_rcu_safe(env, field) and in_rcu_section(env)):
        return PTR_MAYBE_NULL | PTR_UNTRUSTED
    flags = PTR_MAYBE_NULL | MEM_RCU
    if field.kind == "kptr_percpu":
        return flags | MEM_PERCPU
    if not field.in_kernel:
        flags |= MEM_ALLOC
        if any(inner.kind in ("list_node", "rb_node") for inner in local_record(env, env.program.btf, field.type_id)):
            flags |= NON_OWN_REF
    return flags


def is_rcu_safe(env: Env, field: RecordField) -> bool:
    """The pointee lives at least until a grace period after its last reference; kernel: rcu_safe_kptr()."""
    if not env.does("KPTR_RCU_LOADS"):
        return False
    if field.kind == "kptr_percpu":
        return True
    if field.kind != "kptr_ref":
        return False
    if not field.in_kernel:
        return env.does("LOCAL_KPTR_IS_RCU_SAFE")
    return env.profile.btf.type(field.type_id).name in env.profile.rcu_protected_types


def check_kptr_type(env: Env, field: RecordField, value: Value, regno: int) -> None:
    """A pointer of the field's type and trust; kernel: map_kptr_match_type()."""
    from kverdict.verify.memory import check_fixed_ptr_off

    target_btf = env.profile.btf if field.in_kernel else env.program.btf
    assert target_btf is not None
    unreferenced = field.kind == "kptr_unref"
    if value.subject is env.profile.btf:
        allowed = PTR_MAYBE_NULL | (PTR_TRUSTED if env.does("TRUSTED_POINTERS") else 0)
        if env.does("KPTR_RCU_LOADS"):
            allowed |= MEM_RCU
        if unreferenced:
            allowed |= PTR_UNTRUSTED
    else:
        allowed = PTR_MAYBE_NULL | MEM_ALLOC | (MEM_PERCPU if field.kind == "kptr_percpu" else 0)
    name = ""
    good = value.type & BASE_MASK == PTR_TO_BTF_ID and not value.type & ~BASE_MASK & ~allowed
    if env.does("PERCPU_KPTR_MATCHED") and (field.kind == "kptr_percpu") != bool(value.type & MEM_PERCPU):
        good = False
    if good:
        btf, type_id = value.subject, value.detail
        assert isinstance(btf, Btf) and isinstance(type_id, int), "what a PTR_TO_BTF_ID carries"
        name = btf.type(type_id).name
        check_fixed_ptr_off(env, value, regno, True)
        good = struct_ids_match(
            btf,
            type_id,
            value.off,
            target_btf,
            field.type_id,
            not unreferenced,
            walk_rules(env.does),
        )
    if good:
        return
    target = target_btf.type(field.type_id).name
    expected = type_text(PTR_TO_BTF_ID) + target
    if unreferenced:
        expected += f" or {type_text(PTR_TO_BTF_ID | PTR_UNTRUSTED)}{target}"
    env.refuse(KPTR_TYPE_MISMATCH, reg=regno, type=type_text(value.type) + name, expected=expected)
