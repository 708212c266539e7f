"""Queue, stack and bloom filter: maps without keys. Kernel: queue_stack_maps.c, bloom_filter.c."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kverdict.machine.maps.base import ANY, E2BIG, EINVAL, ENOENT, EOPNOTSUPP, EXIST, NOEXIST, BpfMap

if TYPE_CHECKING:
    from kverdict.machine.world import World
    from kverdict.program.program import Map


class QueueMap(BpfMap):
    """First in, first out. Values are copies."""

    __slots__ = ("items",)

    last_first = False

    def __init__(self, index: int, spec: Map, region: int) -> None:
        super().__init__(index, spec, region)
        self.items: list[bytes] = []

    def push(self, world: World, value: bytes, flags: int) -> int:
        if flags & NOEXIST or flags > EXIST:
            return EINVAL
        if len(self.items) >= self.spec.max_entries:
            if flags != EXIST:
                return E2BIG
            del self.items[0]
        self.items.append(value)
        return 0

    def pop(self, world: World) -> bytes | int:
        if not self.items:
            return ENOENT
        return self.items.pop(-1 if self.last_first else 0)

    def peek(self, world: World, wanted: bytes) -> bytes | int:
        if not self.items:
            return ENOENT
        return self.items[-1 if self.last_first else 0]

    def copy_to(self, other: BpfMap) -> None:
        assert isinstance(other, QueueMap)
        other.items = list(self.items)

    def canonical(self) -> tuple[object, ...]:
        return tuple(self.items)


class StackMap(QueueMap):
    """Last in, first out. When full and forced, the kernel overwrites the oldest."""

    __slots__ = ()
    last_first = True


class BloomFilter(QueueMap):
    """Push adds, peek asks. This one has no false positives (the kernel's may)."""

    __slots__ = ()

    def push(self, world: World, value: bytes, flags: int) -> int:
        if flags != ANY:
            return EINVAL
        if value not in self.items:
            self.items.append(value)
        return 0

    def pop(self, world: World) -> bytes | int:
        return EOPNOTSUPP

    def peek(self, world: World, wanted: bytes) -> bytes | int:
        return wanted if wanted in self.items else ENOENT
