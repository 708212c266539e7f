"""When a state that was walked makes another one safe: everything known in the old one also holds in the new one.

Source: states_equal(), regsafe(), stacksafe(), refsafe() of the kernel.
"""

from __future__ import annotations

from typing import Final

from kverdict.domain.bounds import arcs_of, range_within, tnum_in
from kverdict.domain.references import REF_IRQ, REF_PTR
from kverdict.domain.stack import DYNPTR, EMPTY, INVALID, IRQ_FLAG, ITER, MISC, POISON, SPILL, ZERO, Slot
from kverdict.domain.state import Frame, State
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
from kverdict.kernel.proto import BASE_MASK
from kverdict.verify.env import Env
from kverdict.verify.equal_by_number import value_safe_by_number
from kverdict.verify.pointer_math import folded

NOT_EXACT: Final = 0
EXACT: Final = 1
RANGE_WITHIN: Final = 2

_PLAIN: Final = (INVALID, POISON, MISC)  # bytes of which nothing is known
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
            if type != NOT_INIT or exact == EXACT or (exact == RANGE_WITHIN and not env.ignores_unused_in_loops):
                return True
        elif type == SCALAR and (precise & bit or exact != NOT_EXACT) and not range_within(before.num, after.num):
            return True
    return False


def value_safe(env: Env, old: Value, new: Value, precise: bool, ids: IdMap, exact: int) -> bool:
    """One register or spilled value; kernel: regsafe()."""
    if not env.maps_ids:
        return value_safe_by_number(old, new, precise, ids.old, env.packet_end_compared)
    if exact == EXACT:
        return _exactly(old, new, ids)
    type = old.type
    if type == NOT_INIT and (exact == NOT_EXACT or env.ignores_unused_in_loops or new.type == NOT_INIT):
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
            and _derived_alike(env, old, new, ids)
            and _offset_within(env, old, new)
            and ids.check(old.id, new.id)
            and ids.check(old.ref, new.ref)
        )
    if base in (PTR_TO_PACKET, PTR_TO_PACKET_META):
        return (
            _covers_range(env, _range(old), _range(new))
            and ids.check(old.id, new.id)
            and (not env.folds_offsets or not old.id or _base_of(old) == _base_of(new))
            and _offset_within(env, old, new)
        )
    if base == PTR_TO_STACK:
        return _exactly(old, new, ids) and old.frameno == new.frameno
    if base == PTR_TO_ARENA:
        return True
    return _exactly(old, new, ids)


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


def _offset_within(env: Env, old: Value, new: Value) -> bool:
    """The offset of the new pointer is one of those that the old one might have."""
    if not env.folds_offsets:
        return old.off == new.off and range_within(old.num, new.num) and tnum_in(old.num, new.num)
    if old.num is new.num and old.off == new.off:
        return True
    before, after = folded(old), folded(new)
    return range_within(before, after) and tnum_in(before, after)


def _base_of(value: Value) -> int:
    """Where the arc of a pointer's offset begins: pointers of one id stay as far apart as they were."""
    return arcs_of(folded(value))[0]


def _derived_alike(env: Env, old: Value, new: Value, ids: IdMap) -> bool:
    """What both belong to besides: a dynptr by its role, where kernels track it; else the same number."""
    if not env.tracks_derived or not isinstance(old.detail, int) or old.type & BASE_MASK != PTR_TO_MEM:
        return old.detail == new.detail
    return isinstance(new.detail, int) and ids.check(old.detail, new.detail)


def _range(value: Value) -> int:
    return value.subject if isinstance(value.subject, int) else 0


def _covers_range(env: Env, old: int, new: int) -> bool:
    """At least as many bytes were compared with the end; one at or past the end (negative) equals only its kind."""
    if (old < 0 or new < 0) and env.packet_end_compared:
        return old == new
    return old <= new


