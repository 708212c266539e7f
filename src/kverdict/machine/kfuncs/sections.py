"""Kfuncs that open and close sections: RCU, preemption, interrupts; and casts, which are nothing at run time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kverdict.machine.fault import INVALID, Fault
from kverdict.machine.run import Run

if TYPE_CHECKING:
    from kverdict.machine.world import World


def rcu_read_lock(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    run.rcu_depth += 1
    world.rcu.lock(run.id)
    return 0


def rcu_read_unlock(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    if not run.rcu_depth:
        raise Fault(INVALID, "bpf_rcu_read_unlock() without a lock")
    run.rcu_depth -= 1
    world.rcu.unlock(run.id)
    return 0


def preempt_disable(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    """A region with preemption off is an RCU read section too."""
    run.preempt_depth += 1
    world.rcu.lock(run.id)
    return 0


def preempt_enable(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    if not run.preempt_depth:
        raise Fault(INVALID, "bpf_preempt_enable() without bpf_preempt_disable()")
    run.preempt_depth -= 1
    world.rcu.unlock(run.id)
    return 0


def irq_save(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    world.memory.store(a, 8, 0x200)
    return preempt_disable(world, run, 0, 0, 0, 0, 0)


def irq_restore(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    return preempt_enable(world, run, 0, 0, 0, 0, 0)


def same(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    return a


TABLE: Final = (
    ("bpf_rcu_read_lock", rcu_read_lock, "open an RCU read section"),
    ("bpf_rcu_read_unlock", rcu_read_unlock, "close it"),
    ("bpf_preempt_disable", preempt_disable, "no preemption from here"),
    ("bpf_preempt_enable", preempt_enable, "until here"),
    ("bpf_local_irq_save", irq_save, "no interrupts from here"),
    ("bpf_local_irq_restore", irq_restore, "until here"),
    ("bpf_rdonly_cast", same, "the same address"),
    ("bpf_cast_to_kern_ctx", same, "the same address"),
)
