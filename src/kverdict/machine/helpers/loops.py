"""Helpers that call a function of the program again and again: bpf_loop, bpf_for_each_map_elem."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kverdict.machine import call
from kverdict.machine.alu import U32
from kverdict.machine.maps.base import E2BIG, EINVAL, BpfMap
from kverdict.machine.memory import MAP_KEY, Region
from kverdict.machine.pending import Pending
from kverdict.machine.run import Run

if TYPE_CHECKING:
    from kverdict.machine.world import World

MAX_LOOPS: Final = 8 * 1024 * 1024


class Loop(Pending):
    """bpf_loop(count, callback, context): the callback gets the index; 1 from it ends the loop."""

    __slots__ = ("callback", "context", "count", "done")

    name = "bpf_loop"

    def __init__(self, count: int, callback: int, context: int) -> None:
        self.count = count
        self.callback = callback
        self.context = context
        self.done = 0

    def step(self, world: World, run: Run) -> int | None:
        if self.done >= self.count:
            return self.done
        call.enter(world, run, self.callback, [self.done, self.context], self)
        return None

    def resume(self, world: World, run: Run, returned: int) -> int | None:
        self.done += 1
        return self.done if returned else self.step(world, run)

    def clone(self) -> Loop:
        other = Loop(self.count, self.callback, self.context)
        other.done = self.done
        return other

    def canonical(self) -> tuple[object, ...]:
        return self.name, self.count, self.callback, ("address", self.context), self.done


def loop(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int | Pending:
    if d:
        return EINVAL
    if a & U32 > MAX_LOOPS:
        return E2BIG
    return Loop(a & U32, b & U32, c)


class ForEach(Pending):
    """bpf_for_each_map_elem(map, callback, context): callback(map, key, value, context) for each element."""

    __slots__ = ("callback", "context", "done", "key", "keys", "map_index")

    name = "bpf_for_each_map_elem"

    def __init__(self, map_index: int, keys: list[bytes], callback: int, context: int) -> None:
        self.map_index = map_index
        self.keys = keys
        self.callback = callback
        self.context = context
        self.done = 0
        self.key = 0

    def step(self, world: World, run: Run) -> int | None:
        found = world.map_table[self.map_index]
        if self.key:
            world.memory.drop(self.key)
            self.key = 0
        while self.keys:
            raw = self.keys.pop(0)
            value = found.lookup(world, raw, run.cpu)
            if value:
                break
        else:
            return self.done
        key = Region(MAP_KEY, f"of {found.name}", bytearray(raw), run.id)
        key.read_only = True
        address = world.memory.add(key)
        self.key = key.id
        pointer = world.memory.regions[found.region].address
        call.enter(world, run, self.callback, [pointer, address, value, self.context], self)
        return None

    def resume(self, world: World, run: Run, returned: int) -> int | None:
        self.done += 1
        if returned:
            self.keys = []
        return self.step(world, run)

    def clone(self) -> ForEach:
        other = ForEach(self.map_index, list(self.keys), self.callback, self.context)
        other.done = self.done
        other.key = self.key
        return other

    def canonical(self) -> tuple[object, ...]:
        return self.name, self.map_index, tuple(self.keys), self.callback, ("address", self.context), self.done


def for_each_map_elem(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int | Pending:
    if d:
        return EINVAL
    found: BpfMap = world.map_at(a)
    return ForEach(found.index, found.keys(), b & U32, c)


TABLE: Final = (
    ("bpf_loop", loop, "call a function a number of times"),
    ("bpf_for_each_map_elem", for_each_map_elem, "call a function for each element of a map"),
)
