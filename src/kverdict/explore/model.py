"""The transition system of a scenario: states are single integers, steps are looked up, each is executed only once.

A state packs the number of the shared objects, the number of the RCU readers and queue, and one number for what each
program has for itself. A step of a program depends on the shared objects and on its own part only, so that its effect
is a difference that can be added to every state in which these two agree.
"""

from __future__ import annotations

from typing import Final, Protocol

from kverdict.errors import InternalError
from kverdict.explore.assertion import holds, parse, uses, values_of
from kverdict.explore.build import Stage
from kverdict.explore.effects import ReadersTable, Recorder
from kverdict.explore.parts import NOT_STARTED, Local, local_key, put_in, shared_key, take_out
from kverdict.explore.property import Properties, Violation, final_violation, invariant_violation
from kverdict.explore.trust import Trust
from kverdict.explore.visible import name_of
from kverdict.machine.fault import Fault
from kverdict.machine.run import RUNNING
from kverdict.machine.world import KernelStep, World

BITS: Final = 20
MASK: Final = (1 << BITS) - 1
READERS_SHIFT: Final = BITS
LOCALS_SHIFT: Final = 2 * BITS

Step = tuple[int, int, int]  # number of the label, the next state, number of the violation (0: none)


class System(Protocol):
    """What a search needs. Labels and violations are numbers; see label() and violation()."""

    initial: int

    def successors(self, state: int) -> list[Step]:
        """All steps that are possible."""

    def final(self, state: int) -> int:
        """The number of the violation of a state without successors, 0 if all is well."""

    def actor(self, label: int) -> str:
        """Who does the step of this label, as schedules name it."""


class Label:
    """A kind of step: actor as in schedules, what is done, at which instruction (-1 for the kernel's own)."""

    __slots__ = ("actor", "insn", "what")

    def __init__(self, actor: str, what: str, insn: int = -1) -> None:
        self.actor = actor
        self.what = what
        self.insn = insn


