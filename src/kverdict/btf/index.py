"""Where each type of a BTF stands and which types have a name: built in bulk, in a form that can be memory-mapped."""

from __future__ import annotations

import mmap
import struct
import sys
from array import array
from collections.abc import Sequence
from zlib import crc32

from kverdict.btf.flavour import essential_bytes
from kverdict.btf.types import KIND_MAX
from kverdict.errors import InputError

HEADER_SIZE = 24
HASHED = 256  # bytes of a name that go into its hash
MAGIC = 0xEB9F
# Words of 4 bytes after the 12 bytes that every type has: how many, and how many more for each of `vlen` entries.
_EXTRA = (0, 1, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0)
_EACH = (0, 0, 0, 0, 3, 3, 2, 0, 0, 0, 0, 0, 0, 2, 0, 3, 0, 0, 0, 3)
_RESERVED = 0x60FF0000  # bits of `info` that have no meaning


class Layout:
    """Positions of the type and string sections in the raw bytes of a BTF."""

    __slots__ = ("strings_at", "strings_size", "types_at", "types_size")

    types_at: int
    types_size: int
    strings_at: int
    strings_size: int

    def __init__(self, raw: bytes | mmap.mmap, name: str, at: int = 0, length: int = -1) -> None:
        """Checks the header of the BTF at raw[at : at + length]. Raises InputError(name, …)."""
        length = len(raw) - at if length < 0 else length
        if length < HEADER_SIZE:
            raise InputError(name, "BTF header", f"{length} bytes, expected at least {HEADER_SIZE}")
        magic, version, _, size, type_at, type_size, str_at, str_size = struct.unpack_from("<HBBIIIII", raw, at)
        if magic == 0x9FEB:
            raise InputError(name, "BTF offset 0", "big-endian BTF, expected little-endian")
        if magic != MAGIC:
            raise InputError(name, "BTF offset 0", f"magic number {magic:#x}, expected {MAGIC:#x}")
        if version != 1:
            raise InputError(name, "BTF offset 2", f"version {version}, expected 1")
        if size < HEADER_SIZE or size > length:
            raise InputError(name, "BTF offset 4", f"header length {size}, expected {HEADER_SIZE} to {length}")
        room = length - size
        if type_at % 4 or type_size % 4 or type_at + type_size > room:
            raise InputError(
                name, "BTF offset 8", f"type section {type_at}+{type_size}, expected multiples of 4 within {room} bytes"
            )
        if str_at + str_size > room or not str_size:
            raise InputError(
                name, "BTF offset 16", f"string section {str_at}+{str_size}, expected some bytes within {room}"
            )
        self.types_at, self.types_size = size + type_at, type_size
        self.strings_at, self.strings_size = size + str_at, str_size
        if raw[at + self.strings_at + str_size - 1]:
            raise InputError(name, f"BTF offset {self.strings_at + str_size - 1}", "string section must end with NUL")


class _Steps(dict[int, int]):
    """Words that a type takes, by its `info`. Raises ValueError for an unknown kind."""

    def __missing__(self, info: int) -> int:
        kind = info >> 24 & 0x1F
        if not 0 < kind <= KIND_MAX or info & _RESERVED:
            raise ValueError
        step = self[info] = 3 + _EXTRA[kind] + _EACH[kind] * (info & 0xFFFF)
        return step


def scan(raw: bytes, layout: Layout, name: str) -> array[int]:
    """Where each type of `raw` starts in the type section, in words of 4 bytes. Raises InputError(name, …)."""
    at, size = layout.types_at, layout.types_size
    words = _words(raw, at, size)
    steps = _Steps()
    starts: list[int] = []
    start = starts.append
    word = 0
    try:
        while True:
            step = steps[words[word + 1]]
            start(word)
            word += step
    except IndexError:
        pass  # the end, or a type that reaches beyond it
    except ValueError:
        info = f"type with info {words[word + 1]:#x}, expected a kind from 1 to {KIND_MAX}"
        raise InputError(name, f"BTF offset {at + 4 * word}", info) from None
    if 4 * word != size:
        last = starts[-1] if 4 * word > size else word
        raise InputError(name, f"BTF offset {at + 4 * last}", f"type reaches beyond the type section ({size} bytes)")
    return array("I", starts)


def _words(raw: bytes, at: int, size: int) -> Sequence[int]:
    """The bytes as little-endian 32-bit words."""
    if sys.byteorder == "little":
        return memoryview(raw)[at : at + size].cast("I")
    swapped = array("I", raw[at : at + size])
    swapped.byteswap()
    return swapped


def name_offsets(raw: bytes, layout: Layout, places: Sequence[int]) -> list[int]:
    """The name_off of each type."""
    return list(map(_words(raw, layout.types_at, layout.types_size).__getitem__, places))


def infos(raw: bytes, layout: Layout, places: Sequence[int]) -> list[int]:
    """The info word (kind, vlen, kflag) of each type."""
    words = _words(raw, layout.types_at, layout.types_size)
    return [words[place + 1] for place in places]


def bucket_count(types: int) -> int:
    """A power of two that keeps the chains short."""
    return 1 << max(types // 2, 4).bit_length()


def name_hash(name: bytes) -> int:
    """The hash of a name: that of its essential part, so that all flavours of a type share a bucket."""
    return crc32(essential_bytes(name[:HASHED]))


def chain_names(offsets: list[int], strings: bytes) -> tuple[array[int], array[int]]:
    """A hash table of names: (buckets, chain).

    buckets[hash] is the first type's place in `offsets` plus 1, chain[it - 1] the next one's; 0 ends. Types of one
    name keep their order. offsets: of the types' names in the string section `strings`, 0 for none.
    """
    mask = bucket_count(len(offsets)) - 1
    buckets = [0] * (mask + 1)
    chain = [0] * len(offsets)
    end = strings.find
    at = len(offsets)
    for offset in reversed(offsets):
        if offset:
            stop = end(b"\0", offset, offset + HASHED)
            name = strings[offset:stop] if stop >= 0 else strings[offset : offset + HASHED]
            slot = crc32(essential_bytes(name) if b"___" in name else name) & mask
            chain[at - 1] = buckets[slot]
            buckets[slot] = at
        at -= 1
    return array("I", buckets), array("I", chain)
