"""Array look-ups for translated programs: index → address of the value, in a list that is filled as it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kverdict.machine.fault import INVALID, Fault
from kverdict.machine.maps.array import ArrayMap

if TYPE_CHECKING:
    from kverdict.machine.world import World


class FastArray:
    """addresses: one for each index, 0 where the element has not been looked at yet."""

    __slots__ = ("addresses", "bpf_map", "cpu", "world")

    def __init__(self, world: World, bpf_map: ArrayMap, cpu: int) -> None:
        self.world = world
        self.bpf_map = bpf_map
        self.cpu = cpu
        self.addresses = [0] * bpf_map.spec.max_entries
        for (place, _), number in bpf_map.elements.items():
            self.addresses[place] = number << 32

    def make(self, place: int) -> int:
        """The address of an element that is looked at for the first time."""
        address = self.bpf_map.element(self.world, place, self.cpu).address
        self.addresses[place] = address
        return address


def fast_array(world: World, number: int, cpu: int) -> FastArray:
    """For a plain array (not per CPU)."""
    found = world.map_table[number]
    if not isinstance(found, ArrayMap):
        raise Fault(INVALID, f"{found.name} is no array")
    return FastArray(world, found, cpu)
