"""Kfuncs on tasks. What acquire and release count is the kernel's design; finding by pid is two atomic steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kverdict.machine.alu import signed32
from kverdict.machine.fault import INVALID, Fault
from kverdict.machine.objects import task as life
from kverdict.machine.objects.task import Task
from kverdict.machine.objects.task_design import ALWAYS_NULL, RCU_USERS
from kverdict.machine.pending import Pending
from kverdict.machine.run import Run

if TYPE_CHECKING:
    from kverdict.machine.world import World


def task_at(world: World, address: int) -> Task:
    """The task at an address. Raises Fault: freed, or not a task."""
    found = world.memory.find(address)
    if not isinstance(found, Task):
        raise Fault(INVALID, f"{found.kind} {found.name} is not a task", address)
    return found


def acquire(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    task = task_at(world, a)
    if not life.bpf_acquire(world, task, "bpf_task_acquire"):
        return 0
    run.held[a] = ("task", run.insn)
    return a


def release(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    run.held.pop(a, None)
    life.bpf_release(world, task_at(world, a), "bpf_task_release")
    return 0


class FromPid(Pending):
    """bpf_task_from_pid(): find under its own RCU section, then acquire; the task may die in between.

    Four atomic steps, `stage` names the next: lock, find, acquire, unlock. found: region number, 0 if none.
    """

    __slots__ = ("address", "found", "pid", "stage")

    name = "bpf_task_from_pid"

    def __init__(self, pid: int, stage: str = "lock", found: int = 0, address: int = 0) -> None:
        self.pid = pid
        self.stage = stage
        self.found = found
        self.address = address

    def step(self, world: World, run: Run) -> int | None:
        if self.stage == "lock":
            world.rcu.lock(run.id)
            self.stage = "find"
        elif self.stage == "find":
            number = world.tasks.get(self.pid, 0)
            task = world.memory.regions.get(number)
            self.found = number if isinstance(task, Task) and task.hashed else 0
            self.stage = "acquire" if self.found else "unlock"
        elif self.stage == "acquire":
            self.address = acquire(world, run, self.found << 32, 0, 0, 0, 0)
            self.stage = "unlock"
        else:
            world.rcu.unlock(run.id)
            return self.address
        return None

    def clone(self) -> FromPid:
        return FromPid(self.pid, self.stage, self.found, self.address)

    def canonical(self) -> tuple[object, ...]:
        return self.name, self.pid, self.stage, ("address", self.found << 32), ("address", self.address)


def from_pid(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> Pending:
    return FromPid(signed32(a))


def acquire_not_zero(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    """Always NULL where the kernel counts `usage`; otherwise as far as the count allows."""
    if world.design.kptr_get == ALWAYS_NULL:
        return 0
    if not life.take_not_zero(world, task_at(world, a), RCU_USERS, "bpf_task_acquire_not_zero"):
        return 0
    run.held[a] = ("task", run.insn)
    return a


class KptrGet(Pending):
    """bpf_task_kptr_get(pointer to a kptr field): load, then inc-not-zero, in its own RCU section."""

    __slots__ = ("field", "found")

    name = "bpf_task_kptr_get"

    def __init__(self, field: int, found: int = -1) -> None:
        self.field = field
        self.found = found

    def step(self, world: World, run: Run) -> int | None:
        if self.found < 0:
            world.rcu.lock(run.id)
            self.found = world.memory.load(self.field, 8)
            if self.found and world.design.kptr_get != ALWAYS_NULL:
                return None
            world.rcu.unlock(run.id)
            return 0
        address = acquire_not_zero(world, run, self.found, 0, 0, 0, 0)
        world.rcu.unlock(run.id)
        return address

    def clone(self) -> KptrGet:
        return KptrGet(self.field, self.found)

    def canonical(self) -> tuple[object, ...]:
        return self.name, ("address", self.field), ("address", self.found) if self.found > 0 else self.found


def kptr_get(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> Pending:
    return KptrGet(a)


def under_cgroup(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    """Every task is in the root cgroup."""
    task_at(world, a)
    return int(world.memory.find(b).id == world.scratch["root_cgroup"])


def get_cgroup1(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    return 0


TABLE: Final = (
    ("bpf_task_acquire", acquire, "take a reference, by the kernel's design"),
    ("bpf_task_release", release, "drop a reference, by the kernel's design"),
    ("bpf_task_from_pid", from_pid, "find a task and take a reference; NULL if it is gone or dying"),
    ("bpf_task_from_vpid", from_pid, "the same; there is one pid namespace"),
    ("bpf_task_acquire_not_zero", acquire_not_zero, "6.2 and 6.3"),
    ("bpf_task_kptr_get", kptr_get, "6.2 and 6.3"),
    ("bpf_task_under_cgroup", under_cgroup, "is the task in this cgroup"),
    ("bpf_task_get_cgroup1", get_cgroup1, "there are no version 1 hierarchies: NULL"),
)
