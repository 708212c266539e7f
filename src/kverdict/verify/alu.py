"""Arithmetic: moves, scalar operations (bounds by the domain), and what may be done with pointers (pointer_math.py).

Source: check_alu_op(), adjust_reg_min_max_vals() of the kernel, for a privileged loader.
"""

from __future__ import annotations

from typing import Final

from kverdict.catalogue.bounds import POINTER_WITH_POINTER
from kverdict.catalogue.instructions import CAST_WITHOUT_ARENA, DIV_BY_ZERO, INVALID_SHIFT
from kverdict.domain.arithmetic import MASKS, SUMS, alu32, alu64, split
from kverdict.domain.bounds import UNKNOWN, ZERO, Bounds, const
from kverdict.domain.coerce import byte_swap, sign_extend, sign_extend32
from kverdict.domain.sync import zext32
from kverdict.domain.value import ADD_CONST, ADD_CONST32, ADD_CONST64, PTR_TO_ARENA, SCALAR, UNKNOWN_SCALAR, Value
from kverdict.isa.insn import Insn
from kverdict.isa.opcode import (
    ADD,
    ALU64,
    ARSH,
    CLASS_MASK,
    CODE_MASK,
    DIV,
    END,
    LSH,
    MOD,
    MUL,
    NEG,
    OR,
    RSH,
    SIGNED,
    SUB,
    XOR,
    X,
)
from kverdict.isa.opcode import AND as BIT_AND
from kverdict.verify.env import Env
from kverdict.verify.pointer_math import adjust_pointer
from kverdict.verify.precision import mark_chain_precision
from kverdict.verify.registers import check_writable, read_reg, read_reg32, write_reg

OPERATORS: Final = {
    ADD: "+=",
    SUB: "-=",
    MUL: "*=",
    DIV: "/=",
    OR: "|=",
    BIT_AND: "&=",
    LSH: "<<=",
    RSH: ">>=",
    NEG: "neg",
    MOD: "%=",
    XOR: "^=",
    ARSH: "s>>=",
}
_U32: Final = 0xFFFFFFFF
_U64: Final = 0xFFFFFFFFFFFFFFFF
_S32_MAX: Final = 0x7FFFFFFF


def move_constant(env: Env, insn: Insn) -> int:
    """dst = K, sign-extended to 64 bits or (32-bit class) zero-extended."""
    dst = insn.dst
    check_writable(env, dst)
    mask = _U64 if insn.op & CLASS_MASK == ALU64 else _U32
    write_reg(env, dst, Value(SCALAR, const(insn.imm & mask)))
    return env.insn_idx + 1


def move_register(env: Env, insn: Insn) -> int:
    """dst = src, 64 bits: the copy keeps everything, and both are linked from now on."""
    value = read_reg(env, insn.src)
    dst = insn.dst
    check_writable(env, dst)
    if value.type == SCALAR:
        value = link_before_move(env, insn.src, value)
    _write_copy(env, dst, value, insn.src)
    return env.insn_idx + 1


def _write_copy(env: Env, dst: int, value: Value, src: int) -> None:
    """A register that is copied keeps its precision mark (kernel: copy_register_state())."""
    frame = env.frame
    precise = frame.precise & 1 << src
    write_reg(env, dst, value)
    if precise:
        frame.precise |= 1 << dst


def link_before_move(env: Env, number: int, value: Value) -> Value:
    """Give a scalar that is copied an id, so that a later test of one copy also tells of the other."""
    new = linked(env, value)
    if new is not value:
        env.regs[number] = new
    return new


def linked(env: Env, value: Value) -> Value:
    """A scalar with an id that a copy may share; kernel: assign_scalar_id_before_mov()."""
    if value.id & ADD_CONST:
        value = Value(SCALAR, value.num)
    if (not value.id and value.num.mask) or (not value.id and not env.constants_unlinked):
        value = value.with_id(env.new_id())
    return value


def address_space_cast(env: Env, insn: Insn) -> int:
    """dst = addr_space_cast(src): into the arena (imm 1) any number is an address, out of it nothing is known."""
    if env.arena is None:
        env.refuse(CAST_WITHOUT_ARENA)
    read_reg(env, insn.src)
    check_writable(env, insn.dst)
    write_reg(env, insn.dst, Value(PTR_TO_ARENA, UNKNOWN) if insn.imm == 1 else UNKNOWN_SCALAR)
    return env.insn_idx + 1


