"""struct task_struct: its two counts, its death, and the kernel's steps that move them, one atomic step a function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kverdict.machine import refcount
from kverdict.machine.fault import REFCOUNT, UNION_CORRUPTION, USE_AFTER_FREE, Fault
from kverdict.machine.objects.base import KernelObject, StructLayout
from kverdict.machine.objects.task_design import INC_NOT_ZERO, RCU_USERS, USAGE

if TYPE_CHECKING:
    from kverdict.machine.world import World

RUNNING: Final = "running"
ZOMBIE: Final = "zombie"
DEAD: Final = "dead"  # delayed_put_task_struct has run: the kernel holds nothing any more
DELAYED_PUT: Final = "delayed_put_task_struct"
FREE: Final = "__put_task_struct_rcu_cb"
NOT_QUEUED: Final = ""
POINTER_HALF: Final = 0x04A3_C500  # what a 32-bit count reads that lies under a pointer to the next callback


class Task(KernelObject):
    """A task. usage protects the memory; rcu_users: one for whoever reaps, one for the scheduler, plus BPF (design).

    queued: the callback in its rcu_head. hashed: findable by pid. reaped, switched: the reaper's and the scheduler's
    reference are dropped. clobbered: rcu_users was overwritten by the rcu_head (a union in old kernels).
    """

    __slots__ = ("clobbered", "comm", "hashed", "phase", "pid", "queued", "rcu_users", "reaped", "switched", "usage")

    def __init__(self, layout: StructLayout, pid: int, comm: str) -> None:
        super().__init__(layout, f"task {pid}")
        self.pid = pid
        self.comm = comm
        self.usage = 1
        self.rcu_users = 2
        self.phase = RUNNING
        self.queued = NOT_QUEUED
        self.hashed = True
        self.reaped = False
        self.switched = False
        self.clobbered = False

    def show_counts(self) -> None:
        """Bring the counts into the memory that programs read."""
        self.set("usage", self.usage)
        self.set("rcu_users", self.rcu_users)

    def clone(self) -> Task:
        other = Task(self.layout, self.pid, self.comm)
        self.copy_to(other)
        other.usage = self.usage
        other.rcu_users = self.rcu_users
        other.phase = self.phase
        other.queued = self.queued
        other.hashed = self.hashed
        other.reaped = self.reaped
        other.switched = self.switched
        other.clobbered = self.clobbered
        return other

    def counts(self) -> tuple[object, ...]:
        return (
            self.usage,
            self.rcu_users,
            self.phase,
            self.queued,
            self.hashed,
            self.reaped,
            self.switched,
            self.clobbered,
        )


def fork(world: World, pid: int, comm: str, parent: Task | None) -> Task:
    """dup_task_struct() and what makes the child findable: rcu_users 2, usage 1."""
    task = Task(world.layouts.of("task_struct"), pid, comm)
    address = world.memory.add(task)
    task.fill({"pid": pid, "tgid": pid, "group_leader": address, "start_time": world.clock})
    task.set_bytes("comm", comm.encode()[:15])
    task.set("real_parent", parent.address if parent is not None else address)
    task.set("parent", parent.address if parent is not None else address)
    task.show_counts()
    world.ledger.note(world.clock, task.id, USAGE, 1, 1, world.who(), "fork: the memory")
    world.ledger.note(world.clock, task.id, RCU_USERS, 2, 2, world.who(), "fork: reaper and scheduler")
    world.tasks[pid] = task.id
    return task


def _change(world: World, task: Task, count: str, value: int, warning: str, why: str) -> None:
    before = task.usage if count == USAGE else task.rcu_users
    if count == USAGE:
        task.usage = value
    else:
        task.rcu_users = value
    task.show_counts()
    world.ledger.note(world.clock, task.id, count, value - before, value, world.who(), why)
    if task.clobbered and count == RCU_USERS:
        text = f"rcu_users of {task.name} was overwritten by its queued callback, yet is counted ({why})"
        world.report(UNION_CORRUPTION, text, task.id)
    elif warning:
        world.report(REFCOUNT, f"refcount_t: {warning}: {count} of {task.name} was {before} ({why})", task.id)


def take(world: World, task: Task, count: str, why: str) -> None:
    """refcount_inc() of usage or rcu_users; on 0 the kernel warns and saturates."""
    value, warning = refcount.increment(task.usage if count == USAGE else task.rcu_users)
    _change(world, task, count, value, warning, why)


def take_not_zero(world: World, task: Task, count: str, why: str) -> bool:
    """refcount_inc_not_zero() of usage or rcu_users."""
    value, taken, warning = refcount.increment_not_zero(task.usage if count == USAGE else task.rcu_users)
    if taken:
        _change(world, task, count, value, warning, why)
    return taken


def put(world: World, task: Task, why: str) -> None:
    """put_task_struct(): at 0 the memory goes, at once or after one more grace period (design.delayed_free)."""
    value, zero, warning = refcount.decrement(task.usage)
    _change(world, task, USAGE, value, warning, why)
    if not zero:
        return
    if world.design.delayed_free:
        _queue(world, task, FREE)
    else:
        _free(world, task)


def put_rcu_user(world: World, task: Task, why: str) -> None:
    """put_task_struct_rcu_user(): at 0 queues delayed_put_task_struct behind the readers that are inside now."""
    value, zero, warning = refcount.decrement(task.rcu_users)
    _change(world, task, RCU_USERS, value, warning, why)
    if zero:
        _queue(world, task, DELAYED_PUT)


def _queue(world: World, task: Task, callback: str) -> None:
    if task.queued:
        text = f"{callback} queued while {task.queued} is: the rcu_head of {task.name} is in use"
        world.report(UNION_CORRUPTION, text, task.id)
    task.queued = callback
    if world.design.shares_rcu_head and callback == DELAYED_PUT:
        task.clobbered = True
        task.rcu_users = POINTER_HALF
        task.show_counts()
    world.rcu.call(callback, task.id)


def delayed_put(world: World, task: Task) -> None:
    """The callback of put_task_struct_rcu_user(); the tracepoint sched_process_free runs here."""
    task.queued = NOT_QUEUED
    if task.clobbered:
        task.clobbered = False
        task.rcu_users = 0
    task.phase = DEAD
    world.fire("sched_process_free", [task.address])
    put(world, task, "delayed_put_task_struct")


def free_callback(world: World, task: Task) -> None:
    task.queued = NOT_QUEUED
    _free(world, task)


def _free(world: World, task: Task) -> None:
    """free_task(): the LSM hook task_free sees usage 0, then the memory is gone."""
    if task.clobbered and task.queued:
        raise Fault(USE_AFTER_FREE, f"{task.name} is freed while its callback {task.queued} is queued", task.address)
    world.fire_lsm("task_free", [task.address])
    world.memory.free(task.id, world.who(), world.clock)
    if world.tasks.get(task.pid) == task.id:
        del world.tasks[task.pid]


def unhash(world: World, task: Task) -> None:
    """release_task(), first half: not findable any more."""
    task.hashed = False


def reaper_put(world: World, task: Task) -> None:
    """release_task(), second half."""
    task.reaped = True
    put_rcu_user(world, task, "release_task")


def scheduler_put(world: World, task: Task) -> None:
    """finish_task_switch() of the task that will never run again; before or after the reaper."""
    task.switched = True
    put_rcu_user(world, task, "finish_task_switch")


def bpf_acquire(world: World, task: Task, why: str) -> bool:
    """bpf_task_acquire() under the kernel's design; False where it returns NULL."""
    design = world.design
    if design.acquire == INC_NOT_ZERO:
        return take_not_zero(world, task, design.count, why)
    take(world, task, design.count, why)
    return True


def bpf_release(world: World, task: Task, why: str) -> None:
    """bpf_task_release(), and the destructor of a task kptr in a map."""
    if world.design.count == USAGE:
        put(world, task, why)
    else:
        put_rcu_user(world, task, why)


def expected_counts(task: Task) -> tuple[int, int]:
    """(usage, rcu_users) that the kernel itself holds now: without BPF programs and maps."""
    own = (0 if task.reaped else 1) + (0 if task.switched else 1)
    return (0 if task.phase == DEAD else 1), own
