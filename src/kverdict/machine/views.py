"""Python views of a world for tests: tasks, maps and global variables, decoded by BTF where there is one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from kverdict.btf.layout import array_element, members, resolved, size_of
from kverdict.btf.types import Datasec, Enum, Int, Ptr, Struct, Var
from kverdict.machine import events
from kverdict.machine.maps.array import ArrayMap
from kverdict.machine.maps.base import BpfMap
from kverdict.machine.maps.hash import HashMap
from kverdict.machine.maps.ringbuf import RingBuffer
from kverdict.machine.memory import Region
from kverdict.machine.objects.task import Task

if TYPE_CHECKING:
    from kverdict.btf.btf import Btf
    from kverdict.machine.world import World


class TaskHandle:
    """A task of a world. Two looks at the same task give the same handle."""

    __slots__ = ("id", "pid", "world")

    def __init__(self, world: World, region_id: int, pid: int) -> None:
        self.world = world
        self.id = region_id
        self.pid = pid

    def __repr__(self) -> str:
        return f"<task {self.pid}>"

    @property
    def task(self) -> Task:
        """The live task. Raises Fault (use-after-free) once it is gone."""
        found = self.world.memory.find(self.id << 32)
        assert isinstance(found, Task)
        return found

    @property
    def alive(self) -> bool:
        """Whether the memory still exists."""
        return self.id in self.world.memory.regions

    @property
    def address(self) -> int:
        return self.id << 32

    @property
    def usage(self) -> int:
        return self.task.usage

    @property
    def rcu_users(self) -> int:
        return self.task.rcu_users

    @property
    def comm(self) -> str:
        return self.task.comm

    def exec(self, comm: str) -> None:
        """Become another program."""
        events.exec(self.world, self.task, comm)

    def exit(self) -> None:
        """Die, be reaped and switched away from. Callbacks stay queued: see world.rcu.synchronize()."""
        self.start_exit()
        for step in self.world.kernel_steps():
            if step.subject == self.id and step.name == "unhash":
                self.world.perform(step)
        for name in ("reaper_put", "scheduler_put"):
            for step in self.world.kernel_steps():
                if step.subject == self.id and step.name == name:
                    self.world.perform(step)

    def start_exit(self) -> None:
        """Become a zombie; the reaper's and the scheduler's steps are then in world.kernel_steps()."""
        events.start_exit(self.world, self.task)

    def ledger(self) -> str:
        """Who took and dropped its references."""
        return self.world.ledger.table(self.id)


def handle(world: World, region_id: int) -> TaskHandle:
    """The handle of a task."""
    if region_id not in world.handles:
        found = world.memory.regions[region_id]
        assert isinstance(found, Task)
        world.handles[region_id] = TaskHandle(world, region_id, found.pid)
    return world.handles[region_id]


class MapsView(Mapping[str, "MapView"]):
    """world.maps: maps by name."""

    def __init__(self, world: World) -> None:
        self.world = world

    def __getitem__(self, name: str) -> MapView:
        return MapView(self.world, self.world.map_table[self.world.map_numbers[name]])

    def __iter__(self) -> Iterator[str]:
        return iter(self.world.map_numbers)

    def __len__(self) -> int:
        return len(self.world.map_numbers)


class MapView:
    """One map. Keys are numbers or bytes; values are decoded by BTF, or bytes without BTF."""

    def __init__(self, world: World, bpf_map: BpfMap) -> None:
        self.world = world
        self.map = bpf_map

    def _key(self, key: int | bytes) -> bytes:
        return key if isinstance(key, bytes) else key.to_bytes(self.map.spec.key_size, "little", signed=key < 0)

    def region(self, key: int | bytes, cpu: int = 0) -> Region:
        """The memory of a value. Raises KeyError."""
        found = self.map
        region = None
        if isinstance(found, (HashMap, ArrayMap)):
            region = found.value_region(self.world, self._key(key), cpu)
        if region is None:
            raise KeyError(key)
        return region

    def __getitem__(self, key: int | bytes) -> Any:
        region = self.region(key)
        spec = self.map.spec
        if spec.btf is None or not spec.value_type_id:
            return bytes(region.data)
        return decode(self.world, spec.btf, spec.value_type_id, region, 0)

    def __setitem__(self, key: int | bytes, value: bytes | int) -> None:
        raw = value if isinstance(value, bytes) else value.to_bytes(self.map.spec.value_size, "little")
        problem = self.map.update(self.world, self._key(key), raw, 0, 0)
        if problem:
            raise KeyError(f"{key!r}: error {problem}")

    def __delitem__(self, key: int | bytes) -> None:
        if self.map.delete(self.world, self._key(key)):
            raise KeyError(key)

    def __contains__(self, key: int | bytes) -> bool:
        return self._key(key) in set(self.map.keys())

    def __len__(self) -> int:
        return len(self.map.keys())

    def keys(self) -> list[bytes]:
        return self.map.keys()

    def consume(self) -> list[bytes]:
        """Records of a ring buffer, as a reader in user space gets them."""
        if not isinstance(self.map, RingBuffer):
            raise TypeError(f"{self.map.name} is no ring buffer")
        return self.map.consume(self.world)


def decode(world: World, btf: Btf, type_id: int, region: Region, offset: int) -> Any:
    """A value as Python: numbers, dicts of members, lists, task handles (None for NULL), bytes for anything else."""
    found = resolved(btf, type_id)
    if isinstance(found, Struct):
        return {
            member.name: decode(world, btf, member.type_id, region, offset + bits // 8)
            for member, bits in members(btf, type_id)
        }
    if isinstance(found, Int):
        value = region.load(offset, found.size)
        return value - (1 << found.size * 8) if found.encoding & 1 and value >> found.size * 8 - 1 else value
    if isinstance(found, Enum):
        return region.load(offset, found.size)
    if isinstance(found, Ptr):
        address = region.load(offset, 8)
        target = world.memory.regions.get(address >> 32)
        return handle(world, target.id) if isinstance(target, Task) else address or None
    inner, count = array_element(btf, type_id)
    if count > 1 or inner != type_id:
        size = size_of(btf, inner)
        element = resolved(btf, inner)
        if isinstance(element, Int) and element.size == 1:
            return region.read(offset, count)
        return [decode(world, btf, inner, region, offset + at * size) for at in range(count)]
    return region.read(offset, size_of(btf, type_id))


class GlobalsView(Mapping[str, Any]):
    """world.globals: global variables of the programs by name; assignment sets whole numbers."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.places: dict[str, tuple[BpfMap, Btf, int, int]] = {}
        for bpf_map in world.map_table:
            btf = bpf_map.spec.btf
            section = btf.type(bpf_map.spec.value_type_id) if btf is not None else None
            if btf is None or not isinstance(section, Datasec):
                continue
            for type_id, offset, _ in section.entries:
                variable = btf.type(type_id)
                if isinstance(variable, Var):
                    self.places[variable.name] = (bpf_map, btf, variable.type_id, offset)

    def _region(self, name: str) -> tuple[Region, Btf, int, int]:
        bpf_map, btf, type_id, offset = self.places[name]
        return self.world.memory.regions[bpf_map.direct_value(0) >> 32], btf, type_id, offset

    def __getitem__(self, name: str) -> Any:
        region, btf, type_id, offset = self._region(name)
        return decode(self.world, btf, type_id, region, offset)

    def __setitem__(self, name: str, value: int) -> None:
        region, btf, type_id, offset = self._region(name)
        size = size_of(btf, type_id)
        region.data[offset : offset + size] = (value & ((1 << size * 8) - 1)).to_bytes(size, "little")

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def __len__(self) -> int:
        return len(self.places)
