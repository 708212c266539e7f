"""Helpers and kfuncs answer as the kernel's do."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kverdict.machine.code import Code, implementations
from kverdict.machine.fault import DEADLOCK, INVALID, Fault
from kverdict.machine.helpers.packet import checksum_add, fold
from kverdict.machine.helpers.strings import format_text
from kverdict.machine.memory import USER, Region
from kverdict.machine.world import World
from kverdict.program.program import Map
from tests.machine.programs import result

U64 = (1 << 64) - 1


def test_every_function_has_a_sentence_for_people() -> None:
    table = implementations()
    assert len(table) > 150
    assert all(one.doc and not one.doc.endswith(".") for one in table.values())


def test_missing_function_is_named_before_the_run() -> None:
    from kverdict.errors import UnsupportedError

    code = Code("missing", Code.assembled("x", "call bpf_ktime_get_ns\nexit").insns, {0: "bpf_no_such_helper"})
    with pytest.raises(UnsupportedError, match="bpf_no_such_helper"):
        World(codes=[code])


def test_comm_is_cut_and_ended() -> None:
    text = "r1 = r10\nr1 += -8\nr2 = 5\n*(u64 *)(r10 -8) = -1\ncall bpf_get_current_comm\nr0 = *(u64 *)(r10 -8)\nexit"
    assert result(text).to_bytes(8, "little") == b"init\0\xff\xff\xff"


@pytest.mark.parametrize(
    ("template", "values", "expected"),
    [
        ("%d %u %x", [U64, 7, 255], "-1 7 ff"),
        ("%lld %llu", [U64, U64], f"-1 {U64}"),
        ("%08x|%-5d|%5d", [0xAB, 3, 4], "000000ab|3    |    4"),
        ("100%%", [], "100%"),
        ("%c%c", [104, 105], "hi"),
        ("%p", [0x1234], "0000000000001234"),
        ("%hhu %#x", [300, 16], "44 0x10"),
    ],
)
def test_formats(template: str, values: list[int], expected: str) -> None:
    assert format_text(World(), template, values) == expected


def test_strings_and_addresses_in_formats() -> None:
    world = World()
    address = world.memory.add(Region(USER, "s", bytearray(b"hello\0")))
    four = world.memory.add(Region(USER, "ip", bytearray([10, 0, 0, 1])))
    assert format_text(world, "%s %pI4 %pi4", [address, four, four]) == "hello 10.0.0.1 010.000.000.001"


STRTOL = """
    r1 = r10
    r1 += -8
    r2 = 8
    r3 = 0
    r4 = r10
    r4 += -16
    call {}
    r1 = *(u64 *)(r10 -16)
    r0 <<= 32
    r0 |= r1
    exit
