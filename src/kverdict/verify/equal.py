"""When a state that was walked makes another one safe: everything known in the old one also holds in the new one.

Source: states_equal(), regsafe(), stacksafe(), refsafe() of the kernel.
"""

from __future__ import annotations

from typing import Final

from kverdict.domain import circular
from kverdict.domain.bounds import Bounds, arcs_of, const, range_within, tnum_in
from kverdict.domain.references import REF_IRQ, REF_PTR
from kverdict.domain.stack import DYNPTR, INVALID, IRQ_FLAG, ITER, MISC, SPILL, ZERO, Slot
from kverdict.domain.state import Frame, State
from kverdict.domain.tnum import U64_MAX
from kverdict.domain.value import (
    ADD_CONST,
    NOT_INIT,
    PTR_TO_ARENA,
    PTR_TO_BUF,
    PTR_TO_MAP_KEY,
    PTR_TO_MAP_VALUE,
    PTR_TO_MEM,
    PTR_TO_PACKET,
    PTR_TO_PACKET_META,
    PTR_TO_STACK,
    PTR_TO_TP_BUFFER,
    SCALAR,
    UNKNOWN_SCALAR,
    Value,
)
from kverdict.isa.opcode import ADD
from kverdict.kernel.proto import BASE_MASK
from kverdict.verify.env import Env
from kverdict.verify.equal_by_number import value_safe_by_number

NOT_EXACT: Final = 0
EXACT: Final = 1
RANGE_WITHIN: Final = 2

_MEMORY: Final = frozenset((PTR_TO_MAP_KEY, PTR_TO_MAP_VALUE, PTR_TO_MEM, PTR_TO_BUF, PTR_TO_TP_BUFFER))


class _Registers(dict[int, tuple[tuple[int, int], ...]]):
    """By mask of registers: their numbers and bits."""

    def __missing__(self, mask: int) -> tuple[tuple[int, int], ...]:
        found = self[mask] = tuple((reg, 1 << reg) for reg in range(10) if mask & 1 << reg)
        return found


_REGISTERS: Final = _Registers()


class IdMap:
    """Which id of the new state plays the role of which id of the old one; one to one."""

    __slots__ = ("fresh", "new", "old")

    def __init__(self, fresh: int) -> None:
        self.old: dict[int, int] = {}
        self.new: set[int] = set()
        self.fresh = fresh

    def check(self, old: int, new: int) -> bool:
        """Both zero, or consistent with the pairs seen so far."""
        if old == 0 or new == 0:
            return old == new
        known = self.old.get(old)
        if known is not None:
            return known == new
        if new in self.new:
            return False
        self.old[old] = new
        self.new.add(new)
        return True

    def check_scalar(self, old: int, new: int) -> bool:
        """As check(), where an id of zero stands for a link to nothing, different from every other."""
        return self.check(old or self.next_fresh(), new or self.next_fresh())

    def next_fresh(self) -> int:
        """An id that no value has."""
        self.fresh += 1
        return self.fresh


def states_equal(env: Env, old: State, new: State, exact: int) -> bool:
    """Is `new` safe if `old` was? exact: compare values exactly, or by range even where imprecise."""
    if len(old.frames) != len(new.frames):
        return False
    if old.in_sleepable != new.in_sleepable:
        return False
    last = len(old.frames) - 1
    if env.maps_ids and _clearly_differ(env, old.frames[last], new.frames[last], old.insn, exact):
        return False
    ids = IdMap(env.id_gen)
    if not (_held_equal(old, new, ids) if env.maps_ids else _held_same(old, new)):
        return False
    for number in range(last + 1):
        before, after = old.frames[number], new.frames[number]
        if before.callsite != after.callsite:
            return False
        insn = old.insn if number == last else old.frames[number + 1].callsite
        if not env.maps_ids:
            ids = IdMap(0)
        if not _frames_equal(env, before, after, insn, ids, exact):
            return False
    return True


def _held_equal(old: State, new: State, ids: IdMap) -> bool:
    if old.locks != new.locks or old.preempt != new.preempt or old.rcu != new.rcu:
        return False
    if len(old.refs) != len(new.refs):
        return False
    if (old.irq or new.irq) and not ids.check(old.irq, new.irq):
        return False
    if old.lock_subject is not new.lock_subject or not ids.check(old.lock_id, new.lock_id):
        return False
    if not old.refs:
        return True
    for before, after in zip(old.refs, new.refs, strict=True):
        if not ids.check(before.id, after.id) or before.kind != after.kind:
            return False
        if before.kind not in (REF_PTR, REF_IRQ) and before.subject is not after.subject:
            return False
    return True


