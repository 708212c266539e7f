"""RCU, normal and tasks-trace: each queued callback knows the readers that were inside when it was queued.

No grace-period state machine is needed: a callback may run when none of these readers is inside any more, arbitrarily
late. A reader is a run (or anything with a number of its own).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kverdict.machine.fault import DEADLOCK, Fault

if TYPE_CHECKING:
    from kverdict.machine.world import World


class Callback:
    """One call_rcu(): what runs (`name`, a key of world.CALLBACKS), on which region, and whom it waits for."""

    __slots__ = ("by", "id", "name", "target", "waits", "waits_trace")

    def __init__(self, id: int, name: str, target: int, waits: set[int], waits_trace: set[int], by: str) -> None:
        self.id = id
        self.name = name
        self.target = target
        self.waits = waits
        self.waits_trace = waits_trace
        self.by = by

    def ready(self) -> bool:
        return not self.waits and not self.waits_trace

    def clone(self) -> Callback:
        return Callback(self.id, self.name, self.target, set(self.waits), set(self.waits_trace), self.by)

    def __repr__(self) -> str:
        return f"Callback({self.name}, target={self.target:#x}, waits={self.waits}, trace={self.waits_trace})"


class Rcu:
    """The readers that are inside now (reader → depth of nesting), and the queue."""

    __slots__ = ("callbacks", "next_id", "normal", "trace", "world")

    def __init__(self, world: World) -> None:
        self.world = world
        self.normal: dict[int, int] = {}
        self.trace: dict[int, int] = {}
        self.callbacks: list[Callback] = []
        self.next_id = 1

    def lock(self, reader: int) -> None:
        self.normal[reader] = self.normal.get(reader, 0) + 1

    def unlock(self, reader: int) -> None:
        """Leave one section; after the outermost no callback waits for this reader any more."""
        self.normal[reader] -= 1
        if not self.normal[reader]:
            del self.normal[reader]
            for callback in self.callbacks:
                callback.waits.discard(reader)

    def lock_trace(self, reader: int) -> None:
        self.trace[reader] = self.trace.get(reader, 0) + 1

    def unlock_trace(self, reader: int) -> None:
        self.trace[reader] -= 1
        if not self.trace[reader]:
            del self.trace[reader]
            for callback in self.callbacks:
                callback.waits_trace.discard(reader)

    def inside(self, reader: int) -> bool:
        return reader in self.normal

    def call(self, name: str, target: int, *, normal: bool = True, trace: bool = False) -> None:
        """Queue a callback behind the readers that are inside now."""
        waits = set(self.normal) if normal else set()
        waits_trace = set(self.trace) if trace else set()
        self.callbacks.append(Callback(self.next_id, name, target, waits, waits_trace, self.world.who()))
        self.next_id += 1

    def ready(self) -> list[Callback]:
        """The callbacks that may run now, oldest first."""
        return [callback for callback in self.callbacks if callback.ready()]

    def run(self, callback: Callback) -> None:
        """Run one ready callback (in softirq context). Raises Fault if a reader is still inside."""
        if not callback.ready():
            raise Fault(DEADLOCK, f"{callback.name} still waits for readers {sorted(callback.waits)}")
        self.callbacks.remove(callback)
        self.world.run_callback(callback)

    def synchronize(self) -> None:
        """Wait for a grace period and for the callbacks that are queued now.

        Raises Fault (deadlock) if one of them waits for a reader that is inside: nobody else runs meanwhile.
        """
        for callback in list(self.callbacks):
            if callback in self.callbacks:
                self.run(callback)

    def clone(self, world: World) -> Rcu:
        other = Rcu(world)
        other.normal = dict(self.normal)
        other.trace = dict(self.trace)
        other.callbacks = [callback.clone() for callback in self.callbacks]
        other.next_id = self.next_id
        return other
