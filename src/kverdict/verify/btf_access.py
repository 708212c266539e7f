"""Walking kernel structures: what a load through a typed pointer gives, and how far it can be trusted.

Source: check_ptr_to_btf_access(), check_ptr_to_map_access(), type_is_trusted(), type_is_rcu() of the kernel.
"""

from __future__ import annotations

from typing import Final

from kverdict.btf.btf import Btf
from kverdict.btf.types import KIND_STRUCT
from kverdict.btf.walk import WALK_MEMORY, WALK_POINTER, Walk, WalkRefusal, struct_access, walk_rules
from kverdict.catalogue import by_id
from kverdict.catalogue.memory import (
    INVALID_NEGATIVE_ACCESS,
    INVALID_VARIABLE_OFFSET,
    MAP_PTR_NEGATIVE_ACCESS,
    NOT_GPL_STRUCT_ACCESS,
    ONLY_READ_FROM_IS_SUPPORTED,
    ONLY_READ_IS_SUPPORTED,
    PERCPU_MEMORY_ACCESS,
    USER_MEMORY_ACCESS,
)
from kverdict.catalogue.structs import SPECIAL_FIELD_ACCESS
from kverdict.domain.describe import tnum_text
from kverdict.domain.value import PTR_TO_BTF_ID, PTR_TO_MEM, UNKNOWN_SCALAR, Value, pointer
from kverdict.errors import InternalError
from kverdict.kernel.proto import (
    MEM_ALLOC,
    MEM_PERCPU,
    MEM_RCU,
    MEM_RDONLY,
    MEM_USER,
    PTR_MAYBE_NULL,
    PTR_TRUSTED,
    PTR_UNTRUSTED,
)
from kverdict.program.program import Map
from kverdict.verify.env import Env
from kverdict.verify.records import FIELD_NAMES, local_record
from kverdict.verify.registers import write_reg
from kverdict.verify.sections import in_rcu_section
from kverdict.verify.struct_ops import check_struct_write
from kverdict.verify.trust import is_rcu, is_trusted

_TAGS: Final = {"user": MEM_USER, "percpu": MEM_PERCPU, "rcu": MEM_RCU, "": 0}
_GPL: Final = frozenset(("GPL", "GPL v2", "GPL and additional rights", "Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL"))
_MAP_STRUCTS: Final = {
    "array": "bpf_array",
    "percpu_array": "bpf_array",
    "prog_array": "bpf_array",
    "perf_event_array": "bpf_array",
    "cgroup_array": "bpf_array",
    "array_of_maps": "bpf_array",
    "hash": "bpf_htab",
    "percpu_hash": "bpf_htab",
    "lru_hash": "bpf_htab",
    "lru_percpu_hash": "bpf_htab",
    "hash_of_maps": "bpf_htab",
    "stack_trace": "bpf_stack_map",
    "lpm_trie": "lpm_trie",
    "devmap": "bpf_dtab",
    "devmap_hash": "bpf_dtab",
    "sockmap": "bpf_stab",
    "sockhash": "bpf_shtab",
    "cpumap": "bpf_cpu_map",
    "xskmap": "xsk_map",
    "cgroup_storage": "bpf_cgroup_storage_map",
    "percpu_cgroup_storage": "bpf_cgroup_storage_map",
    "reuseport_sockarray": "reuseport_array",
    "queue": "bpf_queue_stack",
    "stack": "bpf_queue_stack",
    "sk_storage": "bpf_local_storage_map",
    "inode_storage": "bpf_local_storage_map",
    "task_storage": "bpf_local_storage_map",
    "cgrp_storage": "bpf_local_storage_map",
    "ringbuf": "bpf_ringbuf_map",
    "user_ringbuf": "bpf_ringbuf_map",
    "bloom_filter": "bpf_bloom_filter",
    "arena": "bpf_arena",
}


def is_gpl(env: Env) -> bool:
    """The program's licence lets it use what only GPL-compatible modules may use."""
    return env.program.license in _GPL


