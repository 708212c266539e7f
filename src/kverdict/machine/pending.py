"""Continuations: what a helper, kfunc or kernel action still has to do, one step at a time, as plain copyable state."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kverdict.machine.run import Run
    from kverdict.machine.world import World


class Pending:
    """The rest of an operation with several atomic steps.

    step() does one of them; it returns the value for r0 when that was the last one, else None. A step may instead
    push a frame for a callback of the program with itself as `back`: then resume() gets what the callback returned
    and likewise answers with r0 or None.
    """

    __slots__ = ()

    name = "operation"

    def step(self, world: World, run: Run) -> int | None:
        """Do the next step."""
        raise AssertionError(f"{self.name} has no step of its own")

    def resume(self, world: World, run: Run, returned: int) -> int | None:
        """Take the result of a callback; may push the next frame."""
        raise AssertionError(f"{self.name} has no callback")

    def clone(self) -> Pending:
        """A copy that shares nothing mutable; an unchanging continuation may return itself."""
        return self

    def canonical(self) -> tuple[object, ...]:
        """All that decides what will happen next, as numbers and strings; addresses as ("address", n)."""
        return (self.name,)
