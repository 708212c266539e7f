"""Helpers that read memory without ever faulting, and those that copy to and from user space."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kverdict.machine.alu import U32
from kverdict.machine.run import Run

if TYPE_CHECKING:
    from kverdict.machine.world import World

EFAULT: Final = -14


def probe_read_kernel(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    """Copy, or zero the buffer and give -EFAULT. Memory that was freed reads as garbage."""
    return _copy(world, a, b & U32, None if world.memory.is_user(c) else world.memory.try_read(c, b & U32))


def probe_read_user(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    return _copy(world, a, b & U32, world.memory.try_read(c, b & U32) if world.memory.is_user(c) else None)


def probe_read(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    return _copy(world, a, b & U32, world.memory.try_read(c, b & U32))


def _copy(world: World, to: int, size: int, raw: bytes | None) -> int:
    world.memory.write(to, bytes(size) if raw is None else raw)
    return EFAULT if raw is None else 0


def probe_read_kernel_str(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    return _copy_string(world, a, b & U32, 0 if world.memory.is_user(c) else c)


def probe_read_user_str(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    return _copy_string(world, a, b & U32, c if world.memory.is_user(c) else 0)


def probe_read_str(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    return _copy_string(world, a, b & U32, c)


def _copy_string(world: World, to: int, size: int, source: int) -> int:
    """At most size bytes with the end; gives the length with the end, or -EFAULT with a zeroed buffer."""
    found = bytearray()
    while len(found) < size:
        byte = world.memory.try_read(source + len(found), 1)
        if byte is None:
            world.memory.write(to, bytes(size))
            return EFAULT
        found += byte
        if byte == b"\0":
            break
    if found and found[-1]:
        found[-1] = 0
    world.memory.write(to, bytes(found))
    return len(found)


def copy_from_user(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    return probe_read_user(world, run, a, b, c, d, e)


def copy_from_user_task(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    return -22 if e else probe_read_user(world, run, a, b, c, 0, 0)


def probe_write_user(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    region = world.memory.regions.get(a >> 32) if world.memory.is_user(a) else None
    if region is None or (a & U32) + (c & U32) > region.size():
        return EFAULT
    region.write(a & U32, world.memory.read(b, c & U32))
    return 0


TABLE: Final = (
    ("bpf_probe_read", probe_read, "copy from any memory, -EFAULT where it cannot be read"),
    ("bpf_probe_read_kernel", probe_read_kernel, "copy from kernel memory"),
    ("bpf_probe_read_user", probe_read_user, "copy from user memory"),
    ("bpf_probe_read_str", probe_read_str, "copy a string from any memory"),
    ("bpf_probe_read_kernel_str", probe_read_kernel_str, "copy a string from kernel memory"),
    ("bpf_probe_read_user_str", probe_read_user_str, "copy a string from user memory"),
    ("bpf_copy_from_user", copy_from_user, "copy from user memory, may sleep"),
    ("bpf_copy_from_user_task", copy_from_user_task, "copy from a task's user memory (there is one address space)"),
    ("bpf_probe_write_user", probe_write_user, "write to user memory"),
)
