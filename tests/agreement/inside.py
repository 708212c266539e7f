"""Does a concrete state of the machine lie inside an abstract state of the verifier?"""

from __future__ import annotations

from kverdict.domain.references import REF_PTR
from kverdict.domain.stack import SPILL, ZERO
from kverdict.domain.state import Frame, State
from kverdict.domain.value import (
    CONST_PTR_TO_MAP,
    NOT_INIT,
    PTR_TO_BTF_ID,
    PTR_TO_CTX,
    PTR_TO_FUNC,
    PTR_TO_MAP_VALUE,
    PTR_TO_STACK,
    SCALAR,
    Value,
)
from kverdict.kernel.proto import MEM_RCU, PTR_MAYBE_NULL, PTR_TRUSTED, PTR_UNTRUSTED
from kverdict.machine import run as concrete
from kverdict.machine.liveness import live_registers
from kverdict.machine.memory import MAP, MAP_VALUE
from kverdict.machine.world import World

U64 = (1 << 64) - 1


def objection(world: World, run: concrete.Run, state: State, *, scalars: bool = True) -> str:
    """Why the run's state is not inside, "" if it is. scalars: also compare numbers, not only pointers."""
    below = len(run.frames) - len(state.frames)
    if below < 0:
        return f"{len(run.frames)} frames, expected {len(state.frames)}"
    if below:  # a global function was verified by itself: its frame is the first
        return _frames(world, run, state, below, scalars)
    if state.rcu != run.rcu_depth:
        return f"{run.rcu_depth} RCU read sections, expected {state.rcu}"
    references = sum(held.kind == REF_PTR for held in state.refs)
    if len(run.held) > references:  # fewer are possible: one that may be NULL is counted until it is tested
        return f"{len(run.held)} references held, expected at most {references}"
    return _frames(world, run, state, 0, scalars)


def _frames(world: World, run: concrete.Run, state: State, below: int, scalars: bool) -> str:
    """Compare from frame `below` on."""
    for number, (abstract, real) in enumerate(zip(state.frames, run.frames[below:], strict=True)):
        last = number == len(state.frames) - 1
        registers = list(range(0 if last else 6, 10))
        if not scalars:  # states were pruned: what is dead, or on the stack, may differ
            live = live_registers(run.code, real.pc, after_call=not last)
            written = [real.regs[register] & ~0xFF != concrete.UNWRITTEN for register in range(10)]
            registers = [register for register in registers if register in live and written[register]]
        for register in registers:
            found = _value(world, run, abstract.regs[register], real.regs[register], scalars, below)
            if found:
                return f"frame {number} r{register} = {real.regs[register]:#x}: {found}"
        found = _stack(world, run, abstract, real, scalars, below)
        if found and scalars:
            return f"frame {number} {found}"
    return ""


def _value(world: World, run: concrete.Run, value: Value, number: int, scalars: bool, below: int) -> str:
    base = value.base
    if base in (NOT_INIT, PTR_TO_FUNC):
        return ""
    if base == SCALAR:
        return "" if not scalars or value.num.contains(number) else f"not in {value.num!r}"
    if number == 0:
        sure = not value.type & PTR_MAYBE_NULL and not (
            base == PTR_TO_BTF_ID and not value.type & (PTR_TRUSTED | MEM_RCU)
        )
        return f"NULL, expected {value!r}" if sure else ""
    if value.type & PTR_UNTRUSTED:
        return ""
    start = _start(world, run, value, number, below)
    if start is None:
        return f"points to nothing that fits {value!r}"
    if start < 0:
        return ""
    return "" if value.num.contains(number - start - value.off & U64) else f"offset {number - start} not in {value!r}"


def _start(world: World, run: concrete.Run, value: Value, number: int, below: int) -> int | None:
    """Address that offsets count from; -1 where they are not compared; None if the kind of memory is wrong."""
    base = value.base
    if base == PTR_TO_STACK:
        return run.frames[below + value.frameno].regs[10]
    if base == PTR_TO_CTX:
        return run.context
    region = world.memory.regions.get(number >> 32)
    if region is None:
        return None
    if base == PTR_TO_MAP_VALUE:
        return region.address if region.kind == MAP_VALUE else None
    if base == CONST_PTR_TO_MAP:
        return region.address if region.kind == MAP else None
    return -1


def _stack(world: World, run: concrete.Run, abstract: Frame, real: concrete.Frame, scalars: bool, below: int) -> str:
    for place, slot in enumerate(abstract.stack):
        raw = world.memory.regions[real.stack].data
        start = len(raw) - 8 * (place + 1)
        piece = bytes(raw[start : start + 8])
        for at, kind in enumerate(slot.kinds):
            if kind == ZERO and piece[7 - at]:
                return f"stack fp-{8 * (place + 1)} has {piece.hex()}, expected zeros"
        if all(kind == SPILL for kind in slot.kinds):
            found = _value(world, run, slot.value, int.from_bytes(piece, "little"), scalars, below)
            if found:
                return f"stack fp-{8 * (place + 1)}: {found}"
    return ""
