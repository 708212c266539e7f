"""The four designs of bpf_task_acquire and the nine interleavings that tell them apart, each found or proved absent.

The programs are short assembly of our own. A program that the verifier would refuse under a design (an untrusted
pointer given to acquire) does not take part there: the cell says "refused".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from kverdict.explore import search
from kverdict.explore.build import Stage
from kverdict.explore.model import KernelSystem
from kverdict.explore.property import ASSERTION, DEAD_IN_MAP, DEFAULT, Properties
from kverdict.explore.scenario import Cpu, Scenario, Stash, Task
from kverdict.machine import fault as faults
from kverdict.machine.code import Code
from kverdict.machine.kernel import Kernel
from kverdict.machine.objects.task_design import NAIVE, RCU_USERS_COUNT, UNION, USAGE_COUNT, TaskDesign
from kverdict.program.program import Map, RecordField

DESIGNS: Final[dict[str, TaskDesign]] = {"a": UNION, "b": USAGE_COUNT, "c": RCU_USERS_COUNT, "d": NAIVE}
TITLES: Final = {"a": "union", "b": "usage (6.2, 6.3)", "c": "rcu_users (6.4 and later)", "d": "naive"}
REFUSED: Final = "refused"
ABSENT: Final = "absent"
SLOTS: Final = Map("slots", 2, 4, 8, 1, fields=(RecordField("kptr_ref", 0, 8, destructor="bpf_task_release"),))

_LOCK: Final = "call bpf_rcu_read_lock\n"
_UNLOCK: Final = "call bpf_rcu_read_unlock\n"
_SLOT: Final = "r7 = map[id:0][0]+0\n"
_LOAD: Final = _SLOT + "r6 = *(u64 *)(r7 +0)\nif r6 == 0 goto out\n"
_STASH: Final = _SLOT + "r1 = r7\nr2 = r6\ncall bpf_kptr_xchg\nif r0 == 0 goto done\nr1 = r0\ncall bpf_task_release\n"
_ACQUIRE: Final = "r1 = r6\ncall bpf_task_acquire\nif r0 == 0 goto out\n"
_RELEASE: Final = "r1 = r0\ncall bpf_task_release\n"
_END: Final = "done: r0 = 0\nexit"

# name → (assembly, sleepable)
PROGRAMS: Final[dict[str, tuple[str, bool]]] = {
    "reader": (_LOCK + _LOAD + "r8 = *(u32 *)(r6 +8)\nout: " + _UNLOCK + _END, True),
    "acquirer": (_LOCK + _LOAD + _ACQUIRE + _RELEASE + "out: " + _UNLOCK + _END, True),
    "getter": (_SLOT + "r1 = r7\ncall bpf_task_kptr_get\nif r0 == 0 goto done\n" + _RELEASE + _END, True),
    "writer": (
        _SLOT + "r1 = r7\nr2 = 0\ncall bpf_kptr_xchg\nif r0 == 0 goto done\nr1 = r0\ncall bpf_task_release\n" + _END,
        True,
    ),
    "finder": ("r1 = 100\ncall bpf_task_from_pid\nif r0 == 0 goto done\n" + _RELEASE + _END, True),
    "stasher": ("r1 = 100\ncall bpf_task_from_pid\nif r0 == 0 goto done\nr6 = r0\n" + _STASH + _END, True),
    "traced": ("r6 = *(u64 *)(r1 +0)\n" + _ACQUIRE + _RELEASE + "out: " + _END, False),
    "keep_argument": ("r6 = *(u64 *)(r1 +0)\n" + _ACQUIRE + "r6 = r0\n" + _STASH + "out: " + _END, False),
    "stale": (_SLOT + "r6 = *(u64 *)(r7 +0)\nr0 = 0\nif r6 == 0 goto out\nr0 = *(u32 *)(r6 +8)\nout: exit", True),
    "borrower": (
        _SLOT
        + "r1 = r7\nr2 = 0\ncall bpf_kptr_xchg\nif r0 == 0 goto done\nr6 = r0\nr8 = *(u32 *)(r6 +8)\n"
        + "r1 = r7\nr2 = r6\ncall bpf_kptr_xchg\nif r0 == 0 goto done\nr1 = r0\ncall bpf_task_release\n"
        + _END,
        True,
    ),
    "looker": (_SLOT + "r6 = *(u64 *)(r7 +0)\nr0 = 1\nif r6 != 0 goto out\nr0 = 0\nout: exit", True),
}


@dataclass(frozen=True, slots=True)
class Interleaving:
    """One of the nine. expected: design → kind of violation, ABSENT or REFUSED; steps: design → steps of the witness.

    programs: for each design. stashed: the slot holds the task at first. properties: looked at beside the usual ones.
    also: kinds that design a shows beside the expected one: once the callback has run, its count is 0 again.
    """

    number: int
    title: str
    programs: dict[str, tuple[str, ...]]
    expected: dict[str, str]
    steps: dict[str, int]
    stashed: bool = True
    assertions: tuple[str, ...] = ()
    properties: tuple[str, ...] = ()
    also: tuple[str, ...] = ()


def _all(*names: str) -> dict[str, tuple[str, ...]]:
    return dict.fromkeys(DESIGNS, names)


UAF: Final = faults.USE_AFTER_FREE
UNION_CORRUPTED: Final = faults.UNION_CORRUPTION

INTERLEAVINGS: Final = (
    Interleaving(
        1,
        "the map's task is read under RCU after its last reference was dropped",
        _all("reader", "writer"),
        {"a": ABSENT, "b": ABSENT, "c": ABSENT, "d": UAF},
        {"d": 9},
    ),
    Interleaving(
        2,
        "the same at bpf_task_acquire()",
        {"a": (), "b": (), "c": ("acquirer", "writer"), "d": ("acquirer", "writer")},
        {"a": REFUSED, "b": REFUSED, "c": ABSENT, "d": UAF},
        {"d": 9},
    ),
    Interleaving(
        3,
        "a reference is taken through the slot after the last put has queued the callback",
        {
            "a": ("getter", "writer"),
            "b": ("getter", "writer"),
            "c": ("acquirer", "writer"),
            "d": ("getter", "writer"),
        },
        {"a": UNION_CORRUPTED, "b": ABSENT, "c": ABSENT, "d": ABSENT},
        {},
    ),
    Interleaving(
        4,
        "the task dies between the two halves of bpf_task_from_pid()",
        _all("finder"),
        {"a": UNION_CORRUPTED, "b": ABSENT, "c": ABSENT, "d": ABSENT},
        {"a": 6},
        stashed=False,
    ),
    Interleaving(
        5,
        "a tracepoint's argument that only the caller's usage holds",
        _all("traced(task:100)"),
        {"a": UNION_CORRUPTED, "b": ABSENT, "c": ABSENT, "d": ABSENT},
        {"a": 5},
        stashed=False,
        also=(faults.REFCOUNT,),
    ),
    Interleaving(
        6,
        "a task lies in a map although its rcu_users is 0 (the patch's invariant)",
        _all("keep_argument(task:100)", "writer"),
        {"a": UNION_CORRUPTED, "b": DEAD_IN_MAP, "c": ABSENT, "d": DEAD_IN_MAP},
        {},
        stashed=False,
        properties=(DEAD_IN_MAP,),
        also=(faults.REFCOUNT,),
    ),
    Interleaving(
        7,
        "a task is put into the map late, then read and taken out",
        _all("stasher", "reader", "writer"),
        {"a": UNION_CORRUPTED, "b": ABSENT, "c": ABSENT, "d": UAF},
        {"d": 14},
        stashed=False,
    ),
    Interleaving(
        8,
        "a stale load without bpf_rcu_read_lock(): garbage, no use after free",
        _all("stale", "writer"),
        {"a": ASSERTION, "b": ASSERTION, "c": ASSERTION, "d": ASSERTION},
        {},
        assertions=("result.stale != 0x6b6b6b6b",),
    ),
    Interleaving(
        9,
        "a slot is found empty while a task is borrowed, although nobody deleted it",
        _all("borrower", "looker"),
        {"a": ASSERTION, "b": ASSERTION, "c": ASSERTION, "d": ASSERTION},
        {},
        assertions=("result.looker == 1",),
    ),
)


@dataclass(frozen=True, slots=True)
class Cell:
    """What exploring one interleaving under one design gave. kinds: of all violations; system: None if refused."""

    interleaving: Interleaving
    design: str
    kinds: frozenset[str]
    result: search.Result | None
    system: KernelSystem | None

    @property
    def found(self) -> str:
        """The kind of violation, ABSENT or REFUSED."""
        if self.result is None:
            return REFUSED
        if self.result.verdict == search.PROVED:
            return ABSENT
        if self.interleaving.expected[self.design] in self.kinds:
            return self.interleaving.expected[self.design]
        return ", ".join(sorted(self.kinds)) or self.result.verdict

    @property
    def agrees(self) -> bool:
        """Whether this is what was expected, and nothing else was found."""
        expected = self.interleaving.expected[self.design]
        also = self.interleaving.also if self.design == "a" else ()
        return self.found == expected and self.kinds <= {expected, *also}


def code(name: str) -> Code:
    """One of PROGRAMS, ready to run."""
    text, sleepable = PROGRAMS[name]
    return Code.assembled(name, text, [SLOTS], sleepable=sleepable)


def stage_of(programs: Sequence[str], design: TaskDesign, *, stashed: bool, assertions: tuple[str, ...] = ()) -> Stage:
    """Programs beside one exiting task and one slot."""
    from kverdict.explore.scenario import parse_cpu

    cpus: tuple[Cpu, ...] = tuple(parse_cpu(text) for text in programs)
    scenario = Scenario(cpus, (Task(),), (Stash("slots"),) if stashed else (), assertions=assertions)
    return Stage(scenario, {cpu.program: code(cpu.program) for cpu in cpus}, Kernel(design.name, design))


def explore_cell(interleaving: Interleaving, letter: str, *, delayed_free: bool = False) -> Cell:
    """Search one cell to the end; the witness is the best one of the expected kind."""
    programs = interleaving.programs[letter]
    if not programs:
        return Cell(interleaving, letter, frozenset(), None, None)
    design = DESIGNS[letter].with_free(delayed_free)
    stage = stage_of(programs, design, stashed=interleaving.stashed, assertions=interleaving.assertions)
    system = KernelSystem(stage, Properties((*DEFAULT, *interleaving.properties)))
    result = search.explore(system)
    kinds = frozenset(system.violation(number).kind for number in result.violations)
    return Cell(interleaving, letter, kinds, result, system)


def matrix() -> list[Cell]:
    """All cells, by interleaving, then by design."""
    return [explore_cell(one, letter) for one in INTERLEAVINGS for letter in DESIGNS]
