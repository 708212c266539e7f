"""RCU apart from everything else: who is inside, and for whom each queued callback still waits, as small numbers.

A step of a program never depends on this part of the state; it only changes it (enters, leaves, queues). Kept apart,
the same step of the same program on the same objects is executed once, whoever else is inside.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any, Final

from kverdict.machine.rcu import Callback, Rcu

if TYPE_CHECKING:
    from kverdict.machine.world import World

ENTER: Final = 0
LEAVE: Final = 1
ENTER_TRACE: Final = 2
LEAVE_TRACE: Final = 3
QUEUE: Final = 4
TAKE: Final = 5

Effect = tuple[int, int]  # (one of the above, actor or position; for QUEUE: position << 2 | normal | trace << 1)
Effects = tuple[Effect, ...]


class Recorder(Rcu):
    """Stands in for the world's RCU while one step is executed: notes what the step does to the readers and the queue.

    The queue is kept in the order of (name, target), since callbacks that are ready may run in any order anyway.
    """

    __slots__ = ("effects",)

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.effects: list[Effect] = []

    def lock(self, reader: int) -> None:
        super().lock(reader)
        if self.normal[reader] == 1:
            self.effects.append((ENTER, reader - 1))

    def unlock(self, reader: int) -> None:
        super().unlock(reader)
        if reader not in self.normal:
            self.effects.append((LEAVE, reader - 1))

    def lock_trace(self, reader: int) -> None:
        super().lock_trace(reader)
        if self.trace[reader] == 1:
            self.effects.append((ENTER_TRACE, reader - 1))

    def unlock_trace(self, reader: int) -> None:
        super().unlock_trace(reader)
        if reader not in self.trace:
            self.effects.append((LEAVE_TRACE, reader - 1))

    def call(self, name: str, target: int, *, normal: bool = True, trace: bool = False) -> None:
        position = bisect_right([(c.name, c.target) for c in self.callbacks], (name, target))
        self.callbacks.insert(position, Callback(0, name, target, set(), set(), ""))
        self.effects.append((QUEUE, position << 2 | int(normal) | int(trace) << 1))

    def take(self, position: int) -> Callback:
        """The callback at a position leaves the queue."""
        self.effects.append((TAKE, position))
        return self.callbacks.pop(position)

    def clone(self, world: World) -> Recorder:
        other = Recorder(world)
        other.callbacks = list(self.callbacks)  # they never change here: whom they wait for is kept elsewhere
        return other


Readers = tuple[int, int, tuple[tuple[int, int], ...]]  # inside, inside tasks-trace, (waits, waits trace) a callback
NOBODY: Final[Readers] = (0, 0, ())


def apply(readers: Readers, effects: Effects) -> Readers:
    """What the readers and the queue are after a step."""
    inside, trace, waits = readers
    queue = list(waits)
    for kind, value in effects:
        if kind == ENTER:
            inside |= 1 << value
        elif kind == LEAVE:
            inside &= ~(1 << value)
            queue = [(normal & ~(1 << value), other) for normal, other in queue]
        elif kind == ENTER_TRACE:
            trace |= 1 << value
        elif kind == LEAVE_TRACE:
            trace &= ~(1 << value)
            queue = [(normal, other & ~(1 << value)) for normal, other in queue]
        elif kind == QUEUE:
            queue.insert(value >> 2, (inside if value & 1 else 0, trace if value & 2 else 0))
        else:
            del queue[value]
    return inside, trace, tuple(queue)


class ReadersTable:
    """Readers by number, and what each sequence of effects makes of them."""

    __slots__ = ("after", "effects", "effects_numbers", "numbers", "ready", "values")

    def __init__(self) -> None:
        self.values: list[Readers] = []
        self.numbers: dict[Readers, int] = {}
        self.ready: list[int] = []  # bit k: callback k waits for nobody
        self.effects: list[Effects] = [()]
        self.effects_numbers: dict[Effects, int] = {(): 0}
        self.after: dict[int, int] = {}
        self.number(NOBODY)

    def number(self, readers: Readers) -> int:
        found = self.numbers.get(readers)
        if found is None:
            found = self.numbers[readers] = len(self.values)
            self.values.append(readers)
            self.ready.append(sum(1 << at for at, waits in enumerate(readers[2]) if waits == (0, 0)))
        return found

    def effect_number(self, effects: Effects) -> int:
        found = self.effects_numbers.get(effects)
        if found is None:
            found = self.effects_numbers[effects] = len(self.effects)
            self.effects.append(effects)
        return found

    def apply(self, readers: int, effects: int) -> int:
        """The number of the readers after the effects of that number. The caller looks into `after` first."""
        key = effects << 32 | readers
        found = self.after.get(key)
        if found is None:
            found = self.after[key] = self.number(apply(self.values[readers], self.effects[effects]))
        return found


def freeze(value: Any) -> Any:
    """Plain containers as something hashable. The order of a dict counts: maps are walked in it."""
    if isinstance(value, dict):
        return tuple((freeze(key), freeze(inner)) for key, inner in value.items())
    if isinstance(value, (list, tuple)):
        return tuple(freeze(inner) for inner in value)
    if isinstance(value, (set, frozenset)):
        return tuple(sorted(value))
    if isinstance(value, bytearray):
        return bytes(value)
    return value
