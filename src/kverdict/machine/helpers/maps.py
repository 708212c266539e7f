"""Helpers on maps: elements, queues, storage, kptr exchange, tail calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kverdict.machine.alu import U32
from kverdict.machine.fault import INVALID, Fault
from kverdict.machine.maps.base import EINVAL, ENOENT
from kverdict.machine.maps.special import CgroupArray, DeviceMap, ProgramArray
from kverdict.machine.maps.storage import LocalStorage
from kverdict.machine.run import Frame, Run, fresh_registers

if TYPE_CHECKING:
    from kverdict.machine.world import World

MAX_TAIL_CALLS: Final = 33


def map_lookup_elem(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    found = world.map_at(a)
    return found.lookup(world, world.memory.read(b, found.spec.key_size), run.cpu)


def map_update_elem(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    found = world.map_at(a)
    key = world.memory.read(b, found.spec.key_size)
    return found.update(world, key, world.memory.read(c, found.spec.value_size), d, run.cpu)


def map_delete_elem(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    found = world.map_at(a)
    return found.delete(world, world.memory.read(b, found.spec.key_size))


def map_push_elem(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    found = world.map_at(a)
    return found.push(world, world.memory.read(b, found.spec.value_size), c)


def map_pop_elem(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    found = world.map_at(a)
    return _give(world, found.spec.value_size, found.pop(world), b)


def map_peek_elem(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    found = world.map_at(a)
    wanted = world.memory.try_read(b, found.spec.value_size) or b""
    answer = found.peek(world, wanted)
    if isinstance(answer, bytes) and found.spec.map_type == 30:
        return 0
    return _give(world, found.spec.value_size, answer, b)


def _give(world: World, size: int, answer: bytes | int, where: int) -> int:
    """Queues and stacks zero the buffer where there is nothing."""
    if isinstance(answer, int):
        if answer == ENOENT:
            world.memory.write(where, bytes(size))
        return answer
    world.memory.write(where, answer)
    return 0


def map_lookup_percpu_elem(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    found = world.map_at(a)
    cpu = c & U32
    return found.lookup(world, world.memory.read(b, found.spec.key_size), cpu) if cpu < world.cpus else 0


def kptr_xchg(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    """One exchange; ownership moves, no count changes."""
    old = world.memory.load(a, 8)
    world.memory.store(a, 8, b)
    taken = run.held.pop(b, None) if b else None
    if old:
        run.held[old] = ("kptr", run.insn)
    elif taken is not None and world.memory.find(a).kind == "stack":
        raise Fault(INVALID, "a kptr cannot be put on the stack", a)
    return old


def storage_get(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    found = world.map_at(a)
    if not isinstance(found, LocalStorage):
        raise Fault(INVALID, f"{found.name} is no local storage", a)
    if not b:
        return 0
    owner = world.memory.find(b)
    return found.get(world, owner.id, world.memory.read(c, found.spec.value_size) if c else None, d)


def storage_delete(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    found = world.map_at(a)
    if not isinstance(found, LocalStorage):
        raise Fault(INVALID, f"{found.name} is no local storage", a)
    return found.delete_for(world, world.memory.find(b).id) if b else EINVAL


def tail_call(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int | None:
    """Replaces the program if the slot holds one and the limit is not reached; else goes on with an undefined r0."""
    found = world.map_at(b)
    if not isinstance(found, ProgramArray):
        raise Fault(INVALID, f"{found.name} is no program array", b)
    target = found.target(c) if c & U32 < found.spec.max_entries else -1
    if target < 0 or run.tail_calls >= MAX_TAIL_CALLS:
        return ENOENT
    run.tail_calls += 1
    run.code = world.codes[target]
    old = run.frames.pop()
    world.memory.drop(old.stack)
    stack, pointer = world.new_stack(run)
    regs = fresh_registers(pointer)
    regs[1] = a
    run.frames.append(Frame(0, regs, stack, old.back))
    return None


def redirect_map(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    """XDP_REDIRECT (4) if the entry exists, else the two low bits of flags."""
    found = world.map_at(a)
    if not isinstance(found, DeviceMap):
        raise Fault(INVALID, f"{found.name} is no map of devices", a)
    key = (b & U32).to_bytes(4, "little")
    return 4 if key in found.slots else c & 3


def current_task_under_cgroup(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    found = world.map_at(a)
    if not isinstance(found, CgroupArray):
        return EINVAL
    if b & U32 >= found.spec.max_entries:
        return -7
    return 1 if (b & U32).to_bytes(4, "little") in found.slots else -11


TABLE: Final = (
    ("bpf_map_lookup_elem", map_lookup_elem, "address of the value at key, or NULL"),
    ("bpf_map_update_elem", map_update_elem, "set the value at key; flags BPF_ANY, BPF_NOEXIST, BPF_EXIST"),
    ("bpf_map_delete_elem", map_delete_elem, "delete the element at key"),
    ("bpf_map_push_elem", map_push_elem, "add a value to a queue, stack or bloom filter"),
    ("bpf_map_pop_elem", map_pop_elem, "take a value from a queue or stack"),
    ("bpf_map_peek_elem", map_peek_elem, "look at the next value, or ask a bloom filter"),
    ("bpf_map_lookup_percpu_elem", map_lookup_percpu_elem, "the value of another CPU"),
    ("bpf_kptr_xchg", kptr_xchg, "exchange a kptr field and give the old pointer"),
    ("bpf_task_storage_get", storage_get, "a task's value in local storage"),
    ("bpf_task_storage_delete", storage_delete, "delete a task's value"),
    ("bpf_cgrp_storage_get", storage_get, "a cgroup's value in local storage"),
    ("bpf_cgrp_storage_delete", storage_delete, "delete a cgroup's value"),
    ("bpf_sk_storage_get", storage_get, "a socket's value in local storage"),
    ("bpf_sk_storage_delete", storage_delete, "delete a socket's value"),
    ("bpf_inode_storage_get", storage_get, "an inode's value in local storage"),
    ("bpf_inode_storage_delete", storage_delete, "delete an inode's value"),
    ("bpf_tail_call", tail_call, "go on in another program"),
    ("bpf_redirect_map", redirect_map, "send the packet where a map says"),
    ("bpf_current_task_under_cgroup", current_task_under_cgroup, "is the current task in this cgroup"),
)
