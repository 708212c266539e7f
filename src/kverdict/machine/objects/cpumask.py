"""struct bpf_cpumask: one plain reference count; the last release frees after RCU and tasks-trace grace periods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kverdict.machine import refcount
from kverdict.machine.fault import REFCOUNT
from kverdict.machine.objects.base import KernelObject, StructLayout

if TYPE_CHECKING:
    from kverdict.machine.world import World

FREE: Final = "bpf_cpumask_free"
COUNT: Final = "cpumask usage"


class Cpumask(KernelObject):
    """A mask of CPUs that programs own. bits: one bit a CPU."""

    __slots__ = ("usage",)

    def __init__(self, layout: StructLayout, name: str) -> None:
        super().__init__(layout, name)
        self.usage = 1

    @property
    def bits(self) -> int:
        return self.load(0, 8)

    @bits.setter
    def bits(self, value: int) -> None:
        self.store(0, 8, value)

    def clone(self) -> Cpumask:
        other = Cpumask(self.layout, self.name)
        self.copy_to(other)
        other.usage = self.usage
        return other

    def counts(self) -> tuple[object, ...]:
        return (self.usage,)


def create(world: World) -> Cpumask:
    """bpf_cpumask_create(): an empty mask with one reference."""
    mask = Cpumask(world.layouts.of("bpf_cpumask"), "cpumask")
    world.memory.add(mask)
    _note(world, mask, 1, "bpf_cpumask_create")
    return mask


def acquire(world: World, mask: Cpumask, why: str) -> None:
    """bpf_cpumask_acquire(): a plain increment; the argument must be trusted."""
    mask.usage, warning = refcount.increment(mask.usage)
    _note(world, mask, 1, why)
    if warning:
        world.report(REFCOUNT, f"{warning}: {mask.name} ({why})", mask.id)


def release(world: World, mask: Cpumask, why: str) -> None:
    """bpf_cpumask_release(), and the destructor of a kptr."""
    mask.usage, zero, warning = refcount.decrement(mask.usage)
    _note(world, mask, -1, why)
    if warning:
        world.report(REFCOUNT, f"{warning}: {mask.name} ({why})", mask.id)
    if zero:
        world.rcu.call(FREE, mask.id, trace=True)


def _note(world: World, mask: Cpumask, change: int, why: str) -> None:
    mask.set("usage", mask.usage)
    world.ledger.note(world.clock, mask.id, COUNT, change, mask.usage, world.who(), why)
