"""Every accepted example runs without error, and all counts are back at their start when its map is gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from kverdict.machine import events
from kverdict.machine.scenario import PACKET, TCP_PACKET
from kverdict.machine.start import load
from kverdict.machine.world import World

EXAMPLES = Path(__file__).parents[2] / "examples"
NEW = ("6.4", "6.12", "6.18", "7.2")
OLD = ("6.3", str(EXAMPLES / "overlays/before_the_patch.toml"))
TASK_PROGRAMS = [
    # object, programs, kernels that accept them
    ("acquire", ("current_acquire_release", "acquire_group_leader"), NEW),
    ("from_pid", ("from_pid_argument", "from_pid_current", "from_pid_invalid"), NEW),
    ("from_vpid", ("from_vpid_argument", "from_vpid_current", "from_vpid_invalid"), ("6.18", "7.2")),
    ("map", ("leave_in_map", "xchg_release", "map_acquire_release"), NEW),
    ("before/acquire", ("current_acquire_release",), OLD),
    ("before/map", ("leave_in_map", "xchg_release"), OLD[1:]),
    ("6.3/map_before", ("leave_in_map", "xchg_release"), OLD[:1]),
    ("6.3/get_before", ("get_release",), OLD[:1]),
]


def started(source: str, program: str, kernel: str) -> World:
    return load(EXAMPLES / f"{source}.bpf.o", kernel, programs=[program]).start()


@pytest.mark.parametrize(
    ("source", "program", "kernel"),
    [
        (source, program, kernel)
        for source, programs, kernels in TASK_PROGRAMS
        for program in programs
        for kernel in kernels
    ],
    ids=lambda text: Path(text).stem,
)
def test_task_program_leaves_no_error_and_no_reference(source: str, program: str, kernel: str) -> None:
    world = started(f"task_kptr/{source}", program, kernel)
    world.globals["watched"] = 1
    child = world.fork("worker")
    assert world.globals["error"] == 0
    child.exit()
    world.settle()
    world.assert_no_leaks()
    world.destroy_maps()
    world.settle()
    assert not child.alive
    world.assert_no_leaks()


def test_map_keeps_the_task_until_it_is_destroyed() -> None:
    world = started("task_kptr/map", "leave_in_map", "6.18")
    world.globals["watched"] = 1
    child = world.fork("worker")
    child.exit()
    world.settle()
    assert world.maps["tasks"][child.pid] == {"task": child}
    assert (child.usage, child.rcu_users) == (1, 1)


def test_kptr_get_of_6_3_always_gives_null() -> None:
    world = started("task_kptr/6.3/get_before", "get_release", "6.3")
    world.globals["watched"] = 1
    world.fork("worker")
    assert world.globals["error"] == 0  # the program sets 3 if it got a task


def test_iterator_prints_a_line_for_each_task() -> None:
    world = started("basics/list_tasks", "list_tasks", "6.18")
    world.fork("worker", 42)
    assert len(events.iterate(world, "list_tasks")) == 3
    assert b"".join(world.output[-1]).decode().split() == ["number", "pid", "parent", "0", "1", "1", "1", "42", "1"]


@pytest.mark.parametrize(("blocked", "action"), [(53, 1), (54, 2)])
def test_packet_to_a_blocked_port_is_dropped(blocked: int, action: int) -> None:
    world = started("basics/drop_port", "drop_port", "6.18")
    world.maps["blocked"][blocked] = 1
    run, packet = events.send(world, "drop_port", TCP_PACKET)
    assert (run.result, packet) == (action, TCP_PACKET)


def test_timer_fires_every_second() -> None:
    world = started("basics/timer", "start_clock", "6.18")
    events.send(world, "start_clock", PACKET)
    assert events.advance(world, 4_500_000_000) == 4
    assert world.maps["clocks"][0]["ticks"] == 4


@pytest.mark.parametrize("program", ("bounded_loop", "loop_by_callback", "loop_by_iterator"))
def test_engines_agree_on_loops(program: str) -> None:
    totals = []
    for fast in (False, True):
        world = started("basics/loops", program, "6.18")
        from kverdict.machine import packet

        context = packet.make(world, packet.SKB, PACKET)
        world.run(program, context, fast=fast)
        totals.append(world.globals["totals"])
    assert totals[0] == totals[1]
    assert any(totals[0])