def _exactly(old: Value, new: Value, ids: IdMap) -> bool:
    return old.same_but_ids(new) and ids.check(old.id, new.id) and ids.check(old.ref, new.ref)


def _scalar_of(slot: Slot, first: int) -> Value | None:
    """The scalar that a load of the bytes from `first` (0 or 4) on would give; kernel: scalar_reg_for_stack()."""
    if slot.kinds[first] == SPILL and slot.value.type == SCALAR:
        return slot.value
    for kind in slot.kinds[first:]:
        if kind not in _PLAIN:
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
        slot_safe = _halves_safe if env.computes_liveness else _slot_safe
        if not slot_safe(env, before, after, bool(precise & 1 << number), ids, exact):
            return False
    return True


def _slot_safe(env: Env, old: Slot, new: Slot | None, precise: bool, ids: IdMap, exact: int) -> bool:
    old_kinds = old.kinds
    new_kinds = new.kinds if new is not None else None
    strict = exact == EXACT or (exact == RANGE_WITHIN and not env.ignores_unused_in_loops)
    for byte in range(8):
        kind = old_kinds[byte]
        if strict and (new_kinds is None or new_kinds[byte] != kind):
            return False
        if kind in (INVALID, MISC):
            continue
        if new_kinds is None or new is None:
            return False
        if env.misc_equals_unknown:
            old_scalar, new_scalar = _scalar_of(old, 0), _scalar_of(new, 0)
            if old_scalar is not None and new_scalar is not None:
                is_precise = precise and old_scalar is old.value
                return value_safe(env, old_scalar, new_scalar, is_precise, ids, exact)
        if kind != new_kinds[byte]:
            return False
        if byte == 7:
            return _special_safe(env, old, new, precise, ids, exact)
    return True


def _halves_safe(env: Env, old: Slot, new: Slot | None, precise: bool, ids: IdMap, exact: int) -> bool:
    """As _slot_safe(), of kernels that know which half of a slot is alive."""
    old_kinds = old.kinds
    new_kinds = new.kinds if new is not None else EMPTY.kinds
    byte = 0
    while byte < 8:
        kind = old_kinds[byte]
        if exact == EXACT and (new is None or _without_poison(kind) != _without_poison(new_kinds[byte])):
            return False
        if kind in _PLAIN:
            byte += 1
            continue
        if new is None:
            return False
        if byte in (0, 4):
            old_scalar, new_scalar = _scalar_of(old, byte), _scalar_of(new, byte)
            if old_scalar is not None and new_scalar is not None:
                is_precise = precise and old_scalar is old.value
                if not value_safe(env, old_scalar, new_scalar, is_precise, ids, exact):
                    return False
                byte = byte + 4 if byte else 8
                continue
        if kind != new_kinds[byte]:
            return False
        if byte == 7:
            return _special_safe(env, old, new, precise, ids, exact)
        byte += 1
    return True


def _without_poison(kind: int) -> int:
    return INVALID if kind == POISON else kind


def _special_safe(env: Env, old: Slot, new: Slot, precise: bool, ids: IdMap, exact: int) -> bool:
    """Slots of one kind whose content has to agree."""
    kind = old.kinds[7]
    before, after = old.value, new.value
    if kind == SPILL:
        return value_safe(env, before, after, precise, ids, exact)
    if kind == DYNPTR:
        same = before.subject == after.subject and before.detail == after.detail
        if env.tracks_derived and not ids.check(before.id, after.id):
            return False
        return not env.maps_ids or (same and ids.check(before.ref, after.ref))
    if kind == ITER:
        return (
            before.subject is after.subject
            and (before.type == after.type or not env.compares_iterator_trust)
            and isinstance(before.detail, tuple)
            and isinstance(after.detail, tuple)
            and before.detail[:2] == after.detail[:2]
            and ids.check(before.ref, after.ref)
        )
    if kind == IRQ_FLAG:
        return ids.check(before.ref, after.ref) and before.subject == after.subject
    return kind == ZERO
