"""Special fields (locks, lists, kptrs …) of what a pointer points to: map values, objects of the program's own types.

Source: reg_btf_record(), btf_record_find() and btf_find_struct_meta() of the kernel.
"""

from __future__ import annotations

from typing import Final

from kverdict.btf.btf import Btf
from kverdict.btf.types import Struct
from kverdict.domain.value import PTR_TO_BTF_ID, PTR_TO_MAP_VALUE, Value
from kverdict.kernel.proto import BASE_MASK, MEM_ALLOC
from kverdict.program.fields import OBJECT_FIELDS, parse_fields
from kverdict.program.program import Map, RecordField
from kverdict.verify.env import Env

Record = tuple[RecordField, ...]
NONE: Final[Record] = ()
KPTRS: Final = ("kptr_unref", "kptr_ref", "kptr_percpu")
LOCKS: Final = ("spin_lock", "res_spin_lock")
# How the kernel names the structure of a field in messages.
FIELD_NAMES: Final = {
    "spin_lock": "bpf_spin_lock",
    "res_spin_lock": "bpf_res_spin_lock",
    "timer": "bpf_timer",
    "wq": "bpf_wq",
    "task_work": "bpf_task_work",
    "kptr_unref": "kptr",
    "kptr_ref": "kptr",
    "kptr_percpu": "percpu_kptr",
    "uptr": "uptr",
    "list_head": "bpf_list_head",
    "list_node": "bpf_list_node",
    "rb_root": "bpf_rb_root",
    "rb_node": "bpf_rb_node",
    "refcount": "bpf_refcount",
}


def record_of(env: Env, value: Value) -> Record:
    """The special fields of the map value or allocated object that `value` points to."""
    if value.type == PTR_TO_MAP_VALUE:
        map = value.subject
        return map.fields if isinstance(map, Map) else NONE
    if value.type & BASE_MASK == PTR_TO_BTF_ID and value.type & MEM_ALLOC:
        return local_record(env, value.subject, value.detail)
    return NONE


def local_record(env: Env, btf: object, type_id: object) -> Record:
    """The special fields of a structure of the program's BTF; none for the kernel's structures."""
    if not isinstance(btf, Btf) or not isinstance(type_id, int) or btf is env.profile.btf:
        return NONE
    known: dict[int, Record] = env.extra.setdefault("records", {})
    found = known.get(type_id)
    if found is None:
        found = known[type_id] = _parse(env, btf, type_id)
    return found


def _parse(env: Env, btf: Btf, type_id: int) -> Record:
    struct = btf.type(type_id)
    if not isinstance(struct, Struct):
        return NONE
    wanted = OBJECT_FIELDS if env.does("KPTR_XCHG_INTO_ALLOCATED") else OBJECT_FIELDS.difference(KPTRS)
    return parse_fields(btf, type_id, env.profile, wanted, struct.size).fields


def has_field(record: Record, *kinds: str) -> bool:
    """Some field is of one of these kinds; kernel: btf_record_has_field()."""
    return any(field.kind in kinds for field in record)


def find_field(record: Record, offset: int, *kinds: str) -> RecordField | None:
    """The field of one of these kinds that begins at `offset` bytes; kernel: btf_record_find()."""
    for field in record:
        if field.offset == offset and field.kind in kinds:
            return field
    return None


def offset_of(record: Record, kind: str) -> int:
    """Where the only field of this kind begins, in bytes; -22 if there is none (as the kernel prints it)."""
    for field in record:
        if field.kind == kind:
            return field.offset
    return -22
