"""What is known on one path: frames of registers and stack slots, references, read sections. Mutable, of one path.

Source: struct bpf_verifier_state and struct bpf_func_state of the kernel. Only the walk forks a State.
"""

from __future__ import annotations

from typing import Final

from kverdict.domain.bounds import ZERO as ZERO_NUM
from kverdict.domain.references import Held
from kverdict.domain.stack import Slot
from kverdict.domain.value import NOTHING, PTR_TO_STACK, Value

MAIN: Final = -1  # call site of the outermost frame
MAX_FRAMES: Final = 8

# A register or stack slot linked to another: (frame, is a register, register number or slot).
Linked = tuple[int, bool, int]
# One step that did not simply go on: instruction, the one before it, access flags, linked registers.
HistoryEntry = tuple[int, int, int, tuple[Linked, ...]]


class Frame:
    """One function activation.

    regs: r0..r10. stack: slots from fp-8 downwards; len(stack) * 8 bytes are allocated.
    callsite: instruction of the call, or MAIN. subprog: number of the subprogram.
    precise, precise_stack: bit masks of registers and slots that are marked precise.
    read, read32, written, stack_read, stack_written: liveness marks (kernels before 6.18), bit masks.
    fresh: the frame was entered after the last checkpoint (its marks have no parent frame). r0_frame: r0 came from
    this callee frame after the last checkpoint, -1 if not (so its marks belong there).
    callback: 0 none, 1 synchronous, 2 asynchronous, 3 exception callback.
    return_range: (minimum, maximum) that a callback must return.
    """

    __slots__ = (
        "async_entry",
        "callback",
        "callback_depth",
        "callsite",
        "fresh",
        "number",
        "precise",
        "precise_stack",
        "r0_frame",
        "read",
        "read32",
        "regs",
        "return_range",
        "stack",
        "stack_read",
        "stack_written",
        "subprog",
        "written",
    )

    def __init__(self, callsite: int, number: int, subprog: int) -> None:
        self.callsite = callsite
        self.number = number
        self.subprog = subprog
        self.regs: list[Value] = [NOTHING] * 11
        self.regs[10] = Value(PTR_TO_STACK, ZERO_NUM, frameno=number)
        self.stack: list[Slot] = []
        self.precise = 0
        self.precise_stack = 0
        self.read = 0
        self.read32 = 0
        self.written = 0
        self.stack_read = 0
        self.stack_written = 0
        self.fresh = True
        self.r0_frame = -1
        self.callback = 0
        self.callback_depth = 0
        self.async_entry = 0
        self.return_range: tuple[int, int] = (0, 0)

    def copy(self) -> Frame:
        """An independent frame that shares the immutable values."""
        new = Frame.__new__(Frame)
        new.callsite = self.callsite
        new.number = self.number
        new.subprog = self.subprog
        new.regs = self.regs[:]
        new.stack = self.stack[:]
        new.precise = self.precise
        new.precise_stack = self.precise_stack
        new.read = self.read
        new.read32 = self.read32
        new.written = self.written
        new.stack_read = self.stack_read
        new.stack_written = self.stack_written
        new.fresh = self.fresh
        new.r0_frame = self.r0_frame
        new.callback = self.callback
        new.callback_depth = self.callback_depth
        new.async_entry = self.async_entry
        new.return_range = self.return_range
        return new


class State:
    """All frames of one path (frames[-1] runs), what it holds, and its place in the tree of checkpoints.

    refs: references, locks and IRQ flags held, oldest first. rcu: nesting depth of explicit RCU read sections;
    preempt: of disabled preemption; locks: held spin locks; irq: id of the innermost IRQ flag; lock_id,
    lock_subject: identity of the lock held last. in_sleepable: the code runs in a sleepable context.
    parent: the checkpoint this path started from; branches: paths below this checkpoint that are not finished.
    history: (instruction, previous instruction, access flags, linked registers) since `parent`.
    """

    __slots__ = (
        "branches",
        "callback_unroll_depth",
        "cleaned",
        "dfs_depth",
        "equal_state",
        "first_insn",
        "frames",
        "history",
        "in_sleepable",
        "insn",
        "irq",
        "last_insn",
        "lock_id",
        "lock_subject",
        "locks",
        "loop_entry",
        "may_goto_depth",
        "parent",
        "preempt",
        "rcu",
        "refs",
        "speculative",
        "used_as_loop_entry",
    )

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.refs: tuple[Held, ...] = ()
        self.rcu = 0
        self.preempt = 0
        self.locks = 0
        self.irq = 0
        self.lock_id = 0
        self.lock_subject: object = None
        self.in_sleepable = False
        self.speculative = False
        self.parent: State | None = None
        self.branches = 0
        self.insn = 0
        self.first_insn = 0
        self.last_insn = -1
        self.history: list[HistoryEntry] = []
        self.loop_entry: State | None = None
        self.used_as_loop_entry = False
        self.may_goto_depth = 0
        self.callback_unroll_depth = 0
        self.dfs_depth = 0
        self.cleaned = False
        self.equal_state: State | None = None

    def fork(self) -> State:
        """A copy that another path may change; the history is copied, values are shared."""
        new = State.__new__(State)
        new.frames = [frame.copy() for frame in self.frames]
        new.refs = self.refs
        new.rcu = self.rcu
        new.preempt = self.preempt
        new.locks = self.locks
        new.irq = self.irq
        new.lock_id = self.lock_id
        new.lock_subject = self.lock_subject
        new.in_sleepable = self.in_sleepable
        new.speculative = self.speculative
        new.parent = self.parent
        new.branches = self.branches
        new.insn = self.insn
        new.first_insn = self.first_insn
        new.last_insn = self.last_insn
        new.history = self.history[:]
        new.may_goto_depth = self.may_goto_depth
        new.callback_unroll_depth = self.callback_unroll_depth
        new.dfs_depth = self.dfs_depth
        new.cleaned = False
        new.equal_state = None
        new.loop_entry = self.loop_entry
        new.used_as_loop_entry = False
        return new
