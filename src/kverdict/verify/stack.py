"""Loads from and stores to the program's stack: spills keep what is known, other writes leave plain bytes.

Source: check_stack_read(), check_stack_write(), check_stack_range_initialized() of the kernel.
Offsets are bytes relative to the frame pointer, so negative; slot n holds the bytes -8n-8 .. -8n-1.
"""

from __future__ import annotations

from kverdict.catalogue.bounds import ZERO_SIZED_STACK_READ
from kverdict.catalogue.objects import DYNPTR_POTENTIAL_WRITE
from kverdict.catalogue.stack import (
    INVALID_FILL_SIZE,
    INVALID_INDIRECT_STACK_READ,
    INVALID_SPILL_SIZE,
    INVALID_STACK_ACCESS,
    INVALID_STACK_READ,
    INVALID_VARIABLE_STACK_ACCESS,
    INVALID_VARIABLE_STACK_READ,
    POISONED_INDIRECT_STACK_READ,
    POISONED_STACK_READ,
    SPILL_INTO_CALLER,
    UNBOUNDED_STACK_ACCESS,
    VARIABLE_OFFSET_TO_HELPER,
)
from kverdict.domain.bounds import const
from kverdict.domain.describe import tnum_text
from kverdict.domain.stack import (
    ALL_MISC,
    DYNPTR,
    EMPTY,
    INVALID,
    IRQ_FLAG,
    ITER,
    MISC,
    POISON,
    SPILL,
    ZERO,
    Slot,
)
from kverdict.domain.state import Frame
from kverdict.domain.value import (
    CONST_PTR_TO_DYNPTR,
    NOT_INIT,
    NOTHING,
    PTR_TO_STACK,
    SCALAR,
    UNKNOWN_SCALAR,
    ZERO_SCALAR,
    Value,
)
from kverdict.isa.opcode import CLASS_MASK, FP, ST
from kverdict.verify.alu import link_before_move, linked
from kverdict.verify.call_meta import HelperMeta
from kverdict.verify.env import F_SPI_SHIFT, F_STACK_ACCESS, Env
from kverdict.verify.fastcall import check_contract
from kverdict.verify.pointer_math import MAX_VAR_OFF
from kverdict.verify.precision import mark_chain_precision
from kverdict.verify.registers import write_reg

_U64 = 0xFFFFFFFFFFFFFFFF
_U32 = 0xFFFFFFFF
_STACK_SIZE = 512
_SPECIAL = (SPILL, DYNPTR, ITER, IRQ_FLAG)


def grow(env: Env, frame: Frame, size: int) -> None:
    """The frame uses at least `size` bytes of stack; kernel: grow_stack_state()."""
    slots = (size + 7) // 8
    stack = frame.stack
    if len(stack) >= slots:
        return
    stack.extend([EMPTY] * (slots - len(stack)))
    subprog = env.subprogs[frame.subprog]
    if subprog.stack_depth < slots * 8:
        subprog.stack_depth = slots * 8


def const_offset(value: Value) -> int:
    """The constant variable part of a pointer's offset, signed."""
    bits = value.num.value
    return bits - (1 << 64) if bits >> 63 else bits


def check_bounds(env: Env, regno: int, value: Value, off: int, size: int, is_write: bool, indirect: bool) -> None:
    """The access lies inside the frame; grows it to what is accessed. check_stack_access_within_bounds()."""
    if env.stack_reads_and_writes:
        what = " write to" if is_write else " read from"
    else:
        what = " indirect access to" if indirect else " write to" if is_write else " read from"
    known = value.num.mask == 0
    if known:
        low = const_offset(value) + off
        high = low + size
    else:
        if value.num.smax >= MAX_VAR_OFF or value.num.smin <= -MAX_VAR_OFF:
            env.refuse(UNBOUNDED_STACK_ACCESS, access=what, reg=regno)
        low = value.num.smin + off
        high = value.num.smax + off + size
    lowest = -_STACK_SIZE
    if not env.grows_on_access and not is_write:
        lowest = -8 * len(env.state.frames[value.frameno].stack)
    if not env.empty_access_has_end and size <= 0:
        high, size_fits = low + 1, True
    else:
        size_fits = size >= 0
    if not lowest <= low <= -1 or high > 0 or not size_fits:
        facts = {"access": what, "reg": regno, "off": off, "size": size}
        if known:
            env.refuse(INVALID_STACK_ACCESS, **facts)
        env.refuse(
            INVALID_VARIABLE_STACK_ACCESS,
            var_off=tnum_text(value.num.value, value.num.mask, env.rules.compact_log),
            **facts,
        )
    if env.grows_on_access or is_write or indirect:
        grow(env, env.state.frames[value.frameno], -low)


