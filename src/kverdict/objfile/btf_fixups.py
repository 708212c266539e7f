"""What libbpf mends in a compiler's BTF before it is used: sizes and offsets of data sections, hidden functions."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Final

from kverdict.btf.btf import Btf
from kverdict.btf.types import (
    KIND_DATASEC,
    KIND_FUNC,
    LINKAGE_EXTERN,
    LINKAGE_GLOBAL,
    LINKAGE_STATIC,
    Datasec,
    Func,
    Var,
)
from kverdict.objfile.elf import STB_GLOBAL, STB_WEAK, STT_OBJECT, Elf, Symbol

EXTERN_SECTIONS: Final = (".kconfig", ".ksyms")
_HEADER_SIZE: Final = 12
_ENTRY: Final = struct.Struct("<III")
# Bytes after the 12 of a type's header, by kind: fixed, and for each of `vlen` elements.
_FIXED: Final = {1: 4, 3: 12, 14: 4, 17: 4}
_EACH: Final = {4: 12, 5: 12, 6: 8, 13: 8, 15: 12, 19: 12}


def open_btf(elf: Elf, hidden_functions: Iterable[str]) -> Btf | None:
    """The object's BTF as libbpf gives it to the kernel, None if the object has none. Type ids do not change.

    hidden_functions: global subprograms of restricted visibility, which become static. Raises InputError.
    libbpf: bpf_object_fixup_btf(), bpf_object__sanitize_and_load_btf().
    """
    section = elf.section(".BTF")
    if section is None:
        return None
    raw = elf.data(section)
    name = f"{elf.source}: section .BTF"
    draft = Btf.parse(raw, name)
    patched = _Patches(draft, raw, elf).applied(frozenset(hidden_functions))
    return draft if patched == raw else Btf.parse(patched, name)


class _Patches:
    """Edits of the raw bytes; they never change their length."""

    def __init__(self, btf: Btf, raw: bytes, elf: Elf) -> None:
        self.btf = btf
        self.bytes = bytearray(raw)
        self.elf = elf
        self.at = type_offsets(raw)
        self.variables: dict[str, Symbol] = {}
        for symbol in elf.symbols:
            if symbol.type == STT_OBJECT and symbol.bind in (STB_GLOBAL, STB_WEAK):
                self.variables.setdefault(symbol.name, symbol)

    def applied(self, hidden: frozenset[str]) -> bytes:
        """All mendings made."""
        for type_id in range(1, len(self.btf)):
            kind = self.btf.kind(type_id)
            if kind == KIND_DATASEC:
                self._mend_section(type_id)
            elif kind == KIND_FUNC and hidden:
                found = self.btf.type(type_id)
                if isinstance(found, Func) and found.name in hidden and found.linkage == LINKAGE_GLOBAL:
                    self._put(self.at[type_id] + 4, KIND_FUNC << 24)
        return bytes(self.bytes)

    def _mend_section(self, type_id: int) -> None:
        section = self.btf.type(type_id)
        if not isinstance(section, Datasec) or section.name in EXTERN_SECTIONS:
            return
        entries = list(section.entries)
        unplaced = section.size == 0
        if unplaced:
            self._put(self.at[type_id] + 8, self._size(section.name))
        for number, entry in enumerate(section.entries):
            variable = self.btf.type(entry.type_id)
            if not isinstance(variable, Var):
                raise self.elf.error(
                    "section .BTF", f"data section {section.name} holds {variable!r}, expected variables"
                )
            if variable.linkage in (LINKAGE_STATIC, LINKAGE_EXTERN):
                continue
            symbol = self.variables.get(variable.name)
            if symbol is None:
                raise self.elf.error(
                    "section .BTF", f"variable {variable.name} of {section.name} is not in the symbol table"
                )
            if unplaced:
                entries[number] = entry._replace(offset=symbol.value & 0xFFFFFFFF)
            if symbol.is_hidden:
                self._put(self.at[entry.type_id] + _HEADER_SIZE, LINKAGE_STATIC)
        start = self.at[type_id] + _HEADER_SIZE
        for number, entry in enumerate(sorted(entries, key=lambda found: found.offset)):
            _ENTRY.pack_into(self.bytes, start + number * _ENTRY.size, *entry)

    def _size(self, name: str) -> int:
        section = self.elf.section(name)
        if section is None or not 0 < section.size <= 0xFFFFFFFF:
            raise self.elf.error("section .BTF", f"describes the data section {name}, which the file does not contain")
        return section.size

    def _put(self, at: int, value: int) -> None:
        self.bytes[at : at + 4] = value.to_bytes(4, "little")


def type_offsets(raw: bytes) -> list[int]:
    """Where each type of a valid BTF starts in its bytes, by type id (0 for void)."""
    header_size, types_at, size = struct.unpack_from("<III", raw, 4)
    at = header_size + types_at
    end = at + size
    offsets = [0]
    while at < end:
        offsets.append(at)
        info = int.from_bytes(raw[at + 4 : at + 8], "little")
        kind = info >> 24 & 0x1F
        at += _HEADER_SIZE + _FIXED.get(kind, 0) + _EACH.get(kind, 0) * (info & 0xFFFF)
    return offsets
