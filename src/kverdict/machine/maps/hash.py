"""Hash maps: plain, per CPU, and LRU. Kernel: kernel/bpf/hashtab.c."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from kverdict.machine.maps.base import (
    E2BIG,
    EEXIST,
    EINVAL,
    ENOENT,
    EXIST,
    F_LOCK,
    NOEXIST,
    BpfMap,
    key_text,
)
from kverdict.machine.memory import Region

if TYPE_CHECKING:
    from kverdict.machine.world import World
    from kverdict.program.program import Map


class HashMap(BpfMap):
    """entries: key → region numbers of its value (one, or one a CPU). free: regions that the next insertion reuses.

    An element is reused at once after its deletion, as in the kernel: whoever still has a pointer sees the new one.
    """

    __slots__ = ("entries", "free")

    lru = False

    def __init__(self, index: int, spec: Map, region: int) -> None:
        super().__init__(index, spec, region)
        self.entries: dict[bytes, list[int]] = {}
        self.free: list[int] = []

    def lookup(self, world: World, key: bytes, cpu: int) -> int:
        found = self.entries.get(key)
        if found is None:
            return 0
        if self.lru:
            self.entries[key] = self.entries.pop(key)
        return world.memory.regions[found[cpu if self.per_cpu else 0]].address

    def update(self, world: World, key: bytes, value: bytes, flags: int, cpu: int) -> int:
        if flags & ~F_LOCK > EXIST:
            return EINVAL
        found = self.entries.get(key)
        if found is not None and flags & ~F_LOCK == NOEXIST:
            return EEXIST
        if found is None and flags & ~F_LOCK == EXIST:
            return ENOENT
        if found is not None and (self.per_cpu or flags & F_LOCK):
            self.fill(world, world.memory.regions[found[cpu if self.per_cpu else 0]], value)
            return 0
        if found is None and len(self.entries) >= self.spec.max_entries:
            if not self.lru:
                return E2BIG
            self._remove(world, next(iter(self.entries)), "evicted")
        fresh = self._allocate(world, key)
        self.fill(world, world.memory.regions[fresh[cpu if self.per_cpu else 0]], value)
        self.entries[key] = fresh
        if found is not None:
            self._release(world, found, f"update of {self.name}[{key_text(key)}]")
        return 0

    def _allocate(self, world: World, key: bytes) -> list[int]:
        label = key_text(key)
        wanted = world.cpus if self.per_cpu else 1
        found: list[int] = []
        while len(found) < wanted:
            if self.free:
                region = world.memory.regions[self.free.pop()]
                region.data[:] = bytes(len(region.data))
                region.name = f"{self.name}[{label}]"
            else:
                region = self.new_value(world, label)
            found.append(region.id)
        return found

    def _release(self, world: World, regions: list[int], why: str) -> None:
        for number in regions:
            self.clean(world, world.memory.regions[number], why)
        self.free += reversed(regions)

    def _remove(self, world: World, key: bytes, verb: str) -> None:
        self._release(world, self.entries.pop(key), f"{self.name}[{key_text(key)}] {verb}")

    def delete(self, world: World, key: bytes) -> int:
        if key not in self.entries:
            return ENOENT
        self._remove(world, key, "deleted")
        return 0

    def keys(self) -> list[bytes]:
        return list(self.entries)

    def values(self) -> Iterator[int]:
        for regions in self.entries.values():
            yield from regions
        yield from self.free

    def destroy(self, world: World) -> None:
        super().destroy(world)
        self.entries.clear()
        self.free.clear()

    def copy_to(self, other: BpfMap) -> None:
        assert isinstance(other, HashMap)
        other.entries = {key: list(regions) for key, regions in self.entries.items()}
        other.free = list(self.free)

    def canonical(self) -> tuple[object, ...]:
        ordered = self.entries.items() if self.lru else sorted(self.entries.items())
        return tuple((key, *regions) for key, regions in ordered)

    def value_region(self, world: World, key: bytes, cpu: int = 0) -> Region | None:
        """The region of a value, for views; None if the key is not there."""
        found = self.entries.get(key)
        return world.memory.regions[found[cpu if self.per_cpu else 0]] if found is not None else None


class PercpuHashMap(HashMap):
    """One value for each CPU; a program sees that of its own."""

    __slots__ = ()
    per_cpu = True


class LruHashMap(HashMap):
    """Full is never an error: the least recently used element goes (the kernel's order is only roughly this)."""

    __slots__ = ()
    lru = True


class PercpuLruHashMap(HashMap):
    """Both."""

    __slots__ = ()
    per_cpu = True
    lru = True
