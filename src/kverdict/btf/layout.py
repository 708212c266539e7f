"""Sizes and places: how large a type is, where a member lies, what stands behind modifiers and pointers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from kverdict.btf.btf import Btf
from kverdict.btf.types import (
    KIND_ARRAY,
    KIND_CONST,
    KIND_PTR,
    KIND_RESTRICT,
    KIND_TYPE_TAG,
    KIND_TYPEDEF,
    KIND_VAR,
    KIND_VOLATILE,
    Array,
    Datasec,
    Enum,
    Float,
    Int,
    Member,
    Ptr,
    Reference,
    Struct,
    Type,
)
from kverdict.errors import InputError

POINTER_SIZE: Final = 8
MODIFIERS: Final = frozenset({KIND_TYPEDEF, KIND_VOLATILE, KIND_CONST, KIND_RESTRICT, KIND_TYPE_TAG})
QUALIFIERS: Final = MODIFIERS - {KIND_TYPEDEF}
_DEEPEST: Final = 64  # links of a chain of types; kernel and libbpf give up after 32
_STEPS: Final = 1 << 18  # members looked at on the way


def skip_modifiers(btf: Btf, type_id: int) -> int:
    """The id behind const, volatile, restrict, typedef and type tags. Kernel: btf_type_skip_modifiers().

    Raises InputError if they go in circles.
    """
    return _skip(btf, type_id, MODIFIERS)


def skip_qualifiers(btf: Btf, type_id: int) -> int:
    """The id behind const, volatile, restrict and type tags, but not typedefs. Kernel: btf_type_skip_qualifiers()."""
    return _skip(btf, type_id, QUALIFIERS)


def _skip(btf: Btf, type_id: int, kinds: frozenset[int]) -> int:
    start = type_id
    for _ in range(_DEEPEST):
        found = btf.type(type_id)
        if found.kind not in kinds or not isinstance(found, Reference):
            return type_id
        type_id = found.type_id
    raise InputError(btf.name, f"BTF type {start}", f"more than {_DEEPEST} modifiers in a row")


def resolved(btf: Btf, type_id: int) -> Type:
    """The type behind modifiers and typedefs."""
    return btf.type(skip_modifiers(btf, type_id))


def size_of(btf: Btf, type_id: int) -> int:
    """Size in bytes. Raises InputError for a type that has none (void, a function, a forward declaration)."""
    found = size_or_none(btf, type_id)
    if found is None:
        raise InputError(btf.name, f"BTF type {type_id}", f"{btf.type(type_id)!r} has no size")
    return found


def size_or_none(btf: Btf, type_id: int) -> int | None:
    """Size in bytes, None for a type that has none. libbpf: btf__resolve_size()."""
    count = 1
    for _ in range(_DEEPEST):
        found = btf.type(type_id)
        if isinstance(found, (Struct, Int, Enum, Float, Datasec)):
            return count * found.size
        if found.kind == KIND_PTR:
            return count * POINTER_SIZE
        if isinstance(found, Array):
            count *= found.count
            type_id = found.type_id
        elif isinstance(found, Reference) and (found.kind in MODIFIERS or found.kind == KIND_VAR):
            type_id = found.type_id
        else:
            return None
        if count > 1 << 32:
            raise InputError(btf.name, f"BTF type {type_id}", "an array of more than 4 GiB")
    raise InputError(btf.name, f"BTF type {type_id}", f"more than {_DEEPEST} types in a row")


class Place(NamedTuple):
    """A member found by name: itself and its byte offset from the outermost structure (bit fields: rounded down)."""

    member: Member
    offset: int


def structure(btf: Btf, type_id: int) -> Struct | None:
    """The structure or union behind modifiers, None if it is something else."""
    found = resolved(btf, type_id)
    return found if isinstance(found, Struct) else None


def find_member(btf: Btf, type_id: int, name: str) -> Place | None:
    """The member of this name, also inside anonymous structures and unions; None if there is none."""
    for member, bits in members(btf, type_id):
        if member.name == name:
            return Place(member, bits // 8)
    return None


def member(btf: Btf, type_id: int, name: str) -> Place:
    """The same; raises InputError if there is none."""
    found = find_member(btf, type_id, name)
    if found is None:
        raise InputError(btf.name, f"BTF type {type_id}", f"{btf.type(type_id)!r} has no member {name}")
    return found


def members(btf: Btf, type_id: int) -> Iterator[tuple[Member, int]]:
    """Every named member with its offset in bits, those of anonymous structures and unions in their place."""
    pending = [(type_id, 0, 0)]  # a stack, of which the last entry is next
    steps = 0
    while pending:
        inner_id, base, first = pending.pop()
        outer = structure(btf, inner_id)
        if outer is None:
            continue
        for at in range(first, len(outer.members)):
            found = outer.members[at]
            bits = base + found.bit_offset
            steps += 1
            if found.name:
                yield found, bits
                continue
            if steps > _STEPS or len(pending) > _DEEPEST:
                raise InputError(btf.name, f"BTF type {type_id}", "anonymous structures nested without end")
            pending += [(inner_id, base, at + 1), (found.type_id, bits, 0)]
            break


def deref(btf: Btf, type_id: int) -> int:
    """What a pointer type (behind modifiers) points to, without its modifiers; -1 if it is no pointer."""
    found = resolved(btf, type_id)
    return skip_modifiers(btf, found.type_id) if isinstance(found, Ptr) else -1


def bit_field(btf: Btf, field: Member) -> tuple[int, int]:
    """(offset, width) in bits of a member that is a bit field, old style or new; width 0 if it is none."""
    if field.bitfield_size:
        return field.bit_offset, field.bitfield_size
    found = resolved(btf, field.type_id)
    if isinstance(found, Int) and (found.offset or found.bits != 8 * found.size or field.bit_offset % 8):
        return field.bit_offset + found.offset, found.bits
    return field.bit_offset, 0


def array_element(btf: Btf, type_id: int) -> tuple[int, int]:
    """(element type without modifiers, number of elements) of an array of any dimensions; count 1 if it is none."""
    count = 1
    for _ in range(_DEEPEST):
        type_id = skip_modifiers(btf, type_id)
        found = btf.type(type_id)
        if found.kind != KIND_ARRAY or not isinstance(found, Array):
            return type_id, count
        count *= found.count
        type_id = found.type_id
    raise InputError(btf.name, f"BTF type {type_id}", f"an array of more than {_DEEPEST} dimensions")
