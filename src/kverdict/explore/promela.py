"""A scenario as a Promela model for spin: an independent search, and the life of the task written down a second time.

What the programs do between visible steps is taken from our search (which local state follows which, by the answer of
the step). What the steps do to the counts, the slot, the readers and the queue is Promela of its own. For scenarios
with one task and at most one slot; anything else raises UnsupportedError.

The model has one process whose every option is one step, so that spin's "states, stored" is our number of states plus
one for each kind of violation that can be reached (all of a kind are one state).
"""

from __future__ import annotations

from typing import Final

from kverdict.errors import UnsupportedError
from kverdict.explore.model import BITS, LOCALS_SHIFT, MASK, KernelSystem
from kverdict.explore.parts import NOT_STARTED, Local
from kverdict.explore.property import DEAD_IN_MAP
from kverdict.machine import fault as faults
from kverdict.machine import leaks
from kverdict.machine.maps.array import ArrayMap
from kverdict.machine.objects.task import Task
from kverdict.machine.objects.task_design import INC, RCU_USERS
from kverdict.machine.world import World

KINDS: Final = (faults.USE_AFTER_FREE, faults.REFCOUNT, faults.UNION_CORRUPTION, DEAD_IN_MAP)
CLOBBERED: Final = 200  # stands for what the rcu_head left in rcu_users

# What a step does, by our words for it: (Promela, what its answer is).
_SIMPLE: Final = {
    "bpf_rcu_read_lock": ("enter(%d)", ""),
    "bpf_rcu_read_unlock": ("leave(%d)", ""),
    "enter": ("enter(%d)", ""),
    "exit": ("leave(%d)", ""),
    "bpf_task_from_pid: lock": ("enter(%d)", ""),
    "bpf_task_from_pid: unlock": ("leave(%d)", ""),
    "bpf_task_from_pid: find": ("res = !unhashed && !freed", "hashed"),
    "bpf_task_from_pid: acquire": ("acquire()", "acquired"),
    "bpf_task_acquire": ("acquire()", "acquired"),
    "bpf_task_release": ("release()", ""),
}


def promela(system: KernelSystem) -> str:
    """The model's text. The system is searched to the end first. Raises UnsupportedError."""
    edges = _Edges(system)
    design = system.stage.kernel.design
    lines = [
        f"/* {system.stage.scenario.title()}; task design {design.name}, "
        f"{'delayed' if design.delayed_free else 'immediate'} free. */",
        *_declarations(system, edges),
        *_inlines(system),
        "",
        "active proctype all()",
        "{",
        "end:",
        "\tdo",
    ]
    for actor, local, what, answers in edges.steps():
        lines.append(_option(edges, actor, local, what, answers))
    lines += _kernel_options(system)
    lines += ["\tod", "}", ""]
    return "\n".join(lines)


