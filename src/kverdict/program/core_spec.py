"""Where a CO-RE relocation points: in the program's own type, and in a candidate of the kernel (libbpf's rules)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from kverdict.btf.btf import Btf
from kverdict.btf.flavour import essential_name
from kverdict.btf.layout import resolved, size_or_none, skip_modifiers
from kverdict.btf.types import KIND_NAMES, Array, Enum, Float, Fwd, Int, Member, Ptr, Struct, Type, Void
from kverdict.errors import InputError, LinkError
from kverdict.objfile.core_relocs import (
    CORE_KIND_NAMES,
    ENUMVAL_KINDS,
    FIELD_KINDS,
    TYPE_KINDS,
    TYPE_MATCHES,
    CoreReloc,
)
from kverdict.program.core_types import Budget, kinds_agree, types_are_compatible, types_match

LONGEST: Final = 64  # levels of a specification; libbpf: BPF_CORE_SPEC_MAX_LEN


@dataclass(slots=True)
class Accessor:
    """One turning point of an access: a named member (index idx of structure type_id), or, with name None, element idx
    of an array whose elements are type_id. For an enumerator: its name, and its index in enumeration type_id."""

    type_id: int
    idx: int
    name: str | None = None


@dataclass(slots=True)
class Spec:
    """An access in one BTF: `raw` has an index for each level, `path` only the turning points; bit_offset from root."""

    btf: Btf
    root_id: int
    kind: int
    bit_offset: int = 0
    raw: list[int] = field(default_factory=list)
    path: list[Accessor] = field(default_factory=list)

    def text(self) -> str:
        """As libbpf prints it: `<byte_off> [5] struct task_struct.pid (0:3 @ offset 8)`."""
        found = self.btf.type(self.root_id)
        name = "" if isinstance(found, Void) else found.name
        start = f"<{CORE_KIND_NAMES[self.kind]}> [{self.root_id}] {KIND_NAMES[found.kind]} {name or '<anon>'}"
        if self.kind in TYPE_KINDS:
            return start
        if self.kind in ENUMVAL_KINDS:
            enum = resolved(self.btf, self.root_id)
            assert isinstance(enum, Enum)
            value = enum.values[self.raw[0]]
            return f"{start}::{value.name} = {value.value}"
        steps = "".join(
            f".{at.name}" if at.name is not None else f"[{at.idx}]"
            for number, at in enumerate(self.path)
            if at.name is not None or number or at.idx
        )
        offset = f"{self.bit_offset // 8}" + (f".{self.bit_offset % 8}" if self.bit_offset % 8 else "")
        return f"{start}{steps} ({':'.join(map(str, self.raw))} @ offset {offset})"


def local_spec(btf: Btf, reloc: CoreReloc) -> Spec:
    """The specification in the program's own BTF. Raises InputError if the access string does not fit the type.

    libbpf: bpf_core_parse_spec().
    """
    spec = Spec(btf, reloc.type_id, reloc.kind)
    if reloc.kind in TYPE_KINDS:
        if reloc.access != (0,):
            raise _misfit(btf, reloc, "a type relocation wants the access string 0")
        return spec
    spec.raw = list(reloc.access)
    type_id = skip_modifiers(btf, reloc.type_id)
    first = reloc.access[0]
    if reloc.kind in ENUMVAL_KINDS:
        enum = btf.type(type_id)
        if not isinstance(enum, Enum) or len(reloc.access) > 1 or first >= len(enum.values):
            raise _misfit(btf, reloc, "expected the index of an enumerator")
        spec.path.append(Accessor(type_id, first, enum.values[first].name))
        return spec
    spec.path.append(Accessor(type_id, first))
    spec.bit_offset = first * _size(btf, type_id, reloc) * 8
    for index in reloc.access[1:]:
        type_id = _local_step(btf, spec, skip_modifiers(btf, type_id), index, reloc)
    return spec


def _local_step(btf: Btf, spec: Spec, type_id: int, index: int, reloc: CoreReloc) -> int:
    """Adds one index of the access string to `spec`; the type that it leads to."""
    found = btf.type(type_id)
    if isinstance(found, Struct):
        if index >= len(found.members):
            raise _misfit(btf, reloc, f"{found!r} has {len(found.members)} members, no number {index}")
        member = found.members[index]
        spec.bit_offset += member.bit_offset
        if member.name:
            spec.path.append(Accessor(type_id, index, member.name))
        return member.type_id
    if isinstance(found, Array):
        element = skip_modifiers(btf, found.type_id)
        if index >= found.count and not flexible(btf, spec.path[-1], found):
            raise _misfit(btf, reloc, f"an array of {found.count} elements, no number {index}")
        spec.path.append(Accessor(element, index))
        spec.bit_offset += index * _size(btf, element, reloc) * 8
        return element
    raise _misfit(btf, reloc, f"{found!r} has no members")


def flexible(btf: Btf, holder: Accessor, array: Array) -> bool:
    """Whether an array is the last member of its structure and has no size. libbpf: is_flex_arr()."""
    if holder.name is None or array.count:
        return False
    outer = btf.type(holder.type_id)
    return isinstance(outer, Struct) and holder.idx == len(outer.members) - 1


def _size(btf: Btf, type_id: int, reloc: CoreReloc) -> int:
    size = size_or_none(btf, type_id)
    if size is None:
        raise _misfit(btf, reloc, f"{btf.type(type_id)!r} has no size")
    return size


def _misfit(btf: Btf, reloc: CoreReloc, problem: str) -> InputError:
    access = ":".join(map(str, reloc.access))
    kind = CORE_KIND_NAMES[reloc.kind]
    where = f"CO-RE relocation {kind} of instruction {reloc.insn} in its section"
    return InputError(btf.name, where, f"type {reloc.type_id} with access string {access}: {problem}")


def match(local: Spec, kernel: Btf, type_id: int, budget: Budget) -> Spec | None:
    """The same access in type `type_id` of the kernel, None if it is not there.

    Raises LinkError where libbpf gives up. libbpf: bpf_core_spec_match().
    """
    spec = Spec(kernel, type_id, local.kind)
    if local.kind in TYPE_KINDS:
        same = types_match if local.kind == TYPE_MATCHES else types_are_compatible
        return spec if same(local.btf, local.root_id, kernel, type_id, budget) else None
    if local.kind in ENUMVAL_KINDS:
        budget.spend(10)
        return spec if _match_enumerator(local.path[0].name or "", spec) else None
    assert local.kind in FIELD_KINDS
    for place, at in enumerate(local.path):
        type_id = skip_modifiers(kernel, type_id)
        if at.name is not None:
            outer = local.btf.type(at.type_id)
            assert isinstance(outer, Struct)
            member = _match_member(local.btf, outer.members[at.idx], type_id, spec, budget)
            if member is None:
                return None
            type_id = member.type_id
            continue
        if place > 0:
            array = kernel.type(type_id)
            if not isinstance(array, Array):
                return None
            if at.idx >= array.count and not flexible(kernel, spec.path[-1], array):
                return None
            type_id = skip_modifiers(kernel, array.type_id)
        _enter(spec, at.idx)
        spec.path.append(Accessor(type_id, at.idx))
        size = size_or_none(kernel, type_id)
        if size is None:
            raise LinkError(f"CO-RE relocation {local.text()}: {kernel.type(type_id)!r} of the kernel has no size")
        spec.bit_offset += at.idx * size * 8
    return spec


def _enter(spec: Spec, index: int) -> None:
    if len(spec.raw) == LONGEST:
        raise LinkError(f"CO-RE relocation {spec.text()}: nested more than {LONGEST} levels deep")
    spec.raw.append(index)


def _match_enumerator(name: str, spec: Spec) -> bool:
    type_id = skip_modifiers(spec.btf, spec.root_id)
    enum = spec.btf.type(type_id)
    if not isinstance(enum, Enum):
        return False
    wanted = essential_name(name)
    for index, value in enumerate(enum.values):
        if essential_name(value.name) == wanted:
            spec.path.append(Accessor(type_id, index, value.name))
            spec.raw.append(index)
            return True
    return False


def _match_member(local: Btf, wanted: Member, type_id: int, spec: Spec, budget: Budget) -> Member | None:
    """The member of that name and a compatible type, also inside anonymous members; `spec` then leads to it.

    libbpf: bpf_core_match_member().
    """
    type_id = skip_modifiers(spec.btf, type_id)
    outer = spec.btf.type(type_id)
    if not isinstance(outer, Struct):
        return None
    budget.spend(1 + len(outer.members) // 16)
    for index, member in enumerate(outer.members):
        if member.name and member.name != wanted.name:
            if len(spec.raw) == LONGEST:
                _enter(spec, index)
            continue
        _enter(spec, index)
        spec.bit_offset += member.bit_offset
        if member.name:
            if not fields_are_compatible(local, wanted.type_id, spec.btf, member.type_id):
                return None
            spec.path.append(Accessor(type_id, index, member.name))
            return member
        found = _match_member(local, wanted, member.type_id, spec, budget)
        if found is not None:
            return found
        spec.bit_offset -= member.bit_offset
        spec.raw.pop()
    return None


def fields_are_compatible(local: Btf, local_id: int, kernel: Btf, kernel_id: int) -> bool:
    """Whether a field of the one type may stand for one of the other. libbpf: bpf_core_fields_are_compat().

    Structures and unions mix; pointers, floats and plain integers agree with their like; enumerations and forward
    declarations if their names agree or one has none; arrays if their elements do.
    """
    for _ in range(LONGEST):
        ours, theirs = resolved(local, local_id), resolved(kernel, kernel_id)
        if isinstance(ours, Struct) and isinstance(theirs, Struct):
            return True
        if not kinds_agree(ours.kind, theirs.kind):
            return False
        if not (isinstance(ours, Array) and isinstance(theirs, Array)):
            return _plain_fields_are_compatible(ours, theirs)
        local_id, kernel_id = ours.type_id, theirs.type_id
    raise InputError(kernel.name, f"BTF type {kernel_id}", f"an array of more than {LONGEST} dimensions")


def _plain_fields_are_compatible(ours: Type, theirs: Type) -> bool:
    if isinstance(ours, (Ptr, Float)):
        return True
    if isinstance(ours, (Fwd, Enum)):
        first, second = essential_name(ours.name), essential_name(theirs.name)
        return not first or not second or first == second
    if isinstance(ours, Int) and isinstance(theirs, Int):
        return not ours.offset and not theirs.offset
    return False
