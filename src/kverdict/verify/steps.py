"""Which function walks which instruction: chosen once for each instruction, before the walk.

Source: do_check_insn() of the kernel; malformed encodings are refused only when they are reached, as the kernel does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from kverdict.catalogue import find_by_kernel_text
from kverdict.diagnostic import Message
from kverdict.isa.insn import Insn
from kverdict.isa.opcode import (
    ABS,
    ALU,
    ALU64,
    ATOMIC,
    CALL,
    CALL_SUBPROG,
    CLASS_MASK,
    CODE_MASK,
    END,
    EXIT,
    IND,
    JA,
    JCOND,
    JMP,
    JMP32,
    LDX,
    MODE_MASK,
    MOV,
    NEG,
    ST,
    STX,
    SX8,
    VARIANT_SHIFT,
    X,
)
from kverdict.isa.validity import Violation, fields_check
from kverdict.verify.alu import (
    address_space_cast,
    arithmetic_constant,
    arithmetic_register,
    move32_register,
    move_constant,
    move_register,
    move_sign_extended,
    negate_or_swap,
)
from kverdict.verify.atomic import atomic
from kverdict.verify.branch import conditional_jump
from kverdict.verify.call import call
from kverdict.verify.env import Env
from kverdict.verify.exit import exit_program
from kverdict.verify.load_imm import load_absolute, load_immediate
from kverdict.verify.load_store import load, store_constant, store_register
from kverdict.verify.loops import may_goto
from kverdict.verify.subprog_call import call_subprog

Step = Callable[[Env, Insn], int]


def steps_of(env: Env) -> list[Step]:
    """One function for each slot; each returns the index of the next instruction, or PATH_DONE."""
    return [_step(env, insn) for insn in env.insns]


def _step(env: Env, insn: Insn) -> Step:
    cls = insn.op & CLASS_MASK
    violation = fields_check(insn, env.does)
    if violation is not None:
        return _refusing(violation)
    if cls in (ALU, ALU64):
        return _alu_step(insn, cls)
    if cls in (JMP, JMP32):
        return _counted(_jump_step(insn))
    if cls == LDX:
        return load
    if cls == ST:
        return store_constant
    if cls == STX:
        return atomic if insn.op & MODE_MASK == ATOMIC else store_register
    if insn.op & MODE_MASK in (ABS, IND):
        return load_absolute
    return load_immediate


def _alu_step(insn: Insn, cls: int) -> Step:
    code = insn.op & CODE_MASK
    if code in (NEG, END):
        return negate_or_swap
    if code != MOV:
        return arithmetic_register if insn.op & X else arithmetic_constant
    if not insn.op & X:
        return move_constant
    if cls == ALU:
        return move32_register
    if insn.op >> VARIANT_SHIFT == 1:
        return address_space_cast
    return move_sign_extended if insn.op >> VARIANT_SHIFT >= SX8 >> VARIANT_SHIFT else move_register


def _jump_step(insn: Insn) -> Step:
    code = insn.op & CODE_MASK
    if code == CALL:
        return call_subprog if insn.op == CALL_SUBPROG else call
    if code == EXIT:
        return exit_program
    if code == JA:
        return goto_imm if insn.op & CLASS_MASK == JMP32 else goto_off
    if code == JCOND:
        return may_goto
    return conditional_jump


def goto_off(env: Env, insn: Insn) -> int:
    """`goto` with a 16-bit offset."""
    return env.insn_idx + insn.off + 1


def goto_imm(env: Env, insn: Insn) -> int:
    """`gotol` with a 32-bit offset."""
    return env.insn_idx + insn.imm + 1


def _counted(step: Step) -> Step:
    """Jumps, calls and exits are counted: the distance between checkpoints depends on it."""

    def counted(env: Env, insn: Insn) -> int:
        env.jmps_processed += 1
        return step(env, insn)

    return counted


def _refusing(violation: Violation) -> Step:
    def refuse(env: Env, insn: Insn) -> int:
        refuse_encoding(env, violation)

    return refuse


def refuse_encoding(env: Env, violation: Violation) -> NoReturn:
    """Refuse a malformed instruction with the catalogue's message for the kernel's sentence."""
    for match in find_by_kernel_text(violation.text):
        env.refuse(match.message, **match.facts)
    env.refuse(Message(violation.id, violation.errno, violation.text))
