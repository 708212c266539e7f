"""Ring buffers and perf buffers: how programs send data to user space."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from kverdict.machine.alu import U32
from kverdict.machine.fault import INVALID, Fault
from kverdict.machine.maps.base import EAGAIN, EINVAL
from kverdict.machine.maps.ringbuf import RingBuffer
from kverdict.machine.memory import RINGBUF
from kverdict.machine.run import Run

if TYPE_CHECKING:
    from kverdict.machine.world import World

Commit = Callable[["World", Run, int, int, int, int, int], int]
NO_WAKEUP: Final = 1
FORCE_WAKEUP: Final = 2


def _ring(world: World, address: int) -> RingBuffer:
    found = world.map_at(address)
    if not isinstance(found, RingBuffer):
        raise Fault(INVALID, f"{found.name} is no ring buffer", address)
    return found


def reserve(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    if c:
        return 0
    address = _ring(world, a).reserve(world, b)
    if address:
        run.held[address] = ("ringbuf record", run.insn)
    return address


def _commit(world: World, run: Run, address: int, discard: bool) -> int:
    region = world.memory.find(address)
    if region.kind != RINGBUF:
        raise Fault(INVALID, f"{region.kind} {region.name} is no ring buffer record", address)
    found = world.map_table[region.owner]
    assert isinstance(found, RingBuffer)
    found.commit(world, address, discard)
    run.held.pop(address, None)
    return 0


def submit(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    return _commit(world, run, a, discard=False)


def discard(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    return _commit(world, run, a, discard=True)


def output(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    """Reserve, copy and submit in one."""
    if d & ~(NO_WAKEUP | FORCE_WAKEUP):
        return EINVAL
    ring = _ring(world, a)
    raw = world.memory.read(b, c)
    address = ring.reserve(world, c)
    if not address:
        return EAGAIN
    world.memory.write(address, raw)
    ring.commit(world, address, discard=False)
    return 0


def query(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    """0: bytes available, 1: size of the ring, 2: consumer position, 3: producer position."""
    ring = _ring(world, a)
    answers = (ring.available(), ring.spec.max_entries, ring.consumer, ring.producer)
    return answers[b] if b < len(answers) else 0


def perf_event_output(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    """To world.output[map number]; the index in flags is not looked at."""
    found = world.map_at(b)
    world.output.setdefault(found.index, []).append(world.memory.read(d, e & U32))
    return 0


def perf_event_read(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    return -2


TABLE: Final = (
    ("bpf_ringbuf_reserve", reserve, "room for a record, or NULL"),
    ("bpf_ringbuf_submit", submit, "hand a record over"),
    ("bpf_ringbuf_discard", discard, "give a record up"),
    ("bpf_ringbuf_output", output, "copy a record"),
    ("bpf_ringbuf_query", query, "sizes and positions"),
    ("bpf_perf_event_output", perf_event_output, "copy a record to the perf buffer"),
    ("bpf_perf_event_read", perf_event_read, "there are no counters: -ENOENT"),
)