def store(env: Env, pointer: Value, regno: int, off: int, size: int, value_regno: int) -> None:
    """Store register `value_regno` (-1: an immediate or unknown) of `size` bytes; bounds were checked."""
    frame = env.state.frames[pointer.frameno]
    if pointer.num.mask == 0:
        _store_fixed(env, frame, off + const_offset(pointer), size, value_regno)
    else:
        _store_variable(env, frame, pointer, off, size, value_regno)


def _store_fixed(env: Env, frame: Frame, off: int, size: int, value_regno: int) -> None:
    from kverdict.verify.dynptr import destroy_dynptr_at

    grow(env, frame, -off)
    byte = -off - 1
    number = byte // 8
    value = env.regs[value_regno] if value_regno >= 0 else None
    if frame.stack[number].kinds[7] == DYNPTR:
        destroy_dynptr_at(env, frame.number, number)
    if env.fastcall_off:
        check_contract(env, frame.subprog, env.insn_idx, off)
    if env.log is not None:
        env.log.slots |= 1 << number
    aligned = off % 8 == 0
    insn = env.insns[env.insn_idx]
    immediate = value is None and insn.op & CLASS_MASK == ST
    whole = aligned and size == 8
    if whole:
        env.liveness.stack_write(env, frame.number, number)
    is_spill = True
    if value is not None and aligned and value.type == SCALAR and _spills_scalar(env, value):
        _spill_scalar(env, frame, number, value, value_regno, size)
    elif immediate and aligned and (insn.imm != 0 or env.spills_zero):
        constant = Value(SCALAR, const(insn.imm & (_U64 if env.spills_signed_imm else 0xFFFFFFFF)))
        _save(env, frame, number, constant, size)
    elif value is not None and value.type not in (SCALAR, NOT_INIT):
        if size != 8:
            env.refuse(INVALID_SPILL_SIZE)
        if frame is not env.frame and value.type == PTR_TO_STACK:
            env.refuse(SPILL_INTO_CALLER)
        _save(env, frame, number, value, size)
    else:
        _store_bytes(env, frame, number, byte, size, value, value_regno, immediate and insn.imm == 0)
        is_spill = False
    if is_spill and env.stack_access_in_history:
        env.push_history(F_STACK_ACCESS | number << F_SPI_SHIFT | frame.number)


def _spills_scalar(env: Env, value: Value) -> bool:
    """Older kernels only spill scalars of which something is known, and not zero."""
    if env.spills_all_scalars:
        return True
    num = value.num
    return not num.is_unknown() and not (num.mask == 0 and num.value == 0)


def _spill_scalar(env: Env, frame: Frame, number: int, value: Value, regno: int, size: int) -> None:
    if not env.stack_access_in_history and env.insns[env.insn_idx].dst != FP:
        mark_chain_precision(env, regno)
    fits = value.num.umax < 1 << (8 * size)
    if fits and env.links_on_spill:
        value = link_before_move(env, regno, value)
    if not fits:
        value = value.with_id(0) if value.id else value
    precise = env.frame.precise >> regno & 1
    _save(env, frame, number, value, size)
    if precise:
        frame.precise_stack |= 1 << number


def _save(env: Env, frame: Frame, number: int, value: Value, size: int) -> None:
    """The slot holds `value` in its `size` lowest bytes; what was beside it becomes plain bytes."""
    frame.precise_stack &= ~(1 << number)
    if size == 8:
        frame.stack[number] = Slot(bytes([SPILL]) * 8, value)
        return
    kinds = bytearray(frame.stack[number].kinds)
    for byte in range(8 - size):
        kinds[byte] = _as_misc(kinds[byte], env.keeps_zero_beside_spill)
    kinds[8 - size :] = bytes([SPILL]) * size
    frame.stack[number] = Slot(bytes(kinds), value)


