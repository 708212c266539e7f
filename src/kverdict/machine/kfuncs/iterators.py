"""Open-coded iterators: numbers, tasks, CPUs of a mask. Their state lies in the iterator on the program's stack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kverdict.machine.alu import U32, signed32
from kverdict.machine.maps.base import E2BIG, EINVAL
from kverdict.machine.memory import MAP_VALUE, Region
from kverdict.machine.objects.task import Task
from kverdict.machine.run import Run

if TYPE_CHECKING:
    from kverdict.machine.world import World

MAX_NUMBERS: Final = 8 * 1024 * 1024


def num_new(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    """bpf_iter_num_new(it, start, end): 8 bytes hold the current number and the end."""
    start, end = signed32(b), signed32(c)
    problem = EINVAL if start > end else E2BIG if end - start > MAX_NUMBERS else 0
    world.memory.store(a, 4, 0 if problem else start - 1)
    world.memory.store(a + 4, 4, 0 if problem else end)
    return problem


def num_next(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    current = signed32(world.memory.load(a, 4) + 1)
    if current >= signed32(world.memory.load(a + 4, 4)):
        world.memory.store(a, 8, 0)
        return 0
    world.memory.store(a, 4, current)
    return a


def num_destroy(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    world.memory.store(a, 8, 0)
    return 0


def task_new(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    """bpf_iter_task_new(it, task, flags): all processes (0), all threads (1), threads of one task (2)."""
    if c & U32 > 2:
        world.memory.write(a, bytes(24))
        return EINVAL
    world.memory.store(a, 8, b if c & U32 == 2 else 0)
    world.memory.store(a + 8, 8, 0)
    world.memory.store(a + 16, 8, 1)
    return 0


def task_next(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    """The next findable task by pid; the position is the last pid."""
    if not world.memory.load(a + 16, 8):
        return 0
    last = world.memory.load(a + 8, 8)
    for pid in sorted(world.tasks):
        task = world.memory.regions.get(world.tasks[pid])
        if pid > last and isinstance(task, Task) and task.hashed:
            world.memory.store(a + 8, 8, pid)
            return task.address
    return 0


def task_destroy(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    world.memory.write(a, bytes(24))
    return 0


def bits_new(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    """bpf_iter_bits_new(it, words, number of words): the words are copied."""
    count = c & U32
    world.memory.write(a, bytes(16))
    if not count or not b:
        return EINVAL
    if count > 511:
        return E2BIG
    raw = world.memory.try_read(b, count * 8)
    if raw is None:
        return -14
    copy = Region(MAP_VALUE, "bits of an iterator", bytearray(raw), run.id)
    world.memory.store(a, 8, world.memory.add(copy))
    run.owned.append(copy.id)
    return 0


def bits_next(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    address = world.memory.load(a, 8)
    if not address:
        return 0
    region = world.memory.find(address)
    start = world.memory.load(a + 8, 4)
    bits = int.from_bytes(region.data, "little") >> start
    if not bits:
        return 0
    number = start + (bits & -bits).bit_length() - 1
    world.memory.store(a + 8, 4, number + 1)
    world.memory.store(a + 12, 4, number)
    return a + 12


def bits_destroy(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    world.memory.write(a, bytes(16))
    return 0


TABLE: Final = (
    ("bpf_iter_num_new", num_new, "iterate over numbers"),
    ("bpf_iter_num_next", num_next, "the next number"),
    ("bpf_iter_num_destroy", num_destroy, "the end"),
    ("bpf_iter_task_new", task_new, "iterate over tasks"),
    ("bpf_iter_task_next", task_next, "the next task"),
    ("bpf_iter_task_destroy", task_destroy, "the end"),
    ("bpf_iter_bits_new", bits_new, "iterate over set bits"),
    ("bpf_iter_bits_next", bits_next, "the next bit"),
    ("bpf_iter_bits_destroy", bits_destroy, "the end"),
)
