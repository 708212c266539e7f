"""Liveness of 7.1 and later: computed before the walk, to halves of stack slots; the current state is cleaned by it.

Source: bpf_live_stack_query_init(), bpf_stack_slot_alive() in kernel/bpf/liveness.c, clean_verifier_state() in
kernel/bpf/states.c of 7.2.
"""

from __future__ import annotations

from typing import Final

from kverdict.domain.stack import DYNPTR, IRQ_FLAG, ITER, MISC, POISON, POISONED, SPILL, Slot
from kverdict.domain.state import Frame, State
from kverdict.domain.value import NOTHING, SCALAR
from kverdict.verify.env import Env
from kverdict.verify.liveness.accesses import ALL
from kverdict.verify.liveness.analysis import Analysis
from kverdict.verify.liveness.instances import Instance
from kverdict.verify.liveness.tables import log_instances

_OBJECTS: Final = (DYNPTR, ITER, IRQ_FLAG)
_POISONED_HALF: Final = bytes([POISON]) * 4


class ComputedLiveness:
    """Half slots alive, by the call sites of the frames and the instruction."""

    longest_walk = 0  # nothing is traced

    def __init__(self) -> None:
        self.instances: dict[tuple[int, int], Instance] = {}
        self.known: dict[tuple[int, ...], tuple[int, ...]] = {}

    def compute(self, env: Env, orders: list[list[int]], topological: list[int]) -> None:
        """Before the walk. orders: postorder of each function; topological: functions, callees first."""
        analysis = Analysis(env, orders)
        analysis.run(topological)
        self.instances = analysis.instances
        log_instances(env, self.instances.values())

    def forget_dead(self, env: Env, state: State) -> None:
        """Registers and half slots of the state that nothing reads from here on; kernel: clean_verifier_state()."""
        frames = state.frames
        insns = [frame.callsite for frame in frames[1:]]
        insns.append(state.insn)
        alive: tuple[int, ...] | None = None
        key = tuple(insns)
        for number, frame in enumerate(frames):
            _forget_registers(frame, ~env.aux[insns[number]].live_before & 0x3FF)
            if frame.stack:
                if alive is None:
                    alive = self.known.get(key)
                    if alive is None:
                        alive = self.known[key] = self._alive(env, frames, insns)
                _forget_slots(frame, alive[number])

    def _instance(self, env: Env, frame: Frame, number: int) -> Instance | None:
        """How the function of a frame was analysed: at its depth, or at the greatest one below."""
        start = env.subprogs[frame.subprog].start
        for depth in range(number, -1, -1):
            found = self.instances.get((frame.callsite if depth else start, depth))
            if found is not None:
                return found
        return None

    def _alive(self, env: Env, frames: list[Frame], insns: list[int]) -> tuple[int, ...]:
        """For each frame the half slots that are read in it, in what runs now, or after that returns."""
        last = len(frames) - 1
        instances = [self._instance(env, frame, number) for number, frame in enumerate(frames)]
        inner = instances[last]
        result = []
        for number in range(last + 1):
            if inner is None:
                result.append(ALL)
                continue
            place = number + inner.depth - last
            mask = inner.alive(place, insns[last]) if 0 <= place <= inner.depth else 0
            for outer in range(number, last):
                instance = instances[outer]
                place = number + instance.depth - outer if instance is not None else -1
                if instance is None or not 0 <= place <= instance.depth:
                    mask = ALL
                    break
                callsite = insns[outer]
                mask |= instance.alive(place, callsite if env.aux[callsite].calls_callback else callsite + 1)
            result.append(mask)
        return tuple(result)

    # The walk tells liveness what it does; nothing of it matters here.

    def read(self, env: Env, number: int, whole: bool) -> None:
        """A register is read."""

    def stack_read(self, env: Env, frameno: int, slot: int) -> None:
        """A slot is read."""

    def stack_write(self, env: Env, frameno: int, slot: int) -> None:
        """A slot is written."""

    def begin(self, env: Env) -> None:
        """An instruction begins."""

    def commit(self, env: Env) -> None:
        """It ended."""

    def path_ended(self, env: Env) -> None:
        """A path ended."""

    def entered(self) -> None:
        """A frame was entered."""

    def propagate(self, old: State, current: State) -> None:
        """Two states are equal."""


def _forget_registers(frame: Frame, dead: int) -> None:
    frame.precise &= ~dead
    regs = frame.regs
    reg = 0
    while dead:
        if dead & 1:
            regs[reg] = NOTHING
        dead >>= 1
        reg += 1


def _forget_slots(frame: Frame, alive: int) -> None:
    stack = frame.stack
    dead = ~alive & (1 << 2 * len(stack)) - 1
    number = 0
    while dead:
        halves = dead & 3
        if halves:
            slot = stack[number]
            if slot is not POISONED:
                stack[number] = cleaned = without_halves(slot, bool(halves & 1), bool(halves & 2))
                if cleaned.value is NOTHING:
                    frame.precise_stack &= ~(1 << number)
        dead >>= 2
        number += 1


def without_halves(slot: Slot, low: bool, high: bool) -> Slot:
    """A slot whose lower half (next to the frame pointer: bytes 0 to 3), upper half or both nothing reads.

    Objects stay, and so do pointers and zeros of which the lower half is read; kernel: __clean_func_state().
    """
    kinds = slot.kinds
    if kinds[7] in _OBJECTS:
        return slot
    if low and high:
        return POISONED
    if not high:
        return Slot(_POISONED_HALF + kinds[4:], slot.value)
    if kinds[7] == SPILL:
        value = slot.value
        if value.type != SCALAR or (value.num.mask == 0 and value.num.value == 0):
            return slot
        kinds = bytes(MISC if kind == SPILL else kind for kind in kinds)
    return Slot(kinds[:4] + _POISONED_HALF)
