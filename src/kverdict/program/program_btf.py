"""Does the kernel take an object's BTF? Structures with locks, nodes and kptrs must make sense, even unused ones.

If it does not, libbpf goes on without BTF: no types of functions, no special fields in maps.
"""

from __future__ import annotations

from typing import Final

from kverdict.btf.btf import Btf
from kverdict.btf.types import KIND_PTR, KIND_STRUCT, KIND_UNION, KIND_VOLATILE, Ptr, Reference, Struct, TypeTag
from kverdict.kernel.profile import KernelProfile
from kverdict.program.fields import OBJECT_FIELDS, Record, parse_fields

# Structures whose presence in another makes the kernel look at that one. Kernel: alloc_obj_fields.
_SPECIAL: Final = (
    ("bpf_spin_lock", ""),
    ("bpf_list_head", ""),
    ("bpf_list_node", ""),
    ("bpf_rb_root", "BPF_RBTREE"),
    ("bpf_rb_node", "BPF_RBTREE"),
    ("bpf_refcount", "BPF_REFCOUNT"),
)
_KPTR_TAGS: Final = frozenset({"kptr", "kptr_untrusted", "percpu_kptr"})
_ROOTS: Final = frozenset({"list_head", "rb_root"})
_NODES: Final = frozenset({"list_node", "rb_node"})


def btf_refused(btf: Btf, profile: KernelProfile) -> str:
    """Why BPF_BTF_LOAD fails for special fields, "" if it does not. Kernel: btf_parse_struct_metas()."""
    if not profile.does("BPF_LISTS"):
        return ""
    special = _special_ids(btf, profile)
    if not special:
        return ""
    wanted = OBJECT_FIELDS if profile.does("KPTR_IN_OBJECTS") else OBJECT_FIELDS - {"kptr_unref", "kptr_ref"}
    records: dict[int, Record] = {}
    for type_id in range(1, len(btf)):
        if btf.kind(type_id) not in (KIND_STRUCT, KIND_UNION):
            continue
        found = btf.type(type_id)
        if isinstance(found, Struct) and any(member.type_id in special for member in found.members):
            record = parse_fields(btf, type_id, profile, wanted, found.size)
            if not record.fields:
                return f"struct {found.name}: {record.error or '-EFAULT: its special fields are of another size'}"
            records[type_id] = record
    return _cycles(btf, records)


def _special_ids(btf: Btf, profile: KernelProfile) -> set[int]:
    names = [name for name, behaviour in _SPECIAL if not behaviour or profile.does(behaviour)]
    found = {btf.find(name, KIND_STRUCT) for name in names} - {0}
    if not profile.does("KPTR_IN_OBJECTS"):
        return found
    for type_id in range(1, len(btf)):
        if btf.kind(type_id) in (KIND_PTR, KIND_VOLATILE) and _is_kptr(btf, type_id):
            found.add(type_id)
    return found


def _is_kptr(btf: Btf, type_id: int) -> bool:
    """Kernel: btf_find_kptr() finds one (it only points to structures)."""
    pointer = btf.type(type_id)
    if pointer.kind == KIND_VOLATILE and isinstance(pointer, Reference):
        pointer = btf.type(pointer.type_id)
    tag = btf.type(pointer.type_id) if isinstance(pointer, Ptr) else None
    if not isinstance(tag, TypeTag) or tag.attribute or tag.name not in _KPTR_TAGS:
        return False
    target = btf.type(tag.type_id)
    for _ in range(64):
        if not isinstance(target, Reference) or isinstance(target, (Ptr, TypeTag)):
            break
        target = btf.type(target.type_id)
    return isinstance(target, Struct)


def _cycles(btf: Btf, records: dict[int, Record]) -> str:
    """A structure that is owned and owns others may not own owners. Kernel: btf_check_and_fixup_fields()."""
    for type_id, record in records.items():
        kinds = {field.kind for field in record.fields}
        for field in record.fields:
            if field.kind not in _ROOTS:
                continue
            inner = records.get(field.type_id)
            if inner is None:
                return f"struct {btf.type(type_id).name}: -EFAULT: what it owns has no special fields"
            if kinds & _NODES and any(other.kind in _ROOTS for other in inner.fields):
                return f"struct {btf.type(type_id).name}: -ELOOP: it is owned, owns, and what it owns owns"
    return ""
