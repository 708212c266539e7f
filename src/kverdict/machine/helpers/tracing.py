"""Helpers of tracing and cgroup programs: stacks, return values, cgroup ids, samples from user space."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kverdict.machine import call
from kverdict.machine.alu import U32, signed32
from kverdict.machine.fault import INVALID, Fault
from kverdict.machine.helpers import dynptr
from kverdict.machine.maps.base import EINVAL, ENOENT, EOPNOTSUPP
from kverdict.machine.maps.ringbuf import UserRingBuffer
from kverdict.machine.maps.special import StackTraces
from kverdict.machine.memory import CONTEXT, Region
from kverdict.machine.pending import Pending
from kverdict.machine.run import Run

if TYPE_CHECKING:
    from kverdict.machine.world import World

FRAME: Final = 0xFFFFFFFF81000000  # the only return address that a simulated stack has
RETVAL: Final = "retval"
DROPPED_SAMPLE: Final = 1


def get_stack(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    """bpf_get_stack(ctx, buf, size, flags): one frame."""
    size = c & U32
    if size % 8:
        return EINVAL
    raw = FRAME.to_bytes(8, "little")[:size]
    world.memory.write(b, raw.ljust(size, b"\0"))
    return len(raw)


def get_stackid(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    found = world.map_at(b)
    if not isinstance(found, StackTraces):
        raise Fault(INVALID, f"{found.name} holds no stack traces", b)
    return found.remember((FRAME,))


def get_retval(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    return world.scratch.get(RETVAL, 0)


def set_retval(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    value = signed32(a)
    if not -4095 <= value <= 0:
        return EINVAL
    world.scratch[RETVAL] = value
    return 0


def override_return(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    world.log.append(f"the probed function returns {signed32(b)}")
    return 0


def one(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    return 1


def not_found(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    return ENOENT


def not_supported(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    return EOPNOTSUPP


class Drain(Pending):
    """bpf_user_ringbuf_drain(): callback(dynptr, context) for each sample that user space has sent; 1 ends it."""

    __slots__ = ("callback", "context", "done", "map_index", "scratch")

    name = "bpf_user_ringbuf_drain"

    def __init__(self, map_index: int, callback: int, context: int) -> None:
        self.map_index = map_index
        self.callback = callback
        self.context = context
        self.done = 0
        self.scratch: tuple[int, ...] = ()

    def step(self, world: World, run: Run) -> int | None:
        for number in self.scratch:
            world.memory.drop(number)
        self.scratch = ()
        ring = world.map_table[self.map_index]
        assert isinstance(ring, UserRingBuffer)
        if not ring.samples:
            return self.done
        sample = Region(CONTEXT, "sample", bytearray(ring.samples.pop(0)), run.id)
        holder = Region(CONTEXT, "dynptr", bytearray(16), run.id)
        address, where = world.memory.add(sample), world.memory.add(holder)
        dynptr.write(world, where, address, sample.size(), dynptr.LOCAL, read_only=True)
        self.scratch = (sample.id, holder.id)
        call.enter(world, run, self.callback, [where, self.context], self)
        return None

    def resume(self, world: World, run: Run, returned: int) -> int | None:
        self.done += 1
        if returned & DROPPED_SAMPLE:
            return self.done
        return self.step(world, run)

    def clone(self) -> Drain:
        other = Drain(self.map_index, self.callback, self.context)
        other.done = self.done
        other.scratch = self.scratch
        return other

    def canonical(self) -> tuple[object, ...]:
        return self.name, self.map_index, self.callback, ("address", self.context), self.done


def user_ringbuf_drain(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int | Pending:
    found = world.map_at(a)
    if not isinstance(found, UserRingBuffer):
        raise Fault(INVALID, f"{found.name} is no user ring buffer", a)
    return EINVAL if d & ~3 else Drain(found.index, b & U32, c)


TABLE: Final = (
    ("bpf_get_stack", get_stack, "the stack: one constant address"),
    ("bpf_get_task_stack", get_stack, "the stack of a task: one constant address"),
    ("bpf_get_stackid", get_stackid, "number of the stack in a map of stack traces"),
    ("bpf_get_retval", get_retval, "what the system call would return"),
    ("bpf_set_retval", set_retval, "what it shall return"),
    ("bpf_override_return", override_return, "noted in the log"),
    ("bpf_get_current_ancestor_cgroup_id", one, "always the root cgroup"),
    ("bpf_skb_cgroup_id", one, "always the root cgroup"),
    ("bpf_skb_ancestor_cgroup_id", one, "always the root cgroup"),
    ("bpf_get_netns_cookie", one, "there is one network namespace"),
    ("bpf_find_vma", not_found, "tasks have no memory areas: -ENOENT"),
    ("bpf_perf_event_read_value", not_supported, "there are no counters: -EOPNOTSUPP"),
    ("bpf_user_ringbuf_drain", user_ringbuf_drain, "call a function for each sample from user space"),
)
