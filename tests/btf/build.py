"""Makes raw BTF for tests, type by type."""

from __future__ import annotations

import struct

from kverdict.btf.btf import Btf


class Maker:
    """Collects types; each method returns the id of the type it added. Strings are shared."""

    def __init__(self, base: Btf | None = None) -> None:
        self.base = base
        self.types = b""
        self.strings = b"" if base else b"\0"
        self.at: dict[str, int] = {}
        self.next_id = len(base) if base else 1

    def name(self, text: str) -> int:
        """Offset of a string, added if it is new; 0 for ""."""
        if not text:
            return 0
        if text not in self.at:
            self.at[text] = (self.base.string_end if self.base else 0) + len(self.strings)
            self.strings += text.encode() + b"\0"
        return self.at[text]

    def add(self, kind: int, name: str, third: int, body: bytes = b"", vlen: int = 0, kflag: bool = False) -> int:
        """One type of any kind."""
        info = kind << 24 | vlen | (1 << 31 if kflag else 0)
        self.types += struct.pack("<III", self.name(name), info, third) + body
        self.next_id += 1
        return self.next_id - 1

    def integer(self, name: str, size: int, encoding: int = 0, bits: int = -1, offset: int = 0) -> int:
        """An integer of `size` bytes."""
        return self.add(
            1, name, size, struct.pack("<I", encoding << 24 | offset << 16 | (8 * size if bits < 0 else bits))
        )

    def ptr(self, type_id: int) -> int:
        """A pointer."""
        return self.add(2, "", type_id)

    def array(self, type_id: int, count: int, index_id: int = 0) -> int:
        """An array."""
        return self.add(3, "", 0, struct.pack("<III", type_id, index_id, count))

    def struct(self, name: str, size: int, *members: tuple[str, int, int], kind: int = 4) -> int:
        """A structure; members are (name, type id, offset in bits)."""
        body = b"".join(struct.pack("<III", self.name(text), type_id, at) for text, type_id, at in members)
        return self.add(kind, name, size, body, len(members))

    def bit_struct(self, name: str, size: int, *members: tuple[str, int, int, int]) -> int:
        """A structure with bit fields; members are (name, type id, offset in bits, width in bits or 0)."""
        body = b"".join(struct.pack("<III", self.name(text), i, at | bits << 24) for text, i, at, bits in members)
        return self.add(4, name, size, body, len(members), kflag=True)

    def union(self, name: str, size: int, *members: tuple[str, int, int]) -> int:
        """A union."""
        return self.struct(name, size, *members, kind=5)

    def enum(self, name: str, size: int, *values: tuple[str, int], signed: bool = False) -> int:
        """An enumeration of 32-bit values."""
        body = b"".join(struct.pack("<II", self.name(text), value & 0xFFFFFFFF) for text, value in values)
        return self.add(6, name, size, body, len(values), signed)

    def enum64(self, name: str, *values: tuple[str, int], signed: bool = False) -> int:
        """An enumeration of 64-bit values."""
        body = b"".join(
            struct.pack("<III", self.name(text), value & 0xFFFFFFFF, value >> 32 & 0xFFFFFFFF) for text, value in values
        )
        return self.add(19, name, 8, body, len(values), signed)

    def fwd(self, name: str, union: bool = False) -> int:
        """A forward declaration."""
        return self.add(7, name, 0, kflag=union)

    def typedef(self, name: str, type_id: int) -> int:
        """A typedef."""
        return self.add(8, name, type_id)

    def const(self, type_id: int) -> int:
        """A qualifier."""
        return self.add(10, "", type_id)

    def type_tag(self, name: str, type_id: int) -> int:
        """A type tag."""
        return self.add(18, name, type_id)

    def decl_tag(self, name: str, type_id: int, component: int = -1) -> int:
        """A declaration tag."""
        return self.add(17, name, type_id, struct.pack("<i", component))

    def proto(self, return_id: int, *params: tuple[str, int]) -> int:
        """A function prototype."""
        body = b"".join(struct.pack("<II", self.name(text), type_id) for text, type_id in params)
        return self.add(13, "", return_id, body, len(params))

    def func(self, name: str, proto_id: int, linkage: int = 1) -> int:
        """A function."""
        return self.add(12, name, proto_id, vlen=linkage)

    def var(self, name: str, type_id: int, linkage: int = 1) -> int:
        """A variable."""
        return self.add(14, name, type_id, struct.pack("<I", linkage))

    def datasec(self, name: str, size: int, *entries: tuple[int, int, int]) -> int:
        """A data section."""
        return self.add(15, name, size, b"".join(struct.pack("<III", *entry) for entry in entries), len(entries))

    def raw(self) -> bytes:
        """The whole BTF."""
        sizes = (0, len(self.types), len(self.types), len(self.strings))
        return struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, *sizes) + self.types + self.strings

    def btf(self, name: str = "test") -> Btf:
        """The whole BTF, parsed."""
        return Btf.parse(self.raw(), name, self.base)
