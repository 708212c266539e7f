"""Whether a program's type stands for a kernel's as a whole: libbpf's "compatible" and its stricter "matches"."""

from __future__ import annotations

from typing import Final

from kverdict.btf.btf import Btf
from kverdict.btf.flavour import essential_name
from kverdict.btf.layout import resolved, skip_modifiers
from kverdict.btf.types import (
    INT_SIGNED,
    KIND_ENUM,
    KIND_ENUM64,
    KIND_FWD,
    KIND_UNION,
    KIND_VOID,
    Array,
    Enum,
    FuncProto,
    Fwd,
    Int,
    Ptr,
    Struct,
    Type,
)
from kverdict.errors import LinkError

_DEEPEST: Final = 32
_STEPS: Final = 100_000
_STEPS_EACH: Final = 1_000
_ENUMS: Final = (KIND_ENUM, KIND_ENUM64)


class Budget:
    """Bounds the work on one program's relocations, whatever the types look like."""

    __slots__ = ("left", "total")

    def __init__(self, relocs: int = 1) -> None:
        self.left = self.total = _STEPS + _STEPS_EACH * relocs

    def spend(self, steps: int = 1) -> None:
        """Some steps. Raises LinkError when there were too many."""
        self.left -= steps
        if self.left < 0:
            raise LinkError(f"CO-RE relocations: types nested so that {self.total} comparisons were not enough")


def kinds_agree(first: int, second: int) -> bool:
    """Same kind, where the two kinds of enumerations count as one. libbpf: btf_kind_core_compat()."""
    return first == second or (first in _ENUMS and second in _ENUMS)


def _too_deep(btf: Btf, type_id: int) -> LinkError:
    return LinkError(f"CO-RE relocation: type {type_id} of {btf.name} is nested more than {_DEEPEST} levels deep")


def types_are_compatible(
    local: Btf, local_id: int, kernel: Btf, kernel_id: int, budget: Budget, level: int = _DEEPEST
) -> bool:
    """Same shape of pointers, arrays and prototypes; names and members do not count (those of the roots were compared).

    Raises LinkError when it goes too deep. libbpf: bpf_core_types_are_compat().
    """
    if not kinds_agree(local.type(local_id).kind, kernel.type(kernel_id).kind):
        return False
    for _ in range(_DEEPEST):
        budget.spend()
        ours, theirs = resolved(local, local_id), resolved(kernel, kernel_id)
        if not kinds_agree(ours.kind, theirs.kind):
            return False
        if isinstance(ours, (Struct, Enum)) or ours.kind in (KIND_VOID, KIND_FWD):
            return True
        if isinstance(ours, Int) and isinstance(theirs, Int):
            return not ours.offset and not theirs.offset
        if isinstance(ours, (Ptr, Array)) and isinstance(theirs, (Ptr, Array)):
            local_id, kernel_id = ours.type_id, theirs.type_id
        elif isinstance(ours, FuncProto) and isinstance(theirs, FuncProto):
            if len(ours.params) != len(theirs.params):
                return False
            for mine, its in zip(ours.params, theirs.params, strict=True):
                if level <= 0:
                    raise _too_deep(local, local_id)
                first, second = skip_modifiers(local, mine.type_id), skip_modifiers(kernel, its.type_id)
                if not types_are_compatible(local, first, kernel, second, budget, level - 1):
                    return False
            local_id, kernel_id = ours.return_id, theirs.return_id
        else:
            return False
    raise _too_deep(local, local_id)


def names_match(local: str, kernel: str) -> bool:
    """Without flavours; an anonymous kernel type matches an anonymous one only. libbpf: bpf_core_names_match()."""
    return essential_name(local) == essential_name(kernel)


def types_match(
    local: Btf,
    local_id: int,
    kernel: Btf,
    kernel_id: int,
    budget: Budget,
    behind_pointer: bool = False,
    level: int = _DEEPEST,
) -> bool:
    """Every member, enumerator and parameter of the local type has its match in the kernel's; behind a pointer, the
    name and kind of a structure are enough. Raises LinkError when it goes too deep. libbpf: bpf_core_types_match().
    """
    if level <= 0:
        raise _too_deep(local, local_id)
    for _ in range(_DEEPEST):
        budget.spend()
        ours, theirs = resolved(local, local_id), resolved(kernel, kernel_id)
        if not names_match(_name(ours), _name(theirs)):
            return False
        if isinstance(ours, Ptr) and isinstance(theirs, Ptr):
            behind_pointer = True
            local_id, kernel_id = ours.type_id, theirs.type_id
        elif isinstance(ours, Array) and isinstance(theirs, Array):
            if ours.count != theirs.count:
                return False
            local_id, kernel_id = ours.type_id, theirs.type_id
        elif isinstance(ours, FuncProto) and isinstance(theirs, FuncProto):
            if len(ours.params) != len(theirs.params):
                return False
            for mine, its in zip(ours.params, theirs.params, strict=True):
                if not types_match(local, mine.type_id, kernel, its.type_id, budget, behind_pointer, level - 1):
                    return False
            local_id, kernel_id = ours.return_id, theirs.return_id
        elif isinstance(ours, Struct) and not behind_pointer:
            return (
                isinstance(theirs, Struct)
                and ours.kind == theirs.kind
                and _members_match(local, ours, kernel, theirs, budget, level)
            )
        else:
            budget.spend(len(theirs.values) if isinstance(theirs, Enum) else 1)
            return _leaves_match(ours, theirs, behind_pointer)
    raise _too_deep(local, local_id)


def _name(found: Type) -> str:
    return "" if found.kind == KIND_VOID else found.name


def _leaves_match(ours: Type, theirs: Type, behind_pointer: bool) -> bool:
    """Types into which the comparison does not go further."""
    if ours.kind == KIND_VOID:
        return theirs.kind == KIND_VOID
    if isinstance(ours, Fwd):
        if isinstance(theirs, Fwd):
            return ours.is_union == theirs.is_union
        return behind_pointer and isinstance(theirs, Struct) and theirs.is_union == ours.is_union
    if isinstance(ours, Struct):
        if isinstance(theirs, Fwd):
            return theirs.is_union == (ours.kind == KIND_UNION)
        return ours.kind == theirs.kind
    if isinstance(ours, Enum):
        return isinstance(theirs, Enum) and _enums_match(ours, theirs)
    if isinstance(ours, Int) and isinstance(theirs, Int):
        return ours.size == theirs.size and (ours.encoding ^ theirs.encoding) & INT_SIGNED == 0
    return False


def _enums_match(ours: Enum, theirs: Enum) -> bool:
    if ours.size != theirs.size or len(ours.values) > len(theirs.values):
        return False
    there = {essential_name(value.name) for value in theirs.values}
    return all(essential_name(value.name) in there for value in ours.values)


def _members_match(local: Btf, ours: Struct, kernel: Btf, theirs: Struct, budget: Budget, level: int) -> bool:
    """Each local member has one of its name in the kernel's structure that matches."""
    if len(ours.members) > len(theirs.members):
        return False
    there: dict[str, list[int]] = {}
    for its in theirs.members:
        there.setdefault(essential_name(its.name), []).append(its.type_id)
    budget.spend(len(theirs.members) // 16)
    return all(
        any(
            types_match(local, mine.type_id, kernel, type_id, budget, False, level - 1)
            for type_id in there.get(essential_name(mine.name), ())
        )
        for mine in ours.members
    )
