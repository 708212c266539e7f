"""Arrays: plain and per CPU. Elements always exist; their regions are made when first looked at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from kverdict.machine.maps.base import E2BIG, EEXIST, EINVAL, EXIST, F_LOCK, NOEXIST, BpfMap
from kverdict.machine.memory import Region

if TYPE_CHECKING:
    from kverdict.machine.world import World
    from kverdict.program.program import Map


class ArrayMap(BpfMap):
    """elements: (index, CPU) → region number. Kernel: kernel/bpf/arraymap.c."""

    __slots__ = ("elements",)

    def __init__(self, index: int, spec: Map, region: int) -> None:
        super().__init__(index, spec, region)
        self.elements: dict[tuple[int, int], int] = {}

    def element(self, world: World, place: int, cpu: int) -> Region:
        """The value at index `place`, which is in range."""
        at = (place, cpu if self.per_cpu else 0)
        number = self.elements.get(at)
        if number is not None:
            return world.memory.regions[number]
        region = self.new_value(world, str(place))
        if self.spec.contents is not None and place == 0:
            region.data[: len(self.spec.contents)] = self.spec.contents
        region.read_only = self.spec.read_only
        self.elements[at] = region.id
        return region

    def lookup(self, world: World, key: bytes, cpu: int) -> int:
        place = int.from_bytes(key[:4], "little")
        return 0 if place >= self.spec.max_entries else self.element(world, place, cpu).address

    def update(self, world: World, key: bytes, value: bytes, flags: int, cpu: int) -> int:
        place = int.from_bytes(key[:4], "little")
        if flags & ~F_LOCK > EXIST:
            return EINVAL
        if place >= self.spec.max_entries:
            return E2BIG
        if flags & NOEXIST:
            return EEXIST
        region = self.element(world, place, cpu)
        self.fill(world, region, value)
        self.clean(world, region, f"update of {self.name}[{place}]")
        return 0

    def delete(self, world: World, key: bytes) -> int:
        return EINVAL

    def direct_value(self, offset: int) -> int:
        return (self.elements[0, 0] << 32) + offset

    def keys(self) -> list[bytes]:
        return [place.to_bytes(4, "little") for place in range(self.spec.max_entries)]

    def values(self) -> Iterator[int]:
        return iter(self.elements.values())

    def destroy(self, world: World) -> None:
        super().destroy(world)
        self.elements.clear()

    def copy_to(self, other: BpfMap) -> None:
        assert isinstance(other, ArrayMap)
        other.elements = dict(self.elements)

    def canonical(self) -> tuple[object, ...]:
        return tuple(sorted((place, cpu, region) for (place, cpu), region in self.elements.items()))

    def value_region(self, world: World, key: bytes, cpu: int = 0) -> Region | None:
        """The region of a value, for views; None if the index is out of range."""
        place = int.from_bytes(key[:4], "little")
        return self.element(world, place, cpu) if place < self.spec.max_entries else None


class PercpuArrayMap(ArrayMap):
    """One value for each CPU."""

    __slots__ = ()
    per_cpu = True
