"""Helpers about the current task, CPU, time and chance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kverdict.machine.alu import U32, U64
from kverdict.machine.maps.base import EINVAL
from kverdict.machine.objects.task import Task
from kverdict.machine.run import Run

if TYPE_CHECKING:
    from kverdict.machine.world import World

NSEC_PER_JIFFY: Final = 4_000_000  # HZ 250


def current(world: World, run: Run) -> Task:
    """The task in whose context the program runs."""
    task = world.memory.find(run.task << 32)
    assert isinstance(task, Task)
    return task


def get_current_task(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    return current(world, run).address


def get_current_pid_tgid(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    task = current(world, run)
    return task.get("tgid") << 32 | task.pid


def get_current_uid_gid(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    return 0


def get_current_comm(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    """The name, zero-ended, padded to size."""
    size = b & U32
    raw = current(world, run).comm.encode()[: max(0, min(15, size - 1))]
    world.memory.write(a, raw.ljust(size, b"\0"))
    return 0


def get_smp_processor_id(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    return run.cpu


def get_numa_node_id(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    return 0


def ktime(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    """The simulated clock goes on by one microsecond each time somebody looks."""
    world.clock += 1000
    return world.clock


def jiffies(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    return (world.clock // NSEC_PER_JIFFY + (1 << 32) - 75_000) & U64


def prandom(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    """xorshift64*, from the world's own state: the same run gives the same numbers."""
    state = world.random
    state ^= state >> 12
    state ^= state << 25 & U64
    state ^= state >> 27
    world.random = state
    return (state * 0x2545F4914F6CDD1D & U64) >> 32


def get_current_cgroup_id(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    return 1


def get_ns_current_pid_tgid(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    """Fills struct bpf_pidns_info {u32 pid, tgid}; there is one pid namespace."""
    if d & U32 != 8:
        return EINVAL
    task = current(world, run)
    world.memory.write(c, task.pid.to_bytes(4, "little") + task.get("tgid").to_bytes(4, "little"))
    return 0


def send_signal(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    world.log.append(f"signal {a & U32} to {current(world, run).pid}")
    return 0


def func_ip(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    return 0xFFFFFFFF81000000


def arg(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    """bpf_get_func_arg(ctx, n, value): the words of the context, without the last (the return value)."""
    region = world.memory.find(a)
    if b & U32 >= max(0, region.size() // 8 - 1):
        world.memory.store(c, 8, 0)
        return EINVAL
    world.memory.store(c, 8, region.load((b & U32) * 8, 8))
    return 0


def arg_count(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    return max(0, world.memory.find(a).size() // 8 - 1)


def func_ret(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    region = world.memory.find(a)
    world.memory.store(b, 8, region.load(region.size() - 8, 8))
    return 0


def attach_cookie(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    return 0


def per_cpu_ptr(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    """A kernel variable has one copy here, whatever the CPU."""
    return a if b & U32 < world.cpus else 0


def this_cpu_ptr(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    return a


TABLE: Final = (
    ("bpf_get_current_task", get_current_task, "the current task as a number"),
    ("bpf_get_current_task_btf", get_current_task, "the current task as a trusted pointer"),
    ("bpf_get_current_pid_tgid", get_current_pid_tgid, "tgid << 32 | pid of the current task"),
    ("bpf_get_current_uid_gid", get_current_uid_gid, "gid << 32 | uid; always root"),
    ("bpf_get_current_comm", get_current_comm, "name of the current task"),
    ("bpf_get_smp_processor_id", get_smp_processor_id, "number of the CPU"),
    ("bpf_get_numa_node_id", get_numa_node_id, "always node 0"),
    ("bpf_ktime_get_ns", ktime, "the simulated clock"),
    ("bpf_ktime_get_boot_ns", ktime, "the simulated clock"),
    ("bpf_ktime_get_coarse_ns", ktime, "the simulated clock"),
    ("bpf_ktime_get_tai_ns", ktime, "the simulated clock"),
    ("bpf_jiffies64", jiffies, "the simulated clock in jiffies of 4 ms"),
    ("bpf_get_prandom_u32", prandom, "a reproducible random number"),
    ("bpf_get_current_cgroup_id", get_current_cgroup_id, "always the root cgroup"),
    ("bpf_get_ns_current_pid_tgid", get_ns_current_pid_tgid, "pid and tgid in a namespace; there is one"),
    ("bpf_send_signal", send_signal, "noted in the log"),
    ("bpf_send_signal_thread", send_signal, "noted in the log"),
    ("bpf_get_func_ip", func_ip, "a constant address"),
    ("bpf_get_func_arg", arg, "an argument of the traced function"),
    ("bpf_get_func_arg_cnt", arg_count, "how many arguments it has"),
    ("bpf_get_func_ret", func_ret, "what it returned"),
    ("bpf_get_attach_cookie", attach_cookie, "always 0"),
    ("bpf_per_cpu_ptr", per_cpu_ptr, "a kernel variable of a CPU"),
    ("bpf_this_cpu_ptr", this_cpu_ptr, "a kernel variable of this CPU"),
)
