"""Contexts of programs that are attached to kernel events: words, saved registers, or a tracepoint's record.

Records have the layout of struct trace_event_raw_* of the kernel's BTF; strings behind them as __data_loc says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from kverdict.btf.btf import Btf
from kverdict.btf.layout import members, size_or_none
from kverdict.btf.types import KIND_STRUCT
from kverdict.errors import UnsupportedError
from kverdict.machine.objects.task import Task

if TYPE_CHECKING:
    from kverdict.machine.code import Code
    from kverdict.machine.world import World

ARGUMENT_REGISTERS: Final = ("di", "si", "dx", "cx", "r8", "r9")
Value = int | bytes
DATA_LOC: Final = "__data_loc_"

# Tracepoint → the class of events whose structure it shares (trace_event_raw_CLASS), where that is not its own name.
EVENT_CLASSES: Final = {
    "sched_process_exit": "sched_process_template",
    "sched_process_free": "sched_process_template",
    "sched_wakeup": "sched_wakeup_template",
    "sched_waking": "sched_wakeup_template",
    "sched_wakeup_new": "sched_wakeup_template",
}


def event_name(code: Code) -> str:
    """What fires the program: "sched_switch" of "sched/sched_switch"."""
    return code.event.rpartition("/")[2]


def context(world: World, code: Code, arguments: Sequence[int]) -> list[int] | bytes:
    """The context for an event with these arguments. Raises UnsupportedError for a record that is not modelled."""
    if code.kind == "kprobe":
        return registers(world, arguments)
    if code.kind == "tracepoint":
        return record(world, event_name(code), arguments)
    return list(arguments)


def registers(world: World, arguments: Sequence[int]) -> bytes:
    """struct pt_regs of x86-64 at the entry of a function."""
    layout = world.layouts.of("pt_regs")
    raw = bytearray(layout.size if layout.btf is not None else 168)
    for name, value in zip(ARGUMENT_REGISTERS, arguments, strict=False):
        offset, _ = layout.place(name) or (_X86[name], 8)
        raw[offset : offset + 8] = value.to_bytes(8, "little")
    return bytes(raw)


_X86: Final = {"di": 112, "si": 104, "dx": 96, "cx": 88, "r8": 72, "r9": 64}


def record(world: World, event: str, arguments: Sequence[int]) -> bytes:
    """The record of a tracepoint. Raises UnsupportedError without BTF or for an event whose fields are not known."""
    fields = _FIELDS.get(event)
    btf = world.kernel.btf
    struct = f"trace_event_raw_{EVENT_CLASSES.get(event, event)}"
    type_id = btf.find(struct, KIND_STRUCT) if btf is not None else 0
    if fields is None or btf is None or not type_id:
        raise UnsupportedError(f"record of tracepoint {event}")
    return lay_out(btf, type_id, fields(world, arguments))


def lay_out(btf: Btf, type_id: int, values: Mapping[str, Value]) -> bytes:
    """Members by name into their places; __data_loc members point to their string behind the structure."""
    raw = bytearray(size_or_none(btf, type_id) or 0)
    tail = bytearray()
    for member, bits in members(btf, type_id):
        name = member.name.removeprefix(DATA_LOC)
        value = values.get(name)
        if value is None:
            continue
        offset = bits // 8
        if member.name.startswith(DATA_LOC):
            text = (value if isinstance(value, bytes) else b"") + b"\0"
            raw[offset : offset + 4] = (len(text) << 16 | len(raw) + len(tail)).to_bytes(4, "little")
            tail += text
            continue
        size = size_or_none(btf, member.type_id) or 0
        if isinstance(value, bytes):
            raw[offset : offset + size] = value[: size - 1].ljust(size, b"\0")
        else:
            raw[offset : offset + size] = (value & ((1 << size * 8) - 1)).to_bytes(size, "little")
    return bytes(raw + tail)


def _task(world: World, address: int) -> tuple[int, bytes]:
    """(pid, name) of the task at an address; (0, swapper) for anything else."""
    found = world.memory.regions.get(address >> 32)
    return (found.pid, found.comm.encode()) if isinstance(found, Task) else (0, b"swapper/0")


def _one_task(world: World, arguments: Sequence[int]) -> dict[str, Value]:
    pid, comm = _task(world, arguments[0])
    return {"pid": pid, "comm": comm, "prio": 120, "target_cpu": 0}


def _newtask(world: World, arguments: Sequence[int]) -> dict[str, Value]:
    pid, comm = _task(world, arguments[0])
    return {"pid": pid, "comm": comm, "clone_flags": arguments[1]}


def _rename(world: World, arguments: Sequence[int]) -> dict[str, Value]:
    pid, comm = _task(world, arguments[0])
    return {"pid": pid, "oldcomm": comm, "newcomm": world.memory.text(arguments[1])}


def _fork(world: World, arguments: Sequence[int]) -> dict[str, Value]:
    parent, child = _task(world, arguments[0]), _task(world, arguments[1])
    return {"parent_comm": parent[1], "parent_pid": parent[0], "child_comm": child[1], "child_pid": child[0]}


def _exec(world: World, arguments: Sequence[int]) -> dict[str, Value]:
    pid, comm = _task(world, arguments[0])
    return {"pid": pid, "old_pid": arguments[1], "filename": b"/usr/bin/" + comm}


def _switch(world: World, arguments: Sequence[int]) -> dict[str, Value]:
    before, after = _task(world, arguments[1]), _task(world, arguments[2])
    return {
        "prev_comm": before[1],
        "prev_pid": before[0],
        "prev_prio": 120,
        "prev_state": arguments[3],
        "next_comm": after[1],
        "next_pid": after[0],
        "next_prio": 120,
    }


_FIELDS: Final[dict[str, Callable[[World, Sequence[int]], dict[str, Value]]]] = {
    "sched_process_exit": _one_task,
    "sched_process_free": _one_task,
    "sched_wakeup": _one_task,
    "sched_waking": _one_task,
    "sched_wakeup_new": _one_task,
    "sched_process_fork": _fork,
    "sched_process_exec": _exec,
    "sched_switch": _switch,
    "task_newtask": _newtask,
    "task_rename": _rename,
}
