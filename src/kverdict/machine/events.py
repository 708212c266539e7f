"""What happens in the kernel and which programs that wakes: fork, exec, exit, switch, timers, packets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kverdict.errors import UnsupportedError
from kverdict.machine import packet
from kverdict.machine.code import Code
from kverdict.machine.memory import OBJECT, USER, Region
from kverdict.machine.objects import task as life
from kverdict.machine.objects.task import Task
from kverdict.machine.run import Run

if TYPE_CHECKING:
    from kverdict.machine.views import TaskHandle
    from kverdict.machine.world import World


def fork(world: World, comm: str, pid: int, parent_pid: int) -> TaskHandle:
    """A new task; fires task_newtask(task, flags) and sched_process_fork(parent, child) in the parent's context."""
    from kverdict.machine.views import handle

    if not pid:
        pid = world.next_pid
    world.next_pid = max(world.next_pid, pid + 1)
    parent = world.memory.regions[world.tasks[parent_pid] if parent_pid else world.current[0]]
    assert isinstance(parent, Task)
    child = life.fork(world, pid, comm, parent)
    world.fire("task_newtask", [child.address, 0])
    world.fire("sched_process_fork", [parent.address, child.address])
    world.fire("sched_wakeup_new", [child.address])
    return handle(world, child.id)


def exec(world: World, task: Task, comm: str) -> None:
    """The task becomes another program: a new name; fires task_rename(task, comm) and sched_process_exec."""
    text = Region(USER, "name of the program", bytearray(comm.encode()[:15].ljust(16, b"\0")))
    text_address = world.memory.add(text)
    world.fire("task_rename", [task.address, text_address])
    task.comm = comm[:15]
    task.set_bytes("comm", comm.encode()[:15])
    world.fire("sched_process_exec", [task.address, task.pid, 0])


def start_exit(world: World, task: Task) -> None:
    """do_exit(): sched_process_exit runs while the task is still whole; then it is a zombie."""
    world.fire("sched_process_exit", [task.address, 1])
    task.phase = life.ZOMBIE


def switch(world: World, cpu: int, to: Task) -> None:
    """Another task runs on the CPU; fires sched_switch(preempt, prev, next, prev_state)."""
    previous = world.memory.regions.get(world.current[cpu])
    world.fire("sched_switch", [0, previous.address if previous is not None else 0, to.address, 0])
    world.current[cpu] = to.id


def advance(world: World, nanoseconds: int) -> int:
    """Let time pass and timers fire, each at its time; gives the number of callbacks that ran."""
    end = world.clock + nanoseconds
    fired = 0
    while due := world.timers.due(end):
        timer = world.timers.known[due[0]]
        world.clock = max(world.clock, timer.due)
        fired += _fire_timer(world, due[0])
    world.clock = max(world.clock, end)
    return fired


def _fire_timer(world: World, address: int) -> int:
    """callback(map, key, value) in softirq context, as a run of its own."""
    timer = world.timers.known[address]
    timer.due = -1
    if timer.code is None or timer.callback < 0:
        return 0
    from kverdict.machine import step

    region = world.memory.find(address)
    bpf_map = world.map_table[timer.map_index]
    run = Run(world.next_run, timer.code, f"timer of {bpf_map.name}", 0, world.current[0], False)
    world.next_run += 1
    world.runs[run.id] = run
    world.enter_sections(run)
    key = Region("map key", f"of {bpf_map.name}", bytearray(max(bpf_map.spec.key_size, 4)), run.id)
    run.owned.append(world.memory.add(key) >> 32)
    from kverdict.machine import call

    map_address = world.memory.regions[bpf_map.region].address
    call.enter(world, run, timer.callback, [map_address, key.address, region.address], None)
    step.run_to_end(world, run)
    return 1


def iterate(world: World, program: str) -> list[Run]:
    """Read an iterator to its end: one run for each task (iter/task) or map element, and one more without any.

    What it printed is then in world.output[-1]. Raises UnsupportedError for other kinds of iterators.
    """
    code = world.code(program)
    kind = code.variant.removeprefix("iter/").removeprefix("iter.s/")
    if kind != "task":
        raise UnsupportedError(f"iterator over {kind}")
    tasks = [region for number in sorted(world.tasks) if (region := world.memory.regions.get(world.tasks[number]))]
    addresses = [task.address for task in tasks if isinstance(task, Task) and task.hashed]
    return [_visit(world, code, number, address) for number, address in enumerate([*addresses, 0])]


def _visit(world: World, code: Code, number: int, address: int) -> Run:
    """struct bpf_iter__task {meta, task}; struct bpf_iter_meta {seq, session_id, seq_num}."""
    file = Region(OBJECT, "seq_file", bytearray(8))
    meta = Region(OBJECT, "bpf_iter_meta", bytearray(24))
    meta.store(0, 8, world.memory.add(file))
    meta.store(16, 8, number)
    run = world.run(code, [world.memory.add(meta), address])
    world.memory.drop(file.id)
    world.memory.drop(meta.id)
    return run


def send(world: World, program: str, raw: bytes) -> tuple[Run, bytes]:
    """Give a packet to an XDP or tc program: the run (its result is the action) and the packet afterwards."""
    code = world.code(program)
    context = packet.make(world, packet.XDP if code.kind == "xdp" else packet.SKB, raw)
    run = world.run(code, context)
    changed = packet.contents(world, context)
    world.memory.drop(context.packet)
    world.memory.drop(context.id)
    return run, changed