def access_btf_pointer(
    env: Env, regno: int, value: Value, off: int, size: int, is_write: bool, value_regno: int
) -> None:
    """`size` bytes at `off` behind a PTR_TO_BTF_ID; a load into value_regno (-1: none) follows pointers."""
    btf, type_id = value.subject, value.detail
    assert isinstance(btf, Btf) and isinstance(type_id, int)
    name = btf.type(type_id).name
    in_kernel = btf is env.profile.btf
    _check_pointer(env, regno, value, off, name, in_kernel)
    if is_write and value.type & PTR_UNTRUSTED and env.does("STRUCT_WRITES_NEED_TRUST"):
        env.refuse(ONLY_READ_IS_SUPPORTED)
    all_judged = env.program.struct_ops_type == "bpf_dummy_ops" and not env.does("STRUCT_ACCESS_JUDGES_WRITES")
    if all_judged and name != "bpf_dummy_ops_state":
        env.unsupported(f"struct {name} in programs of bpf_dummy_ops")
    if is_write and not value.type & MEM_ALLOC:
        _check_write(env, regno, btf, type_id, off, size)
        if not all_judged:
            return
    if value.type & MEM_ALLOC:
        _check_special_fields(env, btf, type_id, off, size)
    found = struct_access(btf, type_id, off, size, walk_rules(env.does))
    if isinstance(found, WalkRefusal):
        message = by_id(found.message)
        if message is None:
            raise InternalError(f"no message {found.message}")
        env.refuse(message, **found.facts)
    if not is_write and value_regno >= 0:
        write_reg(env, value_regno, _loaded(env, value, btf, found))


def _check_pointer(env: Env, regno: int, value: Value, off: int, name: str, in_kernel: bool) -> None:
    """Licence, offset and kind of memory."""
    if in_kernel and not is_gpl(env) and env.does("GPL_FOR_STRUCT_ACCESS"):
        env.refuse(NOT_GPL_STRUCT_ACCESS, struct=name)
    if env.folds_offsets and value.num.mask:
        text = tnum_text(value.num.value, value.num.mask, env.rules.compact_log)
        env.refuse(INVALID_VARIABLE_OFFSET, reg=regno, struct=name, off=off, var_off=text)
    if off < 0:
        env.refuse(INVALID_NEGATIVE_ACCESS, reg=regno, struct=name, off=off)
    if value.num.mask or value.num.value:
        text = tnum_text(value.num.value, value.num.mask, env.rules.compact_log)
        env.refuse(INVALID_VARIABLE_OFFSET, reg=regno, struct=name, off=off, var_off=text)
    if value.type & MEM_USER:
        env.refuse(USER_MEMORY_ACCESS, reg=regno, struct=name, off=off)
    if value.type & MEM_PERCPU:
        env.refuse(PERCPU_MEMORY_ACCESS, reg=regno, struct=name, off=off)


def _check_write(env: Env, regno: int, btf: Btf, type_id: int, off: int, size: int) -> None:
    """What programs may write depends on their type (TCP congestion control, sched_ext …); most may write nothing."""
    kind = env.program.prog_type
    if kind in ("sched_cls", "sched_act", "xdp"):
        env.unsupported(f"writing into struct {btf.type(type_id).name} from this program type")
    if kind != "struct_ops":
        env.refuse(ONLY_READ_IS_SUPPORTED)
    if btf is not env.profile.btf:
        env.unsupported("writing into a structure that is not the kernel's")
    check_struct_write(env, regno, btf, type_id, off, size)


def _check_special_fields(env: Env, btf: Btf, type_id: int, off: int, size: int) -> None:
    """Objects of the program's own types: their locks, nodes and so on are not to be touched."""
    for field in local_record(env, btf, type_id):
        if off < field.offset + field.size and field.offset < off + size:
            env.refuse(SPECIAL_FIELD_ACCESS, field=FIELD_NAMES[field.kind])


def _loaded(env: Env, source: Value, btf: Btf, found: Walk) -> Value:
    """The register after the load; kernel: the second half of check_ptr_to_btf_access()."""
    if found.kind == WALK_MEMORY:
        return pointer(PTR_TO_MEM | MEM_RDONLY | PTR_UNTRUSTED, 0, 0)
    if found.kind != WALK_POINTER or source.type & MEM_ALLOC:  # what an object of the program points to is not known
        return UNKNOWN_SCALAR
    if env.does("RCU_FIELDS_ENFORCED"):
        flags = _flags(env, source, btf, found)
    else:
        flags = _older_flags(env, source, btf, found)
    id = env.new_id() if flags & PTR_MAYBE_NULL else 0
    return pointer(PTR_TO_BTF_ID | flags, btf, found.type_id, id=id)