def _as_misc(kind: int, zero_stays: bool) -> int:
    """Bytes beside a narrow spill: invalid (and zero) stay; kernel: mark_stack_slot_misc(), scrub_spilled_slot()."""
    return kind if kind in (INVALID, POISON) or (zero_stays and kind == ZERO) else MISC


def _store_bytes(
    env: Env, frame: Frame, number: int, byte: int, size: int, value: Value | None, regno: int, zero_imm: bool
) -> None:
    """A write that is no spill: plain bytes, or zeros if that is what is written."""
    old = frame.stack[number]
    kinds = bytearray(old.kinds)
    ghost = old.value.type == CONST_PTR_TO_DYNPTR and not env.does("DYNPTRS_PROTECTED")
    if old.kinds[7] in _SPECIAL and not ghost:
        kinds = bytearray(_scrubbed(old.kinds))
    is_zero = value is not None and value.type == SCALAR and value.num.mask == 0 and value.num.value == 0
    if is_zero and regno >= 0:
        mark_chain_precision(env, regno)
    kind = ZERO if is_zero or zero_imm else MISC
    for index in range(size):
        kinds[(byte - index) % 8] = kind
    frame.precise_stack &= ~(1 << number)
    frame.stack[number] = Slot(bytes(kinds), old.value if ghost else NOTHING)


def _store_variable(env: Env, frame: Frame, pointer: Value, off: int, size: int, value_regno: int) -> None:
    """A store somewhere in a range: every byte in it may be overwritten; check_stack_write_var_off()."""
    from kverdict.verify.dynptr import destroy_dynptr_at

    low = pointer.num.smin + off
    high = pointer.num.smax + off + size
    grow(env, frame, -low)
    value = env.regs[value_regno] if value_regno >= 0 else None
    insn = env.insns[env.insn_idx]
    if value is not None:
        zero = value.type == SCALAR and value.num.mask == 0 and value.num.value == 0
    else:
        zero = insn.op & CLASS_MASK == ST and insn.imm == 0
    for at in range(low, high):
        number = (-at - 1) // 8
        if frame.stack[number].kinds[7] == DYNPTR:
            destroy_dynptr_at(env, frame.number, number)
    zero_used = False
    if env.log is not None:
        for at in range(low, high):
            env.log.slots |= 1 << (-at - 1) // 8
    for at in range(low, high):
        byte = -at - 1
        number = byte // 8
        slot = frame.stack[number]
        kind = slot.kinds[byte % 8]
        if zero and kind == SPILL and slot.is_spilled_scalar() and env.keeps_spilled_zero:
            if slot.value.num.mask == 0 and slot.value.num.value == 0:
                zero_used = True
                continue
        new = ZERO if zero and kind == ZERO else MISC
        zero_used = zero_used or new == ZERO
        if env.scrubs_whole_slots and slot.kinds[7] in _SPECIAL:
            slot = Slot(_scrubbed(slot.kinds))
        changed = slot.with_kind(byte % 8, byte % 8 + 1, new)
        frame.stack[number] = changed.with_value(NOTHING)
        frame.precise_stack &= ~(1 << number)
    if zero_used and value_regno >= 0:
        mark_chain_precision(env, value_regno)


def load(env: Env, pointer: Value, regno: int, off: int, size: int, dst: int) -> None:
    """Load into register `dst`, or (-1) only ask whether the bytes may be read."""
    if pointer.num.mask == 0:
        _load_fixed(env, env.state.frames[pointer.frameno], off + const_offset(pointer), size, dst)
        return
    if dst < 0:
        text = tnum_text(pointer.num.value, pointer.num.mask, env.rules.compact_log)
        env.refuse(VARIABLE_OFFSET_TO_HELPER, var_off=text, off=off, size=size)
    check_range_initialized(env, regno, off, size, False, False, None, indirect=False)
    frame = env.state.frames[pointer.frameno]
    low, high = pointer.num.smin + off, pointer.num.smax + off + size
    if env.log is not None:
        log_reads(env, *_looked_at(frame, low, high))
    _write_bytes_read(env, dst, _bytes_read(frame, low, high))


