"""One exploration from beginning to end: scenario and programs in, outcome with report out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kverdict.explore import schedule, search
from kverdict.explore.build import Stage
from kverdict.explore.model import KernelSystem
from kverdict.explore.property import DEAD_IN_MAP, DEFAULT, Properties
from kverdict.explore.replay import Replay
from kverdict.explore.scenario import Cpu, Scenario, Stash, Task
from kverdict.explore.witness import Report, report_of
from kverdict.machine.code import Code
from kverdict.machine.kernel import Kernel
from kverdict.machine.objects.task_design import RCU_USERS, TaskDesign

if TYPE_CHECKING:
    from kverdict.program.program import Map


@dataclass(slots=True)
class Options:
    """How to search. bounds: preemptions for the bounded search when all states are too many.
    properties: None means the usual ones of the task design of the kernel.
    """

    budget: search.Budget = field(default_factory=search.Budget)
    bounds: tuple[int, ...] = (1, 2, 3)
    seed: int = 1
    samples: int = 2000
    properties: Properties | None = None


@dataclass(slots=True)
class Outcome:
    """What came of one scenario. notes: sentences that the reader should know."""

    stage: Stage
    system: KernelSystem
    result: search.Result
    kernel: str
    design: str
    report: Report | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0 proved, 1 a witness was found, 3 neither."""
        if self.result.verdict == search.VIOLATED:
            return 1
        return 0 if self.result.verdict == search.PROVED else 3


def explore(
    scenario: Scenario,
    codes: Mapping[str, Code],
    kernel: Kernel,
    options: Options | None = None,
    progress: search.Progress | None = None,
) -> Outcome:
    """Search all interleavings of a scenario. Raises InputError, UnsupportedError."""
    options = options or Options()
    stage = Stage(scenario, codes, kernel)
    system = KernelSystem(stage, options.properties or usual_properties(kernel.design))
    result = search.explore(
        system,
        budget=options.budget,
        bounds=options.bounds,
        seed=options.seed,
        samples=options.samples,
        progress=progress,
    )
    outcome = Outcome(stage, system, result, kernel.name, kernel.design.name)
    if result.witness is not None:
        outcome.report = _report(outcome, Stage(scenario, codes, kernel), result.witness)
    return outcome


def usual_properties(design: TaskDesign) -> Properties:
    """All that no design may do; where tasks in maps are RCU-safe by their rcu_users, the invariant of that, too."""
    if design.rcu_safe and design.count == RCU_USERS:
        return Properties((*DEFAULT, DEAD_IN_MAP))
    return Properties()


def _report(outcome: Outcome, stage: Stage, witness: search.Witness) -> Report:
    replay = Replay(stage)
    replay.play(witness.actors)
    violation = outcome.system.violation(witness.violation)
    return report_of(replay, violation, schedule.to_text(witness.actors))


def derived(codes: Sequence[Code]) -> list[Scenario]:
    """Sensible scenarios for an object: each pair of its programs (each with itself, too) beside an exiting task.

    The task lies in the first kptr field of every map that can hold one; it is also what tracing programs get as
    arguments.
    """
    found = []
    for at, one in enumerate(codes):
        for other in codes[at:]:
            maps = {m.name: m for code in (one, other) for m in code.maps}
            stashes = tuple(Stash(name) for name, spec in maps.items() if _holds_tasks(spec))
            dying = (Task(),) if stashes or deals_with_tasks(one) or deals_with_tasks(other) else ()
            found.append(Scenario((_cpu(one), _cpu(other)), dying, stashes))
    return found


def deals_with_tasks(code: Code) -> bool:
    """Whether a program could get hold of a task at all."""
    if any(name.startswith("bpf_task_") for name in code.names.values()) or _cpu(code).arguments:
        return True
    return any(_holds_tasks(spec) for spec in code.maps)


def _holds_tasks(spec: Map) -> bool:
    """Whether the first reference in a map's value is one of a task."""
    field_ = next((one for one in spec.fields if one.kind == "kptr_ref"), None)
    return field_ is not None and "task" in field_.destructor and spec.map_type in (1, 2)


def _cpu(code: Code) -> Cpu:
    """A program with what it could get: tracepoints on tasks get the task."""
    if code.event.startswith(("task_newtask", "sched_process_exit", "sched_process_free", "sched_wakeup_new")):
        return Cpu(code.name, arguments=("task:100", "0"))
    return Cpu(code.name)
