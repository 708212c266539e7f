"""Which class simulates which map type; checks of sizes at creation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kverdict.errors import UnsupportedError
from kverdict.machine.maps.array import ArrayMap, PercpuArrayMap
from kverdict.machine.maps.base import BpfMap
from kverdict.machine.maps.hash import HashMap, LruHashMap, PercpuHashMap, PercpuLruHashMap
from kverdict.machine.maps.lpm import LpmTrie
from kverdict.machine.maps.queue import BloomFilter, QueueMap, StackMap
from kverdict.machine.maps.ringbuf import RingBuffer, UserRingBuffer
from kverdict.machine.maps.special import CgroupArray, DeviceMap, MapOfMaps, PerfEventArray, ProgramArray, StackTraces
from kverdict.machine.maps.storage import LocalStorage

if TYPE_CHECKING:
    from kverdict.machine.world import World
    from kverdict.program.program import Map

# BPF_MAP_TYPE_* of include/uapi/linux/bpf.h.
CLASSES: Final[dict[int, type[BpfMap]]] = {
    1: HashMap,
    2: ArrayMap,
    3: ProgramArray,
    4: PerfEventArray,
    5: PercpuHashMap,
    6: PercpuArrayMap,
    7: StackTraces,
    8: CgroupArray,
    9: LruHashMap,
    10: PercpuLruHashMap,
    11: LpmTrie,
    12: MapOfMaps,
    13: MapOfMaps,
    14: DeviceMap,
    16: DeviceMap,
    17: DeviceMap,
    22: QueueMap,
    23: StackMap,
    24: LocalStorage,
    25: DeviceMap,
    27: RingBuffer,
    28: LocalStorage,
    29: LocalStorage,
    30: BloomFilter,
    31: UserRingBuffer,
    32: LocalStorage,
}


def create_map(world: World, index: int, spec: Map, region: int) -> BpfMap:
    """The simulated map. Raises UnsupportedError for a type that is not modelled."""
    found = CLASSES.get(spec.map_type)
    if found is None:
        raise UnsupportedError(f"map type {spec.map_type} of {spec.name}")
    made = found(index, spec, region)
    if isinstance(made, ArrayMap) and (spec.contents is not None or spec.max_entries == 1):
        made.element(world, 0, 0)
    return made