def _flags(env: Env, source: Value, btf: Btf, found: Walk) -> int:
    flags = _TAGS[found.tag] | (PTR_UNTRUSTED if found.untrusted else 0)
    if source.type & PTR_UNTRUSTED:
        return PTR_UNTRUSTED
    if not (is_trusted(env, source) or is_rcu(source)):
        return flags & ~(PTR_TRUSTED | MEM_RCU)
    if _is_listed(env, source, btf, found, "safe_trusted"):
        return flags | PTR_TRUSTED
    if _is_listed(env, source, btf, found, "safe_trusted_or_null"):
        return flags | PTR_TRUSTED | PTR_MAYBE_NULL
    if not in_rcu_section(env) or source.type & PTR_MAYBE_NULL:
        return PTR_UNTRUSTED
    if _is_listed(env, source, btf, found, "safe_rcu"):
        return flags | MEM_RCU
    or_null = _is_listed(env, source, btf, found, "safe_rcu_or_null")
    if flags & MEM_RCU or or_null:
        flags |= MEM_RCU | PTR_MAYBE_NULL
        return flags & ~PTR_UNTRUSTED if or_null else flags
    if flags & (MEM_PERCPU | MEM_USER):
        return flags
    return flags & ~(PTR_TRUSTED | MEM_RCU)


def _older_flags(env: Env, source: Value, btf: Btf, found: Walk) -> int:
    """Before 6.4: trust is inherited by __safe_fields only, RCU by the tag inside a section, or not at all."""
    flags = _TAGS[found.tag] | (PTR_UNTRUSTED if found.untrusted else 0)
    if source.type & PTR_UNTRUSTED:
        flags |= PTR_UNTRUSTED
    if not env.does("TRUSTED_POINTERS"):
        return flags & ~MEM_RCU
    flags &= ~PTR_TRUSTED
    if is_trusted(env, source) and _is_listed(env, source, btf, found, "safe_fields"):
        flags |= PTR_TRUSTED
    if flags & MEM_RCU:
        if env.state.rcu and (is_trusted(env, source) or is_rcu(source)):
            flags |= PTR_MAYBE_NULL
        else:
            flags &= ~MEM_RCU
    elif source.type & MEM_RCU:
        flags |= PTR_UNTRUSTED
    return flags


def _is_listed(env: Env, source: Value, btf: Btf, found: Walk, list_name: str) -> bool:
    """The member is in one of the kernel's lists of fields to believe in; kernel: btf_nested_type_is_trusted()."""
    structs = env.profile.safe_fields.get(list_name)
    if not structs or btf is not env.profile.btf or not isinstance(source.detail, int):
        return False
    return found.member in structs.get(btf.type(source.detail).name, ())


def access_map_pointer(
    env: Env, regno: int, value: Value, off: int, size: int, is_write: bool, value_regno: int
) -> None:
    """The kernel's own structure of a map, read through a map pointer."""
    map = value.subject
    assert isinstance(map, Map)
    names = {number: name for name, number in env.profile.map_types.items()}
    name = _MAP_STRUCTS.get(names.get(map.map_type, ""), "")
    btf = env.profile.btf
    type_id = btf.find(name, KIND_STRUCT) if name else 0
    if not type_id:
        env.unsupported(f"reading the kernel's structure of map type {names.get(map.map_type, map.map_type)}")
    if off < 0:
        env.refuse(MAP_PTR_NEGATIVE_ACCESS, reg=regno, struct=name, off=off)
    if is_write:
        env.refuse(ONLY_READ_FROM_IS_SUPPORTED, struct=name)
    found = struct_access(btf, type_id, off, size, walk_rules(env.does))
    if isinstance(found, WalkRefusal):
        message = by_id(found.message)
        if message is None:
            raise InternalError(f"no message {found.message}")
        env.refuse(message, **found.facts)
    if value_regno < 0:
        return
    if found.kind == WALK_POINTER:
        flags = _TAGS[found.tag] | (PTR_UNTRUSTED if found.untrusted else 0)
        write_reg(env, value_regno, pointer(PTR_TO_BTF_ID | flags, btf, found.type_id))
    elif found.kind == WALK_MEMORY:
        write_reg(env, value_regno, pointer(PTR_TO_MEM | MEM_RDONLY | PTR_UNTRUSTED, 0, 0))
    else:
        write_reg(env, value_regno, UNKNOWN_SCALAR)
