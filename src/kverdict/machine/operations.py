"""What the next step of a run would do, for explorers: local steps need no scheduling decision, visible ones do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kverdict.isa import opcode as op
from kverdict.machine.alu import U64
from kverdict.machine.memory import CONTEXT, MAP_KEY, STACK
from kverdict.machine.pending import Pending
from kverdict.machine.run import Run

if TYPE_CHECKING:
    from kverdict.machine.world import World

LOCAL: Final = "local"
LOAD: Final = "load"
STORE: Final = "store"
ATOMIC: Final = "atomic"
CALL: Final = "call"
EXIT: Final = "exit"
STEP: Final = "step"

# Functions that touch nothing that another actor can see or change.
PRIVATE: Final = frozenset(
    {
        "bpf_get_current_task",
        "bpf_get_current_task_btf",
        "bpf_get_current_pid_tgid",
        "bpf_get_current_uid_gid",
        "bpf_get_current_comm",
        "bpf_get_smp_processor_id",
        "bpf_get_numa_node_id",
        "bpf_ktime_get_ns",
        "bpf_jiffies64",
        "bpf_trace_printk",
        "bpf_trace_vprintk",
        "bpf_snprintf",
        "bpf_strncmp",
        "bpf_loop",
        "bpf_iter_num_new",
        "bpf_iter_num_next",
        "bpf_iter_num_destroy",
        "bpf_rdonly_cast",
        "bpf_cast_to_kern_ctx",
    }
)


class Operation:
    """kind: one of the constants above; name: function or pending operation; address, size: memory touched."""

    __slots__ = ("address", "kind", "name", "size")

    def __init__(self, kind: str, name: str = "", address: int = 0, size: int = 0) -> None:
        self.kind = kind
        self.name = name
        self.address = address
        self.size = size

    @property
    def visible(self) -> bool:
        """Whether another actor could notice, or make a difference to, this step."""
        return self.kind != LOCAL

    def __repr__(self) -> str:
        return f"Operation({self.kind}, {self.name!r}, {self.address:#x}, {self.size})"


def next_operation(world: World, run: Run) -> Operation:
    """What world.step(run) would do now. The run must not have ended."""
    if run.pending is not None:
        return _pending(run.pending)
    frame = run.frames[-1]
    insn = run.code.insns[frame.pc]
    code = insn.op & 0xFF
    insn_class = code & op.CLASS_MASK
    if insn_class == op.LDX:
        return _memory(world, LOAD, frame.regs[insn.src] + insn.off, op.SIZE_BYTES[code & op.SIZE_MASK])
    if insn_class in (op.ST, op.STX):
        kind = ATOMIC if code & op.MODE_MASK == op.ATOMIC else STORE
        base = insn.src if kind == ATOMIC and insn.imm == op.LOAD_ACQ else insn.dst
        return _memory(world, kind, frame.regs[base] + insn.off, op.SIZE_BYTES[code & op.SIZE_MASK])
    if insn.op in (op.CALL_HELPER, op.CALL_KFUNC):
        name = run.code.names[frame.pc]
        return Operation(LOCAL if name in PRIVATE else CALL, name)
    if code == op.JMP | op.EXIT and len(run.frames) == 1:
        return Operation(EXIT)
    return Operation(LOCAL)


def _pending(pending: Pending) -> Operation:
    return Operation(LOCAL if pending.name in PRIVATE else STEP, pending.name)


def _memory(world: World, kind: str, address: int, size: int) -> Operation:
    address &= U64
    region = world.memory.regions.get(address >> 32)
    if region is not None and (region.kind in (STACK, CONTEXT, MAP_KEY) or region.read_only):
        return Operation(LOCAL, region.kind, address, size)
    return Operation(kind, region.kind if region is not None else "", address, size)


def blocked(world: World, run: Run) -> bool:
    """Whether the run waits for somebody else (a lock that is held)."""
    from kverdict.machine.helpers.locks import TakeLock

    return isinstance(run.pending, TakeLock) and run.pending.blocked(world)
