"""Maps answer with the kernel's error numbers, and their kptrs are destroyed at once."""

from __future__ import annotations

import pytest

from kverdict.machine.maps.base import (
    E2BIG,
    EEXIST,
    EINVAL,
    ENOENT,
    ENOSPC,
    EXIST,
    NOEXIST,
    BpfMap,
)
from kverdict.machine.maps.ringbuf import RingBuffer
from kverdict.machine.objects.task_design import RCU_USERS_COUNT
from kverdict.machine.world import World
from kverdict.program.program import Map
from tests.machine.programs import STASH, TASKS, program, world


def made(map_type: int, entries: int = 2, key: int = 4, value: int = 8) -> tuple[World, BpfMap]:
    found = World()
    return found, found.map_table[found.map_number(Map("m", map_type, key, value, entries))]


def word(number: int, size: int = 4) -> bytes:
    return number.to_bytes(size, "little")


VALUE = word(7, 8)
UPDATES = [
    # map type, key, flags, first answer, answer for the same again
    (1, 1, 0, 0, 0),
    (1, 1, NOEXIST, 0, EEXIST),
    (1, 1, EXIST, ENOENT, ENOENT),
    (1, 1, 8, EINVAL, EINVAL),
    (2, 1, 0, 0, 0),
    (2, 1, NOEXIST, EEXIST, EEXIST),
    (2, 2, 0, E2BIG, E2BIG),
    (2, 1, 8, EINVAL, EINVAL),
    (5, 1, NOEXIST, 0, EEXIST),
    (6, 2, 0, E2BIG, E2BIG),
    (9, 1, EXIST, ENOENT, ENOENT),
]


@pytest.mark.parametrize(("map_type", "key", "flags", "first", "again"), UPDATES)
def test_update_flags(map_type: int, key: int, flags: int, first: int, again: int) -> None:
    found, bpf_map = made(map_type)
    assert bpf_map.update(found, word(key), VALUE, flags, 0) == first
    assert bpf_map.update(found, word(key), VALUE, flags, 0) == again


def test_full_hash_refuses_and_full_lru_evicts_the_oldest() -> None:
    found, full = made(1)
    assert [full.update(found, word(key), VALUE, 0, 0) for key in range(3)] == [0, 0, E2BIG]
    found, lru = made(9)
    for key in range(2):
        lru.update(found, word(key), VALUE, 0, 0)
    lru.lookup(found, word(0), 0)
    assert lru.update(found, word(2), VALUE, 0, 0) == 0
    assert lru.keys() == [word(0), word(2)]


def test_deleted_element_is_reused_at_once() -> None:
    found, bpf_map = made(1)
    bpf_map.update(found, word(1), VALUE, 0, 0)
    address = bpf_map.lookup(found, word(1), 0)
    assert bpf_map.delete(found, word(1)) == 0
    assert bpf_map.delete(found, word(1)) == ENOENT
    assert found.memory.load(address, 8) == 7
    bpf_map.update(found, word(2), word(9, 8), 0, 0)
    assert found.memory.load(address, 8) == 9


def test_array_elements_cannot_be_deleted() -> None:
    found, bpf_map = made(2)
    assert bpf_map.delete(found, word(0)) == EINVAL
    assert bpf_map.lookup(found, word(2), 0) == 0


def test_percpu_values_are_apart() -> None:
    found, bpf_map = made(5)
    bpf_map.update(found, word(1), VALUE, 0, 0)
    assert found.memory.load(bpf_map.lookup(found, word(1), 0), 8) == 7
    assert found.memory.load(bpf_map.lookup(found, word(1), 1), 8) == 0


def prefix(length: int, *data: int) -> bytes:
    return word(length) + bytes(data)


