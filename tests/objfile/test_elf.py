"""ELF headers and tables: what is read, and one clear line for each thing that is wrong."""

from __future__ import annotations

import pytest

from kverdict.errors import InputError
from kverdict.objfile.elf import SHT_NOBITS, Elf
from tests.fixtures import raw


def changed(offset: int, *new: int) -> bytes:
    data = bytearray(raw("maps"))
    data[offset : offset + len(new)] = bytes(new)
    return bytes(data)


def test_sections_and_symbols_are_found_by_name() -> None:
    elf = Elf(raw("maps"), "maps.bpf.o")
    code = elf.section("socket")
    assert code is not None and code.is_code and code.size % 8 == 0
    assert elf.section("no such section") is None
    assert {"main_program", "target", "pairs", "LICENSE"} <= {symbol.name for symbol in elf.symbols}


def test_uninitialized_data_reads_as_zeros() -> None:
    elf = Elf(raw("maps"), "maps.bpf.o")
    bss = elf.section(".bss")
    assert bss is not None and bss.type == SHT_NOBITS and elf.data(bss) == bytes(8)


@pytest.mark.parametrize(
    ("data", "where", "problem"),
    [
        (b"", "offset 0", "not an ELF file: starts with nothing, expected 7f454c46"),
        (b"#!/bin/sh\n", "offset 0", "not an ELF file: starts with 23212f62, expected 7f454c46"),
        (raw("maps")[:40], "ELF header", "the file has 40 bytes, expected at least 64: truncated?"),
        (raw("maps")[:-100], "ELF header", "truncated?"),
        (changed(4, 1), "ELF header, offset 4", "ELF class 1, expected 2 (64-bit)"),
        (changed(5, 2), "ELF header, offset 5", "a big-endian object (bpfeb), expected little-endian (bpfel)"),
        (changed(5, 7), "ELF header, offset 5", "unknown byte order 7"),
        (changed(16, 2), "ELF header, offset 16", "ELF type 2, expected 1 (relocatable object)"),
        (changed(18, 62), "ELF header, offset 18", "machine 62, expected 247 (BPF): not compiled with -target bpf?"),
        (changed(58, 63), "ELF header", "section headers of 63 bytes, expected 64"),
        (changed(62, 200), "ELF header", "section names are in section 200"),
        (changed(40, *bytes(8)), "ELF header", "has no section table"),
    ],
)
def test_what_is_no_bpf_object_is_refused_in_one_line(data: bytes, where: str, problem: str) -> None:
    with pytest.raises(InputError) as refused:
        Elf(data, "x.o")
    assert (refused.value.source, refused.value.where) == ("x.o", where)
    assert problem in refused.value.problem and "\n" not in str(refused.value)


def test_a_section_that_ends_after_the_file_is_refused_when_it_is_read() -> None:
    elf = Elf(raw("maps"), "x.o")
    section = elf.section(".BTF")
    assert section is not None
    with pytest.raises(InputError, match=r"x\.o: section \.BTF: the file ends at"):
        elf.data(section._replace(size=1 << 40))
