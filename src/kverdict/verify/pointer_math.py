"""Adding to and subtracting from pointers: fixed offsets, variable offsets, and what is prohibited.

Source: adjust_ptr_min_max_vals(), check_reg_sane_offset() of the kernel, for a privileged loader.
"""

from __future__ import annotations

from typing import Final

from kverdict.catalogue.bounds import (
    MATH_WITH_CONSTANT,
    MATH_WITH_UNBOUNDED,
    POINTER_ARITHMETIC_32,
    POINTER_ARITHMETIC_MAYBE_NULL,
    POINTER_ARITHMETIC_PROHIBITED,
    POINTER_BITWISE,
    POINTER_FROM_SCALAR,
    POINTER_OFFSET,
    POINTER_OPERATOR,
    POINTER_OUT_OF_BOUNDS,
    STACK_POINTER_SUBTRACTION,
)
from kverdict.domain import circular
from kverdict.domain.bounds import S32_MAX, S32_MIN, S64_MAX, S64_MIN, ZERO, Bounds, const
from kverdict.domain.sync import sync
from kverdict.domain.tnum import U32_MAX, U64_MAX
from kverdict.domain.tnum import add as tnum_add
from kverdict.domain.tnum import sub as tnum_sub
from kverdict.domain.value import (
    CONST_PTR_TO_DYNPTR,
    CONST_PTR_TO_MAP,
    PTR_TO_BTF_ID,
    PTR_TO_BUF,
    PTR_TO_CTX,
    PTR_TO_FLOW_KEYS,
    PTR_TO_FUNC,
    PTR_TO_MAP_KEY,
    PTR_TO_MAP_VALUE,
    PTR_TO_MEM,
    PTR_TO_PACKET,
    PTR_TO_PACKET_META,
    PTR_TO_STACK,
    PTR_TO_TP_BUFFER,
    UNKNOWN_SCALAR,
    Value,
    type_text,
)
from kverdict.isa.insn import Insn
from kverdict.isa.opcode import ADD, ALU64, AND, CLASS_MASK, CODE_MASK, OR, SUB, XOR
from kverdict.kernel.proto import BASE_MASK, PTR_MAYBE_NULL, PTR_UNTRUSTED
from kverdict.verify.env import Env
from kverdict.verify.registers import write_reg

MAX_VAR_OFF: Final = 1 << 29
_ALLOWED: Final = frozenset(
    (
        PTR_TO_CTX,
        PTR_TO_MAP_VALUE,
        PTR_TO_MAP_KEY,
        PTR_TO_STACK,
        PTR_TO_PACKET_META,
        PTR_TO_PACKET,
        PTR_TO_TP_BUFFER,
        PTR_TO_BTF_ID,
        PTR_TO_MEM,
        PTR_TO_BUF,
        PTR_TO_FUNC,
        CONST_PTR_TO_DYNPTR,
    )
)
_PACKET: Final = frozenset((PTR_TO_PACKET, PTR_TO_PACKET_META))


def adjust_pointer(env: Env, insn: Insn, pointer: Value, offset: Value, offset_is_dst: bool) -> None:
    """dst = pointer + offset or pointer - offset. offset_is_dst: the scalar stands on the left."""
    from kverdict.verify.alu import OPERATORS

    code = insn.op & CODE_MASK
    dst = insn.dst
    num = offset.num
    if num.smin > num.smax or num.umin > num.umax:
        write_reg(env, dst, UNKNOWN_SCALAR)
        return
    if insn.op & CLASS_MASK != ALU64:
        if code == SUB:
            write_reg(env, dst, UNKNOWN_SCALAR)
            return
        env.refuse(POINTER_ARITHMETIC_32, reg=dst)
    kind = type_text(pointer.type)
    if pointer.type & PTR_MAYBE_NULL:
        env.refuse(POINTER_ARITHMETIC_MAYBE_NULL, reg=dst, type=kind)
    base = pointer.type & BASE_MASK
    if base == PTR_TO_MEM and pointer.type & PTR_UNTRUSTED and env.does("UNTRUSTED_MEM"):
        if not offset_is_dst or env.does("UNTRUSTED_MEM_ON_RIGHT"):
            write_reg(env, dst, pointer)
        return
    _check_kind(env, insn, pointer, offset)
    # Kernels that keep the constant of a linked sum where pointers have their fixed offset take it for one.
    check_sane(env, num, 0 if env.folds_offsets else offset.off, kind)
    _check_sane_pointer(env, pointer, kind)
    if code == ADD:
        result = _move_folded(env, ADD, pointer, num, kind) if env.folds_offsets else _add(env, pointer, num)
    elif code == SUB:
        if offset_is_dst:
            env.refuse(POINTER_FROM_SCALAR, reg=dst)
        if pointer.type == PTR_TO_STACK:
            env.refuse(STACK_POINTER_SUBTRACTION, reg=dst)
        result = _move_folded(env, SUB, pointer, num, kind) if env.folds_offsets else _sub(env, pointer, num)
    elif code in (AND, OR, XOR):
        env.refuse(POINTER_BITWISE, reg=dst, operator=OPERATORS[code])
    else:
        env.refuse(POINTER_OPERATOR, reg=dst, operator=OPERATORS[code])
    if not env.folds_offsets:
        _check_sane_pointer(env, result, kind)
    write_reg(env, dst, result)


