"""Which pointers of a program the kernel reads fault-tolerantly: a kptr loaded outside of a section that protects it.

The verifier calls such a pointer untrusted and turns every load through it into a probe read, which gives garbage where
the memory was freed (a stale load is no use after free). A pointer loaded inside a read section is an RCU
pointer if the kernel declares the type RCU-safe, until the outermost section ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kverdict.machine import operations
from kverdict.machine.memory import MAP_VALUE, OFFSET_MASK

if TYPE_CHECKING:
    from kverdict.machine.run import Run
    from kverdict.machine.world import World

NOTHING: frozenset[int] = frozenset()


class Trust:
    """loaded: addresses that a program got out of kptr fields; safe: those that its open section protects."""

    __slots__ = ("loaded", "safe")

    def __init__(self, loaded: frozenset[int] = NOTHING, safe: frozenset[int] = NOTHING) -> None:
        self.loaded = loaded
        self.safe = safe

    def clone(self) -> Trust:
        return Trust(self.loaded, self.safe)

    def step(self, world: World, run: Run) -> None:
        """One step of the run, with its load made tolerant where the kernel does that. Raises Fault."""
        operation = operations.next_operation(world, run)
        if operation.kind != operations.LOAD:
            world.step(run)
        else:
            frame = run.frames[-1]
            base = operation.address & ~OFFSET_MASK
            if base in self.loaded and base not in self.safe and base not in run.held:
                run.probes = frozenset((frame.pc,))
            target = run.code.insns[frame.pc].dst if self._is_kptr(world, operation.address) else -1
            world.step(run)
            run.probes = NOTHING
            if target >= 0 and frame.regs[target]:
                self._note(world, run, frame.regs[target])
        if self.safe and not world.rcu.inside(run.id):
            self.safe = NOTHING

    def _is_kptr(self, world: World, address: int) -> bool:
        region = world.memory.regions.get(address >> 32)
        if region is None or region.kind != MAP_VALUE:
            return False
        offset = address & OFFSET_MASK
        fields = world.map_table[region.owner].spec.fields
        return any(field.offset == offset and field.kind.startswith("kptr") for field in fields)

    def _note(self, world: World, run: Run, address: int) -> None:
        self.loaded |= {address}
        if world.design.rcu_safe and world.rcu.inside(run.id):
            self.safe |= {address}
        else:
            self.safe -= {address}

    def key(self, live: set[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """What of it still matters: addresses that a live register or the stack may hold."""
        return tuple(sorted(self.loaded & live)), tuple(sorted(self.safe & live))
