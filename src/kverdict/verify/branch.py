"""Conditional jumps: which side is possible, and what each side knows.

Source: check_cond_jmp_op(), is_branch_taken(), mark_ptr_or_null_regs(), collect_linked_regs(), sync_linked_regs().
"""

from __future__ import annotations

from typing import Final

from kverdict.domain.arithmetic import alu32, alu64, moved
from kverdict.domain.bounds import Bounds, const
from kverdict.domain.compare import FLIPPED, branch_taken, branch_taken_same, refine, refine_same
from kverdict.domain.references import find_reference, without
from kverdict.domain.stack import SPILL
from kverdict.domain.state import Linked, State
from kverdict.domain.value import (
    ADD_CONST,
    ADD_CONST32,
    CONST_PTR_TO_MAP,
    PTR_TO_BTF_ID,
    PTR_TO_BUF,
    PTR_TO_MAP_KEY,
    PTR_TO_MAP_VALUE,
    PTR_TO_MEM,
    PTR_TO_PACKET,
    PTR_TO_PACKET_END,
    PTR_TO_PACKET_META,
    PTR_TO_SOCK_COMMON,
    PTR_TO_SOCKET,
    PTR_TO_STACK,
    PTR_TO_TCP_SOCK,
    PTR_TO_XDP_SOCK,
    SCALAR,
    ZERO_SCALAR,
    Value,
)
from kverdict.isa.insn import Insn
from kverdict.isa.opcode import ADD, CLASS_MASK, CODE_MASK, JEQ, JGE, JGT, JLE, JLT, JMP32, JNE, X
from kverdict.kernel.proto import BASE_MASK, PTR_MAYBE_NULL, PTR_UNTRUSTED
from kverdict.verify.env import F_DST_REG_STACK, F_SRC_REG_STACK, Env
from kverdict.verify.everywhere import rewrite
from kverdict.verify.nullness import known_not_null as known_pointer
from kverdict.verify.packet import AT_PKT_END, BEYOND_PKT_END, learn_from_packet_test
from kverdict.verify.pointer_math import MAX_VAR_OFF
from kverdict.verify.precision import mark_chain_precision
from kverdict.verify.records import LOCKS, has_field, record_of
from kverdict.verify.registers import read_reg, read_reg32
from kverdict.verify.trust import is_trusted

_U64: Final = 0xFFFFFFFFFFFFFFFF
_MAX_LINKED: Final = 6
_PACKET_ANY: Final = frozenset((PTR_TO_PACKET, PTR_TO_PACKET_META, PTR_TO_PACKET_END))
_NEVER_NULL: Final = frozenset((PTR_TO_SOCKET, PTR_TO_TCP_SOCK, PTR_TO_MAP_VALUE, PTR_TO_MAP_KEY, PTR_TO_SOCK_COMMON))


def conditional_jump(env: Env, insn: Insn) -> int:
    """`if dst op src goto`: follow the only possible side, or put the jump aside and fall through."""
    op = insn.op
    is_32 = op & CLASS_MASK == JMP32
    dst = insn.dst
    index = env.insn_idx
    if op & X:
        left, right = _operands(env, insn, is_32)
    else:
        left = read_reg32(env, dst) if is_32 else read_reg(env, dst)
        right = Value(SCALAR, const(insn.imm & _U64))
        if left.type == PTR_TO_STACK and env.notes_stack_compare:
            env.push_history(F_DST_REG_STACK)
    code = op & CODE_MASK
    linked = _collect_linked(env, left, right, bool(op & X)) if env.collects_links_first else ()
    if op & X and insn.src == dst and left.type == SCALAR:
        taken = branch_taken_same(code, left.num, is_32, env.rules)
    else:
        taken = _taken(env, code, left, right, is_32)
    if taken >= 0:
        _rely_on(env, insn, left, right)
        return index + insn.off + 1 if taken else index + 1
    if not env.collects_links_first:
        linked = _collect_linked(env, left, right, bool(op & X))
    if len(linked) > 1 and env.links_in_history:
        env.push_history(0, linked)
    # Collecting cuts the links of registers beyond the sixth, which may be those compared.
    left = env.regs[dst]
    right = env.regs[insn.src] if op & X else right
    other = env.push_state(index + insn.off + 1, index)
    if left.type == SCALAR and right.type == SCALAR:
        _refine(env, insn, code, left, right, is_32, other, linked)
    _pointer_facts(env, insn, code, left, right, is_32, other)
    return index + 1


def _operands(env: Env, insn: Insn, is_32: bool) -> tuple[Value, Value]:
    """Both registers, in the kernel's order of looking, with the note that one is a stack pointer."""
    read = read_reg32 if is_32 else read_reg
    if env.reads_dst_first:
        left, right = read(env, insn.dst), read(env, insn.src)
    else:
        right = read(env, insn.src)
        left = read(env, insn.dst)
    flags = (F_SRC_REG_STACK if right.type == PTR_TO_STACK else 0) | (
        F_DST_REG_STACK if left.type == PTR_TO_STACK else 0
    )
    if flags and env.notes_stack_compare:
        env.push_history(flags)
    return left, right


