"""Which steps of a program need a scheduling decision: those that another actor can notice or change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kverdict.errors import UnsupportedError
from kverdict.machine import operations
from kverdict.machine.maps.array import ArrayMap
from kverdict.machine.memory import MAP

if TYPE_CHECKING:
    from kverdict.machine.run import Run
    from kverdict.machine.world import World

# Calls that only set up a pending operation, whose steps are looked at one by one.
PREPARE: Final = frozenset(
    {
        "bpf_task_from_pid",
        "bpf_task_from_vpid",
        "bpf_task_kptr_get",
        "bpf_spin_lock",
        "bpf_for_each_map_elem",
    }
)
# Calls whose answer the exploration would have to invent.
UNPREDICTABLE: Final = frozenset({"bpf_get_prandom_u32"})
# Functions that hand something to RCU's tasks-trace flavour: only then does its section matter.
TRACE_USERS: Final = ("bpf_cpumask_", "bpf_obj_", "bpf_percpu_obj_", "bpf_refcount_")
LOCAL_LIMIT: Final = 1_000_000  # instructions between two visible steps


class Visibility:
    """The rule for one scenario. trace: entering and leaving a tasks-trace section is a step of its own."""

    __slots__ = ("trace",)

    def __init__(self, names: set[str]) -> None:
        self.trace = any(name.startswith(TRACE_USERS) for name in names)

    def entry(self, sleepable: bool) -> bool:
        """Whether the entry of a program is visible: it opens a read section that somebody may wait for."""
        return self.trace or not sleepable

    def step(self, world: World, run: Run) -> bool:
        """Whether the next step of the run is visible. Raises UnsupportedError for one that cannot be predicted."""
        operation = operations.next_operation(world, run)
        kind = operation.kind
        if kind == operations.LOCAL:
            return False
        if kind == operations.CALL:
            return self._call(world, run, operation.name)
        if kind == operations.EXIT:
            return self.entry(run.sleepable)
        return True

    def _call(self, world: World, run: Run, name: str) -> bool:
        if name in PREPARE:
            return False
        if name in UNPREDICTABLE:
            raise UnsupportedError(f"{name}() in an exploration", run.insn)
        regs = run.frames[-1].regs
        if name == "bpf_rcu_read_lock":
            return not world.rcu.inside(run.id)
        if name == "bpf_rcu_read_unlock":
            return world.rcu.normal.get(run.id, 0) <= 1
        if name == "bpf_map_lookup_elem":
            region = world.memory.regions.get(regs[1] >> 32)
            # Elements of an array are always there, at the same place.
            return region is None or region.kind != MAP or not isinstance(world.map_table[region.owner], ArrayMap)
        return True


def name_of(world: World, run: Run) -> str:
    """A few words for the next step: "bpf_task_acquire", "read of task 100", "write of slots[0]"."""
    operation = operations.next_operation(world, run)
    pending = run.pending
    if pending is not None:
        stage = getattr(pending, "stage", "")
        return f"{pending.name}: {stage}" if stage else pending.name
    if operation.kind in (operations.CALL, operations.LOCAL):
        return operation.name
    if operation.kind == operations.EXIT:
        return "exit"
    region = world.memory.regions.get(operation.address >> 32)
    what = region.name if region is not None else "nothing"
    if region is None:
        grave = world.memory.graves.get(operation.address >> 32)
        what = f"freed {grave.name}" if grave is not None else what
    verb = {operations.LOAD: "read", operations.STORE: "write", operations.ATOMIC: "atomic change"}[operation.kind]
    return f"{verb} of {what}"