def _held_same(old: State, new: State) -> bool:
    """Before 6.3: the same references, taken at the same places, under the same numbers."""
    if old.lock_id != new.lock_id or old.preempt != new.preempt or old.rcu != new.rcu:
        return False
    return len(old.refs) == len(new.refs) and all(
        before.id == after.id and before.insn == after.insn and before.callback == after.callback
        for before, after in zip(old.refs, new.refs, strict=True)
    )


def _frames_equal(env: Env, old: Frame, new: Frame, insn: int, ids: IdMap, exact: int) -> bool:
    if old.callback_depth > new.callback_depth:
        return False
    old_regs, new_regs = old.regs, new.regs
    precise = old.precise
    loose = exact == NOT_EXACT and env.maps_ids
    for reg, bit in _compared(env, old, insn, exact):
        before, after = old_regs[reg], new_regs[reg]
        if before is after and not before.id and not before.ref:
            continue
        if loose and before.type == SCALAR and after.type == SCALAR and not precise & bit:
            continue
        if not value_safe(env, before, after, bool(precise & bit), ids, exact):
            return False
    return _stack_safe(env, old, new, ids, exact)


def _compared(env: Env, old: Frame, insn: int, exact: int) -> tuple[tuple[int, int], ...]:
    """(number, bit) of the registers that matter."""
    if env.static_registers:
        mask = env.aux[insn].live_before
    elif env.traced_liveness and exact == NOT_EXACT:
        mask = old.read
    else:
        return _REGISTERS[0x3FF]
    return _REGISTERS[mask & 0x3FF]


def _clearly_differ(env: Env, old: Frame, new: Frame, insn: int, exact: int) -> bool:
    """A register rules equality out, whatever the ids: most comparisons end here."""
    precise = old.precise
    for reg, bit in _compared(env, old, insn, exact):
        before, after = old.regs[reg], new.regs[reg]
        if before is after:
            continue
        type = before.type
        if type != after.type:
            if type != NOT_INIT or (exact != NOT_EXACT and not env.unused_equals_anything):
                return True
        elif type == SCALAR and (precise & bit or exact != NOT_EXACT) and not range_within(before.num, after.num):
            return True
    return False


def value_safe(env: Env, old: Value, new: Value, precise: bool, ids: IdMap, exact: int) -> bool:
    """One register or spilled value; kernel: regsafe()."""
    if not env.maps_ids:
        return value_safe_by_number(old, new, precise, ids.old)
    if exact == EXACT:
        return _exactly(old, new, ids)
    type = old.type
    if type == NOT_INIT and (exact == NOT_EXACT or new.type == NOT_INIT or env.unused_equals_anything):
        return True
    if type != new.type:
        return False
    if type == SCALAR:
        if not precise and exact == NOT_EXACT:
            return True
        if env.scalars_equal_by_bounds and old.same_but_ids(new) and ids.check(old.id, new.id):
            return True
        if not range_within(old.num, new.num) or not tnum_in(old.num, new.num):
            return False
        return not env.scalar_ids_compared or _links_agree(env, old, new, ids)
    base = type & BASE_MASK
    if base in _MEMORY and (env.memory_ranges_compared or base in (PTR_TO_MAP_VALUE, PTR_TO_MAP_KEY)):
        return (
            old.subject == new.subject
            and old.detail == new.detail
            and _offset_within(env, old, new)
            and ids.check(old.id, new.id)
            and ids.check(old.ref, new.ref)
        )
    if base in (PTR_TO_PACKET, PTR_TO_PACKET_META):
        return (
            _covers_range(env, _range(old), _range(new))
            and ids.check(old.id, new.id)
            and _offset_within(env, old, new)
            and (not env.folds_offsets or not old.id or _start(old) == _start(new))
        )
    if base == PTR_TO_STACK:
        return _exactly(old, new, ids) and old.frameno == new.frameno
    if base == PTR_TO_ARENA:
        return True
    return _exactly(old, new, ids)


def _offset_within(env: Env, old: Value, new: Value) -> bool:
    """Every offset that `new` may have is one that `old` allowed; fixed parts are equal or part of the sum."""
    if not env.folds_offsets or (old.off == 0 and new.off == 0):
        return old.off == new.off and range_within(old.num, new.num) and tnum_in(old.num, new.num)
    before, after = _whole_offset(env, old), _whole_offset(env, new)
    return range_within(before, after) and tnum_in(before, after)


