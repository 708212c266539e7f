"""What must never happen: each property has a name; a violation says which, what, and who did it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from typing import Final

from kverdict.errors import InputError
from kverdict.explore.assertion import holds, uses
from kverdict.machine import fault as faults
from kverdict.machine import leaks
from kverdict.machine.fault import Fault, Finding
from kverdict.machine.objects import task as life
from kverdict.machine.objects.task import Task
from kverdict.machine.rcu import Rcu
from kverdict.machine.world import World

DEAD_IN_MAP: Final = "dead-task-in-map"
ASSERTION: Final = "assertion"
LOST: Final = "leak"

# name → what it forbids. Faults of memory other than use after free always count.
NAMES: Final[dict[str, str]] = {
    faults.USE_AFTER_FREE: "use of memory after it was freed: read, write or count operation",
    faults.REFCOUNT: "a count below zero, taken from zero, or saturated",
    faults.UNION_CORRUPTION: "a count that its own queued callback has overwritten is counted",
    faults.LEAK: "a reference that is never given back",
    faults.DEADLOCK: "programs that wait for each other's locks",
    DEAD_IN_MAP: "a task in a map whose rcu_users is 0 (the invariant of the RCU-safe design)",
}
DEFAULT: Final = frozenset(NAMES) - {DEAD_IN_MAP}


class Properties:
    """Which of the properties are looked at."""

    __slots__ = ("names",)

    def __init__(self, names: Iterable[str] = DEFAULT) -> None:
        self.names = frozenset(names)
        for name in self.names:
            if name not in NAMES:
                raise InputError("--property", name, f"expected one of {', '.join(NAMES)}")

    def cares(self, kind: str) -> bool:
        """Whether a fault or finding of this kind counts."""
        return kind in self.names or kind not in NAMES


class Violation:
    """One broken property. subject: region number of the object, 0 if none; actor: as in schedules, "" if unknown."""

    __slots__ = ("actor", "insn", "kind", "subject", "text")

    def __init__(self, kind: str, text: str, actor: str = "", insn: int = -1, subject: int = 0) -> None:
        self.kind = kind
        self.text = text
        self.actor = actor
        self.insn = insn
        self.subject = subject

    def key(self) -> tuple[object, ...]:
        return self.kind, self.text, self.actor, self.insn

    @classmethod
    def of_fault(cls, fault: Fault, actor: str, insn: int) -> Violation:
        return cls(fault.kind, fault.text, actor, insn, fault.address >> 32)

    @classmethod
    def of_finding(cls, finding: Finding) -> Violation:
        actor = str(finding.run - 1) if finding.run > 0 else finding.step
        return cls(finding.kind, finding.text, actor, finding.insn, finding.subject)

    @classmethod
    def deadlock(cls, waiting: Sequence[int]) -> Violation:
        return cls(faults.DEADLOCK, f"nobody can go on; programs {', '.join(map(str, waiting))} wait for ever")

    @classmethod
    def assertion(cls, tree: ast.expr, values: str = "") -> Violation:
        return cls(ASSERTION, f"assertion failed: {ast.unparse(tree)}" + (f" ({values})" if values else ""))

    def __repr__(self) -> str:
        return f"{self.kind}: {self.text}"


def invariant_violation(world: World, properties: Properties, assertions: Sequence[ast.expr]) -> Violation | None:
    """What the shared objects alone break, whatever the programs are about to do."""
    if DEAD_IN_MAP in properties.names:
        for number in leaks.held_by_maps(world):
            task = world.memory.regions.get(number)
            if isinstance(task, Task) and task.rcu_users == 0:
                return Violation(DEAD_IN_MAP, f"{task.name} lies in a map and its rcu_users is 0", "", -1, number)
    return None


def final_violation(world: World, properties: Properties) -> Violation | None:
    """Free the maps, let every callback run, and see whether something is missing or left over."""
    if LOST not in properties.names:
        return None
    world.findings.clear()
    world.rcu = _plain(world)
    try:
        world.destroy_maps()
        world.settle()
    except Fault as fault:
        return Violation.of_fault(fault, "M", -1)
    for finding in world.findings:
        if properties.cares(finding.kind):
            return Violation.of_finding(finding)
    for number, region in world.memory.regions.items():
        if isinstance(region, Task) and region.phase != life.RUNNING:
            return Violation(LOST, f"{region.name} has exited and is never freed", "", -1, number)
    found = leaks.problems(world)
    return Violation(LOST, found[0].splitlines()[0]) if found else None


def _plain(world: World) -> Rcu:
    """Programs have ended: the queue without anybody to wait for."""
    rcu = Rcu(world)
    for callback in world.rcu.callbacks:
        rcu.call(callback.name, callback.target)
    return rcu


__all__ = ["DEAD_IN_MAP", "DEFAULT", "NAMES", "Properties", "Violation", "final_violation", "holds", "uses"]