def test_longest_prefix_wins() -> None:
    found, trie = made(11, entries=2, key=8)
    assert trie.update(found, prefix(8, 10, 0, 0, 0), word(1, 8), 0, 0) == 0
    assert trie.update(found, prefix(16, 10, 1, 9, 9), word(2, 8), 0, 0) == 0
    assert trie.update(found, prefix(24, 10, 1, 2, 0), word(3, 8), 0, 0) == ENOSPC
    assert trie.update(found, prefix(33, 10, 1, 2, 0), word(3, 8), 0, 0) == EINVAL
    load = found.memory.load
    assert load(trie.lookup(found, prefix(32, 10, 1, 5, 5), 0), 8) == 2
    assert load(trie.lookup(found, prefix(32, 10, 2, 5, 5), 0), 8) == 1
    assert trie.lookup(found, prefix(32, 11, 2, 5, 5), 0) == 0
    assert trie.lookup(found, prefix(8, 10, 1, 0, 0), 0) >> 32 in found.memory.regions
    assert trie.delete(found, prefix(16, 10, 1, 0, 0)) == 0
    assert trie.delete(found, prefix(16, 10, 1, 0, 0)) == ENOENT


@pytest.mark.parametrize(("map_type", "order"), [(22, (1, 2)), (23, (2, 1))], ids=("queue", "stack"))
def test_queue_and_stack_order(map_type: int, order: tuple[int, int]) -> None:
    found, bpf_map = made(map_type, key=0)
    assert [bpf_map.push(found, word(n, 8), 0) for n in (1, 2, 3)] == [0, 0, E2BIG]
    assert bpf_map.push(found, VALUE, NOEXIST) == EINVAL
    assert bpf_map.peek(found, b"") == word(order[0], 8)
    assert [bpf_map.pop(found), bpf_map.pop(found), bpf_map.pop(found)] == [
        word(order[0], 8),
        word(order[1], 8),
        ENOENT,
    ]


def test_forced_push_drops_the_oldest() -> None:
    found, bpf_map = made(22, key=0)
    for number in (1, 2, 3):
        bpf_map.push(found, word(number, 8), EXIST)
    assert bpf_map.pop(found) == word(2, 8)


def test_bloom_filter_knows_what_was_pushed() -> None:
    found, bloom = made(30, key=0)
    assert bloom.push(found, VALUE, 0) == 0
    assert bloom.peek(found, VALUE) == VALUE
    assert bloom.peek(found, word(8, 8)) == ENOENT
    assert bloom.push(found, VALUE, 1) == EINVAL


def test_ring_buffer_waits_for_the_open_record() -> None:
    found, ring = made(27, entries=4096, key=0, value=0)
    assert isinstance(ring, RingBuffer)
    first, second = ring.reserve(found, 8), ring.reserve(found, 8)
    found.memory.store(second, 8, 2)
    ring.commit(found, second, discard=False)
    assert ring.consume(found) == []
    ring.commit(found, first, discard=True)
    assert ring.consume(found) == [word(2, 8)]
    assert ring.reserve(found, 4096) == 0


def test_delete_runs_the_destructor_at_once() -> None:
    text = STASH.replace("map[id:0][0]+0", "r7")
    stash = program(
        "stash",
        "r9 = r1\n*(u32 *)(r10 -4) = 1\n*(u64 *)(r10 -24) = 0\n*(u64 *)(r10 -16) = 0\n"
        "r1 = map[id:0]\nr2 = r10\nr2 += -4\nr3 = r10\nr3 += -24\nr4 = 0\ncall bpf_map_update_elem\n"
        "r1 = map[id:0]\nr2 = r10\nr2 += -4\ncall bpf_map_lookup_elem\nr7 = r0\nr1 = r9\n" + text,
        TASKS,
    )
    found = world(RCU_USERS_COUNT, stash)
    task = found.fork("worker")
    assert found.run("stash", [task.address]).result == 1
    assert task.rcu_users == 3
    del found.maps["tasks"][1]
    assert task.rcu_users == 2
    found.assert_no_leaks()
