"""What all maps share: sizes, values as memory regions with their special fields, error numbers of the kernel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from kverdict.machine import kptr
from kverdict.machine.memory import MAP_VALUE, Region

if TYPE_CHECKING:
    from kverdict.machine.world import World
    from kverdict.program.program import Map

EPERM: Final = -1
ENOENT: Final = -2
E2BIG: Final = -7
EAGAIN: Final = -11
ENOMEM: Final = -12
EBUSY: Final = -16
EEXIST: Final = -17
EINVAL: Final = -22
ENOSPC: Final = -28
EOPNOTSUPP: Final = -95

ANY: Final = 0
NOEXIST: Final = 1
EXIST: Final = 2
F_LOCK: Final = 4

F_NO_PREALLOC: Final = 1
F_NO_COMMON_LRU: Final = 2


class BpfMap:
    """One map. index: its number in the world; region: the region whose address programs have as the map pointer.

    Keys are bytes of key_size. Values live in regions; lookup() gives the address of one, 0 if there is none; update()
    and delete() give 0 or a negative error number, as the kernel's functions of the map type do.
    """

    __slots__ = ("index", "name", "region", "spec")

    per_cpu = False

    def __init__(self, index: int, spec: Map, region: int) -> None:
        self.index = index
        self.spec = spec
        self.name = spec.name
        self.region = region

    def lookup(self, world: World, key: bytes, cpu: int) -> int:
        return 0

    def update(self, world: World, key: bytes, value: bytes, flags: int, cpu: int) -> int:
        return EOPNOTSUPP

    def delete(self, world: World, key: bytes) -> int:
        return EOPNOTSUPP

    def keys(self) -> list[bytes]:
        """Keys in the order in which bpf_map_get_next_key() and bpf_for_each_map_elem() see them."""
        return []

    def push(self, world: World, value: bytes, flags: int) -> int:
        return EOPNOTSUPP

    def pop(self, world: World) -> bytes | int:
        return EOPNOTSUPP

    def peek(self, world: World, wanted: bytes) -> bytes | int:
        return EOPNOTSUPP

    def direct_value(self, offset: int) -> int:
        """Address of a byte of the only value of an array; 0 if the map type has none."""
        return 0

    def values(self) -> Iterator[int]:
        """Region numbers of all live values."""
        return iter(())

    def destroy(self, world: World) -> None:
        """The last reference is gone: destructors run, then the memory is freed."""
        for region_id in list(self.values()):
            region = world.memory.regions.get(region_id)
            if region is not None:
                kptr.release_fields(world, self.spec.fields, region, f"map {self.name} is freed")
                world.memory.free(region_id, f"map {self.name}", world.clock)

    def clone(self) -> BpfMap:
        other = type(self)(self.index, self.spec, self.region)
        self.copy_to(other)
        return other

    def copy_to(self, other: BpfMap) -> None:
        """Take over the mutable state. Overridden by types that have any."""

    def canonical(self) -> tuple[object, ...]:
        """Contents as (key, region number) pairs in order; what explorers compare."""
        return ()

    def new_value(self, world: World, label: str) -> Region:
        """A zeroed value in a region of its own; values are padded to 8 bytes as in the kernel."""
        size = self.spec.value_size
        region = Region(MAP_VALUE, f"{self.name}[{label}]", bytearray(size), self.index)
        world.memory.add(region)
        return region

    def fill(self, world: World, region: Region, value: bytes) -> None:
        """Copy a value in, leaving special fields alone; kernel: copy_map_value()."""
        if not self.spec.fields:
            region.data[: len(value)] = value
            return
        at = 0
        for field in sorted(self.spec.fields, key=lambda f: f.offset):
            region.data[at : field.offset] = value[at : field.offset]
            at = field.offset + field.size
        region.data[at : len(value)] = value[at:]

    def clean(self, world: World, region: Region, why: str) -> None:
        """Run the destructors of the special fields and zero them; kernel: bpf_obj_free_fields()."""
        if self.spec.fields:
            kptr.release_fields(world, self.spec.fields, region, why)


def key_text(key: bytes) -> str:
    """A key for people: a number if it is 4 or 8 bytes."""
    return str(int.from_bytes(key, "little")) if len(key) in (4, 8) else key.hex()
