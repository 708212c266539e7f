"""Local storage: one value for each task, cgroup, socket or inode. Kernel: bpf_local_storage.c."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from kverdict.machine.maps.base import EEXIST, EINVAL, ENOENT, EXIST, F_LOCK, NOEXIST, BpfMap

if TYPE_CHECKING:
    from kverdict.machine.world import World
    from kverdict.program.program import Map

GET_CREATE: Final = 1


class LocalStorage(BpfMap):
    """owned: region number of the owner → region number of its value."""

    __slots__ = ("owned",)

    def __init__(self, index: int, spec: Map, region: int) -> None:
        super().__init__(index, spec, region)
        self.owned: dict[int, int] = {}

    def get(self, world: World, owner: int, initial: bytes | None, flags: int) -> int:
        """bpf_*_storage_get(): address of the owner's value; with GET_CREATE it is made if there is none."""
        if flags & ~GET_CREATE:
            return 0
        number = self.owned.get(owner)
        if number is None:
            if not flags & GET_CREATE:
                return 0
            region = self.new_value(world, world.memory.regions[owner].name)
            if initial is not None:
                self.fill(world, region, initial)
            self.owned[owner] = number = region.id
        return number << 32

    def update_for(self, world: World, owner: int, value: bytes, flags: int) -> int:
        """From outside, by the owner's file descriptor."""
        if flags & ~F_LOCK > EXIST:
            return EINVAL
        if owner in self.owned and flags & NOEXIST:
            return EEXIST
        if owner not in self.owned and flags & EXIST:
            return ENOENT
        address = self.get(world, owner, None, GET_CREATE)
        self.fill(world, world.memory.regions[address >> 32], value)
        return 0

    def delete_for(self, world: World, owner: int) -> int:
        """bpf_*_storage_delete(): the value goes after RCU and tasks-trace grace periods, its kptrs at once."""
        number = self.owned.pop(owner, None)
        if number is None:
            return ENOENT
        self.clean(world, world.memory.regions[number], f"{self.name} deleted")
        world.rcu.call("free_region", number, trace=True)
        return 0

    def values(self) -> Iterator[int]:
        return iter(self.owned.values())

    def destroy(self, world: World) -> None:
        super().destroy(world)
        self.owned.clear()

    def copy_to(self, other: BpfMap) -> None:
        assert isinstance(other, LocalStorage)
        other.owned = dict(self.owned)

    def canonical(self) -> tuple[object, ...]:
        return tuple(sorted(self.owned.items()))
