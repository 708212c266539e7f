"""Kfuncs on cgroups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kverdict.machine.alu import U32
from kverdict.machine.fault import INVALID, Fault
from kverdict.machine.objects import cgroup as life
from kverdict.machine.objects.cgroup import Cgroup
from kverdict.machine.run import Run

if TYPE_CHECKING:
    from kverdict.machine.world import World


def group_at(world: World, address: int) -> Cgroup:
    """The cgroup at an address. Raises Fault."""
    found = world.memory.find(address)
    if not isinstance(found, Cgroup):
        raise Fault(INVALID, f"{found.kind} {found.name} is not a cgroup", address)
    return found


def acquire(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    if not life.try_get(world, group_at(world, a), "bpf_cgroup_acquire"):
        return 0
    run.held[a] = ("cgroup", run.insn)
    return a


def release(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    run.held.pop(a, None)
    life.put(world, group_at(world, a), "bpf_cgroup_release")
    return 0


def from_id(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    number = world.cgroups.get(a)
    return acquire(world, run, number << 32, 0, 0, 0, 0) if number is not None else 0


def ancestor(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    """bpf_cgroup_ancestor(cgroup, level)."""
    found = group_at(world, a)
    level = found.get("level")
    while level > b & U32 and found.parent:
        found = group_at(world, found.parent << 32)
        level -= 1
    return acquire(world, run, found.address, 0, 0, 0, 0) if level == b & U32 else 0


def kptr_get(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    found = world.memory.load(a, 8)
    return acquire(world, run, found, 0, 0, 0, 0) if found else 0


TABLE: Final = (
    ("bpf_cgroup_acquire", acquire, "try to take a reference"),
    ("bpf_cgroup_release", release, "drop a reference"),
    ("bpf_cgroup_from_id", from_id, "find a cgroup and take a reference"),
    ("bpf_cgroup_ancestor", ancestor, "the ancestor at a level, with a reference"),
    ("bpf_cgroup_kptr_get", kptr_get, "6.2 and 6.3"),
)
