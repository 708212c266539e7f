"""Liveness before 6.18: each path marks what it reads in the checkpoints behind it, up to the last write.

Source: mark_reg_read(), propagate_liveness(), clean_verifier_state() of the kernel.
"""

from __future__ import annotations

from typing import Final

from kverdict.domain.state import State
from kverdict.domain.value import NOTHING
from kverdict.verify.env import Env
from kverdict.verify.liveness.slots import clean_slots

_ARGS: Final = 0x3E


class TracedLiveness:
    """Marks `read`, `read32` (lower half only), `written` on the frames of checkpoints, as bit masks."""

    longest_walk = 0  # most checkpoints that one read was traced through; "mark_read" of the log's last line

    def read(self, env: Env, number: int, whole: bool) -> None:
        """The running frame reads register `number`: depends on the checkpoints behind it, up to the last write."""
        if env.frame.written & 1 << number or number == 10:
            return
        self._mark_register(env.state, len(env.state.frames) - 1, number, whole)

    def _mark_register(self, state: State, frameno: int, number: int, whole: bool) -> None:
        """`state` depends on the register: mark its parents until one wrote it or knows already."""
        bit = 1 << number
        walked = 0
        current: State | None = state
        while current is not None:
            place = self._parent(current, frameno, number)
            if place is None:
                return
            parent, frameno = place
            frame = parent.frames[frameno]
            if frame.read & bit and (not frame.read32 & bit or not whole):
                return
            frame.read |= bit
            if whole:
                frame.read32 &= ~bit
            else:
                frame.read32 |= bit
            walked += 1
            if walked > self.longest_walk:
                self.longest_walk = walked
            if frame.written & bit:
                return
            current = parent

    def _parent(self, state: State, frameno: int, number: int) -> tuple[State, int] | None:
        """The checkpoint and frame that this register's marks go to; None where the register began after it."""
        frame = state.frames[frameno]
        while True:
            if number == 0 and frame.r0_frame >= 0:
                frameno = frame.r0_frame
                break
            if not frame.fresh:
                break
            if not (1 << number) & _ARGS or frameno == 0 or frame.callback:
                return None
            frameno -= 1
            frame = state.frames[frameno]
        parent = state.parent
        if parent is None or frameno >= len(parent.frames):
            return None
        if number < 6 and frameno < len(parent.frames) - 1:
            return self._parent(parent, frameno, number)  # a checkpoint in a callee has only r6 to r9 of its callers
        return parent, frameno

    def stack_read(self, env: Env, frameno: int, slot: int) -> None:
        """A slot of frame `frameno` is read."""
        self._mark_slot(env.state, frameno, slot)

    def _mark_slot(self, state: State, frameno: int, slot: int) -> None:
        bit = 1 << slot
        walked = 0
        current: State = state
        while not current.frames[frameno].stack_written & bit or current is not state:
            frame = current.frames[frameno]
            parent = current.parent
            if frame.fresh or parent is None or frameno >= len(parent.frames):
                return
            above = parent.frames[frameno]
            if slot >= len(above.stack) or above.stack_read & bit:
                return
            above.stack_read |= bit
            walked += 1
            if walked > self.longest_walk:
                self.longest_walk = walked
            if above.stack_written & bit:
                return
            current = parent

    def stack_write(self, env: Env, frameno: int, slot: int) -> None:
        """A whole slot of frame `frameno` is written."""
        env.state.frames[frameno].stack_written |= 1 << slot

    def begin(self, env: Env) -> None:
        """Nothing to prepare before an instruction."""

    def commit(self, env: Env) -> None:
        """Nothing to do after an instruction."""

    def path_ended(self, env: Env) -> None:
        """Nothing to do at the end of a path: marks were made on the way."""

    def entered(self) -> None:
        """Nothing to do when a frame is entered or left."""

    def propagate(self, old: State, current: State) -> None:
        """`current` equals `old`: what was read after `old` will be read after `current`. propagate_liveness()."""
        last = len(old.frames) - 1
        for number, frame in enumerate(old.frames):
            mine = current.frames[number]
            for reg in range(6 if number < last else 0, 10):
                bit = 1 << reg
                if not frame.read & bit or (mine.read & bit and not mine.read32 & bit):
                    continue
                whole = not frame.read32 & bit
                if mine.read & bit and not whole:
                    continue
                if not mine.written & bit:
                    self._mark_register(current, number, reg, whole)
            mask = frame.stack_read
            for slot in range(min(len(frame.stack), len(mine.stack))):
                bit = 1 << slot
                if mask & bit and not mine.stack_read & bit and not mine.stack_written & bit:
                    self._mark_slot(current, number, slot)

    def clean(self, env: Env, state: State) -> None:
        """All paths below `state` are done: forget what none of them read. clean_verifier_state()."""
        state.cleaned = True
        for frame in state.frames:
            regs = frame.regs
            for reg in range(10):
                if not frame.read & 1 << reg:
                    regs[reg] = NOTHING
            clean_slots(frame, frame.stack_read)
