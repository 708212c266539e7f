"""A schedule run step by step on one whole world, with its ledger and everything that a person wants to see of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from kverdict.diagnostic import Place
from kverdict.errors import InputError
from kverdict.explore.build import Stage
from kverdict.explore.property import Violation
from kverdict.explore.trust import Trust
from kverdict.explore.visible import name_of
from kverdict.machine.fault import Fault
from kverdict.machine.ledger import Entry
from kverdict.machine.memory import MAP_VALUE
from kverdict.machine.objects.task import Task
from kverdict.machine.operations import blocked
from kverdict.machine.run import RUNNING, Run
from kverdict.machine.world import KernelStep

KERNEL_NAMES: Final = {
    "unhash": "unhash: not findable by pid any more",
    "reaper_put": "put_task_struct_rcu_user (release_task)",
    "scheduler_put": "put_task_struct_rcu_user (finish_task_switch)",
}


@dataclass(frozen=True, slots=True)
class Queued:
    """A callback in the queue: name, its object, and the programs whose read sections it waits for."""

    name: str
    target: int
    waits: frozenset[int]


@dataclass(slots=True)
class Event:
    """One visible step. actor: as in schedules; what: words; place: in the source, for programs.

    counts: (object, count, before, after); inside: programs in a read section afterwards; queue: callbacks afterwards;
    moved: ownership that changed hands, (object, from, to); got: address that a program obtained from `source`.
    """

    number: int
    actor: str
    what: str
    place: Place | None = None
    entries: list[Entry] = field(default_factory=list)
    inside: frozenset[int] = frozenset()
    queue: tuple[Queued, ...] = ()
    freed: tuple[int, ...] = ()
    moved: list[tuple[int, str, str]] = field(default_factory=list)
    got: int = 0
    source: str = ""
    problem: str = ""

    @property
    def program(self) -> int:
        """The number of the program that did it, -1 for the kernel."""
        return int(self.actor) if self.actor.isdigit() else -1


class Replay:
    """Runs a schedule. events: what happened; problems: findings and the fault, as violations; world: at the end."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.world = stage.world(keep_ledger=True)
        self.trusts = [Trust() for _ in range(stage.actors)]
        self.runs: list[Run | None] = [None] * stage.actors
        self.events: list[Event] = []
        self.problems: list[Violation] = []
        self.faulted = False
        self.started = len(self.world.ledger.entries)
        for number, code in enumerate(stage.codes):
            if not stage.visibility.entry(code.sleepable):
                self.runs[number] = stage.step(self.world, number, None, self.trusts[number])

    def play(self, actors: Sequence[str]) -> None:
        """Do the steps in order; a fault ends it. Raises InputError if somebody cannot do a step now."""
        for actor in actors:
            self.step(actor)
            if self.faulted:
                break

    def step(self, actor: str) -> None:
        """One visible step of an actor. Raises InputError."""
        world = self.world
        event = Event(len(self.events) + 1, actor, "")
        self.events.append(event)
        entries = len(world.ledger.entries)
        graves = set(world.memory.graves)
        before = self._kptrs()
        held = self._held(actor)
        try:
            if actor.isdigit():
                self._program(int(actor), event)
            else:
                self._kernel(actor, event)
        except Fault as fault:
            event.problem = fault.text
            self.faulted = True
            insn = event.place.insn if event.place is not None else -1
            self.problems.append(Violation.of_fault(fault, actor, insn))
        for finding in world.findings:
            if not event.problem:
                event.problem = finding.text
                self.problems.append(Violation.of_finding(finding))
        world.findings.clear()
        world.fired.clear()
        event.entries = world.ledger.entries[entries:]
        event.freed = tuple(number for number in world.memory.graves if number not in graves)
        event.inside = frozenset(reader - 1 for reader in world.rcu.normal)
        event.queue = tuple(
            Queued(callback.name, callback.target, frozenset(reader - 1 for reader in callback.waits))
            for callback in world.rcu.callbacks
        )
        self._moves(event, before, held)

    def _program(self, number: int, event: Event) -> None:
        if number >= self.stage.actors or (number >= len(self.stage.codes) and self.runs[number] is None):
            raise InputError("--schedule", str(number), f"there are {len(self.stage.codes)} programs")
        run = self.runs[number]
        if run is not None and (run.status != RUNNING or blocked(self.world, run)):
            raise InputError("--schedule", f"step {event.number}", f"program {number} cannot do anything now")
        event.what = "enter" if run is None else name_of(self.world, run)
        insn = 0 if run is None else run.insn
        current = self.stage.codes[number] if run is None else run.code
        if current.program is not None:
            event.place = current.program.place(insn)
        else:
            event.place = Place(insn, current.name)
        loads = run is not None and event.what.startswith("read of")
        target = run.code.insns[run.insn].dst if run is not None and loads else 0
        frame = run.frames[-1] if run is not None else None
        after = self.stage.step(self.world, number, run, self.trusts[number])
        self.runs[number] = after
        if frame is not None:
            value = frame.regs[target]
            if value >> 32 in self.stage.tasks.values() and value & 0xFFFFFFFF == 0:
                event.got, event.source = value, event.what

    def _kernel(self, actor: str, event: Event) -> None:
        world = self.world
        kind, rest = actor[0], actor[1:]
        if kind == "Q":
            queue = sorted(world.rcu.callbacks, key=lambda callback: (callback.name, callback.target))
            if int(rest) >= len(queue) or not queue[int(rest)].ready():
                raise InputError("--schedule", f"step {event.number}", f"callback {rest} is not ready")
            event.what = queue[int(rest)].name
            world.rcu.run(queue[int(rest)])
        elif kind == "M":
            event.what = "maps are freed"
            world.destroy_maps()
        elif kind == "T":
            event.what = "timer fires"
            self._timer(int(rest, 16), event)
        else:
            self._task_step(kind, int(rest), event)

    def _timer(self, address: int, event: Event) -> None:
        number = len(self.stage.codes)
        if address not in self.stage.armed(self.world):
            raise InputError("--schedule", f"step {event.number}", "this timer is not armed")
        self.trusts[number] = Trust()
        run = self.stage.begin_timer(self.world, address)
        self.stage.advance(self.world, run, self.trusts[number])
        self.runs[number] = run

    def _task_step(self, kind: str, pid: int, event: Event) -> None:
        wanted = ("scheduler_put",) if kind == "S" else ("unhash", "reaper_put")
        number = self.stage.tasks.get(pid, 0)
        steps: list[KernelStep] = [s for s in self.world.kernel_steps() if s.subject == number and s.name in wanted]
        if not steps:
            raise InputError("--schedule", f"step {event.number}", f"{kind}{pid} has nothing to do now")
        event.what = KERNEL_NAMES[steps[0].name]
        self.world.perform(steps[0])

    # Ownership

    def _kptrs(self) -> dict[int, str]:
        """Region number of an object → the map slot that holds it."""
        found: dict[int, str] = {}
        for bpf_map in self.world.map_table:
            fields = [one for one in bpf_map.spec.fields if one.kind == "kptr_ref"]
            for number in bpf_map.values() if fields else ():
                region = self.world.memory.regions.get(number)
                if region is None or region.kind != MAP_VALUE:
                    continue
                for one in fields:
                    target = region.load(one.offset, 8) >> 32
                    if target:
                        found[target] = region.name
        return found

    def _held(self, actor: str) -> frozenset[int]:
        run = self.runs[int(actor)] if actor.isdigit() and int(actor) < len(self.runs) else None
        return frozenset(address >> 32 for address in run.held) if run is not None else frozenset()

    def _moves(self, event: Event, before: dict[int, str], held: frozenset[int]) -> None:
        after = self._kptrs()
        now = self._held(event.actor)
        who = self.name(event.actor)
        for number in sorted(set(before) | set(after)):
            if before.get(number) != after.get(number):
                if number in before:
                    event.moved.append((number, before[number], who if number in now else "nobody"))
                else:
                    event.moved.append((number, who, after[number]))
        gained = [number for number in now - held if number not in before]
        if gained:
            event.got, event.source = event.got or gained[0] << 32, event.source or event.what

    # Names

    def name(self, actor: str) -> str:
        """An actor for people: "CPU 0: reader", "reaper", "softirq"."""
        if actor.isdigit():
            number = int(actor)
            if number >= len(self.stage.codes):
                return "timer"
            cpu = self.stage.scenario.cpus[number].cpu
            return f"CPU {number if cpu < 0 else cpu}: {self.stage.codes[number].name}"
        return {"R": "reaper", "S": "scheduler", "Q": "softirq", "T": "timer", "M": "map worker"}[actor[0]]

    def object_name(self, number: int) -> str:
        """An object for people, live or freed."""
        region = self.world.memory.regions.get(number)
        if region is not None:
            return region.name
        grave = self.world.memory.graves.get(number)
        return grave.name if grave is not None else f"object {number:#x}"

    def counts(self, number: int) -> str:
        """The counts of a task now."""
        region = self.world.memory.regions.get(number)
        if isinstance(region, Task):
            return f"usage {region.usage}, rcu_users {region.rcu_users}"
        return "freed" if number in self.world.memory.graves else ""


def replay(stage: Stage, actors: Sequence[str]) -> Replay:
    """Run a whole schedule. Raises InputError if it does not fit the scenario."""
    found = Replay(stage)
    found.play(actors)
    return found
