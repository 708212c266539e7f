"""Maps that hold other things than bytes: programs, maps, devices, CPUs, perf buffers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kverdict.machine.maps.base import E2BIG, EEXIST, EINVAL, ENOENT, EXIST, NOEXIST, BpfMap

if TYPE_CHECKING:
    from kverdict.machine.world import World
    from kverdict.program.program import Map


class SlotMap(BpfMap):
    """slots: key → what is there (name of a program, number of a map, number of an interface); filled from outside."""

    __slots__ = ("slots",)

    def __init__(self, index: int, spec: Map, region: int) -> None:
        super().__init__(index, spec, region)
        self.slots: dict[bytes, int] = {}

    def delete(self, world: World, key: bytes) -> int:
        return 0 if self.slots.pop(key, None) is not None else ENOENT

    def keys(self) -> list[bytes]:
        return sorted(self.slots)

    def copy_to(self, other: BpfMap) -> None:
        assert isinstance(other, SlotMap)
        other.slots = dict(self.slots)

    def canonical(self) -> tuple[object, ...]:
        return tuple(sorted(self.slots.items()))


class ProgramArray(SlotMap):
    """Targets of tail calls: index → number of the program in world.codes. Programs cannot look into it."""

    __slots__ = ()

    def set(self, place: int, code: int) -> None:
        self.slots[place.to_bytes(4, "little")] = code

    def target(self, place: int) -> int:
        """Number of the program, -1 if the slot is empty or out of range."""
        return self.slots.get((place & 0xFFFFFFFF).to_bytes(4, "little"), -1)


class MapOfMaps(SlotMap):
    """Array or hash of maps: a lookup gives the address of the inner map."""

    __slots__ = ()

    def set(self, key: bytes, inner: int) -> None:
        self.slots[key] = inner

    def lookup(self, world: World, key: bytes, cpu: int) -> int:
        inner = self.slots.get(key)
        return 0 if inner is None else world.memory.regions[world.map_table[inner].region].address


class DeviceMap(SlotMap):
    """devmap, cpumap, xskmap: where bpf_redirect_map() may send a packet."""

    __slots__ = ()

    def update(self, world: World, key: bytes, value: bytes, flags: int, cpu: int) -> int:
        if flags > EXIST:
            return EINVAL
        if int.from_bytes(key, "little") >= self.spec.max_entries:
            return E2BIG
        if flags == NOEXIST:
            return EEXIST
        self.slots[key] = int.from_bytes(value[:4], "little")
        return 0

    def lookup(self, world: World, key: bytes, cpu: int) -> int:
        return 0


class PerfEventArray(BpfMap):
    """Output goes to world.output[index of the map]."""

    __slots__ = ()


class CgroupArray(SlotMap):
    """Index → region number of a cgroup."""

    __slots__ = ()


class StackTraces(BpfMap):
    """stacks: number → return addresses; the same stack keeps its number."""

    __slots__ = ("stacks",)

    def __init__(self, index: int, spec: Map, region: int) -> None:
        super().__init__(index, spec, region)
        self.stacks: list[tuple[int, ...]] = []

    def remember(self, stack: tuple[int, ...]) -> int:
        """The number of the stack, -EEXIST if the map is full of others."""
        if stack not in self.stacks:
            if len(self.stacks) >= self.spec.max_entries:
                return EEXIST
            self.stacks.append(stack)
        return self.stacks.index(stack)

    def copy_to(self, other: BpfMap) -> None:
        assert isinstance(other, StackTraces)
        other.stacks = list(self.stacks)

    def canonical(self) -> tuple[object, ...]:
        return tuple(str(stack) for stack in self.stacks)
