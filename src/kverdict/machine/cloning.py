"""A copy of a World that shares nothing mutable."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kverdict.machine.run import RUNNING

if TYPE_CHECKING:
    from kverdict.machine.world import World


def clone(world: World) -> World:
    """Numbers of regions, runs, tasks and maps mean the same in the copy; handles are made anew."""
    other = object.__new__(type(world))
    other.kernel = world.kernel
    other.design = world.design
    other.layouts = world.layouts
    other.cpus = world.cpus
    other.memory = world.memory.clone()
    other.rcu = world.rcu.clone(other)
    other.ledger = world.ledger.clone()
    other.findings = list(world.findings)
    other.tasks = dict(world.tasks)
    other.cgroups = dict(world.cgroups)
    other.allocated = dict(world.allocated)
    other.collections = world.collections.clone()
    other.timers = world.timers.clone()
    other.map_table = [bpf_map.clone() for bpf_map in world.map_table]
    other.map_numbers = world.map_numbers
    other.codes = world.codes
    other.attached = world.attached
    other.runs = {number: run.clone() if run.status == RUNNING else run for number, run in world.runs.items()}
    other.current = list(world.current)
    other.clock = world.clock
    other.random = world.random
    other.next_run = world.next_run
    other.active = world.active
    other.next_pid = world.next_pid
    other.log = list(world.log)
    other.output = {number: list(records) for number, records in world.output.items()}
    other.kernel_variables = dict(world.kernel_variables)
    other.deferred = world.deferred
    other.fired = list(world.fired)
    other.scratch = dict(world.scratch)
    other.who_stack = list(world.who_stack)
    other.handles = {}
    other.watcher = None
    return other
