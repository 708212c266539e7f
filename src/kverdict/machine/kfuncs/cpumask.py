"""Kfuncs on cpumasks. A struct cpumask is the first member of struct bpf_cpumask, so one address serves both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kverdict.machine.alu import U32
from kverdict.machine.fault import INVALID, Fault
from kverdict.machine.objects import cpumask as life
from kverdict.machine.objects.cpumask import Cpumask
from kverdict.machine.run import Run

if TYPE_CHECKING:
    from kverdict.machine.world import World


def mask_at(world: World, address: int) -> Cpumask:
    """The mask at an address. Raises Fault."""
    found = world.memory.find(address)
    if not isinstance(found, Cpumask):
        raise Fault(INVALID, f"{found.kind} {found.name} is not a cpumask", address)
    return found


def create(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    mask = life.create(world)
    run.held[mask.address] = ("cpumask", run.insn)
    return mask.address


def acquire(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    life.acquire(world, mask_at(world, a), "bpf_cpumask_acquire")
    run.held[a] = ("cpumask", run.insn)
    return a


def release(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    run.held.pop(a, None)
    life.release(world, mask_at(world, a), "bpf_cpumask_release")
    return 0


def kptr_get(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    found = world.memory.load(a, 8)
    if not found or mask_at(world, found).usage == 0:
        return 0
    return acquire(world, run, found, 0, 0, 0, 0)


def _lowest(world: World, bits: int) -> int:
    """Number of the lowest set bit, or the number of CPUs."""
    return (bits & -bits).bit_length() - 1 if bits else world.cpus


def first(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    return _lowest(world, world.memory.load(a, 8))


def first_zero(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    return _lowest(world, ~world.memory.load(a, 8) & ((1 << world.cpus) - 1))


def first_and(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    return _lowest(world, world.memory.load(a, 8) & world.memory.load(b, 8))


def set_cpu(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    if a & U32 < world.cpus:
        mask_at(world, b).bits |= 1 << (a & U32)
    return 0


def clear_cpu(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    if a & U32 < world.cpus:
        mask_at(world, b).bits &= ~(1 << (a & U32))
    return 0


def test_cpu(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    return world.memory.load(b, 8) >> (a & U32) & 1 if a & U32 < world.cpus else 0


def test_and_set_cpu(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    old = test_cpu(world, run, a, b, 0, 0, 0)
    set_cpu(world, run, a, b, 0, 0, 0)
    return old


def test_and_clear_cpu(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    old = test_cpu(world, run, a, b, 0, 0, 0)
    clear_cpu(world, run, a, b, 0, 0, 0)
    return old


def setall(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    mask_at(world, a).bits = (1 << world.cpus) - 1
    return 0


def clear(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    mask_at(world, a).bits = 0
    return 0


def mask_and(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    bits = world.memory.load(b, 8) & world.memory.load(c, 8)
    mask_at(world, a).bits = bits
    return int(bits != 0)


def mask_or(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    mask_at(world, a).bits = world.memory.load(b, 8) | world.memory.load(c, 8)
    return 0


def mask_xor(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    mask_at(world, a).bits = world.memory.load(b, 8) ^ world.memory.load(c, 8)
    return 0


def equal(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    return int(world.memory.load(a, 8) == world.memory.load(b, 8))


def intersects(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    return int(world.memory.load(a, 8) & world.memory.load(b, 8) != 0)


def subset(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    return int(world.memory.load(a, 8) & ~world.memory.load(b, 8) == 0)


def empty(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    return int(world.memory.load(a, 8) == 0)


def full(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    return int(world.memory.load(a, 8) == (1 << world.cpus) - 1)


def copy(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    mask_at(world, a).bits = world.memory.load(b, 8)
    return 0


def weight(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    return world.memory.load(a, 8).bit_count()


TABLE: Final = (
    ("bpf_cpumask_create", create, "an empty mask"),
    ("bpf_cpumask_acquire", acquire, "take a reference"),
    ("bpf_cpumask_release", release, "drop a reference; the last one frees after grace periods"),
    ("bpf_cpumask_kptr_get", kptr_get, "6.3"),
    ("bpf_cpumask_first", first, "lowest CPU in the mask"),
    ("bpf_cpumask_any", first, "some CPU of the mask (6.3, 6.4)"),
    ("bpf_cpumask_any_distribute", first, "some CPU of the mask"),
    ("bpf_cpumask_first_zero", first_zero, "lowest CPU that is not in the mask"),
    ("bpf_cpumask_first_and", first_and, "lowest CPU in both masks"),
    ("bpf_cpumask_any_and", first_and, "some CPU of both masks (6.3, 6.4)"),
    ("bpf_cpumask_any_and_distribute", first_and, "some CPU of both masks"),
    ("bpf_cpumask_set_cpu", set_cpu, "add a CPU"),
    ("bpf_cpumask_clear_cpu", clear_cpu, "remove a CPU"),
    ("bpf_cpumask_test_cpu", test_cpu, "is the CPU in the mask"),
    ("bpf_cpumask_test_and_set_cpu", test_and_set_cpu, "was it, and add it"),
    ("bpf_cpumask_test_and_clear_cpu", test_and_clear_cpu, "was it, and remove it"),
    ("bpf_cpumask_setall", setall, "all CPUs"),
    ("bpf_cpumask_clear", clear, "no CPU"),
    ("bpf_cpumask_and", mask_and, "intersection; false if empty"),
    ("bpf_cpumask_or", mask_or, "union"),
    ("bpf_cpumask_xor", mask_xor, "difference"),
    ("bpf_cpumask_equal", equal, "are they the same"),
    ("bpf_cpumask_intersects", intersects, "have they a CPU in common"),
    ("bpf_cpumask_subset", subset, "is the first a subset of the second"),
    ("bpf_cpumask_empty", empty, "has it no CPU"),
    ("bpf_cpumask_full", full, "has it all CPUs"),
    ("bpf_cpumask_copy", copy, "copy the second into the first"),
    ("bpf_cpumask_weight", weight, "number of CPUs"),
)
