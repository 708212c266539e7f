"""A kernel object: memory laid out by BTF, of which only the words that were ever written are kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kverdict.btf.btf import Btf
from kverdict.btf.layout import find_member, size_or_none
from kverdict.btf.types import KIND_STRUCT
from kverdict.machine.memory import OBJECT, Region

_NO_DATA: Final = bytearray()

# Enough of each structure to run programs where there is no BTF: name → (offset, size).
PLAIN: Final[dict[str, tuple[int, dict[str, tuple[int, int]]]]] = {
    "task_struct": (
        128,
        {
            "usage": (0, 4),
            "rcu_users": (4, 4),
            "pid": (8, 4),
            "tgid": (12, 4),
            "comm": (16, 16),
            "flags": (32, 4),
            "exit_code": (36, 4),
            "real_parent": (40, 8),
            "group_leader": (48, 8),
            "start_time": (56, 8),
            "mm": (64, 8),
        },
    ),
    "cgroup": (64, {"level": (0, 4)}),
    "bpf_cpumask": (16, {"cpumask": (0, 8), "usage": (8, 4)}),
}


class StructLayout:
    """Size of a structure, and offset and size of its members by name ("cpumask", "kn.id")."""

    __slots__ = ("btf", "known", "name", "size", "type_id")

    def __init__(self, name: str, btf: Btf | None) -> None:
        self.name = name
        self.btf = btf
        self.type_id = btf.find(name, KIND_STRUCT) if btf is not None else 0
        plain_size, plain = PLAIN.get(name, (64, {}))
        size = size_or_none(btf, self.type_id) if btf is not None and self.type_id else None
        self.size = plain_size if size is None else size
        self.known: dict[str, tuple[int, int] | None] = dict(plain) if size is None else {}

    def place(self, path: str) -> tuple[int, int] | None:
        """(offset, size) in bytes of a member, None if this kernel has none of that name."""
        if path not in self.known:
            self.known[path] = self._find(path)
        return self.known[path]

    def _find(self, path: str) -> tuple[int, int] | None:
        if self.btf is None or not self.type_id:
            return None
        type_id, offset, size = self.type_id, 0, 0
        for name in path.split("."):
            found = find_member(self.btf, type_id, name)
            if found is None:
                return None
            type_id = found.member.type_id
            offset += found.offset
            size = size_or_none(self.btf, type_id) or 0
        return offset, size


class Layouts:
    """The layouts of one kernel, each looked up once."""

    __slots__ = ("btf", "found")

    def __init__(self, btf: Btf | None) -> None:
        self.btf = btf
        self.found: dict[str, StructLayout] = {}

    def of(self, name: str) -> StructLayout:
        if name not in self.found:
            self.found[name] = StructLayout(name, self.btf)
        return self.found[name]


class KernelObject(Region):
    """An object of the kernel. words: 8-byte aligned offset → 64-bit word; absent ones are 0."""

    __slots__ = ("layout", "length", "words")

    def __init__(self, layout: StructLayout, name: str, length: int = 0) -> None:
        super().__init__(OBJECT, name, _NO_DATA)
        self.layout = layout
        self.length = length or layout.size
        self.words: dict[int, int] = {}

    def size(self) -> int:
        return self.length

    def load(self, offset: int, size: int) -> int:
        shift = offset & 7
        word = self.words.get(offset - shift, 0)
        if shift + size > 8:
            word |= self.words.get(offset - shift + 8, 0) << 64
        return word >> shift * 8 & (1 << size * 8) - 1

    def store(self, offset: int, size: int, value: int) -> None:
        start = offset & ~7
        shift = (offset - start) * 8
        mask = (1 << size * 8) - 1
        wide = self.words.get(start, 0) | self.words.get(start + 8, 0) << 64
        wide = wide & ~(mask << shift) | (value & mask) << shift
        self._put(start, wide & 0xFFFF_FFFF_FFFF_FFFF)
        if shift + size * 8 > 64:
            self._put(start + 8, wide >> 64)

    def _put(self, start: int, word: int) -> None:
        if word:
            self.words[start] = word
        else:
            self.words.pop(start, None)

    def read(self, offset: int, size: int) -> bytes:
        return b"".join(self.load(at, 1).to_bytes(1, "little") for at in range(offset, offset + size))

    def write(self, offset: int, raw: bytes) -> None:
        for at, byte in enumerate(raw, offset):
            self.store(at, 1, byte)

    def set(self, path: str, value: int) -> None:
        """Write a member, if this kernel has it."""
        place = self.layout.place(path)
        if place is not None:
            self.store(place[0], place[1], value)

    def get(self, path: str) -> int:
        """Read a member, 0 if this kernel does not have it."""
        place = self.layout.place(path)
        return self.load(*place) if place is not None else 0

    def set_bytes(self, path: str, raw: bytes) -> None:
        place = self.layout.place(path)
        if place is not None:
            self.write(place[0], raw[: place[1]].ljust(place[1], b"\0"))

    def fill(self, values: Mapping[str, int]) -> None:
        for path, value in values.items():
            self.set(path, value)

    def clone(self) -> KernelObject:
        other = KernelObject(self.layout, self.name, self.length)
        self.copy_to(other)
        return other

    def copy_to(self, other: KernelObject) -> None:
        """What every clone of an object takes over."""
        other.id = self.id
        other.owner = self.owner
        other.read_only = self.read_only
        other.words = dict(self.words)

    def counts(self) -> tuple[object, ...]:
        """Reference counts and life state, for canonical states and ledgers."""
        return ()