def move_sign_extended(env: Env, insn: Insn) -> int:
    """dst = (s8/s16/s32)src in 64 bits."""
    value = read_reg(env, insn.src)
    dst = insn.dst
    check_writable(env, dst)
    if value.type != SCALAR:
        write_reg(env, dst, UNKNOWN_SCALAR)
        return env.insn_idx + 1
    same = value.num.umax < 1 << (insn.off - 1)
    if same:
        value = link_before_move(env, insn.src, value)
    else:
        value = value.with_id(0)
    _write_copy(env, dst, value.with_num(sign_extend(value.num, insn.off >> 3, env.rules)), insn.src)
    return env.insn_idx + 1


def move32_register(env: Env, insn: Insn) -> int:
    """dst = (u32)src, or sign-extended from 8 or 16 bits to 32; the upper half becomes zero."""
    value = read_reg32(env, insn.src)
    dst = insn.dst
    check_writable(env, dst)
    rules = env.rules
    if value.type != SCALAR:
        write_reg(env, dst, Value(SCALAR, zext32(UNKNOWN_SCALAR.num, rules)))
        return env.insn_idx + 1
    if insn.off:
        same = value.num.umax < 1 << (insn.off - 1)
    else:
        same = value.num.umax <= _U32 and env.links_narrow_moves
    if same:
        value = link_before_move(env, insn.src, value)
        result = Value(SCALAR, value.num, value.off, id=value.id)
    else:
        result = Value(SCALAR, value.num)
    num = sign_extend32(value.num, insn.off >> 3, rules) if insn.off else zext32(value.num, rules)
    _write_copy(env, dst, result.with_num(num), insn.src)
    return env.insn_idx + 1


def negate_or_swap(env: Env, insn: Insn) -> int:
    """dst = -dst, or its bytes in another order."""
    op = insn.op
    wide = op & CLASS_MASK == ALU64
    value = read_reg(env, insn.dst) if wide else read_reg32(env, insn.dst)
    check_writable(env, insn.dst)
    if value.type != SCALAR:
        write_reg(env, insn.dst, UNKNOWN_SCALAR)
        return env.insn_idx + 1
    if op & CODE_MASK == END:
        swaps = wide or bool(op & X)
        num = byte_swap(value.num, insn.imm >> 3, swaps, env.rules)
        if not swaps and insn.imm == 64 and env.rules.byte_swap:
            _write_copy(env, insn.dst, value.with_num(num), insn.dst)  # nothing changes: it stays linked
            return env.insn_idx + 1
    else:
        num = alu64(NEG, value.num, ZERO, env.rules) if wide else alu32(NEG, value.num, ZERO, env.rules)
    write_reg(env, insn.dst, Value(SCALAR, num) if num is not UNKNOWN_SCALAR.num else UNKNOWN_SCALAR)
    return env.insn_idx + 1


def arithmetic_constant(env: Env, insn: Insn) -> int:
    """dst op= K for a scalar dst, the most frequent instruction: the checks that cannot fail here are left out."""
    dst = insn.dst
    frame = env.frame
    if dst > 9 or frame.precise >> dst & 1 or env.traced_liveness:
        return arithmetic(env, insn)
    regs = frame.regs
    left = regs[dst]
    op = insn.op
    code = op & CODE_MASK
    if left.type != SCALAR or code in _CHECKED_BY_CONSTANT:
        return arithmetic(env, insn)
    right = const(insn.imm & _U64)
    if code in MASKS and (left.num.s32_max == 0 or left.num.smax == 0):
        left = _split_sign_mask(env, insn, left, right)
    wide = op & CLASS_MASK == ALU64
    num = alu64(code, left.num, right, env.rules) if wide else alu32(code, left.num, right, env.rules)
    if left.id and code in SUMS:
        link, off = _moved_link(env, code, left, right, wide)
        regs[dst] = Value(SCALAR, num, off, None, 0, link)
    else:
        regs[dst] = Value(SCALAR, num)
    return env.insn_idx + 1


def arithmetic_register(env: Env, insn: Insn) -> int:
    """dst op= src for two scalars, without the checks that cannot fail here."""
    dst, src = insn.dst, insn.src
    frame = env.frame
    if dst > 9 or src > 9 or frame.precise >> dst & 1 or env.traced_liveness:
        return arithmetic(env, insn)
    regs = frame.regs
    left, right = regs[dst], regs[src]
    op = insn.op
    code = op & CODE_MASK
    if left.type != SCALAR or right.type != SCALAR or (code in MASKS and right.num.mask == 0):
        return arithmetic(env, insn)
    wide = op & CLASS_MASK == ALU64
    signed = op & SIGNED != 0
    num = (alu64 if wide else alu32)(code, left.num, right.num, env.rules, signed)
    if left.id and code in SUMS:
        link, off = _moved_link(env, code, left, right.num, wide)
        regs[dst] = Value(SCALAR, num, off, None, 0, link)
    else:
        regs[dst] = Value(SCALAR, num)
    return env.insn_idx + 1


