"""Precision: which scalars a decision relied on, found by walking the path backwards.

Source: mark_chain_precision() and backtrack_insn() of the kernel. Kernels before 6.5 do not follow calls and force all
scalars precise there; kernels from 6.12 on follow linked registers by the history of the path.
"""

from __future__ import annotations

from typing import Final

from kverdict.domain.state import HistoryEntry, Linked, State
from kverdict.domain.value import SCALAR
from kverdict.errors import InternalError
from kverdict.verify.backtrack import FRAMES, Backtrack, GiveUp, step_back, step_back_old
from kverdict.verify.env import (
    Env,
)
from kverdict.verify.log import register_mask, stack_mask

_ARGS: Final = 0x3E
_TAIL_CALL: Final = 12
_SPI_MASK: Final = 0x3F


def mark_chain_precision(env: Env, regno: int) -> None:
    """The exact value of register `regno` of the running frame was relied on."""
    state = env.state
    if env.regs[regno].type != SCALAR:
        raise InternalError(f"precision of R{regno}, which is no scalar")
    back = Backtrack(len(state.frames) - 1)
    back.add(regno)
    run_backwards(env, state, back, env.insn_idx)


def run_backwards(env: Env, start: State, back: Backtrack, last: int) -> bool:
    """Mark what `back` asks for in the checkpoints behind `start`; True if a mark was new."""
    if back.is_empty():
        return False
    state: State | None = start
    first = start.first_insn
    subsequent = -1
    skip_first = True
    changed = False
    log = env.log if env.log is not None and env.log.level > 1 else None
    while state is not None:
        if log:
            where = f"last_idx {last} first_idx {first}"
            if env.precision_across_frames:
                where = f"mark_precise: frame{back.frame}: {where} subseq_idx {subsequent} "
            log.write(where + "\n")
        if env.precise_ids:
            _include_linked(state, back)
        if last < 0:
            _reach_entry(state, back)
            return changed
        try:
            done, subsequent = _walk_segment(env, state, back, last, skip_first, subsequent)
        except GiveUp:
            mark_all_precise(env, start if env.precision_across_frames else state)
            back.reset()
            return True
        if done:
            return changed
        skip_first = False
        parent = state.parent
        if parent is None:
            break
        state = parent
        changed |= _mark_parent(env, state, back)
        if back.is_empty():
            return changed
        subsequent = first
        last = state.last_insn
        first = state.first_insn
    if not back.is_empty() and env.precision_across_frames:
        mark_all_precise(env, start)
        back.reset()
    return changed


def _reach_entry(state: State, back: Backtrack) -> None:
    """The entry of a global function that is verified alone: its scalar arguments become precise."""
    frame = state.frames[0]
    entry = len(state.frames) == 1 and frame.subprog > 0 and frame.callsite == -1
    if not entry or back.slots[0] or back.regs[0] & ~_ARGS:
        raise InternalError("precision: reached the entry looking for what no entry gives")
    for reg in range(1, 6):
        if back.has(reg):
            back.drop(reg)
            if frame.regs[reg].type == SCALAR:
                frame.precise |= 1 << reg


_NOTHING_NOTED: Final[HistoryEntry] = (-1, 0, 0, ())
_NOWHERE: Final = [0] * FRAMES


def _walk_segment(
    env: Env, state: State, back: Backtrack, last: int, skip_first: bool, subsequent: int
) -> tuple[bool, int]:
    """Backwards from `last` to the checkpoint of `state`: (nothing left to look for, the instruction after)."""
    history = state.history
    count = len(history)
    effects = env.backward_effects
    logs = env.log is not None and env.log.level > 1
    index = last
    follow = env.precision_across_frames
    through = env.precision_through_loops
    first = state.first_insn
    regs = back.regs
    frame = back.frame
    alone = _only_running_frame(back)
    insn_count = env.count
    note = history[-1] if count else _NOTHING_NOTED
    while True:
        noted = note[0] == index
        if skip_first:
            skip_first = False
        else:
            effect = effects[index]
            mask = regs[frame]
            if effect is None or mask & effect[3] or logs or (noted and (note[3] or (note[2] and effect[4]))):
                flags, linked = (note[2], note[3]) if noted else (0, ())
                _step_back_any(env, index, flags, linked, subsequent, back, follow)
                frame = back.frame
                alone = _only_running_frame(back)
            elif mask & effect[0]:
                # The common case: what is looked for only moves between registers.
                regs[frame] = mask & effect[1] | effect[2]
        if alone and not regs[frame]:
            return True, index
        subsequent = index
        if index == first and (not through or count == 0 or (count == 1 and noted)):
            return False, subsequent
        if noted:
            index = note[1]
            count -= 1
            note = history[count - 1] if count else _NOTHING_NOTED
        else:
            index -= 1
        if index >= insn_count or index < 0:
            raise InternalError(f"precision: backtracked to instruction {index}")


def _only_running_frame(back: Backtrack) -> bool:
    """Nothing is looked for but registers of the running frame."""
    if back.slots != _NOWHERE:
        return False
    others = back.regs.count(0)
    return others == FRAMES or (others == FRAMES - 1 and back.regs[back.frame] != 0)


