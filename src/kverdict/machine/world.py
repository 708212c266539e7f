"""The simulated kernel: one World holds every mutable thing; programs run in it, objects live and die in it.

To use it:      world = World(kernel, [code, ...]); child = world.fork("worker"); child.exit();
                world.rcu.synchronize(); world.maps["tasks"]; world.globals["err"]; world.assert_no_leaks()
To step it:     run = world.begin(code, [address, ...]); while run.status == "running": world.step(run)
                One step is one instruction, or one atomic step of a helper or kfunc that has several (run.pending).
                operations.next_operation(world, run) says what the next step touches, so an explorer can tell local
                steps from visible ones. A Fault is raised by step() and also kept in world.findings.
Kernel actors:  world.kernel_steps() lists what the reaper, the scheduler and softirq could do now;
                world.perform(step) does one. Nothing of that happens by itself while world.deferred is true; events
                (tracepoints) are then collected in world.fired instead of being run.
To fork it:     other = world.clone() copies everything mutable; regions, tasks and runs are named by numbers that mean
                the same in the copy (world.runs[number], world.memory.regions[number]). Code and Kernel are shared.
To compare:     canonical.state(world) renumbers regions and gives a hashable value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final

from kverdict.isa import opcode as op
from kverdict.isa.insn import Insn
from kverdict.machine import step as stepping
from kverdict.machine.code import Code
from kverdict.machine.contexts import context, event_name
from kverdict.machine.fault import LEAK, Fault, Finding
from kverdict.machine.graphs import Allocated, Collections
from kverdict.machine.kernel import Kernel
from kverdict.machine.ledger import Ledger
from kverdict.machine.maps.base import BpfMap
from kverdict.machine.maps.create import create_map
from kverdict.machine.memory import CONTEXT, MAP, STACK, Constant, Memory, Region
from kverdict.machine.objects import cgroup, cpumask
from kverdict.machine.objects import task as task_module
from kverdict.machine.objects.task import Task
from kverdict.machine.rcu import Callback, Rcu
from kverdict.machine.run import DONE, FAULTED, RUNNING, Run
from kverdict.machine.timers import Timers

if TYPE_CHECKING:
    from kverdict.machine.trace import Watcher
    from kverdict.machine.views import GlobalsView, MapsView, TaskHandle
    from kverdict.program.program import Map

FUNCTION_BASE: Final = 0x7FFF_0000_0000_0000  # address of a subprogram: base | instruction index
INIT_PID: Final = 1
FIRST_PID: Final = 100


class KernelStep:
    """Something that the kernel could do now: name and the region (or callback number) that it is about."""

    __slots__ = ("name", "subject")

    def __init__(self, name: str, subject: int) -> None:
        self.name = name
        self.subject = subject

    def __repr__(self) -> str:
        return f"KernelStep({self.name!r}, {self.subject:#x})"


class World:
    """A simulated kernel with its programs; see the module's docstring. cpus: how many CPUs there are."""

    __slots__ = (
        "active",
        "allocated",
        "attached",
        "cgroups",
        "clock",
        "codes",
        "collections",
        "cpus",
        "current",
        "deferred",
        "design",
        "findings",
        "fired",
        "handles",
        "kernel",
        "kernel_variables",
        "layouts",
        "ledger",
        "log",
        "map_numbers",
        "map_table",
        "memory",
        "next_pid",
        "next_run",
        "output",
        "random",
        "rcu",
        "runs",
        "scratch",
        "tasks",
        "timers",
        "watcher",
        "who_stack",
    )

    def __init__(
        self, kernel: Kernel | None = None, codes: Iterable[Code] = (), *, cpus: int = 2, keep_ledger: bool = True
    ) -> None:
        self.kernel = kernel if kernel is not None else Kernel()
        self.design = self.kernel.design
        self.layouts = self.kernel.layouts
        self.cpus = cpus
        self.memory = Memory()
        self.rcu = Rcu(self)
        self.ledger = Ledger(keep_ledger)
        self.findings: list[Finding] = []
        self.tasks: dict[int, int] = {}
        self.cgroups: dict[int, int] = {}
        self.allocated: dict[int, Allocated] = {}
        self.collections = Collections()
        self.timers = Timers()
        self.map_table: list[BpfMap] = []
        self.map_numbers: dict[str, int] = {}
        self.codes: list[Code] = []
        self.attached: dict[str, list[Code]] = {}
        self.runs: dict[int, Run] = {}
        self.current: list[int] = []
        self.clock = 1_000_000
        self.random = 0x2545F4914F6CDD1D
        self.next_run = 1
        self.active = 0
        self.watcher: Watcher | None = None
        self.next_pid = FIRST_PID
        self.log: list[str] = []
        self.output: dict[int, list[bytes]] = {}
        self.kernel_variables: dict[int, int] = {}
        self.deferred = False
        self.fired: list[tuple[str, list[int]]] = []
        self.who_stack: list[str] = []
        self.handles: dict[int, TaskHandle] = {}
        self.scratch: dict[str, int] = {}
        root = cgroup.create(self, 1, "/", None)
        init = task_module.fork(self, INIT_PID, "init", None)
        self.scratch["root_cgroup"] = root.id
        self.current = [init.id] * cpus
        self.ledger.entries.clear()
        for code in codes:
            self.load(code)

    # Programs and maps

    def load(self, code: Code) -> None:
        """Make the program's maps and attach it to its event. Raises UnsupportedError naming functions we lack."""
        code.check()
        self.codes.append(code)
        for spec in code.maps:
            known = self.map_table[self.map_number(spec)]
            if known.spec.btf is None:  # the programs before did not use the map: what they say of it is incomplete
                known.spec = spec
        if code.event:
            self.attached.setdefault(event_name(code), []).append(code)

    def map_number(self, spec: Map) -> int:
        """The number of the map with this name; it is made at the first time."""
        if spec.name not in self.map_numbers:
            number = len(self.map_table)
            region = Constant(MAP, spec.name, bytes(64), number)
            self.memory.add(region)
            self.map_numbers[spec.name] = number
            self.map_table.append(create_map(self, number, spec, region.id))
        return self.map_numbers[spec.name]

    def map_at(self, address: int) -> BpfMap:
        """The map behind a map pointer. Raises Fault if the address is none."""
        region = self.memory.find(address)
        if region.kind != MAP:
            raise Fault("invalid", f"{region.kind} {region.name} is not a map", address)
        return self.map_table[region.owner]

    def constant(self, run: Run, insn: Insn, pc: int) -> int:
        """What an LD_IMM64 loads: the number, or the address of a map, a map's value, a function, a variable."""
        if insn.src == 0:
            return insn.imm
        if insn.src in (op.PSEUDO_MAP_FD, op.PSEUDO_MAP_IDX):
            return self.memory.regions[self._map_of(run, insn.imm).region].address
        if insn.src in (op.PSEUDO_MAP_VALUE, op.PSEUDO_MAP_IDX_VALUE):
            return self._map_of(run, insn.imm & 0xFFFFFFFF).direct_value(insn.imm >> 32)
        if insn.src == op.PSEUDO_FUNC:
            distance = insn.imm & 0xFFFFFFFF
            return FUNCTION_BASE | pc + 1 + (distance - (1 << 32) if distance >> 31 else distance)
        from kverdict.machine.variables import kernel_variable

        return kernel_variable(self, insn.imm)

    def _map_of(self, run: Run, number: int) -> BpfMap:
        return self.map_table[self.map_number(run.code.maps[number])]

    # Running

    def begin(self, code: Code, given: Sequence[int] | bytes | Region, *, cpu: int = 0, task: int = 0) -> Run:
        """Start a program; it has executed nothing yet. given: the context, words, bytes, or a region of its own kind.

        task: region number of the current task, 0 for the one that is current on the CPU.
        """
        run = Run(self.next_run, code, code.name, cpu, task or self.current[cpu], code.sleepable)
        self.next_run += 1
        if isinstance(given, Region):
            region = given
        else:
            raw = given if isinstance(given, bytes) else b"".join(word.to_bytes(8, "little") for word in given)
            region = Region(CONTEXT, f"of {code.name}", bytearray(raw), run.id)
        if region.id == 0:
            self.memory.add(region)
            run.owned.append(region.id)
        run.context = region.address
        run.probes = code.probes
        self.runs[run.id] = run
        self.enter_sections(run)
        from kverdict.machine import call

        call.enter(self, run, 0, [region.address], None)
        return run

    def enter_sections(self, run: Run) -> None:
        """A non-sleepable program is one RCU read section; a sleepable one only a tasks-trace section."""
        if run.sleepable:
            self.rcu.lock_trace(run.id)
        else:
            self.rcu.lock(run.id)

    def new_stack(self, run: Run) -> tuple[int, int]:
        """A fresh stack frame: its region number and the frame pointer."""
        region = Region(STACK, f"of run {run.id}", bytearray(op.STACK_SIZE), run.id)
        if not self.kernel.stack_may_be_unwritten:
            region.init = bytearray(op.STACK_SIZE)
        address = self.memory.add(region)
        return region.id, address + op.STACK_SIZE

    def step(self, run: Run) -> None:
        """One instruction or one step of a pending operation. Raises Fault."""
        stepping.step(self, run)

    def run(
        self,
        program: str | Code,
        context: Sequence[int] | bytes | Region = b"",
        *,
        cpu: int = 0,
        task: int = 0,
        fast: bool = False,
    ) -> Run:
        """Run a program to its end. Raises Fault where it does something that no program may do.

        fast: with the translating engine, which does not count instructions nor see reads of unwritten stack bytes.
        """
        run = self.begin(self.code(program) if isinstance(program, str) else program, context, cpu=cpu, task=task)
        if fast:
            from kverdict.machine.translate import execute

            execute(self, run)
        else:
            stepping.run_to_end(self, run)
        return run

    def code(self, name: str) -> Code:
        """The loaded program of this name. Raises KeyError."""
        for code in self.codes:
            if code.name == name:
                return code
        raise KeyError(name)

    def finish(self, run: Run, value: int) -> None:
        """The program has returned `value`: leave its sections, look for what it still holds."""
        run.status = DONE
        run.result = value
        self._leave(run)
        for address, (what, insn) in run.held.items():
            self.report(LEAK, f"{what} taken at instruction {insn} of {run.name} was not given back", address >> 32)

    def _leave(self, run: Run) -> None:
        while self.rcu.inside(run.id):
            self.rcu.unlock(run.id)
        if run.sleepable:
            self.rcu.unlock_trace(run.id)
        for number in run.owned:
            self.memory.drop(number)

    def fault(self, run: Run, fault: Fault) -> None:
        """Keep the story of a fault; the run is over."""
        run.status = FAULTED
        self.findings.append(
            Finding(fault.kind, fault.text, self.clock, run.id, run.insn, run.name, fault.address >> 32)
        )
        self._leave(run)

    def report(self, kind: str, text: str, subject: int = 0) -> None:
        """Something that the kernel warns of (or should): kept in findings, nothing stops."""
        run = self.running()
        number, insn = (run.id, run.insn) if run is not None else (-1, -1)
        self.findings.append(Finding(kind, text, self.clock, number, insn, self.who(), subject))

    def running(self) -> Run | None:
        """The run that is being stepped; None in kernel steps."""
        if self.who_stack:
            return None
        run = self.runs.get(self.active)
        return run if run is not None and run.status == RUNNING else None

    def who(self) -> str:
        """Who acts now, for the ledger: a kernel step, or a program and its instruction."""
        if self.who_stack:
            return self.who_stack[-1]
        run = self.running()
        return f"{run.name}[{run.id}] insn {run.insn}" if run is not None else "kernel"

    # Events

    def fire(self, event: str, arguments: list[int]) -> None:
        """A tracepoint or function is hit: run what is attached to it, with the arguments as 64-bit words."""
        if self.deferred:
            self.fired.append((event, arguments))
            return
        for code in self.attached.get(event, ()):
            held, self.who_stack, active = self.who_stack, [], self.active
            self.run(code, context(self, code, arguments))
            self.who_stack, self.active = held, active

    def fire_lsm(self, hook: str, arguments: list[int]) -> int:
        """An LSM hook: the first program that answers other than 0 decides."""
        if self.deferred:
            self.fired.append((hook, arguments))
            return 0
        for code in self.attached.get(hook, ()):
            result = self.run(code, [*arguments, 0]).result
            if result:
                return result
        return 0

    # The kernel's own steps

    def kernel_steps(self) -> list[KernelStep]:
        """What the reaper, the scheduler and softirq could do now, in a fixed order."""
        steps: list[KernelStep] = []
        for region_id in sorted(self.memory.regions):
            task = self.memory.regions[region_id]
            if isinstance(task, Task) and task.phase != task_module.RUNNING:
                if task.hashed:
                    steps.append(KernelStep("unhash", region_id))
                elif not task.reaped:
                    steps.append(KernelStep("reaper_put", region_id))
                if not task.switched:
                    steps.append(KernelStep("scheduler_put", region_id))
        steps += [KernelStep("rcu:" + callback.name, callback.id) for callback in self.rcu.ready()]
        return steps

    def perform(self, step: KernelStep) -> None:
        """Do one of kernel_steps()."""
        if step.name.startswith("rcu:"):
            self.rcu.run(next(callback for callback in self.rcu.callbacks if callback.id == step.subject))
            return
        self.who_stack.append(step.name)
        task = self.memory.regions[step.subject]
        assert isinstance(task, Task)
        TASK_STEPS[step.name](self, task)
        self.who_stack.pop()

    def run_callback(self, callback: Callback) -> None:
        """What an RCU callback does. Raises Fault if its object is gone."""
        self.who_stack.append(f"softirq: {callback.name}")
        if callback.name == "free_region":
            self.memory.free(callback.target, self.who(), self.clock)
        else:
            CALLBACKS[callback.name](self, self.memory.find(callback.target << 32))
        self.who_stack.pop()

    def settle(self) -> None:
        """Let everything happen that can: reaper, scheduler, callbacks, until nothing is left."""
        while steps := self.kernel_steps():
            self.perform(steps[0])

    # The API of tests

    def fork(self, comm: str = "child", pid: int = 0, parent: int = 0) -> TaskHandle:
        """A new task, findable by pid; fires task_newtask(task, clone_flags) and sched_process_fork."""
        from kverdict.machine.events import fork

        return fork(self, comm, pid, parent)

    @property
    def maps(self) -> MapsView:
        """Maps by name, as Python mappings."""
        from kverdict.machine.views import MapsView

        return MapsView(self)

    @property
    def globals(self) -> GlobalsView:
        """Global variables of the programs by name."""
        from kverdict.machine.views import GlobalsView

        return GlobalsView(self)

    def destroy_maps(self) -> None:
        """Drop the last reference of every map: destructors run, memory goes."""
        self.who_stack.append("map free worker")
        for bpf_map in self.map_table:
            bpf_map.destroy(self)
        self.who_stack.pop()

    def assert_no_leaks(self) -> None:
        """Raise AssertionError with the ledger if a reference is missing or too many, or any finding was made."""
        from kverdict.machine.leaks import check

        check(self)

    # Forking

    def clone(self) -> World:
        """A copy that shares nothing mutable; every number means the same in both."""
        from kverdict.machine.cloning import clone

        return clone(self)

    def packet_bytes(self, run: Run, offset: int, size: int) -> bytes | None:
        """Bytes of the packet for LD_ABS and LD_IND; None outside of it."""
        from kverdict.machine.packet import legacy_bytes

        return legacy_bytes(self, run, offset, size)


TASK_STEPS: Final[dict[str, Callable[[World, Task], None]]] = {
    "unhash": task_module.unhash,
    "reaper_put": task_module.reaper_put,
    "scheduler_put": task_module.scheduler_put,
}


def _task_callback(function: Callable[[World, Task], None]) -> Callable[[World, Region], None]:
    def call(world: World, region: Region) -> None:
        assert isinstance(region, Task)
        function(world, region)

    return call


def _cgroup_callback(function: Callable[[World, cgroup.Cgroup], None]) -> Callable[[World, Region], None]:
    def call(world: World, region: Region) -> None:
        assert isinstance(region, cgroup.Cgroup)
        function(world, region)

    return call


def _free_cpumask(world: World, region: Region) -> None:
    world.memory.free(region.id, world.who(), world.clock)


CALLBACKS: Final[dict[str, Callable[[World, Region], None]]] = {
    task_module.DELAYED_PUT: _task_callback(task_module.delayed_put),
    task_module.FREE: _task_callback(task_module.free_callback),
    cgroup.TO_ATOMIC: _cgroup_callback(cgroup.switch_to_atomic),
    cgroup.FREE: _cgroup_callback(cgroup.free),
    cpumask.FREE: _free_cpumask,
}
