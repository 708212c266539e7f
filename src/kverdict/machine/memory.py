"""Simulated memory: regions with provenance. An address is region number << 32 | offset, so one look finds the owner.

Each region has a window of 4 GiB for itself: arithmetic that leaves it lands in a window that is not long enough, and
is seen. Regions below USER_LIMIT are user memory, the others kernel memory (their addresses have bit 63 set).
"""

from __future__ import annotations

from typing import Final

from kverdict.machine.fault import (
    BAD_ADDRESS,
    NULL_POINTER,
    OUT_OF_BOUNDS,
    READ_ONLY,
    UNINITIALISED,
    USE_AFTER_FREE,
    Fault,
)

WINDOW: Final = 32
OFFSET_MASK: Final = (1 << WINDOW) - 1
U64: Final = (1 << 64) - 1
FIRST_KERNEL: Final = (1 << 31) + 1
FIRST_USER: Final = 1
USER_LIMIT: Final = 1 << 15  # user addresses have 47 bits

STACK: Final = "stack"
MAP: Final = "map"
MAP_VALUE: Final = "map value"
MAP_KEY: Final = "map key"
CONTEXT: Final = "context"
PACKET: Final = "packet"
OBJECT: Final = "kernel object"
RINGBUF: Final = "ringbuf record"
ALLOCATED: Final = "allocated object"
USER: Final = "user memory"


class Region:
    """A piece of memory with an owner. data: its bytes; init: one byte each, 0 where never written, None if all were.

    owner: number of the map, run or object it belongs to, -1 if none. read_only: programs cannot write.
    """

    __slots__ = ("data", "id", "init", "kind", "name", "owner", "read_only")

    def __init__(self, kind: str, name: str, data: bytearray, owner: int = -1) -> None:
        self.id = 0
        self.kind = kind
        self.name = name
        self.data = data
        self.init: bytearray | None = None
        self.owner = owner
        self.read_only = False

    @property
    def address(self) -> int:
        """Where the region starts, 64 bits."""
        return self.id << WINDOW

    def size(self) -> int:
        return len(self.data)

    def load(self, offset: int, size: int) -> int:
        """`size` bytes at offset as an unsigned little-endian number. The caller has checked the bounds."""
        if self.init is not None and 0 in self.init[offset : offset + size]:
            raise Fault(UNINITIALISED, f"{size} bytes at {self.describe(offset)} were never written")
        return int.from_bytes(self.data[offset : offset + size], "little")

    def store(self, offset: int, size: int, value: int) -> None:
        """Write the low `size` bytes of value. The caller has checked the bounds."""
        self.data[offset : offset + size] = (value & ((1 << size * 8) - 1)).to_bytes(size, "little")
        if self.init is not None:
            self.init[offset : offset + size] = b"\1" * size

    def read(self, offset: int, size: int) -> bytes:
        if self.init is not None and 0 in self.init[offset : offset + size]:
            raise Fault(UNINITIALISED, f"some of {size} bytes at {self.describe(offset)} were never written")
        return bytes(self.data[offset : offset + size])

    def write(self, offset: int, raw: bytes) -> None:
        self.data[offset : offset + len(raw)] = raw
        if self.init is not None:
            self.init[offset : offset + len(raw)] = b"\1" * len(raw)

    def describe(self, offset: int) -> str:
        """For people: "stack fp-8", "map value tasks+16"."""
        if self.kind == STACK:
            return f"stack fp{offset - len(self.data):+d}"
        return f"{self.kind} {self.name}+{offset}"

    def clone(self) -> Region:
        other = Region(self.kind, self.name, bytearray(self.data), self.owner)
        other.id = self.id
        other.init = None if self.init is None else bytearray(self.init)
        other.read_only = self.read_only
        return other

    def shareable(self) -> bool:
        """True if nobody can change it: clones of the memory may share it."""
        return False


class Constant(Region):
    """Bytes that never change (read-only data, the region that stands for a map's address)."""

    __slots__ = ()

    def __init__(self, kind: str, name: str, data: bytes, owner: int = -1) -> None:
        super().__init__(kind, name, bytearray(data), owner)
        self.read_only = True

    def shareable(self) -> bool:
        return True

    def clone(self) -> Region:
        return self


class Grave:
    """What is known of a region after it was freed."""

    __slots__ = ("by", "kind", "name", "time")

    def __init__(self, kind: str, name: str, by: str, time: int) -> None:
        self.kind = kind
        self.name = name
        self.by = by
        self.time = time


