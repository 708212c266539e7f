""".BTF.ext: which function starts where, which source line an instruction came from."""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeVar

from kverdict.btf.btf import Btf
from kverdict.objfile.elf import Elf

MAGIC: Final = 0xEB9F
_HEADER: Final = struct.Struct("<HBBI")
_PAIR: Final = struct.Struct("<II")
_LINE: Final = struct.Struct("<IIII")


class FuncRecord(NamedTuple):
    """A function: `offset` in bytes into its section, id of its FUNC type."""

    offset: int
    type_id: int


class LineRecord(NamedTuple):
    """A source line. offset in bytes into its section; file and text are string offsets of the BTF."""

    offset: int
    file: int
    text: int
    line: int
    column: int


Record = TypeVar("Record", FuncRecord, LineRecord)


@dataclass(slots=True)
class ExtInfo:
    """.BTF.ext by section name, sorted by offset, without CO-RE relocations (core_relocs.py)."""

    functions: dict[str, tuple[FuncRecord, ...]] = field(default_factory=dict)
    lines: dict[str, tuple[LineRecord, ...]] = field(default_factory=dict)


def read_ext(elf: Elf, btf: Btf | None) -> ExtInfo:
    """The object's .BTF.ext; empty if it has none or no BTF. Raises InputError if its shape is wrong."""
    section = elf.section(".BTF.ext")
    if section is None or btf is None:
        return ExtInfo()
    return _Reader(elf, elf.data(section), btf).read()


class _Reader:
    """One pass over the section; `where` of each complaint names the offset."""

    def __init__(self, elf: Elf, data: bytes, btf: Btf) -> None:
        self.elf = elf
        self.data = data
        self.btf = btf

    def read(self) -> ExtInfo:
        """All three parts."""
        if len(self.data) < _HEADER.size + 16:
            self._refuse(0, f"{len(self.data)} bytes, expected at least {_HEADER.size + 16}")
        magic, version, _, header_size = _HEADER.unpack_from(self.data)
        if magic != MAGIC or version != 1:
            self._refuse(0, f"magic {magic:#x} version {version}, expected {MAGIC:#x} version 1")
        if header_size < _HEADER.size + 16 or header_size > len(self.data):
            self._refuse(4, f"header of {header_size} bytes in a section of {len(self.data)}")
        words = struct.unpack_from(f"<{(header_size - _HEADER.size) // 4}I", self.data, _HEADER.size)
        found = ExtInfo()
        for name, records in self._part(header_size, words[0], words[1], 8):
            found.functions[name] = _sorted(FuncRecord(*_PAIR.unpack_from(record)) for record in records)
        for name, records in self._part(header_size, words[2], words[3], 16):
            found.lines[name] = _sorted(_line(record) for record in records)
        return found

    def _part(self, base: int, offset: int, length: int, least: int) -> Iterator[tuple[str, list[bytes]]]:
        """(section name, records) of one part. libbpf: btf_ext_parse_sec_info()."""
        if not length:
            return
        at, end = base + offset, base + offset + length
        if end > len(self.data) or length < 4:
            self._refuse(at, f"a part of {length} bytes ends at {end}, the section at {len(self.data)}")
        size = int.from_bytes(self.data[at : at + 4], "little")
        if size < least or size % 4 or size > len(self.data):
            self._refuse(at, f"records of {size} bytes, expected at least {least}")
        at += 4
        while at < end:
            if at + _PAIR.size > end:
                self._refuse(at, "half a section header at the end of a part")
            name, count = _PAIR.unpack_from(self.data, at)
            start, at = at + _PAIR.size, at + _PAIR.size + count * size
            if not count or at > end:
                self._refuse(start, f"{count} records of {size} bytes, the part ends at {end}")
            records = [self.data[place : place + size] for place in range(start, at, size)]
            yield self.btf.string(name), records

    def _refuse(self, offset: int, problem: str) -> None:
        raise self.elf.error(f"section .BTF.ext, offset {offset}", problem)


def _sorted(records: Iterable[Record]) -> tuple[Record, ...]:
    return tuple(sorted(records, key=lambda record: record.offset))


def within(records: Sequence[Record], low: int, high: int) -> Sequence[Record]:
    """The records with low <= offset < high; `records` are those of one section of an ExtInfo."""
    first = bisect_left(records, low, key=lambda record: record.offset)
    return records[first : bisect_left(records, high, first, key=lambda record: record.offset)]


def _line(record: bytes) -> LineRecord:
    offset, file, text, place = _LINE.unpack_from(record)
    return LineRecord(offset, file, text, place >> 10, place & 0x3FF)
