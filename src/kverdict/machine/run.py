"""One execution of a program: its frames, registers, sections and what it holds. All mutable state, no behaviour."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kverdict.isa import opcode as op

if TYPE_CHECKING:
    from kverdict.machine.code import Code
    from kverdict.machine.pending import Pending

RUNNING: Final = "running"
DONE: Final = "done"
FAULTED: Final = "faulted"
MAX_FRAMES: Final = 8  # MAX_CALL_FRAMES of the kernel


class Frame:
    """One function: r0..r10, the next instruction, its stack region, and where the caller goes on.

    back: continuation of the helper that called this function as a callback, None for a plain call.
    """

    __slots__ = ("back", "pc", "regs", "stack")

    def __init__(self, pc: int, regs: list[int], stack: int, back: Pending | None = None) -> None:
        self.pc = pc
        self.regs = regs
        self.stack = stack
        self.back = back

    def clone(self) -> Frame:
        return Frame(self.pc, list(self.regs), self.stack, None if self.back is None else self.back.clone())


class Run:
    """A program that runs on a CPU as some task. `id` is also its name as a reader of RCU.

    pending: a helper or kfunc in the middle of its steps. held: what it must give back: address of the object →
    (what, instruction that took it). rcu_depth counts explicit read locks. result: r0 at the end, unsigned 64 bits.
    probes: instructions whose loads never fault (the kernel made them probe reads). owned: regions to drop at the end.
    """

    __slots__ = (
        "code",
        "context",
        "cpu",
        "executed",
        "frames",
        "held",
        "id",
        "locks",
        "loop_budget",
        "name",
        "owned",
        "pending",
        "preempt_depth",
        "probes",
        "rcu_depth",
        "result",
        "sleepable",
        "status",
        "tail_calls",
        "task",
    )

    def __init__(self, id: int, code: Code, name: str, cpu: int, task: int, sleepable: bool) -> None:
        self.id = id
        self.code = code
        self.name = name
        self.cpu = cpu
        self.task = task
        self.sleepable = sleepable
        self.frames: list[Frame] = []
        self.pending: Pending | None = None
        self.status = RUNNING
        self.result = 0
        self.executed = 0
        self.rcu_depth = 0
        self.preempt_depth = 0
        self.tail_calls = 0
        self.loop_budget = 1 << 23  # BPF_MAX_LOOPS: how often may_goto falls through at most
        self.context = 0
        self.held: dict[int, tuple[str, int]] = {}
        self.locks: list[int] = []
        self.owned: list[int] = []
        self.probes: frozenset[int] = frozenset()

    @property
    def frame(self) -> Frame:
        return self.frames[-1]

    @property
    def insn(self) -> int:
        """Index of the instruction that is executed now, -1 after the end."""
        return self.frames[-1].pc if self.frames else -1

    def clone(self) -> Run:
        other = Run(self.id, self.code, self.name, self.cpu, self.task, self.sleepable)
        other.frames = [frame.clone() for frame in self.frames]
        other.pending = None if self.pending is None else self.pending.clone()
        other.status = self.status
        other.result = self.result
        other.executed = self.executed
        other.rcu_depth = self.rcu_depth
        other.preempt_depth = self.preempt_depth
        other.tail_calls = self.tail_calls
        other.loop_budget = self.loop_budget
        other.context = self.context
        other.held = dict(self.held)
        other.locks = list(self.locks)
        other.owned = list(self.owned)
        other.probes = self.probes
        return other


def fresh_registers(frame_pointer: int) -> list[int]:
    """Registers of a new function. Never-written ones hold values that are no address, so that a use is seen."""
    regs = [UNWRITTEN | number for number in range(op.REGISTERS)]
    regs[op.FP] = frame_pointer
    return regs


UNWRITTEN: Final = 0x5A5A_5A5A_5A5A_5A00
