"""A hashable value that is equal for two worlds in which the same things can happen.

Regions are renumbered in the order in which they are met from the roots (runs, maps, tasks, callbacks), so that the
order of allocation does not matter. The ledger, the clock, the log and findings are left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kverdict.machine.liveness import live_registers
from kverdict.machine.memory import OFFSET_MASK, WINDOW, Region
from kverdict.machine.objects.base import KernelObject
from kverdict.machine.run import RUNNING, Run

if TYPE_CHECKING:
    from kverdict.machine.world import World

_FIRST: Final = 1 << 31


class Canon:
    """One renumbering of one world."""

    __slots__ = ("numbers", "pending", "world")

    def __init__(self, world: World) -> None:
        self.world = world
        self.numbers: dict[int, int] = {}
        self.pending: list[int] = []

    def region(self, number: int) -> int:
        """The new number of a region; it is described later, once."""
        found = self.numbers.get(number)
        if found is None:
            found = self.numbers[number] = len(self.numbers)
            self.pending.append(number)
        return found

    def word(self, value: int) -> object:
        """A 64-bit word: itself, or (number, offset) if it is an address of a region that exists or existed."""
        number = value >> WINDOW
        if number < _FIRST or (number not in self.world.memory.regions and number not in self.world.memory.graves):
            return value
        return self.region(number), value & OFFSET_MASK

    def run(self, run: Run) -> tuple[object, ...]:
        frames: list[object] = []
        last = len(run.frames) - 1
        for depth, frame in enumerate(run.frames):
            live = live_registers(run.code, frame.pc, after_call=depth < last or run.pending is not None)
            registers = tuple(self.word(frame.regs[number]) for number in live)
            back = None if frame.back is None else self.continuation(frame.back.canonical())
            frames.append((frame.pc, registers, self.region(frame.stack), back))
        pending = None if run.pending is None else self.continuation(run.pending.canonical())
        held = tuple(sorted((str(self.word(address)), what) for address, (what, _) in run.held.items()))
        sections = (run.rcu_depth, run.preempt_depth, tuple(self.word(lock) for lock in run.locks))
        limits = (run.tail_calls, run.loop_budget)
        return run.code.name, run.cpu, self.region(run.task), tuple(frames), pending, held, sections, limits

    def continuation(self, parts: tuple[object, ...]) -> tuple[object, ...]:
        """What a Pending says of itself, with its ("address", n) parts renumbered."""
        found: list[object] = []
        for part in parts:
            if isinstance(part, tuple) and len(part) == 2 and part[0] == "address":
                address = part[1]
                assert isinstance(address, int)
                found.append(self.word(address))
            else:
                found.append(part)
        return tuple(found)

    def contents(self, number: int) -> object:
        """What lies in a region, words renumbered."""
        region = self.world.memory.regions.get(number)
        if region is None:
            grave = self.world.memory.graves.get(number)
            return "freed", grave.name if grave is not None else ""
        if isinstance(region, KernelObject):
            words = tuple((at, self.word(word)) for at, word in sorted(region.words.items()))
            return region.kind, region.name, region.counts(), words
        if region.shareable():
            return region.kind, region.name
        return region.kind, self.bytes(region)

    def bytes(self, region: Region) -> tuple[object, ...]:
        data, init = region.data, region.init
        if init is not None and 1 not in init:
            return ()
        found: list[object] = []
        for at in range(0 if init is None else init.index(1) & ~7, len(data), 8):
            if init is not None and not any(init[at : at + 8]):
                continue
            word = int.from_bytes(data[at : at + 8], "little")
            if word or init is not None:
                found.append((at, self.word(word), b"" if init is None else bytes(init[at : at + 8])))
        return tuple(found)


def state(world: World) -> tuple[object, ...]:
    """The canonical state. Runs count by their order of start; ended ones only by program and result."""
    canon = Canon(world)
    ids = {number: place for place, number in enumerate(world.runs)}
    runs = tuple(
        canon.run(run) if run.status == RUNNING else (run.code.name, run.status, canon.word(run.result))
        for run in world.runs.values()
    )
    tasks = tuple((pid, canon.region(number)) for pid, number in sorted(world.tasks.items()))
    maps = tuple(_map(canon, bpf_map.canonical()) for bpf_map in world.map_table)
    callbacks = tuple(
        (
            callback.name,
            canon.region(callback.target),
            frozenset(ids.get(reader, reader) for reader in callback.waits),
            frozenset(ids.get(reader, reader) for reader in callback.waits_trace),
        )
        for callback in world.rcu.callbacks
    )
    readers = (
        tuple((ids.get(reader, reader), depth) for reader, depth in sorted(world.rcu.normal.items())),
        tuple((ids.get(reader, reader), depth) for reader, depth in sorted(world.rcu.trace.items())),
    )
    chains = tuple(
        (canon.word(head), tuple(canon.word(node) for node in nodes))
        for head, nodes in world.collections.members.items()
        if nodes
    )
    timers = tuple((canon.word(at), timer.callback, timer.due >= 0) for at, timer in world.timers.known.items())
    current = tuple(canon.region(number) for number in world.current)
    described: list[object] = []
    while canon.pending:
        described.append(canon.contents(canon.pending.pop(0)))
    fired = tuple((event, tuple(canon.word(word) for word in arguments)) for event, arguments in world.fired)
    return runs, tasks, maps, callbacks, readers, chains, timers, current, fired, tuple(described)


def _map(canon: Canon, entries: tuple[object, ...]) -> tuple[object, ...]:
    """Numbers of regions in a map's own description become canonical ones."""
    found: list[object] = []
    for entry in entries:
        if isinstance(entry, tuple):
            found.append(tuple(_part(canon, part) for part in entry))
        else:
            found.append(entry)
    return tuple(found)


def _part(canon: Canon, part: object) -> object:
    return canon.region(part) if isinstance(part, int) and part >= _FIRST else part