"""


@pytest.mark.parametrize(
    ("text", "used", "value"), [(b"0x1f;", 4, 31), (b" 12 ", 3, 12), (b"017\0", 3, 15), (b"7", 1, 7), (b"0", 1, 0)]
)
def test_numbers_from_strings(text: bytes, used: int, value: int) -> None:
    word = int.from_bytes(text.ljust(8, b"\0"), "little")
    code = f"r1 = {word:#x} ll\n*(u64 *)(r10 -8) = r1\n*(u64 *)(r10 -16) = 0\n" + STRTOL.format("bpf_strtoul")
    assert result(code) == used << 32 | value


def test_probe_reads_never_fault() -> None:
    text = """
        r1 = r10
        r1 += -8
        r2 = 8
        r3 = {}
        *(u64 *)(r10 -8) = 5
        call bpf_probe_read_kernel
        r1 = *(u64 *)(r10 -8)
        r0 += r1
        exit
    """
    assert result(text.format(0)) == U64 - 13
    assert result(text.format("0xffff888012345678 ll")) == U64 - 13


@settings(max_examples=40, deadline=None)
@given(st.binary(min_size=20, max_size=20), st.binary(min_size=4, max_size=4))
def test_checksum_of_a_change_is_the_change_of_the_checksum(header: bytes, new: bytes) -> None:
    changed = header[:12] + new + header[16:]
    difference = checksum_add(checksum_add(0, bytes(byte ^ 0xFF for byte in header[12:16])), new)
    whole = fold(checksum_add(checksum_add(0, header), difference.to_bytes(4, "little")))
    assert whole % 0xFFFF == fold(checksum_add(0, changed)) % 0xFFFF


LOCK = Map("locked", 2, 4, 16, 1)


def test_lock_taken_twice_is_a_deadlock() -> None:
    text = "r1 = map[id:0][0]+0\ncall bpf_spin_lock\nr1 = map[id:0][0]+0\ncall bpf_spin_lock\nexit"
    with pytest.raises(Fault) as caught:
        result(text, maps=(LOCK,))
    assert caught.value.kind == DEADLOCK


def test_unlock_without_lock_is_refused() -> None:
    with pytest.raises(Fault) as caught:
        result("r1 = map[id:0][0]+0\ncall bpf_spin_unlock\nexit", maps=(LOCK,))
    assert caught.value.kind == INVALID


def test_number_iterator_counts() -> None:
    text = """
        r1 = r10
        r1 += -8
        r2 = 3
        r3 = 7
        call bpf_iter_num_new
        r6 = 0
    again:
        r1 = r10
        r1 += -8
        call bpf_iter_num_next
        if r0 == 0 goto done
        r1 = *(u32 *)(r0 +0)
        r6 += r1
        goto again
    done:
        r1 = r10
        r1 += -8
        call bpf_iter_num_destroy
        r0 = r6
        exit
    """
    assert result(text) == 3 + 4 + 5 + 6


def test_for_each_visits_all_elements_and_can_stop() -> None:
    text = """
        r1 = map[id:0]
        r2 = subprog[visit]
        r3 = 0
        r4 = 0
        call bpf_for_each_map_elem
        exit
    visit:
        r2 = *(u32 *)(r2 +0)
        r0 = 0
        if r2 != 2 goto end
        r0 = 1
    end: exit
    """
    assert result(text, maps=(Map("a", 2, 4, 8, 5),)) == 3


def test_tail_call_replaces_the_program_and_limits_itself() -> None:
    array = Map("programs", 3, 4, 4, 2)
    first = Code.assembled("first", "r2 = map[id:0]\nr3 = 0\ncall bpf_tail_call\nr0 = 1\nexit", [array])
    second = Code.assembled("second", "r0 = 2\nexit", [array])
    for fast in (False, True):
        world = World(codes=[first, second])
        assert world.run(first, fast=fast).result == 1
        programs = world.map_table[0]
        from kverdict.machine.maps.special import ProgramArray

        assert isinstance(programs, ProgramArray)
        programs.set(0, 1)
        assert world.run(first, fast=fast).result == 2
        programs.set(0, 0)
        assert world.run(first, fast=fast).tail_calls == 33


def test_cgroup_acquire_fails_once_it_is_killed_and_empty() -> None:
    from kverdict.machine.objects import cgroup

    code = Code.assembled(
        "p", "r1 = 7\ncall bpf_cgroup_from_id\nif r0 == 0 goto no\nr1 = r0\ncall bpf_cgroup_release\nr0 = 1\nno: exit"
    )
    world = World(codes=[code])
    group = cgroup.create(world, 7, "/a", None)
    assert world.run(code).result == 1
    cgroup.kill(world, group)
    assert world.run(code).result == 1
    world.rcu.synchronize()
    assert world.run(code).result == 0 or group.id not in world.memory.regions
    world.assert_no_leaks()


def test_cpumask_is_freed_after_both_grace_periods() -> None:
    text = """
        call bpf_cpumask_create
        r6 = r0
        r1 = 1
        r2 = r6
        call bpf_cpumask_set_cpu
        r1 = r6
        call bpf_cpumask_weight
        r7 = r0
        r1 = r6
        call bpf_cpumask_release
        r0 = r7
        exit
    """
    code = Code.assembled("mask", text)
    world = World(codes=[code])
    sleeper = Code.assembled("sleeper", "r0 = 0\nexit", sleepable=True)
    waiting = world.begin(sleeper, [0])
    assert world.run(code).result == 1
    assert world.rcu.ready() == []
    world.step(waiting)
    world.step(waiting)
    assert len(world.rcu.ready()) == 1
    world.settle()
    world.assert_no_leaks()


@pytest.mark.parametrize("fast", (False, True))
def test_throw_ends_the_program_from_a_callee(fast: bool) -> None:
    code = Code.assembled("thrower", "call f\nr0 = 1\nexit\nf: r1 = 42\ncall bpf_throw\nexit")
    assert World(codes=[code]).run(code, fast=fast).result == 42


def test_samples_of_user_space_are_drained() -> None:
    from kverdict.machine.maps.ringbuf import UserRingBuffer

    text = """
        *(u64 *)(r10 -8) = 0
        r1 = map[id:0]
        r2 = subprog[sample]
        r3 = r10
        r3 += -8
        r4 = 0
        call bpf_user_ringbuf_drain
        r6 = r0
        r0 = *(u64 *)(r10 -8)
        r0 <<= 8
        r0 |= r6
        exit
    sample:
        r6 = r2
        r3 = r1
        r1 = r10
        r1 += -8
        r2 = 8
        r4 = 0
        r5 = 0
        call bpf_dynptr_read
        r1 = *(u64 *)(r10 -8)
        lock *(u64 *)(r6 +0) += r1
        r0 = 0
        exit
    """
    code = Code.assembled("drain", text, [Map("ring", 31, 0, 0, 4096)])
    for fast in (False, True):
        world = World(codes=[code])
        ring = world.map_table[0]
        assert isinstance(ring, UserRingBuffer)
        ring.samples = [(5).to_bytes(8, "little"), (6).to_bytes(8, "little")]
        assert world.run(code, fast=fast).result == 11 << 8 | 2


def test_resilient_lock_answers_instead_of_waiting() -> None:
    text = "r1 = map[id:0][0]+0\ncall bpf_res_spin_lock\nr6 = r0\nr1 = map[id:0][0]+0\ncall bpf_res_spin_lock\nexit"
    assert result(text, maps=(LOCK,)) == U64 - 34
