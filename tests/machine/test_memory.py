"""Accesses outside a region, to freed memory or through NULL are seen, whatever arithmetic made the address."""

from __future__ import annotations

import pytest

from kverdict.machine.fault import NULL_POINTER, OUT_OF_BOUNDS, READ_ONLY, USE_AFTER_FREE, Fault
from kverdict.machine.memory import MAP_VALUE, USER, Constant, Memory, Region
from kverdict.machine.objects.base import KernelObject, StructLayout


def with_region(size: int = 16) -> tuple[Memory, int]:
    memory = Memory()
    return memory, memory.add(Region(MAP_VALUE, "v", bytearray(size)))


@pytest.mark.parametrize("offset", (16, 9, -1, 1 << 20, -(1 << 20)))
def test_outside_is_out_of_bounds(offset: int) -> None:
    memory, address = with_region()
    memory.add(Region(MAP_VALUE, "neighbour", bytearray(16)))
    with pytest.raises(Fault) as caught:
        memory.load(address + offset, 8)
    assert caught.value.kind in (OUT_OF_BOUNDS, "bad-address")


def test_freed_memory_is_told_with_its_end() -> None:
    memory, address = with_region()
    memory.free(address >> 32, "the reaper", 5)
    with pytest.raises(Fault, match="map value v was freed by the reaper") as caught:
        memory.load(address, 8)
    assert caught.value.kind == USE_AFTER_FREE
    with pytest.raises(Fault, match="freed twice"):
        memory.free(address >> 32, "again", 6)


def test_null_and_read_only() -> None:
    memory = Memory()
    with pytest.raises(Fault) as caught:
        memory.load(8, 8)
    assert caught.value.kind == NULL_POINTER
    constant = memory.add(Constant(MAP_VALUE, "rodata", b"abc\0"))
    with pytest.raises(Fault) as caught:
        memory.store(constant, 1, 0)
    assert caught.value.kind == READ_ONLY
    assert memory.text(constant) == b"abc"


def test_user_memory_has_user_addresses() -> None:
    memory = Memory()
    address = memory.add(Region(USER, "text", bytearray(8)))
    assert address < 1 << 47
    assert memory.is_user(address)


def test_clones_share_nothing() -> None:
    memory, address = with_region()
    other = memory.clone()
    other.store(address, 8, 7)
    assert memory.load(address, 8) == 0


@pytest.mark.parametrize("offset", range(8))
@pytest.mark.parametrize("size", (1, 2, 4, 8))
def test_kernel_objects_hold_unaligned_values(offset: int, size: int) -> None:
    item = KernelObject(StructLayout("task_struct", None), "t")
    value = int.from_bytes(bytes(range(0xF1, 0xF1 + size)), "little")
    item.store(offset, size, value)
    assert item.load(offset, size) == value
    assert item.read(0, 16)[offset : offset + size] == value.to_bytes(size, "little")
    item.store(offset, size, 0)
    assert item.words == {}
