"""BTF of a map's value with kptrs and locks, made by hand: what a compiler would have put into the object."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

from kverdict.btf.types import KIND_INT, KIND_PTR, KIND_STRUCT, KIND_TYPE_TAG

MAGIC: Final = 0xEB9F
KEY_TYPE: Final = 1  # unsigned int


class ValueField(NamedTuple):
    """A field: tag of a pointer to the kernel's `struct` ("kptr"), or "" for the structure itself; offset in bytes."""

    tag: str
    struct: str
    offset: int


class _Writer:
    """Types and strings in the order in which they are added; ids start at 1."""

    def __init__(self) -> None:
        self.strings = b"\0"
        self.types = b""
        self.count = 0

    def name(self, text: str) -> int:
        offset = len(self.strings)
        self.strings += text.encode() + b"\0"
        return offset

    def add(self, kind: int, name: str, size_or_type: int, extra: bytes = b"", members: int = 0) -> int:
        info = kind << 24 | members
        self.types += struct.pack("<III", self.name(name) if name else 0, info, size_or_type) + extra
        self.count += 1
        return self.count

    def members(self, rows: Sequence[tuple[str, int, int]]) -> bytes:
        return b"".join(struct.pack("<III", self.name(name), type_id, bits) for name, type_id, bits in rows)

    def raw(self) -> bytes:
        sizes = (0, len(self.types), len(self.types), len(self.strings))
        return struct.pack("<HBBIIIII", MAGIC, 1, 0, 24, *sizes) + self.types + self.strings


def value_btf(fields: Sequence[ValueField], size: int) -> tuple[bytes, int]:
    """(raw BTF, id of `struct value`) of a value of `size` bytes with these fields; KEY_TYPE is a 32-bit number."""
    writer = _Writer()
    number = writer.add(KIND_INT, "unsigned int", 4, struct.pack("<I", 32))
    rows = []
    for place, field in enumerate(fields):
        if field.tag:
            target = writer.add(KIND_STRUCT, field.struct, 0)
            type_id = writer.add(KIND_PTR, "", writer.add(KIND_TYPE_TAG, field.tag, target))
        else:
            only = writer.members([("val", number, 0)])
            type_id = writer.add(KIND_STRUCT, field.struct, 4, only, 1)
        rows.append((f"field{place}", type_id, field.offset * 8))
    members = writer.members(rows)
    value = writer.add(KIND_STRUCT, "value", size, members, len(rows))
    return writer.raw(), value
