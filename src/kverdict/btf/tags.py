"""Tags in BTF: btf_type_tag in front of what a pointer points to, btf_decl_tag on functions, parameters, members."""

from __future__ import annotations

from kverdict.btf.btf import Btf
from kverdict.btf.layout import MODIFIERS, resolved
from kverdict.btf.types import KIND_DECL_TAG, DeclTag, Ptr, Reference, TypeTag
from kverdict.errors import InputError

_DEEPEST = 64


def type_tags(btf: Btf, type_id: int) -> tuple[str, ...]:
    """Tags in front of the pointee of a pointer (behind modifiers), outermost first; () if it is no pointer.

    `struct task_struct __kptr *p` has ("kptr",). Attributes (kflag) are left out. Looks through the other modifiers.
    """
    pointer = resolved(btf, type_id)
    if not isinstance(pointer, Ptr):
        return ()
    tags: list[str] = []
    found = btf.type(pointer.type_id)
    for _ in range(_DEEPEST):
        if found.kind not in MODIFIERS or not isinstance(found, Reference):
            return tuple(tags)
        if isinstance(found, TypeTag) and not found.attribute:
            tags.append(found.name)
        found = btf.type(found.type_id)
    raise InputError(btf.name, f"BTF type {type_id}", f"more than {_DEEPEST} modifiers in a row")


def decl_tags(btf: Btf, type_id: int, component: int = -1) -> tuple[str, ...]:
    """Tags of a function, variable, structure or typedef (component -1), or of its parameter or member number."""
    return _all_decl_tags(btf).get((type_id, component), ())


def _all_decl_tags(btf: Btf) -> dict[tuple[int, int], tuple[str, ...]]:
    """Every declaration tag of a BTF, by what it tags; collected once, when first asked for."""
    known = btf.memo.get("decl_tags")
    if isinstance(known, dict):
        return known
    found: dict[tuple[int, int], tuple[str, ...]] = dict(_all_decl_tags(btf.base)) if btf.base else {}
    for type_id in btf.ids_of_kind(KIND_DECL_TAG):
        tag = btf.type(type_id)
        if isinstance(tag, DeclTag) and not tag.attribute:
            key = (tag.type_id, tag.component_idx)
            found[key] = (*found.get(key, ()), tag.name)
    btf.memo["decl_tags"] = found
    return found
