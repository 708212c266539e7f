"""A program ready to be executed: handlers for its instructions, functions for its calls, found once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from kverdict.errors import UnsupportedError
from kverdict.isa import opcode as op
from kverdict.isa.asm import assemble
from kverdict.isa.insn import Insn
from kverdict.machine import step
from kverdict.machine.fault import INVALID, Fault
from kverdict.machine.pending import Pending
from kverdict.machine.run import Run

if TYPE_CHECKING:
    from kverdict.machine.world import World
    from kverdict.program.program import Map, Program

Function = Callable[["World", Run, int, int, int, int, int], "int | Pending | None"]


class Implementation:
    """One helper or kfunc: what does it, and a sentence for people."""

    __slots__ = ("doc", "function", "name")

    def __init__(self, name: str, function: Function, doc: str) -> None:
        self.name = name
        self.function = function
        self.doc = doc


class Code:
    """One program. names: call instruction → name of its helper or kfunc; functions: call instruction → what does it.

    kind: program type as in Program.prog_type; event: what starts it ("task_newtask"), "" if nothing does by itself.
    probes: instructions whose loads the kernel makes fault-tolerant (probe_loads of a verdict); without them a load
    from freed memory is a fault. maps: what its LD_IMM64 number. missing: names of called functions that the machine
    does not have.
    """

    __slots__ = (
        "event",
        "functions",
        "handlers",
        "insns",
        "kind",
        "maps",
        "missing",
        "name",
        "names",
        "probes",
        "program",
        "sleepable",
        "variant",
    )

    def __init__(self, name: str, insns: Sequence[Insn], names: Mapping[int, str], maps: Sequence[Map] = ()) -> None:
        self.name = name
        self.insns = tuple(insns)
        self.names = dict(names)
        self.maps = tuple(maps)
        self.handlers = step.handlers(self.insns)
        self.kind = "tracing"
        self.variant = ""
        self.event = ""
        self.sleepable = False
        self.probes: frozenset[int] = frozenset()
        self.program: Program | None = None
        self.functions: dict[int, Function] = {}
        self.missing: list[str] = []
        self._bind()

    def _bind(self) -> None:
        table = implementations()
        for index, name in self.names.items():
            found = table.get(name)
            if name == POISON:
                self.functions[index] = _poisoned
            elif found is None:
                if name not in self.missing:
                    self.missing.append(name)
            else:
                self.functions[index] = found.function

    def check(self) -> None:
        """Raise UnsupportedError with the names of all functions that the machine lacks."""
        if self.missing:
            raise UnsupportedError("functions " + ", ".join(sorted(self.missing)))

    @classmethod
    def assembled(cls, name: str, text: str, maps: Sequence[Map] = (), *, sleepable: bool = False) -> Code:
        """From assembly in which calls name their function ("call bpf_task_acquire")."""
        numbers = {known: number for number, known in enumerate(implementations(), 1)}
        insns = assemble(text, kfuncs=numbers)
        by_number = {number: known for known, number in numbers.items()}
        names = {at: by_number[i.imm] for at, i in enumerate(insns) if i.op == op.CALL_KFUNC}
        code = cls(name, insns, names, maps)
        code.sleepable = sleepable
        return code

    @classmethod
    def of(cls, program: Program) -> Code:
        """From a linked program. Raises UnsupportedError for a call that its profile cannot name."""
        profile = program.profile
        names: dict[int, str] = {}
        for index, insn in enumerate(program.insns):
            if insn.op == op.CALL_HELPER:
                name = profile.helper_name(insn.imm)
                if _is_poison(insn.imm):
                    name = POISON
                names[index] = f"helper#{insn.imm}" if name == "unknown" else name
            elif insn.op == op.CALL_KFUNC:
                kfunc = profile.kfunc_by_id(insn.imm)
                names[index] = kfunc.name if kfunc is not None else f"kfunc#{insn.imm}"
        code = cls(program.name, program.insns, names, program.maps)
        code.kind = program.prog_type
        code.variant = program.variant
        code.event = program.attach_name
        code.sleepable = program.sleepable
        code.program = program
        return code


# libbpf leaves calls of numbers that do not exist where a relocation failed: fine as long as they are not reached.
POISON: Final = "poisoned by a failed relocation"
POISON_NUMBER: Final = 0xBAD2310  # a field or type
POISON_RANGE: Final = range(2001000000, 2003000000)  # a map or kfunc


def _is_poison(number: int) -> bool:
    return number == POISON_NUMBER or number in POISON_RANGE


def _poisoned(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    raise Fault(INVALID, "the program reached an instruction whose relocation had failed")


_TABLE: Final[dict[str, Implementation]] = {}


def implementations() -> Mapping[str, Implementation]:
    """Every helper and kfunc that the machine has, by name."""
    if not _TABLE:
        from kverdict.machine import helpers, kfuncs

        for implementation in (*helpers.all_implementations(), *kfuncs.all_implementations()):
            _TABLE[implementation.name] = implementation
    return _TABLE