def _load_fixed(env: Env, frame: Frame, off: int, size: int, dst: int) -> None:
    byte = -off - 1
    number = byte // 8
    if number >= len(frame.stack):
        grow(env, frame, -off)
    slot = frame.stack[number]
    if env.fastcall_off:
        check_contract(env, env.frame.subprog, env.insn_idx, off)
    if env.log is not None:
        log_reads(env, number)
    env.liveness.stack_read(env, frame.number, number)
    restored = True
    if not slot.is_spilled():
        _check_readable(env, slot, byte, off, size)
        if dst >= 0:
            _write_bytes_read(env, dst, _bytes_read(frame, off, off + size))
        restored = False
    elif size == 8 and slot.kinds[0] == SPILL:
        if dst >= 0:
            write_reg(env, dst, _link_to_slot(env, frame, number, slot))
            _carry_precision(env, frame, number, dst)
    else:
        if slot.value.type != SCALAR:
            env.refuse(INVALID_FILL_SIZE)
        if dst < 0:
            return
        restored = _fill_narrow(env, frame, number, slot, byte, off, size, dst)
    if restored and env.stack_access_in_history:
        env.push_history(F_STACK_ACCESS | number << F_SPI_SHIFT | frame.number)


def _link_to_slot(env: Env, frame: Frame, number: int, slot: Slot) -> Value:
    """The spilled value, linked to the register that gets it where the kernel does so."""
    value = slot.value
    if not env.links_on_fill or value.type != SCALAR:
        return value
    new = linked(env, value)
    if new is not value:
        frame.stack[number] = slot.with_value(new)
    return new


def _carry_precision(env: Env, frame: Frame, number: int, dst: int) -> None:
    if frame.precise_stack >> number & 1:
        env.frame.precise |= 1 << dst


def _fill_narrow(env: Env, frame: Frame, number: int, slot: Slot, byte: int, off: int, size: int, dst: int) -> bool:
    """Part of a spilled scalar; True if the register is what was spilled."""
    spilled = slot.kinds.count(SPILL)
    fits = off % 8 == 0 and (size <= spilled if env.fills_narrower else size == spilled)
    if fits:
        value = slot.value
        if size == 4 and spilled == 4 and value.num.umax <= _U32:
            value = _link_to_slot(env, frame, number, slot)
        if env.links_on_spill and value.id and value.num.umax >= 1 << (8 * size):
            value = value.with_id(0)
        write_reg(env, dst, value)
        _carry_precision(env, frame, number, dst)
        return True
    kinds = [slot.kinds[(byte - index) % 8] for index in range(size)]
    _check_readable(env, slot, byte, off, size)
    if env.keeps_spilled_zero:
        if kinds.count(SPILL) == size and slot.value.num.mask == 0 and slot.value.num.value == 0:
            write_reg(env, dst, ZERO_SCALAR)
            return True
        if kinds.count(ZERO) == size:
            write_reg(env, dst, ZERO_SCALAR)
            return False
    write_reg(env, dst, UNKNOWN_SCALAR)
    return False


def _check_readable(env: Env, slot: Slot, byte: int, off: int, size: int) -> None:
    """A privileged program may read any byte but those of dynptrs, iterators and IRQ flags."""
    for index in range(size):
        kind = slot.kinds[(byte - index) % 8]
        if kind in (MISC, ZERO, SPILL) or (kind == INVALID and env.reads_uninitialized):
            continue
        env.refuse(POISONED_STACK_READ if kind == POISON else INVALID_STACK_READ, off=off, byte=index, size=size)


def _write_bytes_read(env: Env, dst: int, value: Value) -> None:
    """Kernels that cannot follow zeros backwards take a loaded zero as relied on at once."""
    write_reg(env, dst, value)
    if value is ZERO_SCALAR and env.zero_fill_is_precise:
        env.frame.precise |= 1 << dst


def log_reads(env: Env, *slots: int) -> None:
    """The log shows these slots as touched, if this kernel's does."""
    if env.log is not None and env.does("LOG_SHOWS_STACK_READS"):
        for number in slots:
            env.log.slots |= 1 << number