class _Edges:
    """Which local state follows which: (actor, local) → (step, answer → next local)."""

    def __init__(self, system: KernelSystem) -> None:
        self.system = system
        stage = system.stage
        if len(stage.scenario.tasks) != 1 or stage.timers or stage.scenario.destroy_maps:
            raise UnsupportedError("a Promela model of anything but one task, without timers and freed maps")
        if any(holds for holds in stage.caller_holds):
            raise UnsupportedError("a Promela model of a program whose caller holds an argument")
        self.task = next(iter(stage.tasks.values()))
        self.slot = self._slot(system.worlds[0])
        self.found: dict[tuple[int, int], dict[int, int]] = {}
        self._search()

    def _slot(self, world: World) -> int:
        """Region number of the only map value that has a kptr, 0 if there is none."""
        found = []
        for bpf_map in world.map_table:
            if any(field.kind.startswith("kptr") for field in bpf_map.spec.fields):
                if not isinstance(bpf_map, ArrayMap) or bpf_map.spec.max_entries != 1 or bpf_map.spec.value_size != 8:
                    raise UnsupportedError(f"a Promela model of map {bpf_map.name}")
                found += list(bpf_map.values())
        if len(found) > 1:
            raise UnsupportedError("a Promela model of more than one slot")
        return found[0] if found else 0

    def _search(self) -> None:
        from kverdict.explore import search

        search.breadth_first(self.system)
        for actor, rows in enumerate(self.system.rows):
            shift = LOCALS_SHIFT + actor * BITS
            for key, row in rows.items():
                local, shared = key >> BITS, key & MASK
                for _, difference, _, violation in row:
                    if violation and not difference:
                        continue
                    after = local + ((difference + shared) >> shift)
                    self._note(actor, local, self._answer(actor, local, shared), after)

    def _note(self, actor: int, local: int, answer: int, after: int) -> None:
        answers = self.found.setdefault((actor, local), {})
        if answers.setdefault(answer, after) != after:
            what = self.system.locals[actor][local].next_step
            raise UnsupportedError(f"a Promela model in which {what} has more than two answers")

    def _answer(self, actor: int, local: int, shared: int) -> int:
        """The answer of the step on these objects, as the Promela below computes it."""
        what = self.system.locals[actor][local].next_step
        world = self.system.worlds[shared]
        task = world.memory.regions.get(self.task)
        if what.startswith("read of") or what == "bpf_kptr_xchg":
            if self._reads_slot(actor, local) or what == "bpf_kptr_xchg":
                return int(bool(leaks.held_by_maps(world)))
            return int(task is not None)
        if what == "bpf_task_from_pid: find":
            return int(isinstance(task, Task) and task.hashed)
        if what in ("bpf_task_from_pid: acquire", "bpf_task_acquire"):
            design = self.system.stage.kernel.design
            if design.acquire == INC or not isinstance(task, Task):
                return 1
            return int((task.rcu_users if design.count == RCU_USERS else task.usage) != 0)
        return 1

    def _reads_slot(self, actor: int, local: int) -> bool:
        words = self.system.locals[actor][local].next_step
        region = self.system.worlds[0].memory.regions.get(self.slot)
        return region is not None and words == f"read of {region.name}"

    def steps(self) -> list[tuple[int, int, str, dict[int, int]]]:
        """All (actor, local, Promela of the step, answer → next local), in order."""
        result = []
        for (actor, local), answers in sorted(self.found.items()):
            result.append((actor, local, self._promela(actor, self.system.locals[actor][local], local), answers))
        return result

    def _promela(self, actor: int, local: Local, number: int) -> str:
        what = local.next_step if local is not NOT_STARTED else "enter"
        if what in _SIMPLE:
            text = _SIMPLE[what][0]
            return text % actor if "%d" in text else text
        if self._reads_slot(actor, number):
            return "res = slot"
        if what.startswith(("read of task", "read of freed task")):
            return "res = !freed" if self._is_probe(local) else "use()"
        if what == "bpf_kptr_xchg" and local.run is not None:
            return f"res = slot; slot = {int(local.run.frame.regs[2] != 0)}"
        raise UnsupportedError(f"a Promela model of the step {what!r}")

    def _is_probe(self, local: Local) -> bool:
        address = self.task << 32
        run = local.run
        assert run is not None
        return address in local.trust.loaded and address not in local.trust.safe and address not in run.held


def _declarations(system: KernelSystem, edges: _Edges) -> list[str]:
    world = system.worlds[0]
    task = world.memory.regions[edges.task]
    assert isinstance(task, Task)
    lines = [
        f"byte usage = {task.usage}, users = {task.rcu_users};",
        "bit unhashed, reaped, switched, freed, clobbered;",
        f"bit slot = {int(bool(leaks.held_by_maps(world)))};",
        "byte queued;      /* 1: delayed_put_task_struct, 2: the callback that frees */",
        "byte waits;       /* bit n: the queued callback waits for program n */",
        "byte inside;      /* bit n: program n is in a read section */",
        "byte bad;         /* kind of violation */",
        "hidden byte res;  /* the answer of a step, used within it */",
    ]
    start = system.initial >> LOCALS_SHIFT
    for actor in range(len(system.stage.codes)):
        lines.append(f"byte at{actor} = {start & MASK};")
        start >>= BITS
    return [*lines, ""]


