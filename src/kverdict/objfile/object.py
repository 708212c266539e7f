"""Object: everything that a BPF object file says. It knows nothing of any kernel."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from kverdict.btf.btf import Btf
from kverdict.btf.layout import resolved
from kverdict.btf.types import FuncProto, Ptr, Struct
from kverdict.errors import InputError
from kverdict.objfile.btf_fixups import open_btf
from kverdict.objfile.core_relocs import CoreReloc, parse_core_relocs
from kverdict.objfile.elf import SHT_REL, STB_LOCAL, STT_FUNC, STT_SECTION, Elf, Relocation, Section, Symbol
from kverdict.objfile.externs import Extern, collect_externs, kconfig_size
from kverdict.objfile.lines import ExtInfo, read_ext
from kverdict.objfile.maps import (
    HASH_OF_MAPS,
    MAP_IN_MAP,
    MAPS_SECTION,
    PROG_ARRAY,
    STRUCT_OPS_SECTIONS,
    MapDef,
    data_maps,
    internal_map,
    struct_ops_maps,
    user_maps,
)
from kverdict.objfile.relocs import SLOT, CodeRelocs, Reloc

ARENA_SECTION: Final = ".addr_space.1"
_OVERLAP: Final = 16  # times the size of the file that all functions together may have


@dataclass(frozen=True, slots=True)
class ProgramDef:
    """A function of the object: a program, or (is_subprogram: in .text) one that programs call.

    section: its name without a leading "?" (then autoload is False); start: its first slot in the section; code: raw
    bytes before relocation. is_static: local, or hidden from other objects.
    """

    name: str
    section: str
    section_index: int
    start: int
    code: bytes
    autoload: bool = True
    is_subprogram: bool = False
    is_static: bool = False
    relocs: tuple[Reloc, ...] = ()

    @property
    def slots(self) -> int:
        """Its length in 8-byte slots."""
        return len(self.code) // SLOT


@dataclass(frozen=True, slots=True)
class Object:
    """An object file. `name` as the user gave it; base_name: as libbpf calls it, at most 15 characters."""

    name: str
    elf: Elf = field(repr=False)
    programs: tuple[ProgramDef, ...]
    functions: tuple[ProgramDef, ...]
    maps: tuple[MapDef, ...]
    externs: tuple[Extern, ...]
    btf: Btf | None
    ext: ExtInfo = field(repr=False)
    core_relocs: dict[str, tuple[CoreReloc, ...]] = field(repr=False)
    license: str
    kernel_version: int
    base_name: str

    @classmethod
    def open(cls, path: str | Path) -> Object:
        """The object in a file. Raises InputError, naming file, section and offset."""
        try:
            raw = Path(path).read_bytes()
        except OSError as problem:
            raise InputError(str(path), "", f"cannot be read: {problem.strerror or problem}") from None
        return cls.parse(raw, str(path))

    @classmethod
    def parse(cls, raw: bytes, name: str) -> Object:
        """The object in these bytes. Raises InputError, naming `name`, section and offset."""
        return _Builder(Elf(raw, name)).build()

    def program(self, name: str) -> ProgramDef:
        """The program of that name. Raises InputError if there is none."""
        for program in self.programs:
            if program.name == name:
                return program
        known = ", ".join(program.name for program in self.programs) or "none"
        raise InputError(self.name, "", f"has no program {name!r}, its programs: {known}")

    def function_at(self, section_index: int, slot: int) -> ProgramDef | None:
        """The function that covers a slot of a section. libbpf: find_prog_by_sec_insn()."""
        return function_at(self.functions, section_index, slot)


def function_at(functions: tuple[ProgramDef, ...], section_index: int, slot: int) -> ProgramDef | None:
    """The function that covers a slot of a section; `functions` are sorted by (section, start)."""
    at = bisect_right(functions, (section_index, slot), key=lambda f: (f.section_index, f.start)) - 1
    if at < 0:
        return None
    found = functions[at]
    covers = found.section_index == section_index and slot < found.start + found.slots
    return found if covers else None


class _Builder:
    """Opens an object in libbpf's order: sections, functions, externs, BTF, maps, relocations."""

    def __init__(self, elf: Elf) -> None:
        self.elf = elf
        self.base_name = Path(elf.source).name.split(".")[0][:15]
        text = elf.section(".text")
        self.text = text.number if text and text.is_code and text.size else 0

    def build(self) -> Object:
        """All of it."""
        elf = self.elf
        if elf.section("maps") is not None:
            raise elf.error(
                "section maps", 'legacy map definitions are not supported since libbpf 1.0, use SEC(".maps")'
            )
        functions = self._functions()
        hidden = [f.name for f in functions if f.is_subprogram and f.is_static]
        btf = open_btf(elf, hidden)
        externs = collect_externs(elf, btf)
        maps = self._maps(btf, externs, functions)
        functions = self._with_relocs(functions, maps, externs)
        return Object(
            name=elf.source,
            elf=elf,
            programs=tuple(f for f in functions if not f.is_subprogram),
            functions=functions,
            maps=maps,
            externs=externs,
            btf=btf,
            ext=read_ext(elf, btf),
            core_relocs=self._core_relocs(btf),
            license=self._license(),
            kernel_version=self._version(),
            base_name=self.base_name,
        )

    def _core_relocs(self, btf: Btf | None) -> dict[str, tuple[CoreReloc, ...]]:
        section = self.elf.section(".BTF.ext")
        if section is None or btf is None:
            return {}
        return parse_core_relocs(self.elf.data(section), btf, self.elf.source)

    def _license(self) -> str:
        section = self.elf.section("license")
        data = self.elf.data(section) if section else b""
        return data.split(b"\0")[0][:63].decode("utf-8", "replace")

    def _version(self) -> int:
        section = self.elf.section("version")
        if section is None:
            return 0
        data = self.elf.data(section)
        if len(data) != 4:
            raise self.elf.error("section version", f"{len(data)} bytes, expected 4")
        return int.from_bytes(data, "little")

    def _functions(self) -> tuple[ProgramDef, ...]:
        """libbpf: bpf_object__add_programs()."""
        code = {s.number: self.elf.data(s) for s in self.elf.sections[1:] if s.is_code and s.size}
        symbols = [symbol for symbol in self.elf.symbols if symbol.type == STT_FUNC and symbol.section in code]
        total = sum(symbol.size for symbol in symbols)
        if total > _OVERLAP * len(self.elf.raw):
            raise self.elf.error(
                "", f"functions of {total} bytes in a file of {len(self.elf.raw)}, expected no such overlap"
            )
        found = [self._function(symbol, self.elf.sections[symbol.section], code[symbol.section]) for symbol in symbols]
        return tuple(sorted(found, key=lambda f: (f.section_index, f.start)))

    def _function(self, symbol: Symbol, section: Section, data: bytes) -> ProgramDef:
        where = f"section {section.name}, offset {symbol.value}"
        if symbol.value + symbol.size > len(data):
            raise self.elf.error(where, f"function {symbol.name} of {symbol.size} bytes ends after its section")
        if not symbol.size or symbol.size % SLOT or symbol.value % SLOT:
            raise self.elf.error(where, f"function {symbol.name} of {symbol.size} bytes, expected a multiple of {SLOT}")
        is_subprogram = section.number == self.text
        if not is_subprogram and symbol.bind == STB_LOCAL:
            raise self.elf.error(where, f"program {symbol.name} is static, expected a global function")
        return ProgramDef(
            symbol.name,
            section.name[1:] if section.name.startswith("?") else section.name,
            section.number,
            symbol.value // SLOT,
            data[symbol.value : symbol.value + symbol.size],
            autoload=not section.name.startswith("?"),
            is_subprogram=is_subprogram,
            is_static=symbol.bind == STB_LOCAL or symbol.is_hidden,
        )

    def _maps(
        self, btf: Btf | None, externs: tuple[Extern, ...], functions: tuple[ProgramDef, ...]
    ) -> tuple[MapDef, ...]:
        maps = [*user_maps(self.elf, btf), *data_maps(self.elf, btf, self.base_name)]
        size = kconfig_size(externs)
        if size:
            maps.append(internal_map(btf, self.base_name, "kconfig", ".kconfig", -1, bytes(size)))
        maps += struct_ops_maps(self.elf, btf)
        for section in self.elf.sections[1:]:
            if section.type == SHT_REL and 0 < section.info < len(self.elf.sections):
                target = self.elf.sections[section.info]
                for number, relocation in enumerate(self.elf.relocations(section)):
                    where = f"section {section.name}, relocation {number}"
                    if target.name == MAPS_SECTION:
                        self._fill_slot(maps, where, relocation, functions, btf)
                    elif target.name in STRUCT_OPS_SECTIONS:
                        self._fill_callback(maps, where, relocation, functions, btf, target)
                    else:
                        break
        return tuple(maps)

    def _symbol(self, where: str, relocation: Relocation) -> Symbol:
        if relocation.symbol >= len(self.elf.symbols):
            raise self.elf.error(where, f"symbol {relocation.symbol}, expected less than {len(self.elf.symbols)}")
        return self.elf.symbols[relocation.symbol]

    def _fill_slot(
        self,
        maps: list[MapDef],
        where: str,
        relocation: Relocation,
        functions: tuple[ProgramDef, ...],
        btf: Btf | None,
    ) -> None:
        """An initial value of a map of maps or a program array. libbpf: bpf_object__collect_map_relos()."""
        symbol = self._symbol(where, relocation)
        at = relocation.offset
        owner = next((m for m in maps if m.kind == "user" and m.offset <= at and at + 8 <= m.offset + m.size), None)
        if owner is None or btf is None:
            raise self.elf.error(where, f"offset {at} of section {MAPS_SECTION} is inside no map")
        first = self._values_offset(btf, owner)
        if first is None or at - owner.offset < first or (at - owner.offset - first) % 8:
            raise self.elf.error(where, f"offset {at} is no initial value of map {owner.name}")
        if owner.map_type in MAP_IN_MAP:
            if owner.map_type == HASH_OF_MAPS and owner.key_size != 4:
                raise self.elf.error(
                    where, f"hash of maps {owner.name} with initial values has {owner.key_size}-byte keys, not 4"
                )
            if not any(m.name == symbol.name and m.kind == "user" for m in maps):
                raise self.elf.error(where, f"{symbol.name!r} is no map")
        elif owner.map_type == PROG_ARRAY:
            target = function_at(functions, symbol.section, symbol.value // SLOT)
            if target is None or target.is_subprogram or target.name != symbol.name:
                raise self.elf.error(where, f"{symbol.name!r} is no program")
        else:
            raise self.elf.error(where, f"map {owner.name} of type {owner.map_type} has initial values")
        owner.slots[(at - owner.offset - first) // 8] = symbol.name

    def _values_offset(self, btf: Btf, owner: MapDef) -> int | None:
        """Byte at which the attribute `values` of a map starts."""
        for type_id in btf.find_all(owner.name):
            found = resolved(btf, getattr(btf.type(type_id), "type_id", 0))
            if isinstance(found, Struct) and found.members and found.members[-1].name == "values":
                return found.members[-1].bit_offset // 8
        return None

    def _fill_callback(
        self,
        maps: list[MapDef],
        where: str,
        relocation: Relocation,
        functions: tuple[ProgramDef, ...],
        btf: Btf | None,
        target: Section,
    ) -> None:
        """A program of a struct_ops map. libbpf: bpf_object__collect_st_ops_relos()."""
        symbol = self._symbol(where, relocation)
        at = relocation.offset
        mine = [m for m in maps if m.kind == "struct_ops" and m.section == target.number]
        owner = next((m for m in mine if m.offset <= at < m.offset + m.size), None)
        if owner is None or btf is None:
            raise self.elf.error(where, f"offset {at} of section {target.name} is inside no variable")
        outer = btf.type(owner.value_type_id)
        members = outer.members if isinstance(outer, Struct) else ()
        member = next((m for m in members if m.bit_offset == 8 * (at - owner.offset)), None)
        pointer = resolved(btf, member.type_id) if member else None
        if member is None or not isinstance(pointer, Ptr) or not isinstance(resolved(btf, pointer.type_id), FuncProto):
            raise self.elf.error(where, f"offset {at} of section {target.name} is no pointer to a function")
        program = function_at(functions, symbol.section, symbol.value // SLOT)
        if program is None or not program.section.startswith("struct_ops"):
            raise self.elf.error(where, f"{symbol.name!r} is no struct_ops program, for member {member.name}")
        owner.callbacks[member.name] = program.name

    def _with_relocs(
        self, functions: tuple[ProgramDef, ...], maps: tuple[MapDef, ...], externs: tuple[Extern, ...]
    ) -> tuple[ProgramDef, ...]:
        arena = self.elf.section(ARENA_SECTION)
        reader = CodeRelocs(self.elf, maps, externs, self.text, arena.number if arena else -1)
        collected: dict[tuple[int, int], dict[int, Reloc]] = {}
        for section in self.elf.sections[1:]:
            if section.type != SHT_REL:
                continue
            if not 0 < section.info < len(self.elf.sections):
                raise self.elf.error(
                    f"section {section.name}", f"applies to section {section.info}, which does not exist"
                )
            target = self.elf.sections[section.info]
            if target.is_code and target.size:
                self._read_relocs(reader, functions, section, target, collected)
        return tuple(
            replace(
                f, relocs=tuple(sorted(collected.get((f.section_index, f.start), {}).values(), key=lambda r: r.insn))
            )
            for f in functions
        )

    def _read_relocs(
        self,
        reader: CodeRelocs,
        functions: tuple[ProgramDef, ...],
        section: Section,
        target: Section,
        collected: dict[tuple[int, int], dict[int, Reloc]],
    ) -> None:
        for number, relocation in enumerate(self.elf.relocations(section)):
            where = f"section {section.name}, relocation {number}"
            symbol = self._symbol(where, relocation)
            if relocation.offset % SLOT or relocation.offset >= target.size:
                raise self.elf.error(
                    where,
                    f"offset {relocation.offset} is no instruction of section {target.name} ({target.size} bytes)",
                )
            slot = relocation.offset // SLOT
            function = function_at(functions, target.number, slot)
            if function is None:
                continue  # a weak function that another one replaced
            if symbol.type == STT_SECTION and not symbol.name and symbol.section < len(self.elf.sections):
                symbol = symbol._replace(name=self.elf.sections[symbol.section].name)
            insn = slot - function.start
            found = reader.record(where, symbol, insn, function.code[insn * SLOT : insn * SLOT + SLOT])
            if found.kind not in ("call", "extern call") and insn + 1 >= function.slots:
                raise self.elf.error(
                    where, f"instruction {slot} is a 16-byte load, but its function ends after 8 bytes"
                )
            collected.setdefault((function.section_index, function.start), {})[insn] = found