def _looked_at(frame: Frame, low: int, high: int) -> list[int]:
    """Slots up to the first byte that is no known zero; kernel: mark_reg_stack_read()."""
    slots = []
    for at in range(low, high):
        byte = -at - 1
        slots.append(byte // 8)
        if byte // 8 >= len(frame.stack) or frame.stack[byte // 8].kinds[byte % 8] != ZERO:
            break
    return slots


def _bytes_read(frame: Frame, low: int, high: int) -> Value:
    """Zero if every byte is known to be zero, else unknown; kernel: mark_reg_stack_read()."""
    for at in range(low, high):
        byte = -at - 1
        number = byte // 8
        if number >= len(frame.stack) or frame.stack[number].kinds[byte % 8] != ZERO:
            return UNKNOWN_SCALAR
    return ZERO_SCALAR


def check_range_initialized(
    env: Env,
    regno: int,
    off: int,
    size: int,
    is_write: bool,
    zero_allowed: bool,
    meta: HelperMeta | None,
    indirect: bool = True,
    poison_allowed: bool = False,
) -> None:
    """A helper (indirect) or a load at a variable offset reads these bytes; check_stack_range_initialized().

    meta: a helper's call facts; if its `raw_mode` is set the bytes are only written, and `access_size`, `regno` of it
    are set instead of checking them. poison_allowed: what is not read for certain may have been given up as dead.
    """
    value = env.regs[regno]
    frame = env.state.frames[value.frameno]
    if size == 0 and not zero_allowed:
        env.refuse(ZERO_SIZED_STACK_READ)
    writes = is_write if env.stack_reads_and_writes else indirect
    check_bounds(env, regno, value, off, size, writes, indirect)
    known = value.num.mask == 0
    low = high = const_offset(value) + off
    raw = meta if meta is not None and meta.raw_mode else None
    if not known:
        raw = None
        low, high = value.num.smin + off, value.num.smax + off
    if raw is not None:
        _check_raw(env, frame, low, high + size)
        raw.access_size = size
        raw.regno = regno
        return
    for at in range(low, high + size):
        byte = -at - 1
        number = byte // 8
        slot = frame.stack[number] if number < len(frame.stack) else None
        if slot is None or not _may_be_passed(env, frame, number, slot, byte % 8, writes, poison_allowed):
            facts: dict[str, int] = {"reg": regno, "byte": at - low, "size": size}
            if slot is not None and slot.kinds[byte % 8] == POISON:
                env.refuse(POISONED_INDIRECT_STACK_READ, off=low, **facts)
            if known:
                env.refuse(INVALID_INDIRECT_STACK_READ, off=low, **facts)
            env.refuse(
                INVALID_VARIABLE_STACK_READ,
                indirect=" indirect" if indirect else "",
                var_off=tnum_text(value.num.value, value.num.mask, env.rules.compact_log),
                **facts,
            )
        env.liveness.stack_read(env, value.frameno, number)
    if not env.grows_on_access:
        grow(env, frame, -low)


def _check_raw(env: Env, frame: Frame, low: int, high: int) -> None:
    for at in range(low, high):
        byte = -at - 1
        number = byte // 8
        if number < len(frame.stack) and frame.stack[number].kinds[byte % 8] == DYNPTR:
            if env.does("DYNPTRS_PROTECTED"):
                env.refuse(DYNPTR_POTENTIAL_WRITE, off=at)
            return


def _scrubbed(kinds: bytes) -> bytes:
    """What a spill or an object leaves when it is broken: plain bytes where there was something."""
    return bytes(kind if kind in (INVALID, POISON) else MISC for kind in kinds)


def _may_be_passed(
    env: Env, frame: Frame, number: int, slot: Slot, byte: int, clobbers: bool, poison_allowed: bool
) -> bool:
    kind = slot.kinds[byte]
    if kind == MISC:
        return True
    if kind == ZERO or (kind == INVALID and env.reads_uninitialized):
        if clobbers:
            frame.stack[number] = slot.with_kind(byte, byte + 1, MISC)
        return True
    if slot.is_spilled():
        if clobbers:
            kinds = _scrubbed(slot.kinds)
            frame.stack[number] = Slot(kinds, UNKNOWN_SCALAR) if kinds != ALL_MISC.kinds else ALL_MISC
            frame.precise_stack &= ~(1 << number)
        return True
    return kind == POISON and (clobbers or poison_allowed)