def _inlines(system: KernelSystem) -> list[str]:
    design = system.stage.kernel.design
    locations = "; ".join(f"at{actor} = 0" for actor in range(len(system.stage.codes)))
    cares = system.properties.names
    clobber = f"users = {CLOBBERED}; clobbered = 1; " if design.shares_rcu_head else ""
    gone = "queued = 2; waits = inside" if design.delayed_free else "freed = 1; users = 0"
    count = "users" if design.count == RCU_USERS else "usage"
    union = ":: clobbered -> broken(3)\n\t" if count == "users" else ""
    if design.acquire == INC:
        taken = f"if\n\t{union}:: {count} == 0 -> broken(2)\n\t:: else -> {count}++; res = 1\n\tfi"
    else:
        taken = f"if\n\t{union}:: {count} == 0 -> res = 0\n\t:: else -> {count}++; res = 1\n\tfi"
    put = "put_users()" if count == "users" else "put_usage()"
    invariant = "if\n\t:: slot && users == 0 && !bad -> broken(4)\n\t:: else\n\tfi" if DEAD_IN_MAP in cares else "skip"
    clean = "usage = 0; users = 0; unhashed = 0; reaped = 0; switched = 0; freed = 0; clobbered = 0; slot = 0"
    return [
        "inline broken(kind) {",
        "\tif",
        *[f'\t:: kind == {at} -> c_code {{ printf("violation: {name}\\n"); }}' for at, name in enumerate(KINDS, 1)],
        "\tfi;",
        f"\t{clean}; queued = 0; waits = 0; inside = 0; {locations}; res = 0; bad = kind",
        "}",
        "inline enter(n) { inside = inside | (1 << n) }",
        "inline leave(n) { inside = inside & ~(1 << n); waits = waits & ~(1 << n) }",
        "inline use() {\n\tif\n\t:: freed -> broken(1)\n\t:: else -> res = 1\n\tfi\n}",
        f"inline put_users() {{\n\tif\n\t:: clobbered -> broken(3)\n\t:: users == 0 && !clobbered -> broken(2)\n"
        f"\t:: users > 1 && !clobbered -> users--\n"
        f"\t:: users == 1 && !clobbered -> users = 0; queued = 1; waits = inside; {clobber}skip\n"
        "\tfi\n}",
        f"inline put_usage() {{\n\tif\n\t:: usage == 0 -> broken(2)\n\t:: usage > 1 -> usage--\n"
        f"\t:: usage == 1 -> usage = 0; {gone}\n\tfi\n}}",
        f"inline acquire() {{\n\tif\n\t:: freed -> broken(1)\n\t:: else -> {taken}\n\tfi\n}}",
        f"inline release() {{\n\tif\n\t:: freed -> broken(1)\n\t:: else -> {put}\n\tfi\n}}",
        f"inline check() {{\n\t{invariant}\n}}",
        "inline checked() {\n\tif\n\t:: bad\n\t:: else -> check()\n\tfi\n}",
    ]


def _option(edges: _Edges, actor: int, local: int, what: str, answers: dict[int, int]) -> str:
    after = set(answers.values())
    if len(after) == 1:
        move = f"at{actor} = {after.pop()}"
    else:
        move = f"if :: res -> at{actor} = {answers[1]} :: else -> at{actor} = {answers[0]} fi"
    return (
        f"\t:: d_step {{ !bad && at{actor} == {local} -> {what}; "
        f"if :: bad :: else -> {move} fi; if :: bad :: else -> check() fi }}"
    )


def _kernel_options(system: KernelSystem) -> list[str]:
    design = system.stage.kernel.design
    end = "users = 0; " if design.shares_rcu_head else ""
    restore = f"clobbered = 0; {end}" if design.shares_rcu_head else ""
    return [
        "\t:: d_step { !bad && !freed && !unhashed -> unhashed = 1 }",
        "\t:: d_step { !bad && !freed && unhashed && !reaped -> reaped = 1; put_users(); checked() }",
        "\t:: d_step { !bad && !freed && !switched -> switched = 1; put_users(); checked() }",
        f"\t:: d_step {{ !bad && queued == 1 && waits == 0 -> queued = 0; {restore}put_usage(); checked() }}",
        "\t:: d_step { !bad && queued == 2 && waits == 0 -> queued = 0; freed = 1; users = 0; check() }",
    ]
