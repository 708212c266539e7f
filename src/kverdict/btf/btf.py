"""Btf: the types of one kernel, module or program, decoded one by one when they are asked for."""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Sequence
from pathlib import Path
from struct import Struct as Record
from typing import Final

from kverdict.btf import index
from kverdict.btf.decode import decode, referenced
from kverdict.btf.flavour import essential_bytes, essential_name
from kverdict.btf.types import KIND_NAMES, Type, Void
from kverdict.errors import InputError

_HEADER: Final = Record("<III")
_VOID: Final = Void()
_OVERLAP: Final = 64  # times the string section: what all names together may take when each is spelled out
_LONGEST_NAME: Final = 4096


class Btf:
    """The types of one BTF. Type ids count from 1 (0 is void); with a `base` (split BTF) they go on after the base's.

    Every method that meets bytes which make no sense raises InputError naming `name` and the offset in the BTF.
    """

    def __init__(
        self,
        name: str,
        buffer: bytes | mmap.mmap,
        layout: index.Layout,
        places: Sequence[int],
        names: tuple[Sequence[int], Sequence[int]] | None = None,
        base: Btf | None = None,
        raw_at: int = 0,
        raw_size: int = -1,
    ) -> None:
        """For Btf.parse and btf/cache.py. raw_at: where in `buffer` the BTF starts; places, names: see index.py."""
        self.name: Final = name
        self.base: Final = base
        self.first_id: Final[int] = len(base) if base else 1
        self._first_string: Final[int] = base.string_end if base else 0
        self._buffer: Final = buffer
        self._raw_at: Final = raw_at
        self._raw_size: Final = len(buffer) - raw_at if raw_size < 0 else raw_size
        self._layout: Final = layout
        self._types_at: Final = raw_at + layout.types_at
        self._strings_at: Final = raw_at + layout.strings_at
        self._places: Final = places
        self._names = names
        self._count: Final[int] = self.first_id + len(places)
        self._types: dict[int, Type] = {0: _VOID}
        self._strings: dict[int, str] = {0: ""}
        self._decoded = 0
        self.memo: Final[dict[object, object]] = {}  # for modules that ask the same of these types often

    @classmethod
    def parse(cls, raw: bytes, name: str, base: Btf | None = None) -> Btf:
        """A BTF from its raw bytes; checks every type of it. Raises InputError.

        For the BTF of a program; a kernel's (100,000 types) is quicker opened with open_cached().
        """
        parsed = cls.parse_lazily(raw, name, base)
        for type_id in range(parsed.first_id, len(parsed)):
            parsed.type(type_id)
        return parsed

    @classmethod
    def parse_lazily(cls, raw: bytes, name: str, base: Btf | None = None) -> Btf:
        """The same, but only the outline is checked: the rest when a type is asked for. Raises InputError."""
        raw = bytes(raw)
        layout = index.Layout(raw, name)
        if not base and raw[layout.strings_at]:
            raise InputError(name, f"BTF offset {layout.strings_at}", "string section must start with NUL")
        places = index.scan(raw, layout, name)
        return cls(name, raw, layout, places, base=base)

    @staticmethod
    def open_cached(source: Path | str | bytes, name: str, base: Btf | None = None) -> Btf:
        """A kernel's BTF from a file (raw or zstd) or bytes, with its index kept in the user's cache directory.

        Raises InputError. See btf/cache.py.
        """
        from kverdict.btf.cache import open_cached

        return open_cached(source, name, base)

    def __len__(self) -> int:
        return self._count

    def __repr__(self) -> str:
        return f"<Btf {self.name}: {self._count} types>"

    @property
    def data(self) -> bytes:
        """The raw bytes (a copy if they are memory-mapped)."""
        return self._buffer[self._raw_at : self._raw_at + self._raw_size]

    @property
    def string_end(self) -> int:
        """One more than the last string offset, the base's strings included."""
        return self._first_string + self._layout.strings_size

    @property
    def all_strings(self) -> bytes:
        """The string section, that of the base in front."""
        own = self._buffer[self._strings_at : self._strings_at + self._layout.strings_size]
        return self.base.all_strings + own if self.base else own

    def string(self, offset: int) -> str:
        """The string at an offset of the string section (the base's section comes first). Raises InputError."""
        found = self._strings.get(offset)
        if found is None:
            found = self._bytes_at(offset).decode("utf-8", "surrogateescape")
            self._decoded += len(found)
            if self._decoded > _OVERLAP * self.string_end:
                raise InputError(self.name, f"BTF string {offset}", "strings overlap more than any compiler makes them")
            self._strings[offset] = found
        return found

    def _bytes_at(self, offset: int) -> bytes:
        if offset < self._first_string and self.base:
            return self.base._bytes_at(offset)
        offset -= self._first_string
        size = self._layout.strings_size
        if not 0 <= offset < size:
            raise InputError(self.name, f"BTF string {offset}", f"string section has {size} bytes")
        at = self._strings_at + offset
        return self._buffer[at : self._buffer.find(b"\0", at, self._strings_at + size)]

    def type(self, type_id: int) -> Type:
        """The type with this id; void for 0. Raises InputError if there is none or its bytes make no sense."""
        found = self._types.get(type_id)
        return found if found is not None else self._decode(type_id)

    def _decode(self, type_id: int) -> Type:
        place = type_id - self.first_id
        if place < 0 and self.base and type_id > 0:
            self._types[type_id] = self.base.type(type_id)
            return self._types[type_id]
        if not 0 <= place < len(self._places):
            raise InputError(self.name, f"BTF type {type_id}", f"no such type, expected 0 to {self._count - 1}")
        at = self._place(place)
        end = self._types_at + self._layout.types_size
        if place + 1 < len(self._places):
            end = self._place(place + 1)
        found = decode(self._header(at), self._buffer[at + _HEADER.size : end], self.string)
        for mentioned in referenced(found):
            if mentioned >= self._count:
                raise InputError(
                    self.name,
                    f"BTF offset {at - self._raw_at}",
                    f"{KIND_NAMES[found.kind]} {type_id} refers to type {mentioned}, expected 0 to {self._count - 1}",
                )
        self._types[type_id] = found
        return found

    def _place(self, place: int) -> int:
        return self._types_at + 4 * self._places[place]

    def _header(self, at: int) -> tuple[int, int, int]:
        words: tuple[int, int, int] = _HEADER.unpack_from(self._buffer, at)
        return words

    def kind(self, type_id: int) -> int:
        """The kind of a type without decoding it whole. Raises InputError."""
        place = type_id - self.first_id
        if place < 0 or place >= len(self._places):
            return self.type(type_id).kind
        return self._header(self._place(place))[1] >> 24 & 0x1F

    def ids_of_kind(self, kind: int) -> list[int]:
        """Ids of all types of a kind, those of the base left out."""
        layout = self._layout
        infos = index.infos(self.data, layout, self._places)
        return [self.first_id + place for place, info in enumerate(infos) if info >> 24 & 0x1F == kind]

    def find(self, name: str, kind: int) -> int:
        """Id of the first type of this name and kind, 0 if there is none."""
        for type_id in self._named(name.encode("utf-8", "surrogateescape"), flavours=False):
            if self.kind(type_id) == kind:
                return type_id
        return 0

    def find_all(self, name: str) -> list[int]:
        """Ids of all types of this name, of any kind, in order."""
        return list(self._named(name.encode("utf-8", "surrogateescape"), flavours=False))

    def find_flavours(self, name: str) -> list[int]:
        """Ids of all types whose name without its flavour is that of `name` without its flavour, in order."""
        return list(self._named(essential_name(name).encode("utf-8", "surrogateescape"), flavours=True))

    def _named(self, name: bytes, flavours: bool) -> Iterator[int]:
        if not name or b"\0" in name:
            return
        if self.base:
            yield from self.base._named(name, flavours)
        buckets, chain = self._names or self._index_names()
        at = buckets[index.name_hash(name) & len(buckets) - 1]
        while at:
            if at > len(chain):
                raise InputError(self.name, "BTF name index", f"entry {at}, expected at most {len(chain)}")
            if self._is_named(at - 1, name, flavours):
                yield self.first_id + at - 1
            at = chain[at - 1] if chain[at - 1] > at else 0

    def _is_named(self, place: int, name: bytes, flavours: bool) -> bool:
        """Whether the type at this place has that name, or (flavours) that name and a flavour."""
        found = self._start_of(self._header(self._place(place))[0], len(name) + 1)
        if found[:-1] != name or found[-1:] not in (b"\0", b"_"):
            return False
        if found[-1:] == b"\0":
            return True
        whole = self._start_of(self._header(self._place(place))[0], _LONGEST_NAME).split(b"\0", 1)[0]
        return flavours and essential_bytes(whole) == name

    def _start_of(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes of the string section from an offset on, without regard to NUL."""
        if offset < self._first_string and self.base:
            return self.base._start_of(offset, size)
        at = self._strings_at + offset - self._first_string
        return self._buffer[at : min(at + size, self._strings_at + self._layout.strings_size)]

    def tables(self) -> tuple[Sequence[int], Sequence[int], Sequence[int]]:
        """Where the types stand, and the hash table of names (buckets, chain); for btf/cache.py."""
        return (self._places, *(self._names or self._index_names()))

    def _index_names(self) -> tuple[Sequence[int], Sequence[int]]:
        raw = self.data
        layout = self._layout
        offsets = index.name_offsets(raw, layout, self._places)
        names = self._names = index.chain_names(offsets, self.all_strings)
        return names