class KernelSystem:
    """The scenario of a stage, under some properties."""

    def __init__(self, stage: Stage, properties: Properties) -> None:
        self.stage = stage
        self.properties = properties
        self.assertions = [parse(text) for text in stage.scenario.assertions]
        self.keep_results = any(uses(tree, "result") for tree in self.assertions)
        self.readers = ReadersTable()
        self.worlds: list[World] = []
        self.shared_numbers: dict[object, int] = {}
        self.broken: list[int] = []  # violation of the invariants by the shared objects alone, 0 if none
        self.locals: list[list[Local]] = [[NOT_STARTED] for _ in range(stage.actors)]
        self.local_numbers: list[dict[object, int]] = [{(): 0} for _ in range(stage.actors)]
        self.labels: list[Label] = []
        self.label_numbers: dict[tuple[str, str, int], int] = {}
        self.violations: list[Violation | None] = [None]
        self.violation_numbers: dict[object, int] = {}
        self.rows: list[dict[int, tuple[tuple[int, int, int, int], ...]]] = [{} for _ in range(stage.actors)]
        self.kernel_rows: dict[int, tuple[tuple[int, int, int, int, int], ...]] = {}
        self.finals: dict[int, int] = {}
        self.executed = 0
        self.task_names: dict[int, int] = {}
        self.initial = self._start()

    # Numbers

    def _shared(self, world: World) -> int:
        key = shared_key(world)
        found = self.shared_numbers.get(key)
        if found is None:
            found = self.shared_numbers[key] = len(self.worlds)
            if found > MASK:
                raise InternalError("too many states of the shared objects for one word")
            self.worlds.append(world)
            violation = invariant_violation(world, self.properties, self.assertions)
            self.broken.append(self._violation(violation))
        return found

    def _local(self, actor: int, local: Local) -> int:
        if local.ended and actor == len(self.stage.codes):
            return 0  # a timer's callback is over: the next one may fire
        key = local_key(local, keep_result=self.keep_results)
        numbers = self.local_numbers[actor]
        found = numbers.get(key)
        if found is None:
            found = numbers[key] = len(self.locals[actor])
            if found > MASK:
                raise InternalError("too many states of one program for one word")
            self.locals[actor].append(local)
        return found

    def _label(self, actor: str, what: str, insn: int = -1) -> int:
        key = (actor, what, insn)
        found = self.label_numbers.get(key)
        if found is None:
            found = self.label_numbers[key] = len(self.labels)
            self.labels.append(Label(actor, what, insn))
        return found

    def _violation(self, violation: Violation | None) -> int:
        if violation is None:
            return 0
        key = violation.key()
        found = self.violation_numbers.get(key)
        if found is None:
            found = self.violation_numbers[key] = len(self.violations)
            self.violations.append(violation)
        return found

    def actor(self, label: int) -> str:
        return self.labels[label].actor

    # The start

    def _start(self) -> int:
        world = self.stage.world()
        world.rcu = Recorder(world)
        self.task_names.update({number: pid for pid, number in self.stage.tasks.items()})
        base = self._shared(world.clone())
        state = 0
        readers = 0
        for number, code in enumerate(self.stage.codes):
            if self.stage.visibility.entry(code.sleepable):
                continue
            copy = self.worlds[base].clone()
            trust = Trust()
            run = self.stage.step(copy, number, None, trust)
            readers = self._effects_on(readers, copy)
            local = self._take_out(copy, run.id, trust)
            base = self._shared(copy)
            state += self._local(number, local) << (LOCALS_SHIFT + number * BITS)
        return state + (readers << READERS_SHIFT) + base

    def _effects_on(self, readers: int, world: World) -> int:
        recorder = world.rcu
        assert isinstance(recorder, Recorder)
        return self.readers.apply(readers, self.readers.effect_number(tuple(recorder.effects)))

    def _take_out(self, world: World, run_id: int, trust: Trust) -> Local:
        """The program's own part, with words for its next step."""
        run = world.runs[run_id]
        what = name_of(world, run) if run.status == RUNNING else ""
        local = take_out(world, run, trust)
        local.next_step = what
        recorder = world.rcu
        assert isinstance(recorder, Recorder)
        recorder.effects = []
        world.fired.clear()
        world.active = 0
        return local

    # Steps

    def successors(self, state: int) -> list[Step]:
        """All steps that are possible in a state, programs first."""
        shared = state & MASK
        readers = state >> READERS_SHIFT & MASK
        after = self.readers.after
        found: list[Step] = []
        rest = state >> LOCALS_SHIFT
        shift = LOCALS_SHIFT
        for number, rows in enumerate(self.rows):
            local = rest & MASK
            row = rows.get(local << BITS | shared)
            if row is None:
                row = rows[local << BITS | shared] = self._program_steps(number, shared, local, shift)
            for label, difference, effects, violation in row:
                if effects:
                    new = after.get(effects << 32 | readers)
                    if new is None:
                        new = self.readers.apply(readers, effects)
                    found.append((label, state + difference + (new - readers << READERS_SHIFT), violation))
                else:
                    found.append((label, state + difference, violation))
            rest >>= BITS
            shift += BITS
        kernel = self.kernel_rows.get(shared)
        if kernel is None:
            kernel = self.kernel_rows[shared] = self._kernel_steps(shared)
        for label, difference, effects, violation, position in kernel:
            if position >= 0 and not self.readers.ready[readers] >> position & 1:
                continue
            if position == -2 and not self._all_ended(state):
                continue
            new = self.readers.apply(readers, effects) if effects else readers
            found.append((label, state + difference + (new - readers << READERS_SHIFT), violation))
        return found

    def _all_ended(self, state: int) -> bool:
        rest = state >> LOCALS_SHIFT
        for number in range(len(self.stage.codes)):
            if not self.locals[number][rest & MASK].ended:
                return False
            rest >>= BITS
        return rest == 0

    def _program_steps(self, actor: int, shared: int, number: int, shift: int) -> tuple[tuple[int, int, int, int], ...]:
        """Execute the next visible step of a program on these objects: (label, difference, effects, violation)."""
        local = self.locals[actor][number]
        if local.ended:
            return ()
        if actor == len(self.stage.codes) and local.run is None:
            return tuple(
                self._program_step(actor, shared, number, shift, address)
                for address in self.stage.armed(self.worlds[shared])
            )
        if local.run is not None and local.run.pending is not None:
            from kverdict.machine.operations import blocked

            if blocked(self.worlds[shared], local.run):
                return ()
        return (self._program_step(actor, shared, number, shift, 0),)

    def _program_step(self, actor: int, shared: int, number: int, shift: int, timer: int) -> tuple[int, int, int, int]:
        self.executed += 1
        local = self.locals[actor][number]
        world = self.worlds[shared].clone()
        run = None
        trust = local.trust.clone()
        if local.run is not None:
            run = put_in(world, local)
            label = self._label(str(actor), local.next_step, local.insn)
        elif timer:
            label = self._label(f"T{timer:x}", "timer fires")
        else:
            label = self._label(str(actor), "enter")
        try:
            if timer:
                run = self.stage.begin_timer(world, timer)
                self.stage.advance(world, run, trust)
            else:
                run = self.stage.step(world, actor, run, trust)
        except Fault as fault:
            insn = local.insn if run is None else run.insn
            return label, 0, 0, self._violation(Violation.of_fault(fault, str(actor), insn))
        violation = self._found(world)
        recorder = world.rcu
        assert isinstance(recorder, Recorder)
        effects = self.readers.effect_number(tuple(recorder.effects))
        after = self._local(actor, self._take_out(world, run.id, trust))
        new = self._shared(world)
        difference = new - shared + (after - number << shift)
        return label, difference, effects, violation or self.broken[new]

    def _found(self, world: World) -> int:
        """The first finding of a step, if the properties care."""
        for finding in world.findings:
            if self.properties.cares(finding.kind):
                number = self._violation(Violation.of_finding(finding))
                world.findings.clear()
                return number
        world.findings.clear()
        return 0

    def _kernel_steps(self, shared: int) -> tuple[tuple[int, int, int, int, int], ...]:
        """What the kernel itself could do: (label, difference, effects, violation, position in the queue or -1)."""
        world = self.worlds[shared]
        rows = []
        for step in world.kernel_steps():
            if not step.name.startswith("rcu:"):
                letter = "S" if step.name == "scheduler_put" else "R"
                label = self._label(f"{letter}{self._pid(step.subject)}", step.name)
                rows.append((label, *self._kernel_step(shared, step, -1), -1))
        for position, callback in enumerate(world.rcu.callbacks):
            label = self._label(f"Q{position}", callback.name)
            step = KernelStep("rcu:" + callback.name, position)
            rows.append((label, *self._kernel_step(shared, step, position), position))
        if self.stage.scenario.destroy_maps and any(True for found in world.map_table for _ in found.values()):
            label = self._label("M", "maps are freed")
            rows.append((label, *self._kernel_step(shared, KernelStep("destroy", 0), -2), -2))
        return tuple(rows)

    def _pid(self, number: int) -> int:
        return self.task_names.get(number, number)

    def _kernel_step(self, shared: int, step: KernelStep, position: int) -> tuple[int, int, int]:
        self.executed += 1
        world = self.worlds[shared].clone()
        recorder = world.rcu
        assert isinstance(recorder, Recorder)
        try:
            perform(world, step, position)
        except Fault as fault:
            return 0, 0, self._violation(Violation.of_fault(fault, step.name, -1))
        violation = self._found(world)
        effects = self.readers.effect_number(tuple(recorder.effects))
        recorder.effects = []
        world.fired.clear()
        new = self._shared(world)
        return new - shared, effects, violation or self.broken[new]

    # The end

    def final(self, state: int) -> int:
        """Nobody can go on: a deadlock, or the end at which nothing may be missing."""
        if not self._all_ended(state):
            waiting = tuple(at for at in range(len(self.stage.codes)) if not self._local_of(state, at).ended)
            return self._violation(Violation.deadlock(waiting)) if self.properties.cares("deadlock") else 0
        key = state if self.keep_results else state & MASK
        found = self.finals.get(key)
        if found is None:
            results: dict[str, int] = {}
            for number, code in enumerate(self.stage.codes):
                run = self._local_of(state, number).run
                assert run is not None
                results.setdefault(code.name, run.result)
            world = self.worlds[state & MASK].clone()
            violation = None
            for tree in self.assertions:
                if not holds(tree, world, results):
                    violation = Violation.assertion(tree, values_of(tree, world, results))
                    break
            if violation is None:
                violation = final_violation(world, self.properties)
            found = self.finals[key] = self._violation(violation)
        return found

    def _local_of(self, state: int, actor: int) -> Local:
        return self.locals[actor][state >> (LOCALS_SHIFT + actor * BITS) & MASK]

    def violation(self, number: int) -> Violation:
        """The violation of a number. It is an error to ask for number 0."""
        found = self.violations[number]
        if found is None:
            raise InternalError("there is no violation of this number")
        return found


def perform(world: World, step: KernelStep, position: int) -> None:
    """One of the kernel's own steps on a world with a recorder. Raises Fault."""
    if step.name == "destroy":
        world.destroy_maps()
    elif position >= 0:
        recorder = world.rcu
        assert isinstance(recorder, Recorder)
        world.run_callback(recorder.take(position))
    else:
        world.perform(step)
