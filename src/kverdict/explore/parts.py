"""The parts of a state, each with a number: the objects that all share, and what one program has for itself.

Regions that a program allocates get numbers from a range of its own, so that the order in which programs allocate makes
no difference. Stack frames and contexts belong to the program; everything else is shared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kverdict.explore.effects import freeze
from kverdict.explore.trust import Trust
from kverdict.machine.liveness import live_registers
from kverdict.machine.memory import CONTEXT, MAP_KEY, STACK, Region
from kverdict.machine.objects.base import KernelObject
from kverdict.machine.run import RUNNING, Run

if TYPE_CHECKING:
    from kverdict.machine.maps.base import BpfMap
    from kverdict.machine.world import World

PRIVATE: Final = frozenset((STACK, CONTEXT, MAP_KEY))
RANGE: Final = 1 << 20  # numbers of regions for each program
_MAP_FIXED: Final = frozenset(("index", "name", "region", "spec"))


class Local:
    """One program between two visible steps. memory: regions of its own; normal, trace: depth of read sections.

    next_step: words for the visible step that comes next; insn: its instruction. result: what the program returned.
    """

    __slots__ = ("insn", "memory", "next_step", "normal", "run", "trace", "trust")

    def __init__(self, run: Run | None, memory: tuple[Region, ...], normal: int, trace: int, trust: Trust) -> None:
        self.run = run
        self.trust = trust
        self.memory = memory
        self.normal = normal
        self.trace = trace
        self.next_step = ""
        self.insn = -1

    @property
    def ended(self) -> bool:
        return self.run is not None and self.run.status != RUNNING


NOT_STARTED: Final = Local(None, (), 0, 0, Trust())


def range_of(first: int, actor: int) -> int:
    """Where the regions of an actor begin."""
    return first + (actor + 1) * RANGE


def next_number(world: World, start: int) -> int:
    """The lowest number above all that the range at `start` has ever used, as far as anybody can know."""
    used = [number for number in world.memory.regions if start <= number < start + RANGE]
    used += [number for number in world.memory.graves if start <= number < start + RANGE]
    return max(used, default=start - 1) + 1


def take_out(world: World, run: Run, trust: Trust) -> Local:
    """Separate the program and its own memory from the world."""
    memory = tuple(region for region in world.memory.regions.values() if region.kind in PRIVATE)
    for region in memory:
        del world.memory.regions[region.id]
    local = Local(run, memory, world.rcu.normal.pop(run.id, 0), world.rcu.trace.pop(run.id, 0), trust)
    del world.runs[run.id]
    if run.status == RUNNING:
        local.insn = run.insn
    return local


def put_in(world: World, local: Local) -> Run:
    """A copy of the program into a world that has none."""
    assert local.run is not None
    run = local.run.clone()
    world.runs[run.id] = run
    for region in local.memory:
        world.memory.regions[region.id] = region.clone()
    if local.normal:
        world.rcu.normal[run.id] = local.normal
    if local.trace:
        world.rcu.trace[run.id] = local.trace
    return run


def local_key(local: Local, *, keep_result: bool) -> tuple[object, ...]:
    """Equal for two locals that will do the same: live registers only; of an ended program nothing or its result."""
    run = local.run
    if run is None:
        return ()
    if run.status != RUNNING:
        return run.status, run.result if keep_result else 0
    last = len(run.frames) - 1
    frames: list[object] = []
    values: set[int] = set()
    for depth, frame in enumerate(run.frames):
        waits = depth < last or run.pending is not None
        live = live_registers(run.code, frame.pc, after_call=waits)
        registers = tuple([frame.regs[number] for number in live])
        values.update(registers)
        back = None if frame.back is None else frame.back.canonical()
        frames.append((frame.pc, registers, frame.stack, back))
    return (
        run.code.name,
        tuple(frames),
        None if run.pending is None else run.pending.canonical(),
        tuple(sorted(run.held)),
        tuple(run.locks),
        (run.rcu_depth, run.preempt_depth, run.tail_calls, local.normal, local.trace),
        tuple([region_key(region) for region in local.memory]),
        local.trust.key(values | stored_addresses(local)) if local.trust.loaded else (),
    )


def stored_addresses(local: Local) -> set[int]:
    """Of the addresses that the program has loaded, those that lie in its own memory."""
    raw = [bytes(region.data) for region in local.memory]
    return {one for one in local.trust.loaded if any(one.to_bytes(8, "little") in data for data in raw)}


def region_key(region: Region) -> tuple[object, ...]:
    """What lies in a region, by its number."""
    if isinstance(region, KernelObject):
        return region.id, region.counts(), tuple(sorted(region.words.items()))
    init = region.init
    if init is None:
        return region.id, bytes(region.data)
    written = bytes(byte if mark else 0 for byte, mark in zip(region.data, init, strict=True))
    return region.id, written, bytes(init)


def shared_key(world: World) -> tuple[object, ...]:
    """Equal for two worlds (without programs) in which the same can happen."""
    regions = world.memory.regions
    timers = [(at, t.callback, t.due >= 0) for at, t in world.timers.known.items()]
    return (
        tuple([region_key(regions[number]) for number in sorted(regions) if not regions[number].shareable()]),
        tuple(sorted(world.memory.graves)),
        tuple([(callback.name, callback.target) for callback in world.rcu.callbacks]),
        tuple([map_key(found) for found in world.map_table]),
        freeze(world.collections.members),
        tuple(sorted(world.allocated)),
        tuple(sorted(timers)),
        tuple(sorted(world.scratch.items())),
    )


def map_key(found: BpfMap) -> tuple[object, ...]:
    """The contents of a map: every mutable attribute that its class declares."""
    parts: list[object] = []
    for kind in type(found).__mro__:
        for name in getattr(kind, "__slots__", ()):
            if name not in _MAP_FIXED:
                parts.append(freeze(getattr(found, name)))
    return tuple(parts)
