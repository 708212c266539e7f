"""Everything one verification shares: the program, the kernel's behaviours, the current state, counters and marks.

Source: struct bpf_verifier_env and struct bpf_insn_aux_data of the kernel.
"""

from __future__ import annotations

from typing import Any, Final, NoReturn

from kverdict.diagnostic import Message
from kverdict.domain.rules import ArithmeticRules
from kverdict.domain.state import Frame, Linked, State
from kverdict.domain.value import Value
from kverdict.errors import UnsupportedError
from kverdict.isa.insn import Insn
from kverdict.program.program import Map, Program
from kverdict.verify.asked import Asked
from kverdict.verify.log import Log
from kverdict.verify.refusal import Refusal

INSN_LIMIT: Final = 1_000_000
# Flags of loading; kernel: BPF_F_*.
_STRICT_ALIGNMENT: Final = 1
_TEST_STATE_FREQ: Final = 8  # a checkpoint at each point where one is possible

# Access flags of a history entry; kernel: INSN_F_*.
F_FRAMENO_MASK: Final = 0xF
F_SPI_SHIFT: Final = 4
F_STACK_ACCESS: Final = 1 << 10
F_DST_REG_STACK: Final = 1 << 11
F_SRC_REG_STACK: Final = 1 << 12


class Aux:
    """What the walk remembers about one instruction across paths."""

    __slots__ = (
        "calls_callback",
        "ctx_field_size",
        "fastcall_pattern",
        "fastcall_spills",
        "force_checkpoint",
        "is_iter_next",
        "live_before",
        "map_key",
        "map_poisoned",
        "map_ptr",
        "ptr_type",
        "scc",
    )

    def __init__(self) -> None:
        self.ptr_type = 0
        self.map_ptr: object = None
        self.map_poisoned = False
        self.map_key = 0
        self.ctx_field_size = 0
        self.force_checkpoint = False
        self.is_iter_next = False
        self.calls_callback = False
        self.live_before = 0x7FF
        self.scc = 0
        self.fastcall_pattern = False
        self.fastcall_spills = 0


class Subprog:
    """One subprogram: its first instruction, the first after it, stack depth in bytes and what its prototype says."""

    __slots__ = (
        "arg_cached",
        "args",
        "called",
        "changes_pkt_data",
        "end",
        "exception_cb",
        "func_proto_id",
        "has_tail_call",
        "is_async_cb",
        "is_cb",
        "is_global",
        "keep_fastcall_stack",
        "might_sleep",
        "might_throw",
        "name",
        "returns_void",
        "stack_depth",
        "start",
        "verified",
    )

    def __init__(self, name: str, start: int, end: int) -> None:
        self.name = name
        self.start = start
        self.end = end
        self.stack_depth = 0
        self.is_global = False
        self.is_cb = False
        self.is_async_cb = False
        self.exception_cb = False
        self.has_tail_call = False
        self.changes_pkt_data = False
        self.might_sleep = False
        self.might_throw = False
        self.keep_fastcall_stack = False
        self.returns_void = False
        self.func_proto_id = 0
        self.called = False
        self.verified = False
        self.arg_cached = False
        self.args: tuple[Any, ...] = ()


class Pending:
    """A path to be walked later: its state, where it goes on, and the length of the log when it was put aside."""

    __slots__ = ("insn", "log_position", "prev_insn", "state")

    def __init__(self, state: State, insn: int, prev_insn: int, log_position: int) -> None:
        self.state = state
        self.insn = insn
        self.prev_insn = prev_insn
        self.log_position = log_position