class Memory:
    """All regions, live and freed."""

    __slots__ = ("graves", "next_kernel", "next_user", "regions", "views")

    def __init__(self) -> None:
        self.regions: dict[int, Region] = {}
        self.graves: dict[int, Grave] = {}
        self.next_kernel = FIRST_KERNEL
        self.next_user = FIRST_USER
        self.views: list[dict[int, object]] = []  # caches of translated programs, by region number

    def add(self, region: Region) -> int:
        """Give the region a place; returns its address."""
        if region.kind == USER:
            region.id = self.next_user
            self.next_user += 1
        else:
            region.id = self.next_kernel
            self.next_kernel += 1
        self.regions[region.id] = region
        return region.id << WINDOW

    def free(self, region_id: int, by: str, time: int) -> None:
        """The memory is gone: any later access is a use after free, told with `by` and `time`."""
        region = self.regions.pop(region_id, None)
        if region is None:
            raise Fault(USE_AFTER_FREE, f"freed twice by {by}: {self._fate(region_id)}", region_id << WINDOW)
        for views in self.views:
            views.pop(region_id, None)
        self.graves[region_id] = Grave(region.kind, region.name, by, time)

    def drop(self, region_id: int) -> None:
        """Forget a region to which no pointer can have survived (a stack frame, a context)."""
        self.regions.pop(region_id, None)
        for views in self.views:
            views.pop(region_id, None)

    def find(self, address: int) -> Region:
        """The region of an address. Raises Fault: null-pointer, use-after-free or bad-address."""
        region = self.regions.get(address >> WINDOW)
        if region is None:
            raise self._missing(address)
        return region

    def is_user(self, address: int) -> bool:
        return 0 < address >> WINDOW < USER_LIMIT

    def _missing(self, address: int) -> Fault:
        if address < 4096:
            return Fault(NULL_POINTER, f"address {address:#x} is NULL or close to it", address)
        if address >> WINDOW in self.graves:
            return Fault(USE_AFTER_FREE, self._fate(address >> WINDOW), address)
        return Fault(BAD_ADDRESS, f"{address:#x} is no address of anything", address)

    def _fate(self, region_id: int) -> str:
        grave = self.graves.get(region_id)
        if grave is None:
            return f"region {region_id:#x} does not exist"
        return f"{grave.kind} {grave.name} was freed by {grave.by}"

    def bounded(self, address: int, size: int) -> Region:
        """The region that holds all `size` bytes at address. Raises Fault."""
        region = self.find(address)
        offset = address & OFFSET_MASK
        if offset + size > region.size():
            signed = offset - (1 << WINDOW) if offset >> WINDOW - 1 else offset
            text = f"{size} bytes at offset {signed} of {region.kind} {region.name}, which has {region.size()} bytes"
            raise Fault(OUT_OF_BOUNDS, text, address)
        return region

    def load(self, address: int, size: int) -> int:
        region = self.regions.get(address >> WINDOW)
        offset = address & OFFSET_MASK
        if region is None or offset + size > region.size():
            region = self.bounded(address, size)  # raises
        return region.load(offset, size)

    def store(self, address: int, size: int, value: int) -> None:
        region = self.regions.get(address >> WINDOW)
        offset = address & OFFSET_MASK
        if region is None or offset + size > region.size():
            region = self.bounded(address, size)  # raises
        if region.read_only:
            raise Fault(READ_ONLY, f"{region.describe(offset)} cannot be written", address)
        region.store(offset, size, value)

    def read(self, address: int, size: int) -> bytes:
        return self.bounded(address, size).read(address & OFFSET_MASK, size) if size else b""

    def write(self, address: int, raw: bytes) -> None:
        if not raw:
            return
        region = self.bounded(address, len(raw))
        if region.read_only:
            raise Fault(READ_ONLY, f"{region.describe(address & OFFSET_MASK)} cannot be written", address)
        region.write(address & OFFSET_MASK, raw)

    def try_read(self, address: int, size: int) -> bytes | None:
        """What a fault-tolerant read gets: None where it fails. Freed memory reads as garbage (0x6b), no fault."""
        region = self.regions.get(address >> WINDOW)
        offset = address & OFFSET_MASK
        if region is None:
            return b"\x6b" * size if address >> WINDOW in self.graves else None
        if offset + size > region.size():
            return None
        if region.init is None:
            return region.read(offset, size)
        return bytes(region.data[offset : offset + size])

    def text(self, address: int, limit: int = 4096) -> bytes:
        """The zero-ended string at address, without the zero. Raises Fault where it runs out of its region."""
        region = self.find(address)
        offset = address & OFFSET_MASK
        raw = region.read(offset, min(limit, region.size() - offset))
        end = raw.find(0)
        if end < 0:
            raise Fault(OUT_OF_BOUNDS, f"no end of the string at {region.describe(offset)}", address)
        return raw[:end]

    def clone(self) -> Memory:
        other = Memory()
        other.regions = {number: region.clone() for number, region in self.regions.items()}
        other.graves = dict(self.graves)
        other.next_kernel = self.next_kernel
        other.next_user = self.next_user
        return other
