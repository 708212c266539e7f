"""Small hand-made programs and maps that the tests of the machine share."""

from __future__ import annotations

from kverdict.machine.code import Code
from kverdict.machine.kernel import Kernel
from kverdict.machine.objects.task_design import TaskDesign
from kverdict.machine.world import World
from kverdict.program.program import Map, RecordField

KPTR = RecordField("kptr_ref", 0, 8, destructor="bpf_task_release_dtor")
SLOT = Map("slot", 2, 4, 16, 1, fields=(KPTR,))
TASKS = Map("tasks", 1, 4, 16, 8, fields=(KPTR,))

# Acquire the task in the context and put it into the slot; an old one is released. r0: 1 if it is there now.
STASH = """
    r6 = *(u64 *)(r1 +0)
    r1 = r6
    call bpf_task_acquire
    if r0 == 0 goto none
    r2 = r0
    r1 = map[id:0][0]+0
    call bpf_kptr_xchg
    if r0 == 0 goto done
    r1 = r0
    call bpf_task_release
done: r0 = 1
    exit
none: r0 = 0
    exit
"""
# Take the task out of the slot and release it.
DROP = """
    r1 = map[id:0][0]+0
    r2 = 0
    call bpf_kptr_xchg
    if r0 == 0 goto done
    r1 = r0
    call bpf_task_release
done: r0 = 0
    exit
"""
# Load the task under RCU and read its pid (offset 8 of the plain layout).
READ = """
    r1 = map[id:0][0]+0
    r1 = *(u64 *)(r1 +0)
    r0 = -1
    if r1 == 0 goto done
    r0 = *(u32 *)(r1 +8)
done: exit
"""
# Load the task under RCU and acquire it.
ACQUIRE = """
    r1 = map[id:0][0]+0
    r1 = *(u64 *)(r1 +0)
    r0 = 0
    if r1 == 0 goto done
    call bpf_task_acquire
    if r0 == 0 goto done
    r1 = r0
    call bpf_task_release
    r0 = 1
done: exit
"""


def program(name: str, text: str, *maps: Map, sleepable: bool = False) -> Code:
    """An assembled program that uses these maps (the slot if none are given)."""
    return Code.assembled(name, text, maps or (SLOT,), sleepable=sleepable)


def world(design: TaskDesign, *codes: Code) -> World:
    """A world of the plain layouts with this design."""
    return World(Kernel(design.name, design), codes)


def result(text: str, *, maps: tuple[Map, ...] = (), context: bytes = b"") -> int:
    """r0 of a program that needs nothing but itself."""
    code = Code.assembled("test", text, maps)
    return World(codes=[code]).run(code, context).result
