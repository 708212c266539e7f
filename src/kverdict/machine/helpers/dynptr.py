"""Dynptrs: 16 bytes on the stack that hold address, size with flags, and offset, as struct bpf_dynptr_kern does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kverdict.machine.alu import U32
from kverdict.machine.helpers import output
from kverdict.machine.maps.base import E2BIG, EINVAL
from kverdict.machine.run import Run

if TYPE_CHECKING:
    from kverdict.machine.world import World

SIZE_MASK: Final = 0xFFFFFF
READ_ONLY_BIT: Final = 1 << 31
TYPE_SHIFT: Final = 28
LOCAL: Final = 1
RINGBUF: Final = 2
SKB: Final = 3
XDP: Final = 4


def write(
    world: World, at: int, address: int, size: int, kind: int, *, read_only: bool = False, offset: int = 0
) -> None:
    """Set a dynptr; address 0 makes the null dynptr."""
    word = size | kind << TYPE_SHIFT | (READ_ONLY_BIT if read_only else 0)
    world.memory.store(at, 8, address)
    world.memory.store(at + 8, 4, word if address else 0)
    world.memory.store(at + 12, 4, offset if address else 0)


def read(world: World, at: int) -> tuple[int, int, bool, int]:
    """(address of the first byte or 0, size, read-only, kind)."""
    address = world.memory.load(at, 8)
    word = world.memory.load(at + 8, 4)
    offset = world.memory.load(at + 12, 4)
    return address and address + offset, word & SIZE_MASK, bool(word & READ_ONLY_BIT), word >> TYPE_SHIFT & 7


def from_mem(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    size = b & U32
    if size > SIZE_MASK or c:
        write(world, d, 0, 0, 0)
        return E2BIG if size > SIZE_MASK else EINVAL
    write(world, d, a, size, LOCAL)
    return 0


def dynptr_read(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    """bpf_dynptr_read(dst, len, src, offset, flags)."""
    address, size, _, _ = read(world, c)
    if not address or e:
        return EINVAL
    length = b & U32
    if d & U32 > size or (d & U32) + length > size:
        return E2BIG
    world.memory.write(a, world.memory.read(address + (d & U32), length))
    return 0


def dynptr_write(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    """bpf_dynptr_write(dst, offset, src, len, flags)."""
    address, size, read_only, _ = read(world, a)
    if not address or read_only:
        return EINVAL
    length = d & U32
    if b & U32 > size or (b & U32) + length > size:
        return E2BIG
    world.memory.write(address + (b & U32), world.memory.read(c, length))
    return 0


def dynptr_data(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    """bpf_dynptr_data(ptr, offset, len): address of a writable slice, or NULL."""
    address, size, read_only, kind = read(world, a)
    if not address or read_only or kind in (SKB, XDP) or (b & U32) + (c & U32) > size:
        return 0
    return address + (b & U32)


def ringbuf_reserve(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    """Even after a failure the dynptr must be submitted or discarded."""
    size = b & U32
    problem = EINVAL if c else E2BIG if size > SIZE_MASK else 0
    address = 0 if problem else output.reserve(world, run, a, size, 0, 0, 0)
    write(world, d, address, size, RINGBUF)
    return problem or (0 if address else EINVAL)


def ringbuf_submit(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    return _close(world, run, a, output.submit)


def ringbuf_discard(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    return _close(world, run, a, output.discard)


def _close(world: World, run: Run, at: int, how: output.Commit) -> int:
    address = world.memory.load(at, 8)
    if address:
        how(world, run, address, 0, 0, 0, 0)
    write(world, at, 0, 0, 0)
    return 0


TABLE: Final = (
    ("bpf_dynptr_from_mem", from_mem, "a dynptr to memory of a map value"),
    ("bpf_dynptr_read", dynptr_read, "copy out of a dynptr"),
    ("bpf_dynptr_write", dynptr_write, "copy into a dynptr"),
    ("bpf_dynptr_data", dynptr_data, "address of a slice"),
    ("bpf_ringbuf_reserve_dynptr", ringbuf_reserve, "room for a record of variable size"),
    ("bpf_ringbuf_submit_dynptr", ringbuf_submit, "hand it over"),
    ("bpf_ringbuf_discard_dynptr", ringbuf_discard, "give it up"),
)
