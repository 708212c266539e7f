"""Types of a program's own BTF: size, special fields and name of what bpf_obj_new() allocates."""

from __future__ import annotations

from typing import Final

from kverdict.btf.btf import Btf
from kverdict.btf.layout import array_element, members, size_of, structure
from kverdict.btf.types import KIND_PTR, KIND_TYPE_TAG, Ptr, Reference
from kverdict.machine.graphs import Allocated
from kverdict.program.program import RecordField

_SPECIAL: Final = {
    "bpf_refcount": "refcount",
    "bpf_list_node": "list_node",
    "bpf_rb_node": "rb_node",
    "bpf_list_head": "list_head",
    "bpf_rb_root": "rb_root",
    "bpf_spin_lock": "spin_lock",
    "bpf_timer": "timer",
    "bpf_wq": "wq",
}
_KPTR_TAGS: Final = {"kptr": "kptr_ref", "kptr_ref": "kptr_ref", "percpu_kptr": "kptr_percpu"}


def local_type(btf: Btf, type_id: int) -> tuple[int, Allocated]:
    """(size in bytes, what the machine must know of the objects). Raises InputError for a type without size."""
    fields: list[RecordField] = []
    refcount = -1
    for member, bits in members(btf, type_id):
        kind = _kind(btf, member.type_id)
        if kind == "refcount":
            refcount = bits // 8
        if kind:
            fields.append(RecordField(kind, bits // 8, size_of(btf, member.type_id)))
    return size_of(btf, type_id), Allocated(btf.type(type_id).name, tuple(fields), refcount)


def _kind(btf: Btf, type_id: int) -> str:
    inner, _ = array_element(btf, type_id)
    found = btf.type(inner)
    if found.kind == KIND_PTR and isinstance(found, Ptr):
        tag = btf.type(found.type_id)
        while isinstance(tag, Reference) and tag.kind == KIND_TYPE_TAG:
            if tag.name in _KPTR_TAGS:
                return _KPTR_TAGS[tag.name]
            tag = btf.type(tag.type_id)
        return ""
    struct = structure(btf, inner)
    return _SPECIAL.get(struct.name, "") if struct is not None else ""