def _rely_on(env: Env, insn: Insn, left: Value, right: Value) -> None:
    """The decision relied on the exact value of the scalars compared."""
    if left.type == SCALAR:
        mark_chain_precision(env, insn.dst)
    if insn.op & X and right.type == SCALAR:
        mark_chain_precision(env, insn.src)


def _taken(env: Env, code: int, left: Value, right: Value, is_32: bool) -> int:
    """1: always, 0: never, -1: not known."""
    if left.type == SCALAR and right.type == SCALAR:
        return branch_taken(code, left.num, right.num, is_32, env.rules)
    if left.type & BASE_MASK in _PACKET_ANY and right.type & BASE_MASK in _PACKET_ANY and not is_32:
        return _packet_taken(code, left, right)
    if left.type != SCALAR and right.type != SCALAR:
        return -1
    if is_32 and env.pointers_tested_whole:
        return -1
    if left.type == SCALAR:
        if not env.compares_null_on_left:
            return -1
        left, right = right, left
        code = FLIPPED.get(code, code)
    if not right.num.is_const_in(is_32) or right.num.const_in(is_32) != 0:
        return -1
    if code not in (JEQ, JNE) or not known_not_null(env, left):
        return -1
    return 0 if code == JEQ else 1


def known_not_null(env: Env, value: Value) -> bool:
    """A pointer that cannot be NULL; kernel: reg_not_null()."""
    type = value.type
    if type & PTR_MAYBE_NULL:
        return False
    base = type & BASE_MASK
    if env.not_null_near_base and not _near_base(env, value):
        return False
    if base in _NEVER_NULL:
        return True
    if base in (PTR_TO_BUF, PTR_TO_XDP_SOCK):
        return env.does("BUFFER_POINTER_NOT_NULL")
    if base == PTR_TO_MEM:
        return not type & PTR_UNTRUSTED and env.does("MEMORY_POINTER_NOT_NULL")
    if base == PTR_TO_BTF_ID:
        return env.does("TRUSTED_POINTER_NOT_NULL") and is_trusted(env, value)
    return base == CONST_PTR_TO_MAP and env.does("MAP_POINTER_NOT_NULL")


def _near_base(env: Env, value: Value) -> bool:
    """The offset cannot wrap the address around to NULL."""
    off = value.off if env.folds_offsets else 0
    return value.num.smin + off > -MAX_VAR_OFF and value.num.smax + off < MAX_VAR_OFF


def _packet_taken(code: int, left: Value, right: Value) -> int:
    if right.type == PTR_TO_PACKET_END:
        packet = left
    elif left.type == PTR_TO_PACKET_END:
        packet = right
        code = FLIPPED.get(code, code)
    else:
        return -1
    known = packet.subject if isinstance(packet.subject, int) else 0
    if known >= 0:
        return -1
    if code in (JLE, JGT) and known == BEYOND_PKT_END:
        return int(code == JGT)
    if code in (JLT, JGE) and known in (BEYOND_PKT_END, AT_PKT_END):
        return int(code == JGE)
    return -1


def _refine(
    env: Env,
    insn: Insn,
    code: int,
    left: Value,
    right: Value,
    is_32: bool,
    other: State,
    linked: tuple[Linked, ...],
) -> None:
    """Two scalars: both sides learn from the comparison, and so do linked registers."""
    dst = insn.dst
    mine, theirs = env.regs, other.frames[-1].regs
    if insn.op & X and insn.src == dst:
        true_left, false_left = refine_same(code, left.num, is_32, env.rules)
        true_right, false_right = true_left, false_left
    else:
        true_left, true_right, false_left, false_right = refine(code, left.num, right.num, is_32, env.rules)
    if insn.op & X:
        mine[insn.src], theirs[insn.src] = _learned(right, false_right), _learned(right, true_right)
    mine[dst], theirs[dst] = _learned(left, false_left), _learned(left, true_left)
    if insn.op & X and right.id:
        _sync_linked(env, env.state, mine[insn.src], linked)
        _sync_linked(env, other, theirs[insn.src], linked)
    if left.id:
        _sync_linked(env, env.state, mine[dst], linked)
        _sync_linked(env, other, theirs[dst], linked)


def _learned(value: Value, num: Bounds) -> Value:
    return value if num is value.num else Value(SCALAR, num, value.off, id=value.id)


def _collect_linked(env: Env, left: Value, right: Value, both: bool) -> tuple[Linked, ...]:
    """Registers and slots linked to one that is compared, innermost frame first; beyond six the link is cut."""
    found: list[Linked] = []
    if not env.links_scalars:
        return ()
    if both and right.type == SCALAR and right.id:
        _collect(env, right.id & ~ADD_CONST, found)
    if left.type == SCALAR and left.id:
        _collect(env, left.id & ~ADD_CONST, found)
    return tuple(found)


