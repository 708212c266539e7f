"""One instruction backwards: what has to be looked for before it, for what is looked for after it.

Source: backtrack_insn(), struct backtrack_state of the kernel; kernels before 6.5 do not follow calls.
"""

from __future__ import annotations

from typing import Final

from kverdict.catalogue.functions import BACKTRACKED_REGISTERS
from kverdict.errors import InternalError
from kverdict.isa.insn import Insn
from kverdict.isa.opcode import (
    ABS,
    ALU,
    ALU64,
    ATOMIC,
    CALL,
    CALL_HELPER,
    CALL_KFUNC,
    CALL_SUBPROG,
    CLASS_MASK,
    CMPXCHG,
    CODE_MASK,
    END,
    EXIT,
    FETCH,
    FP,
    IND,
    JMP,
    JMP32,
    LD,
    LD_IMM64,
    LDX,
    LOAD_ACQ,
    MODE_MASK,
    MOV,
    NEG,
    ST,
    STX,
    X,
)
from kverdict.verify.env import (
    F_DST_REG_STACK,
    F_FRAMENO_MASK,
    F_SPI_SHIFT,
    F_SRC_REG_STACK,
    F_STACK_ACCESS,
    Env,
)
from kverdict.verify.log import disassemble, register_mask, stack_mask
from kverdict.verify.traits import calls_sync_callback

_ARGS: Final = 0x3E
_TAIL_CALL: Final = 12
_SPI_MASK: Final = 0x3F
FRAMES: Final = 17  # the most that any kernel allows, and one


class Backtrack:
    """Registers and stack slots that are looked for, a mask of each for every frame."""

    __slots__ = ("frame", "regs", "slots")

    def __init__(self, frame: int) -> None:
        self.frame = frame
        self.regs = [0] * FRAMES
        self.slots = [0] * FRAMES

    def is_empty(self) -> bool:
        """Nothing is looked for any more."""
        return not any(self.regs) and not any(self.slots)

    def reset(self) -> None:
        """Stop looking for anything."""
        self.regs = [0] * FRAMES
        self.slots = [0] * FRAMES

    def has(self, reg: int) -> bool:
        """Is this register of the current frame looked for?"""
        return bool(self.regs[self.frame] & 1 << reg)

    def add(self, reg: int) -> None:
        """Look for a register of the current frame."""
        self.regs[self.frame] |= 1 << reg

    def drop(self, reg: int) -> None:
        """Stop looking for a register of the current frame."""
        self.regs[self.frame] &= ~(1 << reg)

    def leave(self) -> None:
        """Go back into the caller."""
        if self.frame == 0:
            raise InternalError("precision: left the outermost frame")
        self.frame -= 1

    def enter(self) -> None:
        """Go back into a callee."""
        self.frame += 1


# (registers it acts on: one of them is looked for, what then stays, what is added, registers of which it needs
# step_back(), it does so only where no access is noted).
Effect = tuple[int, int, int, int, bool]
_NO_EFFECT: Final = (0, -1, 0, 0, False)


class GiveUp(Exception):
    """The walk cannot follow this instruction: all scalars of the path become precise."""


def backward_effects(env: Env) -> list[Effect | None]:
    """What step_back() does for most instructions, so that the walk need not call it; None for the rest."""
    return [_effect(env, insn) for insn in env.insns]


def _effect(env: Env, insn: Insn) -> Effect | None:
    op = insn.op
    cls = op & CLASS_MASK
    bit = 1 << insn.dst
    if op == 0:
        return _NO_EFFECT
    if cls in (ALU, ALU64):
        code = op & CODE_MASK
        if code in (END, NEG):
            return _NO_EFFECT
        source = 1 << insn.src if op & X and insn.src != FP else 0
        return bit, ~bit if code == MOV else -1, source, 0, False
    if op & 0xFF == LD_IMM64:
        return bit, ~bit, 0, 0, False
    if cls in (JMP, JMP32) and op & CODE_MASK not in (CALL, EXIT):
        if not op & X:
            return _NO_EFFECT
        bit |= 1 << insn.src
        return (bit, -1, bit, 0, True) if env.precision_across_frames else None
    if not env.precision_across_frames:
        return None
    loaded = _register_loaded(env, insn)
    if loaded >= 0:
        return 1 << loaded, ~(1 << loaded), 0, 0, True
    if cls in (ST, STX):
        return 0, -1, 0, bit, True
    if op == CALL_HELPER and insn.imm != _TAIL_CALL and not calls_sync_callback(env, insn):
        return 1, ~1, 0, _ARGS, False
    return None


