"""Spin locks and timers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kverdict.machine.alu import U32
from kverdict.machine.fault import DEADLOCK, INVALID, Fault
from kverdict.machine.maps.base import EBUSY, EINVAL
from kverdict.machine.pending import Pending
from kverdict.machine.run import Run
from kverdict.machine.timers import Timer

if TYPE_CHECKING:
    from kverdict.machine.world import World


class TakeLock(Pending):
    """bpf_spin_lock(): a step that succeeds when the lock is free; blocked() tells explorers to wait."""

    __slots__ = ("address",)

    name = "bpf_spin_lock"

    def __init__(self, address: int) -> None:
        self.address = address

    def blocked(self, world: World) -> bool:
        return world.memory.load(self.address, 4) != 0

    def step(self, world: World, run: Run) -> int | None:
        if self.blocked(world):
            raise Fault(DEADLOCK, "the lock is held by somebody who does not run", self.address)
        world.memory.store(self.address, 4, 1)
        run.locks.append(self.address)
        world.rcu.lock(run.id)
        return 0

    def canonical(self) -> tuple[object, ...]:
        return self.name, ("address", self.address)


def spin_lock(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> Pending:
    if a in run.locks:
        raise Fault(DEADLOCK, "the program takes a lock that it already holds", a)
    return TakeLock(a)


def spin_unlock(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    if a not in run.locks:
        raise Fault(INVALID, "the program gives back a lock that it does not hold", a)
    run.locks.remove(a)
    world.memory.store(a, 4, 0)
    world.rcu.unlock(run.id)
    return 0


def timer_init(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    """Clocks 0, 1 and 7 (realtime, monotonic, boottime)."""
    if c not in (0, 1, 7):
        return EINVAL
    if a in world.timers.known:
        return EBUSY
    world.timers.known[a] = Timer(world.map_at(b).index, work=False)
    return 0


def timer_set_callback(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    timer = world.timers.known.get(a)
    if timer is None:
        return EINVAL
    timer.callback = b & U32
    timer.code = run.code
    return 0


def timer_start(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    timer = world.timers.known.get(a)
    if timer is None or c & ~3:
        return EINVAL
    timer.due = b if c & 1 else world.clock + b
    return 0


def timer_cancel(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    timer = world.timers.known.get(a)
    if timer is None:
        return EINVAL
    armed = timer.due >= 0
    timer.due = -1
    return int(armed)


TABLE: Final = (
    ("bpf_spin_lock", spin_lock, "take a lock in a map value"),
    ("bpf_spin_unlock", spin_unlock, "give the lock back"),
    ("bpf_timer_init", timer_init, "make a timer in a map value"),
    ("bpf_timer_set_callback", timer_set_callback, "what it calls"),
    ("bpf_timer_start", timer_start, "arm it; it fires when the world's clock is advanced"),
    ("bpf_timer_cancel", timer_cancel, "disarm it; 1 if it was armed"),
)
