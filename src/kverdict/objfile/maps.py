"""Maps that an object defines: .maps, global data, .kconfig, struct_ops; what the file says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from kverdict.btf.btf import Btf
from kverdict.btf.layout import resolved, size_or_none, skip_modifiers
from kverdict.btf.types import (
    KIND_DATASEC,
    LINKAGE_GLOBAL,
    LINKAGE_STATIC,
    Array,
    Datasec,
    Enum,
    FuncProto,
    Member,
    Ptr,
    Struct,
    Var,
)
from kverdict.errors import InputError
from kverdict.objfile.elf import SHT_NOBITS, SHT_PROGBITS, Elf, Section

HASH_OF_MAPS: Final = 13
ARRAY: Final = 2
PROG_ARRAY: Final = 3
ARRAY_OF_MAPS: Final = 12
STRUCT_OPS: Final = 26
ARENA: Final = 33
MAP_IN_MAP: Final = (ARRAY_OF_MAPS, HASH_OF_MAPS)
F_RDONLY_PROG: Final = 1 << 7
F_MMAPABLE: Final = 1 << 10
F_LINK: Final = 1 << 13
MAPS_SECTION: Final = ".maps"
STRUCT_OPS_SECTIONS: Final = (".struct_ops", ".struct_ops.link", "?.struct_ops", "?.struct_ops.link")
_NUMBERS: Final = ("type", "max_entries", "map_flags", "numa_node", "key_size", "value_size", "pinning")


@dataclass(frozen=True, slots=True)
class MapDef:
    """One map definition. Sizes in bytes; key_type_id and value_type_id in the object's BTF, 0 if not given.

    kind: "user", "data", "rodata", "bss", "kconfig" or "struct_ops". section: index of its ELF section, offset in it.
    data: initial contents of global data and of struct_ops. slots: initial values of a map of maps (map names) or of
    a program array (program names). callbacks: member name → program name of a struct_ops map.
    """

    name: str
    kind: str
    section: int
    offset: int
    map_type: int = 0
    key_size: int = 0
    value_size: int = 0
    max_entries: int = 0
    flags: int = 0
    extra: int = 0
    key_type_id: int = 0
    value_type_id: int = 0
    inner: MapDef | None = None
    data: bytes | None = None
    section_name: str = ""
    autocreate: bool = True
    size: int = 0
    slots: dict[int, str] = field(default_factory=dict)
    callbacks: dict[str, str] = field(default_factory=dict)


def user_maps(elf: Elf, btf: Btf | None) -> Iterator[MapDef]:
    """The maps of section .maps. Raises InputError. libbpf: bpf_object__init_user_btf_maps()."""
    section = elf.section(MAPS_SECTION)
    if section is None:
        return
    if btf is None:
        raise elf.error(
            f"section {MAPS_SECTION}", "maps need types, but the file has no section .BTF (compile with -g)"
        )
    home = btf.type(btf.find(MAPS_SECTION, KIND_DATASEC))
    if not isinstance(home, Datasec):
        raise elf.error("section .BTF", f"does not describe the section {MAPS_SECTION}")
    for entry in home.entries:
        variable = btf.type(entry.type_id)
        if not isinstance(variable, Var) or not variable.name:
            raise elf.error(f"section {MAPS_SECTION}, offset {entry.offset}", f"{variable!r}, expected a map variable")
        reader = _Definition(elf, btf, variable.name)
        if entry.offset + entry.size > section.size:
            raise reader.error(f"ends at {entry.offset + entry.size} of a section of {section.size} bytes")
        if variable.linkage != LINKAGE_GLOBAL:
            linkage = "static" if variable.linkage == LINKAGE_STATIC else "extern"
            raise reader.error(f"is {linkage}, expected a global variable")
        definition = resolved(btf, variable.type_id)
        if not isinstance(definition, Struct) or definition.is_union or definition.size > entry.size:
            raise reader.error(f"is defined by {definition!r}, expected a struct of at most {entry.size} bytes")
        found = reader.read(definition)
        yield replace(found, section=section.number, offset=entry.offset, size=entry.size)


class _Definition:
    """Reads the members of one map definition. libbpf: parse_btf_map_def()."""

    def __init__(self, elf: Elf, btf: Btf, name: str, inner: bool = False) -> None:
        self.elf = elf
        self.btf = btf
        self.name = name
        self.is_inner = inner
        self.found: dict[str, int] = {}
        self.inner: MapDef | None = None

    def error(self, problem: str) -> InputError:
        """An InputError about this map."""
        return self.elf.error(f"section {MAPS_SECTION}, map {self.name}", problem)

    def read(self, definition: Struct) -> MapDef:
        """The map that the structure describes."""
        for number, member in enumerate(definition.members):
            if member.name in _NUMBERS:
                self._set(member.name, self._number(member))
            elif member.name in ("key", "value"):
                self._type(member)
            elif member.name == "map_extra":
                self.found["map_extra"] = self._long(member)
            elif member.name == "values":
                self._values(member, number == len(definition.members) - 1)
            else:
                raise self.error(f"unknown attribute {member.name!r}")
        return self._finished()

    def _finished(self) -> MapDef:
        found = self.found
        if not found.get("type"):
            raise self.error("has no attribute 'type'")
        if found.get("pinning", 0) > 1 or (self.is_inner and "pinning" in found):
            raise self.error(f"pinning {found['pinning']}, expected 0 or 1 (LIBBPF_PIN_BY_NAME), not of an inner map")
        return MapDef(
            self.name,
            "user",
            -1,
            0,
            map_type=found["type"],
            key_size=found.get("key_size", 0),
            value_size=found.get("value_size", 0),
            max_entries=found.get("max_entries", 0),
            flags=found.get("map_flags", 0),
            extra=found.get("map_extra", 0),
            key_type_id=found.get("key", 0),
            value_type_id=found.get("value", 0),
            inner=self.inner,
        )

    def _set(self, attribute: str, value: int) -> None:
        before = self.found.get(attribute)
        if attribute in ("key_size", "value_size") and before and before != value:
            raise self.error(f"conflicting {attribute}: {before} and {value}")
        self.found[attribute] = value

    def _number(self, member: Member) -> int:
        """__uint(name, value): a pointer to an array of `value` elements."""
        pointer = resolved(self.btf, member.type_id)
        array = self.btf.type(pointer.type_id) if isinstance(pointer, Ptr) else pointer
        if not isinstance(array, Array) or not isinstance(pointer, Ptr):
            raise self.error(f"attribute {member.name!r} is {array!r}, expected __uint({member.name}, number)")
        return array.count

    def _long(self, member: Member) -> int:
        """__ulong(name, value): an enumeration with one value, or as __uint."""
        found = resolved(self.btf, member.type_id)
        if isinstance(found, Ptr):
            return self._number(member)
        if not isinstance(found, Enum) or len(found.values) != 1:
            raise self.error(f"attribute {member.name!r} is {found!r}, expected __ulong({member.name}, number)")
        return found.values[0].value & (1 << 64) - 1

    def _type(self, member: Member) -> None:
        """__type(key, T): a pointer to T."""
        pointer = self.btf.type(member.type_id)
        if not isinstance(pointer, Ptr):
            raise self.error(f"attribute {member.name!r} is {pointer!r}, expected __type({member.name}, some type)")
        size = size_or_none(self.btf, pointer.type_id)
        if size is None:
            raise self.error(f"attribute {member.name!r}: {self.btf.type(pointer.type_id)!r} has no size")
        self._set(f"{member.name}_size", size)
        self.found[member.name] = pointer.type_id

    def _values(self, member: Member, last: bool) -> None:
        """__array(values, T): the type of an inner map, or of the programs of a program array."""
        map_type = self.found.get("type", 0)
        if self.is_inner:
            raise self.error("is an inner map with inner maps of its own: one level is supported")
        if not last:
            raise self.error("attribute 'values' must be the last")
        if map_type not in MAP_IN_MAP and map_type != PROG_ARRAY:
            raise self.error(
                f"attribute 'values' in a map of type {map_type}, expected a map of maps or a program array"
            )
        self._set("value_size", 4)
        array = self.btf.type(member.type_id)
        if not isinstance(array, Array) or array.count:
            raise self.error(f"attribute 'values' is {array!r}, expected an array of unknown size: __array(values, T)")
        pointer = resolved(self.btf, array.type_id)
        target = resolved(self.btf, pointer.type_id) if isinstance(pointer, Ptr) else pointer
        if map_type == PROG_ARRAY:
            if not isinstance(target, FuncProto):
                raise self.error(f"attribute 'values' holds {target!r}, expected functions")
            return
        if not isinstance(target, Struct) or target.is_union:
            raise self.error(f"attribute 'values' holds {target!r}, expected a map definition")
        self.inner = _Definition(self.elf, self.btf, f"{self.name}.inner", inner=True).read(target)


def data_maps(elf: Elf, btf: Btf | None, object_name: str) -> Iterator[MapDef]:
    """Maps of global variables: .data, .rodata, .bss and .data.NAME etc. libbpf: init_global_data_maps()."""
    for section in elf.sections[1:]:
        kind = _data_kind(section)
        if not kind or not section.size:
            continue
        if section.size > 0xFFFFFFFF:
            raise elf.error(f"section {section.name}", f"{section.size} bytes of data, expected less than 4 GiB")
        yield internal_map(btf, object_name, kind, section.name, section.number, elf.data(section))


def _data_kind(section: Section) -> str:
    if section.is_code:
        return ""
    for kind, section_type in (("data", SHT_PROGBITS), ("rodata", SHT_PROGBITS), ("bss", SHT_NOBITS)):
        if section.type == section_type and (section.name == f".{kind}" or section.name.startswith(f".{kind}.")):
            return kind
    return ""


def internal_map(btf: Btf | None, object_name: str, kind: str, section_name: str, section: int, data: bytes) -> MapDef:
    """An array of one element, which is the whole section. libbpf: bpf_object__init_internal_map()."""
    type_id = next(iter(btf.find_all(section_name)), 0) if btf else 0
    flags = F_RDONLY_PROG if kind in ("rodata", "kconfig") else 0
    if btf and _is_mappable(btf, type_id):
        flags |= F_MMAPABLE
    return MapDef(
        internal_name(object_name, section_name),
        kind,
        section,
        0,
        map_type=ARRAY,
        key_size=4,
        value_size=len(data),
        max_entries=1,
        flags=flags,
        value_type_id=type_id,
        data=data,
        section_name=section_name,
    )


def _is_mappable(btf: Btf, type_id: int) -> bool:
    """Whether user space may see a variable of it. libbpf: map_is_mmapable()."""
    home = btf.type(type_id)
    if not isinstance(home, Datasec):
        return False
    variables = [btf.type(entry.type_id) for entry in home.entries]
    if home.name == ".kconfig":
        return bool(variables)  # libbpf has made these externs global by then
    return any(isinstance(variable, Var) and variable.linkage != LINKAGE_STATIC for variable in variables)


def internal_name(object_name: str, section_name: str) -> str:
    """The name of a global data map, at most 15 characters: part of the object's, then the section's.

    libbpf: internal_map_name().
    """
    suffix = min(max(7, len(section_name)), 15)
    prefix = 0 if "." in section_name[1:] else min(15 - suffix, len(object_name))
    name = object_name[:prefix] + section_name[:suffix]
    return "".join(c if c.isascii() and (c.isalnum() or c in "_.") else "_" for c in name)


def struct_ops_maps(elf: Elf, btf: Btf | None) -> Iterator[MapDef]:
    """The variables of .struct_ops, .struct_ops.link and "?.struct_ops...". libbpf: init_struct_ops_maps()."""
    for section in elf.sections[1:]:
        if (
            section.name not in STRUCT_OPS_SECTIONS
            or section.type != SHT_PROGBITS
            or not section.size
            or section.is_code
        ):
            continue
        home = btf.type(btf.find(section.name, KIND_DATASEC)) if btf else None
        if btf is None or not isinstance(home, Datasec):
            raise elf.error(f"section {section.name}", "section .BTF is missing or does not describe it")
        data = elf.data(section)
        for entry in home.entries:
            variable = btf.type(entry.type_id)
            found = resolved(btf, variable.type_id) if isinstance(variable, Var) else variable
            if not isinstance(found, Struct) or found.is_union or not found.name:
                raise elf.error(f"section {section.name}, offset {entry.offset}", f"{found!r}, expected a named struct")
            if entry.offset + found.size > len(data):
                raise elf.error(
                    f"section {section.name}, offset {entry.offset}", f"{variable.name} ends after the section"
                )
            yield MapDef(
                variable.name,
                "struct_ops",
                section.number,
                entry.offset,
                map_type=STRUCT_OPS,
                key_size=4,
                value_size=found.size,
                max_entries=1,
                flags=F_LINK if section.name.endswith(".link") else 0,
                value_type_id=_struct_id(btf, entry.type_id),
                data=data[entry.offset : entry.offset + found.size],
                section_name=section.name.lstrip("?"),
                autocreate=not section.name.startswith("?"),
                size=found.size,
            )


def _struct_id(btf: Btf, type_id: int) -> int:
    variable = btf.type(type_id)
    return skip_modifiers(btf, variable.type_id) if isinstance(variable, Var) else 0