def _check_kind(env: Env, insn: Insn, pointer: Value, offset: Value) -> None:
    """Pointers that nothing may be added to."""
    base = pointer.type & BASE_MASK
    if base in _ALLOWED:
        return
    known = offset.num.mask == 0
    if base == PTR_TO_FLOW_KEYS and known:
        return
    if base in (PTR_TO_FLOW_KEYS, CONST_PTR_TO_MAP) and known and offset.num.smin == 0:
        if insn.op & CODE_MASK == ADD:
            return
    env.refuse(POINTER_ARITHMETIC_PROHIBITED, reg=insn.dst, type=type_text(pointer.type))


def check_sane(env: Env, num: Bounds, off: int, kind: str) -> None:
    """Neither the fixed nor the variable offset is absurdly large; kernel: check_reg_sane_offset()."""
    if num.mask == 0:
        value = num.smin
        if value >= MAX_VAR_OFF or value <= -MAX_VAR_OFF:
            env.refuse(MATH_WITH_CONSTANT, type=kind, value=value)
    if off >= MAX_VAR_OFF or off <= -MAX_VAR_OFF:
        env.refuse(POINTER_OFFSET, type=kind, off=off)
    if num.smin == S64_MIN:
        env.refuse(MATH_WITH_UNBOUNDED, type=kind)
    if num.smin >= MAX_VAR_OFF or num.smin <= -MAX_VAR_OFF:
        env.refuse(POINTER_OUT_OF_BOUNDS, type=kind, value=num.smin)


def _check_sane_pointer(env: Env, pointer: Value, kind: str) -> None:
    """The same for a pointer; kernels that keep one offset, fixed and variable together, ask about the sum."""
    if not env.folds_offsets:
        check_sane(env, pointer.num, pointer.off, kind)
        return
    low = pointer.num.smin + pointer.off
    if low >= MAX_VAR_OFF or low <= -MAX_VAR_OFF:
        env.refuse(POINTER_OFFSET, type=kind, off=low)


def _fits(number: int) -> bool:
    return S32_MIN <= number <= S32_MAX


def folded(value: Value) -> Bounds:
    """The whole offset of a pointer, fixed and variable together, as kernels with POINTER_OFFSETS_FOLDED keep it.

    Here a constant offset is Value.off (then `num` is zero), any other is Value.num (then `off` is 0).
    """
    return const(value.off & U64_MAX) if value.off else value.num


def _move_folded(env: Env, code: int, pointer: Value, num: Bounds, kind: str) -> Value:
    """The pointer moved; kernel: adjust_ptr_min_max_vals() of kernels that keep one offset."""
    known = num.mask == 0
    if known and pointer.num.mask == 0:
        off = pointer.off + num.smin if code == ADD else pointer.off - num.smin
        result = pointer.with_off(off)
        _check_sane_pointer(env, result, kind)
    else:
        bounds = circular.move_pointer(code, folded(pointer), num, env.rules)
        _check_sane_pointer(env, pointer.with_off(0).with_num(bounds), kind)
        bounds = circular.sync_again(bounds)
        off, bounds = (bounds.smin, ZERO) if bounds.mask == 0 else (0, bounds)
        result = pointer.with_off(off).with_num(bounds)
    if pointer.type & BASE_MASK not in _PACKET:
        return result
    if not known:
        result = result.with_id(env.new_id())
    at_end = isinstance(result.subject, int) and result.subject < 0
    if at_end or (not known and (code == ADD or num.smin < 0)):
        result = result.with_subject(0, 0)
    return result


def _add(env: Env, pointer: Value, num: Bounds) -> Value:
    if num.mask == 0 and _fits(pointer.off + num.smin):
        return pointer.with_off(pointer.off + num.smin)
    old = pointer.num
    smin, smax = old.smin + num.smin, old.smax + num.smax
    if smin < S64_MIN or smax > S64_MAX or smin > S64_MAX or smax < S64_MIN:
        smin, smax = S64_MIN, S64_MAX
    umin, umax = old.umin + num.umin, old.umax + num.umax
    if umin > U64_MAX or umax > U64_MAX:
        umin, umax = 0, U64_MAX
    value, mask = tnum_add(old.value, old.mask, num.value, num.mask)
    moved = sync(value, mask, smin, smax, umin, umax, S32_MIN, S32_MAX, 0, U32_MAX, env.rules)
    return _moved(env, pointer, moved, True)


def _sub(env: Env, pointer: Value, num: Bounds) -> Value:
    if num.mask == 0 and _fits(pointer.off - num.smin):
        return pointer.with_off(pointer.off - num.smin)
    old = pointer.num
    smin, smax = old.smin - num.smax, old.smax - num.smin
    if smin < S64_MIN or smax > S64_MAX or smin > S64_MAX or smax < S64_MIN:
        smin, smax = S64_MIN, S64_MAX
    if old.umin < num.umax:
        umin, umax = 0, U64_MAX
    else:
        umin, umax = old.umin - num.umax, old.umax - num.umin
    value, mask = tnum_sub(old.value, old.mask, num.value, num.mask)
    moved = sync(value, mask, smin, smax, umin, umax, S32_MIN, S32_MAX, 0, U32_MAX, env.rules)
    return _moved(env, pointer, moved, num.smin < 0)


def _moved(env: Env, pointer: Value, num: Bounds, grows: bool) -> Value:
    """A packet pointer at a new variable offset is a new one: its checked range counts no more if it may grow."""
    if pointer.type & BASE_MASK not in _PACKET:
        return pointer.with_num(num)
    subject = 0 if grows else pointer.subject
    return Value(pointer.type, num, pointer.off, subject, 0, env.new_id(), pointer.ref, pointer.frameno)
