"""struct cgroup: a percpu reference count that becomes an atomic one when the cgroup is killed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kverdict.machine import refcount
from kverdict.machine.fault import REFCOUNT
from kverdict.machine.objects.base import KernelObject, StructLayout

if TYPE_CHECKING:
    from kverdict.machine.world import World

TO_ATOMIC: Final = "percpu_ref_switch_to_atomic_rcu"
FREE: Final = "cgroup_free"
COUNT: Final = "cgroup ref"


class Cgroup(KernelObject):
    """A cgroup. atomic: the count is exact and try-get can fail; killed: rmdir dropped (or will drop) the first one."""

    __slots__ = ("atomic", "killed", "number", "parent", "refs")

    def __init__(self, layout: StructLayout, number: int, path: str) -> None:
        super().__init__(layout, f"cgroup {path}")
        self.number = number
        self.refs = 1
        self.atomic = False
        self.killed = False
        self.parent = 0

    def clone(self) -> Cgroup:
        other = Cgroup(self.layout, self.number, "")
        other.name = self.name
        self.copy_to(other)
        other.refs = self.refs
        other.atomic = self.atomic
        other.killed = self.killed
        other.parent = self.parent
        return other

    def counts(self) -> tuple[object, ...]:
        return self.refs, self.atomic, self.killed, self.number


def create(world: World, number: int, path: str, parent: Cgroup | None) -> Cgroup:
    """cgroup_create(): one reference, in percpu mode."""
    found = Cgroup(world.layouts.of("cgroup"), number, path)
    world.memory.add(found)
    found.set("level", path.count("/") if path != "/" else 0)
    found.parent = parent.id if parent is not None else 0
    world.cgroups[number] = found.id
    world.ledger.note(world.clock, found.id, COUNT, 1, 1, world.who(), f"mkdir {path}")
    return found


def try_get(world: World, group: Cgroup, why: str) -> bool:
    """cgroup_tryget(): always succeeds in percpu mode; in atomic mode not from 0."""
    if not group.atomic:
        group.refs += 1
        world.ledger.note(world.clock, group.id, COUNT, 1, group.refs, world.who(), why)
        return True
    value, taken, warning = refcount.increment_not_zero(group.refs)
    if taken:
        group.refs = value
        world.ledger.note(world.clock, group.id, COUNT, 1, value, world.who(), why)
    if warning:
        world.report(REFCOUNT, f"{warning}: {group.name} ({why})", group.id)
    return taken


def put(world: World, group: Cgroup, why: str) -> None:
    """cgroup_put(): in atomic mode the last one starts the release work, which frees after a grace period."""
    if group.atomic:
        value, zero, warning = refcount.decrement(group.refs)
    else:
        value, zero, warning = group.refs - 1, False, "" if group.refs else refcount.UNDERFLOW
    group.refs = value
    world.ledger.note(world.clock, group.id, COUNT, -1, value, world.who(), why)
    if warning:
        world.report(REFCOUNT, f"{warning}: {group.name} ({why})", group.id)
    if zero:
        world.rcu.call(FREE, group.id)


def kill(world: World, group: Cgroup) -> None:
    """rmdir: percpu_ref_kill() switches to atomic mode through call_rcu, then the first reference is dropped."""
    group.killed = True
    world.rcu.call(TO_ATOMIC, group.id)


def switch_to_atomic(world: World, group: Cgroup) -> None:
    group.atomic = True
    put(world, group, "rmdir")


def free(world: World, group: Cgroup) -> None:
    world.memory.free(group.id, world.who(), world.clock)
    if world.cgroups.get(group.number) == group.id:
        del world.cgroups[group.number]
