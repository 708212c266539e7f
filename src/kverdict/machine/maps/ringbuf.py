"""Ring buffers: records are reserved, then submitted or discarded, and consumed in order. Kernel: ringbuf.c."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kverdict.machine.fault import INVALID, Fault
from kverdict.machine.maps.base import BpfMap
from kverdict.machine.memory import RINGBUF, Region

if TYPE_CHECKING:
    from kverdict.machine.world import World
    from kverdict.program.program import Map

HEADER: Final = 8
MAX_RECORD: Final = (1 << 30) - 1
BUSY: Final = 0
READY: Final = 1
DISCARDED: Final = 2


class RingBuffer(BpfMap):
    """records: [region number, length, state] in order; producer, consumer: positions in bytes; done: consumed data."""

    __slots__ = ("consumer", "producer", "records")

    def __init__(self, index: int, spec: Map, region: int) -> None:
        super().__init__(index, spec, region)
        self.records: list[list[int]] = []
        self.producer = 0
        self.consumer = 0

    def reserve(self, world: World, size: int) -> int:
        """Address of a new record, 0 if there is no room. Kernel: __bpf_ringbuf_reserve()."""
        if size > MAX_RECORD:
            return 0
        length = size + HEADER + 7 & ~7
        if length > self.spec.max_entries or self.producer + length - self.consumer > self.spec.max_entries - 1:
            return 0
        region = Region(RINGBUF, f"of {self.name}", bytearray(size), self.index)
        world.memory.add(region)
        self.records.append([region.id, length, BUSY])
        self.producer += length
        return region.address

    def commit(self, world: World, address: int, discard: bool) -> None:
        """bpf_ringbuf_submit() or bpf_ringbuf_discard(). Raises Fault if the record is not open."""
        for record in self.records:
            if record[0] == address >> 32 and record[2] == BUSY:
                record[2] = DISCARDED if discard else READY
                return
        raise Fault(INVALID, "no such record is open", address)

    def consume(self, world: World) -> list[bytes]:
        """What a reader in user space gets now: all records up to the first that is still open."""
        found: list[bytes] = []
        while self.records and self.records[0][2] != BUSY:
            number, length, state = self.records.pop(0)
            region = world.memory.regions[number]
            if state == READY:
                found.append(bytes(region.data))
            self.consumer += length
            world.memory.free(number, "reader of the ring buffer", world.clock)
        return found

    def available(self) -> int:
        return self.producer - self.consumer

    def copy_to(self, other: BpfMap) -> None:
        assert isinstance(other, RingBuffer)
        other.records = [list(record) for record in self.records]
        other.producer = self.producer
        other.consumer = self.consumer

    def canonical(self) -> tuple[object, ...]:
        return (self.producer - self.consumer, *(tuple(record) for record in self.records))


class UserRingBuffer(BpfMap):
    """samples: what user space has sent and no program has drained yet."""

    __slots__ = ("samples",)

    def __init__(self, index: int, spec: Map, region: int) -> None:
        super().__init__(index, spec, region)
        self.samples: list[bytes] = []

    def copy_to(self, other: BpfMap) -> None:
        assert isinstance(other, UserRingBuffer)
        other.samples = list(self.samples)

    def canonical(self) -> tuple[object, ...]:
        return tuple(self.samples)
