"""ELF64 objects for the machine BPF: header, sections, symbols, relocations. Reads bytes, interprets nothing."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from kverdict.errors import InputError

EM_NONE: Final = 0
EM_BPF: Final = 247
ET_REL: Final = 1
SHT_PROGBITS: Final = 1
SHT_SYMTAB: Final = 2
SHT_STRTAB: Final = 3
SHT_NOBITS: Final = 8
SHT_REL: Final = 9
SHF_EXECINSTR: Final = 4
SHN_UNDEF: Final = 0
SHN_LORESERVE: Final = 0xFF00
SHN_XINDEX: Final = 0xFFFF
STB_LOCAL: Final = 0
STB_GLOBAL: Final = 1
STB_WEAK: Final = 2
STT_NOTYPE: Final = 0
STT_OBJECT: Final = 1
STT_FUNC: Final = 2
STT_SECTION: Final = 3
STV_INTERNAL: Final = 1
STV_HIDDEN: Final = 2

_HEADER: Final = struct.Struct("<16sHHIQQQIHHHHHH")
_SECTION: Final = struct.Struct("<IIQQQQIIQQ")
_SYMBOL: Final = struct.Struct("<IBBHQQ")
_REL: Final = struct.Struct("<QQ")
_LONGEST_NAME: Final = 1024


class Section(NamedTuple):
    """One section header. offset and size in bytes of the file (a NOBITS section has no bytes there)."""

    number: int
    name: str
    type: int
    flags: int
    offset: int
    size: int
    link: int
    info: int
    entry_size: int

    @property
    def is_code(self) -> bool:
        """Does it hold instructions?"""
        return self.type == SHT_PROGBITS and bool(self.flags & SHF_EXECINSTR)


class Symbol(NamedTuple):
    """One symbol. value: offset in its section, in bytes; section: number, or SHN_UNDEF, or >= SHN_LORESERVE."""

    number: int
    name: str
    bind: int
    type: int
    visibility: int
    section: int
    value: int
    size: int

    @property
    def is_extern(self) -> bool:
        """Undefined here: to be found in the kernel or its configuration."""
        return self.section == SHN_UNDEF and self.bind in (STB_GLOBAL, STB_WEAK) and self.type == STT_NOTYPE

    @property
    def is_hidden(self) -> bool:
        """Global for the compiler, but libbpf shows it to the kernel as static."""
        return self.visibility in (STV_INTERNAL, STV_HIDDEN)


class Relocation(NamedTuple):
    """One entry of a relocation section: `offset` bytes into the section it applies to, index of a symbol."""

    offset: int
    symbol: int


class Elf:
    """An opened object file. Everything that is read from it was checked against the size of the file."""

    def __init__(self, raw: bytes, source: str) -> None:
        """Reads header, sections, symbols. Raises InputError for anything but a 64-bit little-endian BPF object."""
        self.raw = raw
        self.source = source
        self.sections = self._read_sections()
        self._names: dict[str, Section] = {}
        for section in self.sections[1:]:
            self._names.setdefault(section.name, section)
        self.symbols = self._read_symbols()

    def section(self, name: str) -> Section | None:
        """The first section of that name."""
        return self._names.get(name)

    def data(self, section: Section) -> bytes:
        """The bytes of a section; zeros for NOBITS. Raises InputError if the file ends before them."""
        if section.type == SHT_NOBITS:
            return bytes(self._sane_size(section))
        end = section.offset + section.size
        if end > len(self.raw):
            raise self.error(
                f"section {section.name}",
                f"the file ends at {len(self.raw)}, expected bytes {section.offset} to {end}: truncated?",
            )
        return self.raw[section.offset : end]

    def relocations(self, section: Section) -> Iterator[Relocation]:
        """The entries of an SHT_REL section, in file order. Raises InputError if its shape is wrong."""
        data = self.data(section)
        if section.entry_size != _REL.size or len(data) % _REL.size:
            raise self.error(
                f"section {section.name}",
                f"entries of {section.entry_size} bytes in {len(data)} bytes, expected entries of {_REL.size}",
            )
        for offset, info in _REL.iter_unpack(data):
            yield Relocation(offset, info >> 32)

    def error(self, where: str, problem: str) -> InputError:
        """An InputError about this file."""
        return InputError(self.source, where, problem)

    def _sane_size(self, section: Section) -> int:
        if section.size > 1 << 28:
            raise self.error(f"section {section.name}", f"claims {section.size} bytes without content, limit {1 << 28}")
        return section.size

    def _read_sections(self) -> tuple[Section, ...]:
        table_at, count, names_index = self._read_header()
        headers = [_SECTION.unpack_from(self.raw, table_at + i * _SECTION.size) for i in range(count)]
        if names_index == SHN_XINDEX:
            names_index = headers[0][6]
        if names_index >= count:
            raise self.error("ELF header", f"section names are in section {names_index}, expected less than {count}")
        start, size = headers[names_index][4:6]
        if start + size > len(self.raw):
            raise self.error(
                "ELF header", f"section names end at {start + size}, the file at {len(self.raw)}: truncated?"
            )
        names = self.raw[start : start + size]
        return tuple(
            Section(i, _string(names, name), kind, flags, offset, size, link, info, entry_size)
            for i, (name, kind, flags, _, offset, size, link, info, _, entry_size) in enumerate(headers)
        )

    def _read_header(self) -> tuple[int, int, int]:
        raw = self.raw
        if raw[:4] != b"\x7fELF":
            raise self.error(
                "offset 0", f"not an ELF file: starts with {raw[:4].hex() or 'nothing'}, expected 7f454c46"
            )
        if len(raw) < _HEADER.size:
            raise self.error(
                "ELF header", f"the file has {len(raw)} bytes, expected at least {_HEADER.size}: truncated?"
            )
        ident, kind, machine, _, _, _, table_at, _, _, _, _, entry_size, count, names = _HEADER.unpack_from(raw)
        self._check_identity(ident, kind, machine)
        if not table_at:
            raise self.error("ELF header", "has no section table, expected one")
        if entry_size != _SECTION.size:
            raise self.error("ELF header", f"section headers of {entry_size} bytes, expected {_SECTION.size}")
        if not count and table_at + _SECTION.size <= len(raw):
            count = _SECTION.unpack_from(raw, table_at)[5]
        end = table_at + count * _SECTION.size
        if not count or end > len(raw):
            raise self.error("ELF header", f"section table ends at {end}, the file at {len(raw)}: truncated?")
        return table_at, count, names

    def _check_identity(self, ident: bytes, kind: int, machine: int) -> None:
        if ident[4] != 2:
            raise self.error("ELF header, offset 4", f"ELF class {ident[4]}, expected 2 (64-bit)")
        if ident[5] == 2:
            raise self.error("ELF header, offset 5", "a big-endian object (bpfeb), expected little-endian (bpfel)")
        if ident[5] != 1:
            raise self.error("ELF header, offset 5", f"unknown byte order {ident[5]}, expected 1 (little-endian)")
        if int.from_bytes(self.raw[16:18], "big") == ET_REL:
            raise self.error("ELF header", "a big-endian object, expected little-endian (bpfel)")
        if machine not in (EM_NONE, EM_BPF):
            raise self.error(
                "ELF header, offset 18", f"machine {machine}, expected {EM_BPF} (BPF): not compiled with -target bpf?"
            )
        if kind != ET_REL:
            raise self.error("ELF header, offset 16", f"ELF type {kind}, expected {ET_REL} (relocatable object)")

    def _read_symbols(self) -> tuple[Symbol, ...]:
        tables = [section for section in self.sections if section.type == SHT_SYMTAB]
        if len(tables) != 1:
            raise self.error("", f"{len(tables) or 'no'} symbol tables, expected one (stripped object?)")
        table = tables[0]
        data = self.data(table)
        if table.entry_size != _SYMBOL.size or len(data) % _SYMBOL.size:
            raise self.error(
                f"section {table.name}",
                f"entries of {table.entry_size} bytes in {len(data)} bytes, expected entries of {_SYMBOL.size}",
            )
        if not 0 < table.link < len(self.sections):
            raise self.error(f"section {table.name}", f"names in section {table.link}, which does not exist")
        names = self.data(self.sections[table.link])
        return tuple(
            Symbol(i, _string(names, name), info >> 4, info & 15, other & 3, section, value, size)
            for i, (name, info, other, section, value, size) in enumerate(_SYMBOL.iter_unpack(data))
        )


def _string(table: bytes, offset: int) -> str:
    """The string at `offset`, at most 1024 bytes of it; empty if that is outside of the table."""
    end = table.find(b"\0", offset, offset + _LONGEST_NAME)
    return table[offset : end if end >= 0 else offset + _LONGEST_NAME].decode("utf-8", "replace")