def _register_loaded(env: Env, insn: Insn) -> int:
    """The register that a load from memory sets, also of atomic instructions that return the old value; else -1."""
    cls = insn.op & CLASS_MASK
    if cls == LDX:
        return insn.dst
    if cls != STX or insn.op & MODE_MASK != ATOMIC:
        return -1
    if insn.imm == LOAD_ACQ:
        return insn.dst
    if insn.imm & FETCH and env.does("ATOMIC_FETCH_IS_LOAD"):
        return 0 if insn.imm == CMPXCHG else insn.src
    return -1


def _sync_linked(back: Backtrack, linked: tuple[tuple[int, bool, int], ...]) -> None:
    """If one of the linked registers is looked for, all are; kernel: bt_sync_linked_regs()."""
    for frame, is_reg, index in linked:
        if (back.regs if is_reg else back.slots)[frame] & 1 << index:
            break
    else:
        return
    for frame, is_reg, index in linked:
        (back.regs if is_reg else back.slots)[frame] |= 1 << index


def step_back(
    env: Env,
    index: int,
    insn: Insn,
    flags: int,
    linked: tuple[tuple[int, bool, int], ...],
    subsequent: int,
    back: Backtrack,
) -> None:
    """What has to be looked for before this instruction, for what is looked for after it."""
    op = insn.op
    if op == 0:
        return
    _log_step(env, index, back)
    if linked:
        _sync_linked(back, linked)
    cls = op & CLASS_MASK
    if cls in (ALU, ALU64):
        _step_back_alu(op, insn, back)
    elif (loaded := _register_loaded(env, insn)) >= 0:
        if not back.has(loaded):
            return
        back.drop(loaded)
        if flags & F_STACK_ACCESS:
            back.slots[flags & F_FRAMENO_MASK] |= 1 << ((flags >> F_SPI_SHIFT) & _SPI_MASK)
        else:
            return
    elif cls in (ST, STX):
        if back.has(insn.dst):
            raise GiveUp
        if not flags & F_STACK_ACCESS:
            return
        frame, bit = flags & F_FRAMENO_MASK, 1 << ((flags >> F_SPI_SHIFT) & _SPI_MASK)
        if not back.slots[frame] & bit:
            return
        back.slots[frame] &= ~bit
        if cls == STX:
            back.add(insn.src)
    elif cls in (JMP, JMP32):
        if _step_back_jump(env, index, insn, flags, subsequent, back):
            return
    elif cls == LD:
        _step_back_wide_load(env, index, insn, subsequent, back)
        return
    if linked:
        _sync_linked(back, linked)


def _step_back_wide_load(env: Env, index: int, insn: Insn, subsequent: int, back: Backtrack) -> None:
    """A constant, or the old packet load, behind which the path may go on in the caller: then it ended the callee."""
    old_load = insn.op & MODE_MASK in (IND, ABS)
    if back.has(insn.dst):
        back.drop(insn.dst)
        if old_load:
            raise GiveUp
    if old_load and subsequent != index + 1 and env.does("LD_ABS_EXIT_TRACED"):
        back.enter()


def _step_back_alu(op: int, insn: Insn, back: Backtrack) -> None:
    if not back.has(insn.dst):
        return
    code = op & CODE_MASK
    if code in (END, NEG):
        return
    if code == MOV:
        back.drop(insn.dst)
    if op & X and insn.src != FP:
        back.add(insn.src)


