"""Kfuncs on dynptrs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kverdict.machine import packet
from kverdict.machine.alu import U32
from kverdict.machine.helpers import dynptr
from kverdict.machine.maps.base import E2BIG, EINVAL
from kverdict.machine.run import Run

if TYPE_CHECKING:
    from kverdict.machine.world import World


def _from_packet(world: World, a: int, flags: int, at: int, kind: int) -> int:
    context = packet.context_at(world, a)
    if flags or context is None:
        dynptr.write(world, at, 0, 0, 0)
        return EINVAL
    dynptr.write(world, at, context.packet << 32, context.length, kind, offset=context.start)
    return 0


def from_skb(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    return _from_packet(world, a, b, c, dynptr.SKB)


def from_xdp(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    return _from_packet(world, a, b, c, dynptr.XDP)


def slice_of(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    """bpf_dynptr_slice(ptr, offset, buffer, size): packets are linear here, so the buffer is never needed."""
    address, size, _, _ = dynptr.read(world, a)
    if not address or (b & U32) + (d & U32) > size:
        return 0
    return address + (b & U32)


def slice_rdwr(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    return 0 if dynptr.read(world, a)[2] else slice_of(world, run, a, b, c, d, e)


def adjust(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    """bpf_dynptr_adjust(ptr, start, end)."""
    address, size, _, _ = dynptr.read(world, a)
    start, end = b & U32, c & U32
    if not address or start > end:
        return EINVAL
    if start > size or end > size:
        return -34
    word = world.memory.load(a + 8, 4)
    world.memory.store(a + 8, 4, word & ~dynptr.SIZE_MASK | end - start)
    world.memory.store(a + 12, 4, world.memory.load(a + 12, 4) + start)
    return 0


def is_null(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    return int(not dynptr.read(world, a)[0])


def is_rdonly(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    address, _, read_only, _ = dynptr.read(world, a)
    return int(bool(address) and read_only)


def size_of(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    address, size, _, _ = dynptr.read(world, a)
    return size if address else EINVAL


def clone(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    if not dynptr.read(world, a)[0]:
        world.memory.write(b, bytes(16))
        return EINVAL
    world.memory.write(b, world.memory.read(a, 16))
    return 0


def copy(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    """bpf_dynptr_copy(dst, dst_off, src, src_off, size)."""
    to, to_size, read_only, _ = dynptr.read(world, a)
    source, source_size, _, _ = dynptr.read(world, c)
    size = e & U32
    if not to or not source or read_only:
        return EINVAL
    if (b & U32) + size > to_size or (d & U32) + size > source_size:
        return E2BIG
    world.memory.write(to + (b & U32), world.memory.read(source + (d & U32), size))
    return 0


TABLE: Final = (
    ("bpf_dynptr_from_skb", from_skb, "a dynptr to a packet"),
    ("bpf_dynptr_from_xdp", from_xdp, "a dynptr to a packet"),
    ("bpf_dynptr_slice", slice_of, "address of a slice for reading"),
    ("bpf_dynptr_slice_rdwr", slice_rdwr, "address of a slice for writing"),
    ("bpf_dynptr_adjust", adjust, "narrow a dynptr"),
    ("bpf_dynptr_is_null", is_null, "does it point to nothing"),
    ("bpf_dynptr_is_rdonly", is_rdonly, "is it read-only"),
    ("bpf_dynptr_size", size_of, "how many bytes it has"),
    ("bpf_dynptr_clone", clone, "another dynptr to the same bytes"),
    ("bpf_dynptr_copy", copy, "copy bytes from one to another"),
)