def _collect(env: Env, id: int, found: list[Linked]) -> None:
    limit = _MAX_LINKED if env.links_in_history else 1 << 30
    frames = env.state.frames
    insn = env.insn_idx
    for number in range(len(frames) - 1, -1, -1):
        alive = env.aux[insn].live_before if env.links_alive_only else 0x3FF
        insn = frames[number].callsite
        regs = frames[number].regs
        for reg in range(10):
            value = regs[reg]
            if alive & 1 << reg and value.id and value.type == SCALAR and value.id & ~ADD_CONST == id:
                if len(found) < limit:
                    found.append((number, True, reg))
                else:
                    regs[reg] = value.with_id(0)
        stack = frames[number].stack
        for place, slot in enumerate(stack):
            value = slot.value
            if value.id and slot.is_spilled_scalar() and value.id & ~ADD_CONST == id:
                if slot.kinds[0] != SPILL and not env.links_narrow_spills:
                    continue
                if len(found) < limit:
                    found.append((number, False, place))
                else:
                    stack[place] = slot.with_value(value.with_id(0))


def _sync_linked(env: Env, state: State, known: Value, linked: tuple[Linked, ...]) -> None:
    """Registers linked to `known` learn what it learned, moved by the constant that was added."""
    link = known.id & ~ADD_CONST
    for frame, is_reg, index in linked:
        owner = state.frames[frame]
        value = owner.regs[index] if is_reg else owner.stack[index].value
        if value is known or value.type != SCALAR or value.id & ~ADD_CONST != link:
            continue
        if (value.id ^ known.id) & ADD_CONST == ADD_CONST:
            continue  # one sum in 64 bits, one in 32: nothing follows
        if not (value.id | known.id) & ADD_CONST or value.off == known.off:
            new = known
        else:
            delta = const((value.off - known.off) & _U64)
            if (value.id | known.id) & ADD_CONST32:
                num = alu32(ADD, known.num, delta, env.rules)
            elif env.delta_synced:
                num = alu64(ADD, known.num, delta, env.rules)
            else:
                num = moved(known.num, delta, env.rules)
            new = Value(SCALAR, num, value.off, id=value.id if env.delta_keeps_link else known.id)
        if is_reg:
            owner.regs[index] = new
        else:
            owner.stack[index] = owner.stack[index].with_value(new)
        if env.log is not None and env.does("LOG_SHOWS_LINKED"):
            if is_reg:
                env.log.scratched |= 1 << index
            else:
                env.log.slots |= 1 << index


def _pointer_facts(env: Env, insn: Insn, code: int, left: Value, right: Value, is_32: bool, other: State) -> None:
    """NULL tests and comparisons with the end of a packet."""
    if is_32:
        return
    dst, src = insn.dst, insn.src
    by_register = bool(insn.op & X)
    if by_register:
        _compared_pointers(env, insn, code, left, right, other)
        if code in (JGT, JLT, JGE, JLE):
            learn_from_packet_test(env, insn, code, left, right, other)
    if code not in (JEQ, JNE) or not left.type & PTR_MAYBE_NULL:
        return
    if by_register:
        if not env.null_tested_by_register or right.type != SCALAR or right.num.mask or right.num.value:
            return
        mark_chain_precision(env, src)
    elif insn.imm != 0:
        return
    mark_ptr_or_null_regs(env, env.state, dst, code == JNE)
    mark_ptr_or_null_regs(env, other, dst, code == JEQ)


def _compared_pointers(env: Env, insn: Insn, code: int, left: Value, right: Value, other: State) -> None:
    """Where a pointer equals another one that is not NULL, it is not NULL either; not for kernel structures."""
    if (
        not env.learns_from_pointer_compare
        or left.type == SCALAR
        or right.type == SCALAR
        or not (left.type ^ right.type) & PTR_MAYBE_NULL
        or left.type & BASE_MASK == PTR_TO_BTF_ID
        or right.type & BASE_MASK == PTR_TO_BTF_ID
        or code not in (JEQ, JNE)
    ):
        return
    target, witness = (insn.src, left) if right.type & PTR_MAYBE_NULL else (insn.dst, right)
    if env.compare_asks_not_null and not known_not_null(env, witness):
        return
    regs = other.frames[-1].regs if code == JEQ else env.regs
    regs[target] = known_pointer(env, regs[target])


def not_null(env: Env, value: Value) -> Value:
    """The pointer after it was found not NULL; before 7.2 it keeps its id only where a lock may be behind it."""
    new = known_pointer(env, value)
    if env.does("DERIVED_OBJECTS_TRACKED"):
        return new
    return new if not new.id or has_field(record_of(env, new), *LOCKS) else new.with_id(0)


def mark_ptr_or_null_regs(env: Env, state: State, regno: int, is_null: bool) -> None:
    """Register `regno` of the innermost frame was compared with NULL: it and all that share its id are known now."""
    tested = state.frames[-1].regs[regno]
    id = tested.id
    if tested.ref and tested.ref == id and is_null:
        _release_if_null(state, id)

    def learn(value: Value) -> Value:
        if value.id != id or not value.type & PTR_MAYBE_NULL:
            return value
        if is_null:
            return ZERO_SCALAR
        return not_null(env, value)

    rewrite(state, learn)


def _release_if_null(state: State, id: int) -> None:
    """A reference that turned out to be NULL was never taken."""
    held = find_reference(state.refs, id)
    if held is not None:
        state.refs = without(state.refs, held)