def _step_back_jump(env: Env, index: int, insn: Insn, flags: int, subsequent: int, back: Backtrack) -> bool:
    """Calls, returns and comparisons; True where the kernel stops before it looks at linked registers again."""
    op = insn.op
    code = op & CODE_MASK
    if op == CALL_SUBPROG:
        _step_back_subprog_call(env, index, insn, back)
        return True
    if code == CALL:
        if calls_sync_callback(env, insn) and index != subsequent - 1:
            back.regs[back.frame] &= ~_ARGS
            _expect_nothing(env, back, "callback")
            back.leave()
            return True
        if op == CALL_KFUNC and insn.imm == 0:
            raise GiveUp
        back.drop(0)
        if back.regs[back.frame] & _ARGS:
            raise InternalError(f"precision: arguments are looked for across the call at {index}")
        if op == CALL_HELPER and insn.imm == _TAIL_CALL and subsequent - index != 1:
            back.enter()
        return False
    if code == EXIT:
        from_callback = subsequent >= 0 and env.aux[subsequent].calls_callback
        keeps = from_callback and env.does("PRECISION_ACROSS_CALLBACKS")
        if from_callback and not keeps:
            back.regs[back.frame] &= ~_ARGS
        if back.regs[back.frame] & _ARGS and not keeps:
            raise InternalError("precision: arguments are looked for across a return")
        from_call = subsequent - 1 >= 0 and env.insns[subsequent - 1].op == CALL_SUBPROG
        r0_precise = from_call and back.has(0)
        back.drop(0)
        back.enter()
        if r0_precise:
            back.add(0)
        return True
    if op & X:
        if not back.has(insn.dst) and not back.has(insn.src):
            return True
        if not flags & F_SRC_REG_STACK:
            back.add(insn.src)
        if not flags & F_DST_REG_STACK:
            back.add(insn.dst)
    return False


def _step_back_subprog_call(env: Env, index: int, insn: Insn, back: Backtrack) -> None:
    target = index + insn.imm + 1
    if env.subprogs[env.subprog_at[target]].is_global:
        if back.regs[back.frame] & _ARGS:
            raise InternalError("precision: arguments are looked for across a global call")
        back.drop(0)
        return
    passed = back.regs[back.frame] & _ARGS
    back.regs[back.frame] &= ~_ARGS
    _expect_nothing(env, back, "static subprog")
    back.leave()
    back.regs[back.frame] |= passed


def _expect_nothing(env: Env, back: Backtrack, where: str) -> None:
    """At its entry a function looks for nothing of its own, unless the kernel overlooked an exit."""
    regs = back.regs[back.frame]
    if regs and env.does("LD_ABS_RETURNS") and not env.does("LD_ABS_EXIT_TRACED"):
        env.refuse(BACKTRACKED_REGISTERS, where=where, regs=f"{regs:x}")
    if regs or back.slots[back.frame]:
        raise InternalError(f"precision: a {where}'s frame still looks for something at its entry")


def step_back_old(env: Env, index: int, insn: Insn, back: Backtrack) -> None:
    """Kernels before 6.5: one frame, stack slots by the instruction's own frame pointer."""
    op = insn.op
    if op == 0:
        return
    _log_step(env, index, back)
    cls = op & CLASS_MASK
    frame = back.frame
    if cls in (ALU, ALU64):
        if not back.has(insn.dst):
            return
        if op & CODE_MASK == MOV:
            back.drop(insn.dst)
        if op & X:
            back.add(insn.src)
    elif cls == LDX:
        if not back.has(insn.dst):
            return
        back.drop(insn.dst)
        if insn.src == FP:
            back.slots[frame] |= 1 << ((-insn.off - 1) // 8)
    elif cls in (ST, STX):
        if back.has(insn.dst):
            raise GiveUp
        if insn.dst != FP:
            return
        bit = 1 << ((-insn.off - 1) // 8)
        if not back.slots[frame] & bit:
            return
        back.slots[frame] &= ~bit
        if cls == STX:
            back.add(insn.src)
    elif cls in (JMP, JMP32):
        _step_back_jump_old(env, insn, back)
    elif cls == LD:
        if not back.has(insn.dst):
            return
        back.drop(insn.dst)
        if op & MODE_MASK in (IND, ABS):
            raise GiveUp


def _step_back_jump_old(env: Env, insn: Insn, back: Backtrack) -> None:
    op = insn.op
    code = op & CODE_MASK
    if code == CALL:
        if op == CALL_SUBPROG or calls_sync_callback(env, insn):
            raise GiveUp
        back.drop(0)
        if back.regs[back.frame] & _ARGS:
            raise InternalError("precision: arguments are looked for across a call")
    elif code == EXIT:
        raise GiveUp
    elif op & X and (back.has(insn.dst) or back.has(insn.src)):
        back.add(insn.dst)
        back.add(insn.src)


def _log_step(env: Env, index: int, back: Backtrack) -> None:
    if env.log is not None and env.log.level > 1:
        regs, slots = back.regs[back.frame], back.slots[back.frame]
        if env.precision_across_frames:
            masks = f"mark_precise: frame{back.frame}: regs={register_mask(regs)} stack={stack_mask(slots)}"
        else:
            masks = f"regs={regs:x} stack={slots:x}"
        env.log.write(f"{masks} before {index}: {disassemble(env, index)}\n")