class Env(Asked):
    """One verification. `regs` always is the register list of the running frame."""

    def __init__(self, program: Program, log: Log | None) -> None:
        self.program = program
        self.profile = program.profile
        self.does = program.profile.does
        self.insns: tuple[Insn, ...] = program.insns
        self.count = len(program.insns)
        self.rules = ArithmeticRules.of(program.profile.does)
        self.log = log
        self.state = State()
        self.frame: Frame = Frame(-1, 0, 0)
        self.regs: list[Value] = self.frame.regs
        self.insn_idx = 0
        self.prev_insn_idx = -1
        self.insn_processed = 0
        self.jmps_processed = 0
        self.prev_insn_processed = 0
        self.prev_jmps_processed = 0
        self.total_states = 0
        self.peak_states = 0
        self.explored_count = 0
        self.freed_count = 0
        self.max_states_per_insn = 0
        self.id_gen = 0
        self.pending: list[Pending] = []
        self.aux = [Aux() for _ in program.insns]
        self.prune_points = bytearray(self.count)
        self.jump_targets: set[int] = set()
        self.jmp_points = bytearray(self.count)
        self.seen = bytearray(self.count)
        self.successors: list[tuple[int, ...]] = []
        self.backward_effects: list[tuple[int, int, int, int, bool] | None] = []
        self.subprogs: list[Subprog] = []
        self.subprog_at: dict[int, int] = {}
        self.explored: dict[int, list[Any]] = {}
        self.ask(program.profile.does)
        self.history_pushed = False
        self.max_frames = 16 if self.does("SIXTEEN_FRAMES") else 8
        self.strict_alignment = bool(program.flags & _STRICT_ALIGNMENT)
        self.test_state_freq = bool(program.flags & _TEST_STATE_FREQ)
        self.liveness: Any = None
        self.constants: Any = None  # known before the walk, of kernels that compute liveness there
        self.fastcall_off: dict[int, int] = {}
        self.arena: Map | None = None
        self.visits: dict[tuple[int, ...], Any] = {}
        self.waiting: dict[int, Any] = {}
        self.backedge_count = 0
        self.extra: dict[str, Any] = {}

    def enter(self, state: State) -> None:
        """Make `state` the one that is walked."""
        self.state = state
        self.frame = state.frames[-1]
        self.regs = self.frame.regs

    def new_id(self) -> int:
        """The next id for links, references and null checks (one sequence, as in the kernel)."""
        self.id_gen += 1
        return self.id_gen

    def refuse(self, message: Message, *before: str, **facts: object) -> NoReturn:
        """End the walk: the kernel would refuse the program at the current instruction.

        before: lines that the kernel prints ahead of its last sentence.
        """
        if not self.does("RING_BUFFER_MEMORY_NAMED"):
            facts = {
                name: fact.replace("ringbuf_mem", "alloc_mem") if isinstance(fact, str) else fact
                for name, fact in facts.items()
            }
        diagnostic = message.at(self.insn_idx, **facts)
        if before:
            diagnostic = type(diagnostic)(message, self.insn_idx, diagnostic.facts, before)
        raise Refusal(diagnostic)

    def unsupported(self, what: str) -> NoReturn:
        """End the walk undecided: the program needs `what`, which is not modelled."""
        raise UnsupportedError(what, self.insn_idx)

    def describe_state(self, state: State, frame: int, whole: bool) -> str:
        """A frame as the kernel's log prints it; whole: all registers and slots, else those that changed."""
        from kverdict.verify.state_text import state_text

        return state_text(self, state, frame, whole)

    def push_history(self, flags: int = 0, linked: tuple[Linked, ...] = ()) -> None:
        """Record the current instruction in the history of the path; again for the same one merges the flags."""
        history = self.state.history
        if self.history_pushed:
            insn, prev, old, _ = history[-1]
            history[-1] = (insn, prev, old | flags, linked)
            return
        history.append((self.insn_idx, self.prev_insn_idx, flags, linked))
        self.history_pushed = True

    def push_state(self, insn: int, prev_insn: int) -> State:
        """Put a fork of the current state aside, to be walked from `insn` later; returns it for changes."""
        new = self.state.fork()
        self.pending.append(Pending(new, insn, prev_insn, self.log.position() if self.log else 0))
        if new.parent is not None:
            new.parent.branches += 1
        new.branches = 1
        if len(self.pending) > 8192:
            from kverdict.catalogue.limits import TOO_MANY_JUMPS

            self.refuse(TOO_MANY_JUMPS, count=len(self.pending))
        return new