def _step_back_any(
    env: Env, index: int, flags: int, linked: tuple[Linked, ...], subsequent: int, back: Backtrack, follow: bool
) -> None:
    if follow:
        step_back(env, index, env.insns[index], flags, linked, subsequent, back)
    else:
        step_back_old(env, index, env.insns[index], back)


def _mark_parent(env: Env, state: State, back: Backtrack) -> bool:
    """Mark what is looked for in the checkpoint `state`; what is precise there already needs no further search.

    Older kernels look at one frame only, and go on with all of it as long as one mark is new.
    """
    log = env.log if env.log is not None and env.log.level > 1 else None
    changed = False
    follow = env.precision_across_frames
    for number in range(back.frame, -1 if follow else back.frame - 1, -1):
        frame = state.frames[number]
        mask = back.regs[number] & 0x3FF
        while mask:
            bit = mask & -mask
            mask ^= bit
            known = bool(frame.precise & bit)
            if frame.regs[bit.bit_length() - 1].type != SCALAR or (known and follow):
                back.regs[number] &= ~bit
            elif not known:
                frame.precise |= bit
                changed = True
        mask = back.slots[number]
        while mask:
            bit = mask & -mask
            mask ^= bit
            slot = bit.bit_length() - 1
            known = bool(frame.precise_stack & bit)
            if slot >= len(frame.stack) or not frame.stack[slot].is_spilled_scalar() or (known and follow):
                back.slots[number] &= ~bit
            elif not known:
                frame.precise_stack |= bit
                changed = True
        if log:
            regs, slots = back.regs[number], back.slots[number]
            if follow:
                masks = f"parent state regs={register_mask(regs)} stack={stack_mask(slots)}: "
                masks = f"mark_precise: frame{number}: {masks}"
            else:
                had = "didn't have" if changed else "already had"
                masks = f"parent {had} regs={regs:x} stack={slots:x} marks:"
            log.write(f"{masks}{env.describe_state(state, number, True)}\n")
    if not changed and not follow:
        back.reset()
    return changed


def _include_linked(state: State, back: Backtrack) -> None:
    """Look for every scalar that shares its id with one that is looked for; kernel: mark_precise_scalar_ids()."""
    ids = set()
    frames = state.frames[: back.frame + 1]
    for number, frame in enumerate(frames):
        for reg in range(10):
            if back.regs[number] & 1 << reg and frame.regs[reg].type == SCALAR and frame.regs[reg].id:
                ids.add(frame.regs[reg].id)
        for slot, content in enumerate(frame.stack):
            if back.slots[number] & 1 << slot and content.is_spilled_scalar() and content.value.id:
                ids.add(content.value.id)
    if not ids:
        return
    for number, frame in enumerate(frames):
        for reg in range(10):
            if frame.regs[reg].type == SCALAR and frame.regs[reg].id in ids:
                back.regs[number] |= 1 << reg
        for slot, content in enumerate(frame.stack):
            if content.is_spilled_scalar() and content.value.id in ids:
                back.slots[number] |= 1 << slot


def mark_all_precise(env: Env, start: State) -> None:
    """Every scalar in every checkpoint behind `start` becomes precise."""
    log = env.log if env.log is not None and env.log.level > 1 and env.precision_across_frames else None
    if log:
        log.write(f"mark_precise: frame{len(start.frames) - 1}: falling back to forcing all scalars precise\n")
    state = start.parent
    while state is not None:
        for number, frame in enumerate(state.frames):
            for reg in range(10):
                if frame.regs[reg].type == SCALAR and not frame.precise & 1 << reg:
                    frame.precise |= 1 << reg
                    if log:
                        log.write(f"force_precise: frame{number}: forcing r{reg} to be precise\n")
            for slot, content in enumerate(frame.stack):
                if content.is_spilled_scalar() and not frame.precise_stack & 1 << slot:
                    frame.precise_stack |= 1 << slot
                    if log:
                        log.write(f"force_precise: frame{number}: forcing fp{-(slot + 1) * 8} to be precise\n")
        state = state.parent


def mark_all_imprecise(state: State) -> None:
    """Forget inherited marks when a checkpoint is made; they are found again if they matter."""
    for frame in state.frames:
        frame.precise = 0
        frame.precise_stack = 0


def propagate_precision(env: Env, old: State, current: State, last: int) -> bool:
    """`current` equals `old`: what was precise there is precise here, and behind it. True if a mark was new."""
    back = Backtrack(len(current.frames) - 1)
    log = env.log if env.log is not None and env.log.level > 1 else None
    traced = env.traced_liveness
    for number in range(len(old.frames) - 1, -1, -1):
        frame = old.frames[number]
        names = []
        mask = frame.precise & (frame.read if traced else 0x3FF)
        for reg in range(10):
            if mask & 1 << reg and frame.regs[reg].type == SCALAR:
                back.regs[number] |= 1 << reg
                names.append(f"r{reg}")
        mask = frame.precise_stack & (frame.stack_read if traced else -1)
        if mask:
            for slot, content in enumerate(frame.stack):
                if mask & 1 << slot and content.is_spilled_scalar():
                    back.slots[number] |= 1 << slot
                    names.append(f"fp{-(slot + 1) * 8}")
        if log and names:
            log.write(f"frame {number}: propagating {','.join(names)}\n")
    return run_backwards(env, current, back, last)