def _whole_offset(env: Env, pointer: Value) -> Bounds:
    """Variable and fixed offset together, as kernels keep them that fold offsets."""
    if not pointer.off:
        return pointer.num
    return circular.moved_pointer(ADD, pointer.num, const(pointer.off & U64_MAX), env.rules)


def _start(pointer: Value) -> int:
    """Where the arc of possible offsets begins; kernel: r64.base."""
    return (arcs_of(pointer.num)[0] + pointer.off) & U64_MAX


def _links_agree(env: Env, old: Value, new: Value, ids: IdMap) -> bool:
    """The links of two precise scalars; kernel: check_scalar_ids() and the lines before its call."""
    link = old.id
    if not env.unlinked_equals_linked:
        if link & ADD_CONST != new.id & ADD_CONST or (link & ADD_CONST and old.off != new.off):
            return False
        return ids.check_scalar(link, new.id)
    if not link:
        return True
    if link & ADD_CONST != new.id & ADD_CONST or (link & ADD_CONST and old.off != new.off):
        return False
    other = new.id or ids.next_fresh()
    if not ids.check(link, other):
        return False
    return not link & ADD_CONST or ids.check(link & ~ADD_CONST, other & ~ADD_CONST)


def _range(value: Value) -> int:
    return value.subject if isinstance(value.subject, int) else 0


def _covers_range(env: Env, old: int, new: int) -> bool:
    """At least as many bytes were compared with the end; one at or past the end (negative) equals only its kind."""
    if (old < 0 or new < 0) and env.packet_end_compared:
        return old == new
    return old <= new


def _exactly(old: Value, new: Value, ids: IdMap) -> bool:
    return old.same_but_ids(new) and ids.check(old.id, new.id) and ids.check(old.ref, new.ref)


def _scalar_of(slot: Slot) -> Value | None:
    """The scalar that a 64-bit load from this slot would give, if it is one."""
    if slot.is_spilled_scalar64():
        return slot.value
    for kind in slot.kinds:
        if kind != MISC and kind != INVALID:
            return None
    return UNKNOWN_SCALAR


def _stack_safe(env: Env, old: Frame, new: Frame, ids: IdMap, exact: int) -> bool:
    """Slots of the old frame that mattered; kernel: stacksafe()."""
    traced = env.traced_liveness and exact == NOT_EXACT
    new_stack = new.stack
    precise = old.precise_stack
    for number, before in enumerate(old.stack):
        if traced and not old.stack_read & 1 << number:
            continue
        after = new_stack[number] if number < len(new_stack) else None
        if before is after and exact != RANGE_WITHIN and before.kinds[7] != SPILL and before.kinds[7] < DYNPTR:
            continue
        if not _slot_safe(env, before, after, bool(precise & 1 << number), ids, exact):
            return False
    return True


def _slot_safe(env: Env, old: Slot, new: Slot | None, precise: bool, ids: IdMap, exact: int) -> bool:
    old_kinds = old.kinds
    new_kinds = new.kinds if new is not None else None
    for byte in range(8):
        kind = old_kinds[byte]
        if exact != NOT_EXACT and (new_kinds is None or new_kinds[byte] != kind):
            return False
        if kind in (INVALID, MISC):
            continue
        if new_kinds is None or new is None:
            return False
        if env.misc_equals_unknown:
            old_scalar, new_scalar = _scalar_of(old), _scalar_of(new)
            if old_scalar is not None and new_scalar is not None:
                is_precise = precise and old_scalar is old.value
                return value_safe(env, old_scalar, new_scalar, is_precise, ids, exact)
        if kind != new_kinds[byte]:
            return False
        if byte == 7:
            return _special_safe(env, old, new, precise, ids, exact)
    return True


def _special_safe(env: Env, old: Slot, new: Slot, precise: bool, ids: IdMap, exact: int) -> bool:
    """Slots of one kind whose content has to agree."""
    kind = old.kinds[7]
    before, after = old.value, new.value
    if kind == SPILL:
        return value_safe(env, before, after, precise, ids, exact)
    if kind == DYNPTR:
        same = before.subject == after.subject and before.detail == after.detail
        return not env.maps_ids or (same and ids.check(before.ref, after.ref))
    if kind == ITER:
        return (
            before.subject is after.subject
            and isinstance(before.detail, tuple)
            and isinstance(after.detail, tuple)
            and before.detail[:2] == after.detail[:2]
            and (before.type == after.type or not env.iterators_compare_types)
            and ids.check(before.ref, after.ref)
        )
    if kind == IRQ_FLAG:
        return ids.check(before.ref, after.ref) and before.subject == after.subject
    return kind == ZERO
