"""Special fields of map values and allocated objects: what happens to them when their memory goes away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kverdict.errors import UnsupportedError
from kverdict.machine.memory import OFFSET_MASK, WINDOW, Region
from kverdict.machine.objects import cgroup, cpumask, task

if TYPE_CHECKING:
    from kverdict.machine.world import World
    from kverdict.program.program import RecordField


def release_fields(world: World, fields: Sequence[RecordField], region: Region, why: str) -> None:
    """Exchange each kptr with NULL and run its destructor at once; free what lists and trees hold.

    Kernel: bpf_obj_free_fields(). There is no grace period in between.
    """
    for field in fields:
        if field.kind in ("kptr_ref", "kptr_percpu"):
            address = region.load(field.offset, 8)
            region.store(field.offset, 8, 0)
            if address:
                destroy(world, address, why)
        elif field.kind == "kptr_unref":
            region.store(field.offset, 8, 0)
        elif field.kind in ("list_head", "rb_root"):
            world.collections.drain(world, region.address + field.offset, field.node_offset, why)
        elif field.kind in ("timer", "wq", "task_work"):
            world.timers.cancel(region.address + field.offset)


def destroy(world: World, address: int, why: str) -> None:
    """Drop the reference that a kptr held, by the kind of its object."""
    region = world.memory.find(address)
    if isinstance(region, task.Task):
        task.bpf_release(world, region, why)
    elif isinstance(region, cgroup.Cgroup):
        cgroup.put(world, region, why)
    elif isinstance(region, cpumask.Cpumask):
        cpumask.release(world, region, why)
    elif region.id in world.allocated:
        drop_allocated(world, address, why)
    else:
        raise UnsupportedError(f"destructor of {region.kind} {region.name}")


def drop_allocated(world: World, address: int, why: str) -> None:
    """bpf_obj_drop(): with a bpf_refcount field the last owner frees; fields are released, then the memory.

    The memory goes back after RCU and tasks-trace grace periods (bpf_mem_free_rcu for objects that may be shared).
    """
    region_id = address >> WINDOW
    info = world.allocated[region_id]
    region = world.memory.bounded(address & ~OFFSET_MASK, 1)
    if info.refcount_offset >= 0:
        count = region.load(info.refcount_offset, 4) - 1
        region.store(info.refcount_offset, 4, count)
        world.ledger.note(world.clock, region_id, "refcount", -1, count, world.who(), why)
        if count > 0:
            return
    release_fields(world, info.fields, region, why)
    del world.allocated[region_id]
    if info.refcount_offset >= 0:
        world.rcu.call("free_region", region_id, trace=True)
    else:
        world.memory.free(region_id, world.who(), world.clock)
