"""Reading and writing registers of the running frame, with the liveness marks of kernels before 6.18.

Source: check_reg_arg(), mark_reg_read() and clear_caller_saved_regs() of the kernel.
"""

from __future__ import annotations

from kverdict.catalogue.instructions import INVALID_REGISTER
from kverdict.catalogue.memory import FRAME_POINTER_READ_ONLY, READ_BEFORE_WRITE
from kverdict.domain.value import NOT_INIT, NOTHING, UNKNOWN_SCALAR, Value
from kverdict.verify.env import Env


def read_reg(env: Env, number: int) -> Value:
    """The value of a source register (all 64 bits); refuses one that was never written."""
    if number > 10:
        env.refuse(INVALID_REGISTER, reg=number)
    value = env.regs[number]
    if value.type == NOT_INIT:
        env.refuse(READ_BEFORE_WRITE, reg=number)
    if env.traced_liveness:
        env.liveness.read(env, number, True)
    return value


def read_reg32(env: Env, number: int) -> Value:
    """As read_reg() for an instruction that reads the lower 32 bits only."""
    if number > 10:
        env.refuse(INVALID_REGISTER, reg=number)
    value = env.regs[number]
    if value.type == NOT_INIT:
        env.refuse(READ_BEFORE_WRITE, reg=number)
    if env.traced_liveness:
        env.liveness.read(env, number, False)
    return value


def check_writable(env: Env, number: int) -> None:
    """Refuse a destination that no instruction may write."""
    if number > 10:
        env.refuse(INVALID_REGISTER, reg=number)
    if number == 10:
        env.refuse(FRAME_POINTER_READ_ONLY)


def write_reg(env: Env, number: int, value: Value) -> None:
    """Give a register a new value: no longer precise, and written since the last checkpoint."""
    frame = env.frame
    frame.regs[number] = value
    bit = 1 << number
    frame.written |= bit
    if frame.precise:
        frame.precise &= ~bit


def write_unknown(env: Env, number: int) -> None:
    """The destination of an instruction whose result is not known."""
    check_writable(env, number)
    write_reg(env, number, UNKNOWN_SCALAR)


def clobber_caller_saved(env: Env) -> None:
    """r0..r5 after a call: written, and not readable any more."""
    frame = env.frame
    regs = frame.regs
    for number in range(6):
        regs[number] = NOTHING
    frame.written |= 0x3F
    frame.precise &= ~0x3F
