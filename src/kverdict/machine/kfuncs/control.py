"""Kfuncs that change what runs next: exceptions, resilient locks, work queues; and the number of elements of a map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kverdict.btf.types import KIND_DECL_TAG
from kverdict.errors import UnsupportedError
from kverdict.machine.alu import U32
from kverdict.machine.fault import INVALID, Fault
from kverdict.machine.helpers import locks
from kverdict.machine.maps.base import EBUSY, EINVAL
from kverdict.machine.run import Run
from kverdict.machine.timers import Timer

if TYPE_CHECKING:
    from kverdict.machine.world import World

EDEADLK: Final = -35
ETIMEDOUT: Final = -110
EXCEPTION_CALLBACK: Final = "exception_callback:"


def throw(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> None:
    """bpf_throw(cookie): all frames go; without an exception callback the program returns the cookie."""
    btf = run.code.program.btf if run.code.program is not None else None
    if btf is not None:
        for type_id in range(len(btf)):
            if btf.kind(type_id) == KIND_DECL_TAG and btf.type(type_id).name.startswith(EXCEPTION_CALLBACK):
                raise UnsupportedError("bpf_throw with an exception callback")
    for frame in run.frames:
        world.memory.drop(frame.stack)
    run.frames.clear()
    world.finish(run, a)


def res_spin_lock(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    """0, -EDEADLK where this program has the lock already, -ETIMEDOUT where somebody else has it."""
    if a in run.locks:
        return EDEADLK
    if world.memory.load(a, 4):
        return ETIMEDOUT
    world.memory.store(a, 4, 1)
    run.locks.append(a)
    world.rcu.lock(run.id)
    return 0


def res_spin_unlock(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    return locks.spin_unlock(world, run, a, 0, 0, 0, 0)


def res_spin_lock_irqsave(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    world.memory.store(b, 8, 0x200)
    return res_spin_lock(world, run, a, 0, 0, 0, 0)


def wq_init(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    """bpf_wq_init(wq, map, flags)."""
    if c:
        return EINVAL
    if a in world.timers.known:
        return EBUSY
    world.timers.known[a] = Timer(world.map_at(b).index, work=True)
    return 0


def wq_set_callback(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    """bpf_wq_set_callback_impl(wq, callback, flags, aux)."""
    if c:
        return EINVAL
    return locks.timer_set_callback(world, run, a, b, 0, 0, 0)


def wq_start(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    """The work runs as soon as time passes."""
    timer = world.timers.known.get(a)
    if timer is None or b:
        return EINVAL
    if not timer.work:
        raise Fault(INVALID, "a timer is no work queue", a)
    timer.due = world.clock
    return 0


def sum_elem_count(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    return len(world.map_at(a).keys()) & U32


TABLE: Final = (
    ("bpf_throw", throw, "end the program from anywhere"),
    ("bpf_res_spin_lock", res_spin_lock, "take a lock, or learn that this would wait for ever"),
    ("bpf_res_spin_unlock", res_spin_unlock, "give the lock back"),
    ("bpf_res_spin_lock_irqsave", res_spin_lock_irqsave, "the same with interrupts off"),
    ("bpf_res_spin_unlock_irqrestore", res_spin_unlock, "give the lock back"),
    ("bpf_wq_init", wq_init, "make a work queue item in a map value"),
    ("bpf_wq_set_callback_impl", wq_set_callback, "what it calls"),
    ("bpf_wq_start", wq_start, "let it run when time passes"),
    ("bpf_map_sum_elem_count", sum_elem_count, "how many elements a map has"),
)
