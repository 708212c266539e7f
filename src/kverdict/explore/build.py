"""From a scenario to a world in which nothing has run yet, and the few ways in which an explorer moves it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from kverdict.errors import InputError, UnsupportedError
from kverdict.explore.parts import next_number, range_of
from kverdict.explore.scenario import EXITS, Cpu, Scenario
from kverdict.explore.trust import Trust
from kverdict.explore.visible import LOCAL_LIMIT, Visibility
from kverdict.machine import call
from kverdict.machine.code import Code
from kverdict.machine.maps.array import ArrayMap
from kverdict.machine.maps.hash import HashMap
from kverdict.machine.memory import MAP_KEY, Region
from kverdict.machine.objects import task as life
from kverdict.machine.objects.task import Task
from kverdict.machine.objects.task_design import USAGE
from kverdict.machine.run import RUNNING, Run
from kverdict.machine.world import World

if TYPE_CHECKING:
    from kverdict.machine.kernel import Kernel
    from kverdict.machine.maps.base import BpfMap

CONTEXT_WORDS: Final = 8
TIMER_FIRES: Final = 3  # how often timers fire in one scenario: one that arms itself again would never end
FIRES: Final = "timer fires"
CLOCK: Final = 1_000_000  # time stands still: no answer may depend on the order of looks at the clock


class Stage:
    """What is the same in every state: scenario, code of each program, rules of visibility.

    codes: one a CPU entry. tasks: region number by pid. first: the lowest number of a region made after the setup.
    """

    __slots__ = ("caller_holds", "codes", "contexts", "first", "kernel", "scenario", "tasks", "timers", "visibility")

    def __init__(self, scenario: Scenario, codes: Mapping[str, Code], kernel: Kernel) -> None:
        self.scenario = scenario
        self.kernel = kernel
        for cpu in scenario.cpus:
            if cpu.program not in codes:
                raise InputError(
                    "scenario", cpu.program, f"no such program, expected one of {', '.join(sorted(codes))}"
                )
        self.codes = [codes[cpu.program] for cpu in scenario.cpus]
        names = {name for code in self.codes for name in code.names.values()}
        self.visibility = Visibility(names)
        self.timers = "bpf_timer_start" in names
        self.tasks: dict[int, int] = {}
        self.contexts: list[list[int]] = []
        self.caller_holds: list[list[int]] = []
        self.first = 0

    @property
    def actors(self) -> int:
        """Programs, and one more that runs the callbacks of timers if there can be any."""
        return len(self.codes) + self.timers

    def world(self, *, keep_ledger: bool = False) -> World:
        """The world at the start. Raises InputError for what the scenario cannot have, UnsupportedError."""
        cpus = max(2, len(self.codes), *(cpu.cpu + 1 for cpu in self.scenario.cpus))
        world = World(self.kernel, (), cpus=cpus, keep_ledger=keep_ledger)
        world.deferred = True
        for code in {id(code): code for code in self.codes}.values():
            world.load(code)
        for task in self.scenario.tasks:
            handle = world.fork(task.comm, task.pid)
            self.tasks[task.pid] = handle.id
            if task.fate == EXITS:
                handle.task.phase = life.ZOMBIE
        world.handles.clear()
        for element in self.scenario.elements:
            self._element(world, element.map, element.key, element.value)
        for stash in self.scenario.stashes:
            self._stash(world, stash.map, stash.pid, stash.key, stash.field)
        self.contexts = [self._context(cpu) for cpu in self.scenario.cpus]
        self.caller_holds = [self._callers(world, cpu) for cpu in self.scenario.cpus]
        for found in world.map_table:
            if isinstance(found, ArrayMap) and found.spec.max_entries <= 64:
                for place in range(found.spec.max_entries):
                    for number in range(world.cpus if found.per_cpu else 1):
                        found.element(world, place, number)
        world.fired.clear()
        world.findings.clear()
        self.first = world.memory.next_kernel
        return world

    def _map(self, world: World, name: str) -> BpfMap:
        if name not in world.map_numbers:
            known = ", ".join(sorted(world.map_numbers))
            raise InputError("scenario", name, f"the programs use no such map, expected one of {known}")
        return world.map_table[world.map_numbers[name]]

    def _element(self, world: World, name: str, key: int, value: int) -> None:
        found = self._map(world, name)
        raw_key = key.to_bytes(found.spec.key_size, "little")
        raw = (value & ((1 << found.spec.value_size * 8) - 1)).to_bytes(found.spec.value_size, "little")
        problem = found.update(world, raw_key, raw, 0, 0)
        if problem:
            raise InputError("scenario", f"{name}[{key}]", f"the map refuses it: error {problem}")

    def _stash(self, world: World, name: str, pid: int, key: int, which: int) -> None:
        found = self._map(world, name)
        fields = [field for field in found.spec.fields if field.kind == "kptr_ref"]
        if which >= len(fields) or not isinstance(found, (ArrayMap, HashMap)):
            raise InputError("scenario", name, "the map has no kptr field that could hold a task")
        if pid not in self.tasks:
            raise InputError("scenario", f"task {pid}", "no such task in this scenario")
        if key < 0:
            key = pid if isinstance(found, HashMap) else 0
        raw = key.to_bytes(found.spec.key_size, "little")
        if found.value_region(world, raw) is None:
            self._element(world, name, key, 0)
        region = found.value_region(world, raw)
        task = world.memory.regions[self.tasks[pid]]
        assert region is not None and isinstance(task, Task)
        life.take(world, task, world.design.count, f"was left in {name} before")
        region.store(fields[which].offset, 8, task.address)

    def _context(self, cpu: Cpu) -> list[int]:
        words = []
        for argument in cpu.arguments:
            kind, _, pid = argument.partition(":")
            if kind == "task":
                if int(pid) not in self.tasks:
                    raise InputError("scenario", argument, "no such task in this scenario")
                words.append(self.tasks[int(pid)] << 32)
            else:
                words.append(int(argument, 0) & (1 << 64) - 1)
        return words + [0] * (CONTEXT_WORDS - len(words))

    def _callers(self, world: World, cpu: Cpu) -> list[int]:
        """Tasks that are arguments: whoever calls the program keeps their memory (usage) until it has returned."""
        found = [self.tasks[int(a.partition(":")[2])] for a in cpu.arguments if a.startswith("task:")]
        for number in found:
            task = world.memory.regions[number]
            assert isinstance(task, Task)
            life.take(world, task, USAGE, f"the caller of {cpu.program} holds its argument")
        return found

    # Moving

    def begin(self, world: World, actor: int) -> Run:
        """The program of this CPU enters; nothing of it is executed yet."""
        self.own_range(world, actor)
        world.next_run = actor + 1
        cpu = self.scenario.cpus[actor].cpu
        return world.begin(self.codes[actor], self.contexts[actor], cpu=actor if cpu < 0 else cpu)

    def own_range(self, world: World, actor: int) -> None:
        """New regions come from the range of this actor; the clock and random numbers are constant."""
        world.memory.next_kernel = next_number(world, range_of(self.first, actor))
        world.clock = CLOCK

    def begin_timer(self, world: World, address: int) -> Run:
        """The callback of an armed timer enters, as a run of its own on CPU 0 in softirq."""
        actor = len(self.codes)
        self.own_range(world, actor)
        timer = world.timers.known[address]
        timer.due = -1
        world.scratch[FIRES] = world.scratch.get(FIRES, 0) + 1
        if timer.code is None or timer.callback < 0:
            raise UnsupportedError("timer without a callback")
        region = world.memory.find(address)
        found = world.map_table[timer.map_index]
        run = Run(actor + 1, timer.code, f"timer of {found.name}", 0, world.current[0], False)
        world.runs[run.id] = run
        world.enter_sections(run)
        key = Region(MAP_KEY, f"of {found.name}", bytearray(max(found.spec.key_size, 4)), run.id)
        run.owned.append(world.memory.add(key) >> 32)
        arguments = [world.memory.regions[found.region].address, key.address, region.address]
        call.enter(world, run, timer.callback, arguments, None)
        return run

    def advance(self, world: World, run: Run, trust: Trust) -> None:
        """Execute up to the next visible step or the end. Raises Fault, UnsupportedError."""
        visibility = self.visibility
        for _ in range(LOCAL_LIMIT):
            if run.status != RUNNING or visibility.step(world, run):
                break
            trust.step(world, run)
        else:
            raise UnsupportedError(f"more than {LOCAL_LIMIT} instructions without a visible step in {run.name}")

    def step(self, world: World, actor: int, run: Run | None, trust: Trust) -> Run:
        """One visible step of a program, then all local ones up to the next. run: None to enter."""
        if run is None:
            run = self.begin(world, actor)
        else:
            self.own_range(world, actor)
            trust.step(world, run)
        self.advance(world, run, trust)
        if run.status != RUNNING and actor < len(self.codes):
            self._return_to_caller(world, actor)
        return run

    def _return_to_caller(self, world: World, actor: int) -> None:
        for number in self.caller_holds[actor]:
            task = world.memory.regions[number]
            assert isinstance(task, Task)
            world.who_stack.append(f"caller of {self.codes[actor].name}")
            life.put(world, task, "the caller lets its argument go")
            world.who_stack.pop()

    def armed(self, world: World) -> Sequence[int]:
        """Addresses of timers that could fire; none after TIMER_FIRES."""
        if world.scratch.get(FIRES, 0) >= TIMER_FIRES:
            return []
        return sorted(address for address, timer in world.timers.known.items() if timer.due >= 0)
