"""Programs get the context that their kind has: words, saved registers, or a tracepoint's record."""

from __future__ import annotations

import pytest

from kverdict.errors import UnsupportedError
from kverdict.kernel.profile import load_profile
from kverdict.machine.code import Code
from kverdict.machine.kernel import Kernel
from kverdict.machine.world import World
from kverdict.program.assembled import program_from_text


def world_with(section: str, text: str) -> World:
    profile = load_profile("6.18")
    code = Code.of(program_from_text(text, section, profile))
    return World(Kernel.of(profile), [code])


def last(world: World) -> int:
    return list(world.runs.values())[-1].result


def test_tracepoint_record_has_the_fields_of_the_kernel() -> None:
    world = world_with("tp/sched/sched_process_fork", "r0 = *(u32 *)(r1 +20)\nexit")
    child = world.fork("worker", 77)
    assert last(world) == child.pid == 77


def test_tracepoint_strings_lie_behind_the_record() -> None:
    text = "r6 = r1\nr2 = *(u32 *)(r6 +8)\nr0 = r2\nr0 >>= 16\nexit"
    world = world_with("tp/sched/sched_process_exec", text)
    world.fork("worker").exec("editor")
    assert last(world) == len("/usr/bin/editor") + 1


def test_switch_record_names_both_tasks() -> None:
    from kverdict.machine import events

    world = world_with(
        "tp/sched/sched_switch", "r0 = *(u32 *)(r1 +56)\nr2 = *(u32 *)(r1 +24)\nr0 <<= 8\nr0 |= r2\nexit"
    )
    child = world.fork("worker", 9)
    events.switch(world, 0, child.task)
    assert last(world) == 9 << 8 | 1


def test_kprobe_reads_arguments_from_registers() -> None:
    world = world_with("kprobe/do_exit", "r0 = *(u64 *)(r1 +104)\nexit")
    world.fire("do_exit", [1, 42])
    assert last(world) == 42


def test_unknown_record_is_not_guessed() -> None:
    world = world_with("tp/syscalls/sys_enter_openat", "r0 = 0\nexit")
    with pytest.raises(UnsupportedError, match="record of tracepoint sys_enter_openat"):
        world.fire("sys_enter_openat", [])
