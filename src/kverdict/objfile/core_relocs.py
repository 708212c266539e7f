"""CO-RE relocations as an object file states them: the core_relo records of its .BTF.ext section."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from kverdict.btf.btf import Btf
from kverdict.errors import InputError

# What is asked for; enum bpf_core_relo_kind of include/uapi/linux/bpf.h.
FIELD_BYTE_OFFSET: Final = 0
FIELD_BYTE_SIZE: Final = 1
FIELD_EXISTS: Final = 2
FIELD_SIGNED: Final = 3
FIELD_LSHIFT_U64: Final = 4
FIELD_RSHIFT_U64: Final = 5
TYPE_ID_LOCAL: Final = 6
TYPE_ID_TARGET: Final = 7
TYPE_EXISTS: Final = 8
TYPE_SIZE: Final = 9
ENUMVAL_EXISTS: Final = 10
ENUMVAL_VALUE: Final = 11
TYPE_MATCHES: Final = 12

CORE_KIND_NAMES: Final = (
    "byte_off",
    "byte_sz",
    "field_exists",
    "signed",
    "lshift_u64",
    "rshift_u64",
    "local_type_id",
    "target_type_id",
    "type_exists",
    "type_size",
    "enumval_exists",
    "enumval_value",
    "type_matches",
)
FIELD_KINDS: Final = frozenset(range(FIELD_BYTE_OFFSET, FIELD_RSHIFT_U64 + 1))
TYPE_KINDS: Final = frozenset({TYPE_ID_LOCAL, TYPE_ID_TARGET, TYPE_EXISTS, TYPE_SIZE, TYPE_MATCHES})
ENUMVAL_KINDS: Final = frozenset({ENUMVAL_EXISTS, ENUMVAL_VALUE})

_EXT_HEADER: Final = struct.Struct("<HBBIIIII")
_CORE_FIELDS: Final = struct.Struct("<II")
_CORE_HEADER_SIZE: Final = _EXT_HEADER.size + _CORE_FIELDS.size
_RECORD: Final = struct.Struct("<IIII")
_LONGEST: Final = 64  # numbers in an access string; libbpf: BPF_CORE_SPEC_MAX_LEN
_LARGEST: Final = 0x7FFFFFFF


@dataclass(frozen=True, slots=True)
class CoreReloc:
    """One relocation: `insn` is the index (8-byte slots) of the instruction in its section.

    type_id: the local type it starts from (program's BTF); access: the access string "0:1:2" as numbers: an array
    index first, then member or array indexes; for an enumerator its index; (0,) for a type. kind: FIELD_*, TYPE_*, ….
    """

    insn: int
    type_id: int
    access: tuple[int, ...]
    kind: int


def parse_core_relocs(ext: bytes, btf: Btf, source: str) -> dict[str, tuple[CoreReloc, ...]]:
    """Section name → its CO-RE relocations, in the file's order; `ext` are the bytes of .BTF.ext.

    {} if the section has none. Raises InputError(source, ".BTF.ext …") for a section that makes no sense.
    """
    if len(ext) < _EXT_HEADER.size:
        raise InputError(source, ".BTF.ext", f"{len(ext)} bytes, expected at least {_EXT_HEADER.size}")
    magic, version, _, header_size, *_ = _EXT_HEADER.unpack_from(ext)
    if magic != 0xEB9F or version != 1:
        raise InputError(source, ".BTF.ext offset 0", f"magic {magic:#x} version {version}, expected 0xeb9f version 1")
    if header_size < _CORE_HEADER_SIZE:
        return {}
    if header_size > len(ext):
        raise InputError(source, ".BTF.ext offset 4", f"header length {header_size}, section has {len(ext)} bytes")
    offset, size = _CORE_FIELDS.unpack_from(ext, _EXT_HEADER.size)
    if not size:
        return {}
    start = header_size + offset
    if offset % 4 or size < 4 or start + size > len(ext):
        raise InputError(
            source, ".BTF.ext offset 24", f"core_relo at {start}+{size}, expected a multiple of 4 within {len(ext)}"
        )
    return _sections(ext, start, start + size, btf, source)


def _sections(ext: bytes, at: int, end: int, btf: Btf, source: str) -> dict[str, tuple[CoreReloc, ...]]:
    record_size = int.from_bytes(ext[at : at + 4], "little")
    if record_size < _RECORD.size or record_size % 4:
        raise InputError(
            source, f".BTF.ext offset {at}", f"core_relo record size {record_size}, expected {_RECORD.size}"
        )
    at += 4
    sections: dict[str, tuple[CoreReloc, ...]] = {}
    while at < end:
        if end - at < 8:
            raise InputError(source, f".BTF.ext offset {at}", "core_relo: expected a section header of 8 bytes")
        name_off, count = struct.unpack_from("<II", ext, at)
        if not count or at + 8 + count * record_size > end:
            raise InputError(
                source, f".BTF.ext offset {at}", f"core_relo: {count} records, room for {(end - at - 8) // record_size}"
            )
        name = btf.string(name_off)
        if not name:
            raise InputError(source, f".BTF.ext offset {at}", "core_relo: expected the name of a section")
        first = at + 8
        at = first + count * record_size
        found = tuple([_record(ext, place, btf, source) for place in range(first, at, record_size)])
        sections[name] = sections.get(name, ()) + found
    return sections


def _record(ext: bytes, at: int, btf: Btf, source: str) -> CoreReloc:
    where = f".BTF.ext offset {at}"
    insn_off, type_id, access_off, kind = _RECORD.unpack_from(ext, at)
    if insn_off % 8:
        raise InputError(source, where, f"core_relo: instruction offset {insn_off}, expected a multiple of 8")
    if type_id >= len(btf):
        raise InputError(source, where, f"core_relo: type {type_id}, expected 0 to {len(btf) - 1}")
    if kind >= len(CORE_KIND_NAMES):
        raise InputError(source, where, f"core_relo: kind {kind}, expected 0 to {len(CORE_KIND_NAMES) - 1}")
    return CoreReloc(insn_off // 8, type_id, parse_access(btf.string(access_off), source, where), kind)


def parse_access(text: str, source: str, where: str) -> tuple[int, ...]:
    """The numbers of an access string such as "0:1:2". Raises InputError(source, where, …)."""
    parts = text.split(":")
    if len(parts) > _LONGEST or not all(part.isascii() and part.isdigit() and len(part) < 11 for part in parts):
        raise InputError(source, where, f"core_relo: access string {text[:80]!r}, expected numbers like 0:1:2")
    numbers = tuple([int(part) for part in parts])
    if max(numbers) > _LARGEST:
        raise InputError(source, where, f"core_relo: access string {text!r} has a number beyond {_LARGEST}")
    return numbers