def _split_sign_mask(env: Env, insn: Insn, left: Value, right: Bounds) -> Value:
    """dst of the path that goes on; where dst is 0 or -1, another path does the same instruction again with 0."""
    halves = split(insn.op & CODE_MASK, left.num, right, env.rules)
    if halves is None:
        return left
    other = env.push_state(env.insn_idx, env.insn_idx)
    other.frames[-1].regs[insn.dst] = left.with_num(halves[1]) if halves[1].mask else Value(SCALAR, halves[1])
    return left.with_num(halves[0]) if halves[0].mask else Value(SCALAR, halves[0])


_CHECKED_BY_CONSTANT: Final = frozenset((DIV, MOD, LSH, RSH, ARSH))


def _moved_link(env: Env, code: int, left: Value, right: Bounds, wide: bool) -> tuple[int, int]:
    """(id, delta) of a linked scalar to which a constant is added, (0, 0) where the link is cut."""
    if not right.is_const_in(not wide) or left.id & ADD_CONST:
        return 0, 0
    if not env.links_any_sum:
        if env.links_added_constants and wide and code == ADD and right.value <= _S32_MAX:
            return left.id | ADD_CONST64, right.value
        return 0, 0
    if not wide and left.num.umax > _U32:
        return 0, 0  # the upper half is lost
    delta = right.smin if wide else right.s32_min
    if delta > _S32_MAX or delta < -_S32_MAX - 1 or (code == SUB and delta == -_S32_MAX - 1):
        return 0, 0
    return left.id | (ADD_CONST64 if wide else ADD_CONST32), -delta if code == SUB else delta


def arithmetic(env: Env, insn: Insn) -> int:
    """dst op= src or K; scalars by bounds, pointers by pointer_math."""
    op = insn.op
    code = op & CODE_MASK
    wide = op & CLASS_MASK == ALU64
    dst = insn.dst
    if op & X:
        right = read_reg(env, insn.src) if wide else read_reg32(env, insn.src)
        left = read_reg(env, dst) if wide else read_reg32(env, dst)
    else:
        left = read_reg(env, dst) if wide else read_reg32(env, dst)
        if code in (DIV, MOD) and insn.imm == 0:
            env.refuse(DIV_BY_ZERO)
        if code in (LSH, RSH, ARSH) and not 0 <= insn.imm < (64 if wide else 32):
            env.refuse(INVALID_SHIFT, amount=insn.imm)
        right = Value(SCALAR, const(insn.imm & _U64))
    check_writable(env, dst)
    if left.type != SCALAR or right.type != SCALAR:
        _with_pointer(env, insn, left, right)
        return env.insn_idx + 1
    frame = env.frame
    precise = frame.precise & 1 << dst
    if precise and op & X:
        mark_chain_precision(env, insn.src)
    signed = bool(op & SIGNED)
    if code in MASKS:
        left = _split_sign_mask(env, insn, left, right.num)
    if wide:
        num = alu64(code, left.num, right.num, env.rules, signed)
    else:
        num = alu32(code, left.num, right.num, env.rules, signed)
    link, off = _moved_link(env, code, left, right.num, wide) if left.id and code in SUMS else (0, 0)
    write_reg(env, dst, Value(SCALAR, num, off, id=link))
    if precise:
        frame.precise |= precise
    return env.insn_idx + 1


def _with_pointer(env: Env, insn: Insn, left: Value, right: Value) -> None:
    """At least one operand is a pointer; kernel: adjust_reg_min_max_vals()."""
    code = insn.op & CODE_MASK
    dst = insn.dst
    if left.type == PTR_TO_ARENA:
        write_reg(env, dst, left)
        return
    if right.type == PTR_TO_ARENA and env.does("ARENA_ON_EITHER_SIDE"):
        write_reg(env, dst, right)
        return
    if right.type != SCALAR:
        if left.type != SCALAR:
            if code == SUB:
                write_reg(env, dst, UNKNOWN_SCALAR)
                return
            env.refuse(POINTER_WITH_POINTER, reg=dst, operator=OPERATORS[code])
        mark_chain_precision(env, dst)
        adjust_pointer(env, insn, right, left, True)
        return
    if insn.op & X:
        mark_chain_precision(env, insn.src)
    adjust_pointer(env, insn, left, right, False)
