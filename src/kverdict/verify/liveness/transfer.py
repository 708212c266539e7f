"""What each instruction does to the origins of registers and of values spilled to the running frame.

Source: arg_track_xfer(), fill_from_stack(), spill_to_stack() and their kin in kernel/bpf/liveness.c of 7.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kverdict.isa.insn import Insn
from kverdict.isa.opcode import (
    ADD,
    ALU,
    ALU64,
    ATOMIC,
    CALL,
    CLASS_MASK,
    CMPXCHG,
    CODE_MASK,
    DW,
    FETCH,
    FP,
    IMM,
    JMP,
    LD,
    LDX,
    LOAD_ACQ,
    MEM,
    MODE_MASK,
    MOV,
    SIZE_BYTES,
    SIZE_MASK,
    ST,
    STORE_REL,
    STX,
    SUB,
    X,
)
from kverdict.verify.liveness.origins import NONE, Origin, combined, in_frames, join

SLOTS: Final = 64  # slots of 8 bytes whose content is followed: fp-8 to fp-512
Stack = Mapping[int, Origin]  # by slot; a slot that is not there holds no pointer into the stack


class Origins:
    """Before or behind one instruction: of registers 0 to 10 and of spilled values, of the running frame."""

    __slots__ = ("regs", "stack")

    def __init__(self, regs: list[Origin], stack: dict[int, Origin]) -> None:
        self.regs = regs
        self.stack = stack

    def copy(self) -> Origins:
        """One that may be changed."""
        return Origins(self.regs[:], dict(self.stack))

    def put(self, slot: int, origin: Origin) -> None:
        """The slot holds a value of this origin."""
        if origin is NONE or origin == NONE:
            self.stack.pop(slot, None)
        else:
            self.stack[slot] = origin


def loaded_register(insn: Insn) -> int:
    """The register that an atomic instruction loads, -1 if none; kernel: bpf_atomic_load_reg()."""
    if insn.op & CLASS_MASK != STX or insn.op & MODE_MASK != ATOMIC:
        return -1
    if insn.imm == CMPXCHG:
        return 0
    if insn.imm == LOAD_ACQ:
        return insn.dst
    if insn.imm == STORE_REL or not insn.imm & FETCH:
        return -1
    return insn.src


def transfer(insn: Insn, depth: int, now: Origins, parents: Mapping[int, Stack]) -> None:
    """Change `now` from before to behind `insn`. parents: by frame, what was spilled there when it made its call."""
    cls = insn.op & CLASS_MASK
    regs = now.regs
    if cls == ALU64:
        regs[insn.dst] = _arithmetic(insn, regs)
    elif cls == ALU:
        regs[insn.dst] = NONE
    elif cls == JMP:
        if insn.op & CODE_MASK == CALL:
            regs[:6] = [NONE] * 6
    elif cls == LDX:
        regs[insn.dst] = _loaded(insn, depth, now, parents)
    elif cls == LD:
        if insn.op & MODE_MASK == IMM:
            regs[insn.dst] = NONE
    elif cls in (ST, STX):
        _store(insn, depth, now)


def _arithmetic(insn: Insn, regs: list[Origin]) -> Origin:
    dst = regs[insn.dst]
    code = insn.op & CODE_MASK
    if insn.op & X:
        if code != MOV:
            return combined(dst, regs[insn.src])
        return NONE if insn.off else regs[insn.src]
    if code == MOV:
        return NONE
    if dst.frame < 0:
        return dst
    if code == ADD:
        return dst.moved(insn.imm)
    return dst.moved(-insn.imm) if code == SUB else dst.blurred()


def _loaded(insn: Insn, depth: int, now: Origins, parents: Mapping[int, Stack]) -> Origin:
    """A whole spilled value may come back; every other load gives no pointer into the stack."""
    if insn.op & MODE_MASK != MEM or insn.op & SIZE_MASK != DW:
        return NONE
    src = now.regs[insn.src]
    if insn.src == FP or src.may_be_in(depth):
        return _fill(insn, src, now.stack, depth)
    if 0 <= src.frame < depth:
        return _fill(insn, src, parents[src.frame], src.frame)
    return src if src.frame_is_unknown and src.mask else NONE


def _slot(offset: int) -> int:
    """The slot that begins at this offset, -1 if none does; kernel: fp_off_to_slot()."""
    if offset >= 0 or offset < -8 * SLOTS or offset % 8:
        return -1
    return -offset // 8 - 1


def _fill(insn: Insn, src: Origin, stack: Stack, depth: int) -> Origin:
    anywhere = in_frames((1 << depth + 1) - 1)
    if insn.src == FP:
        slot = _slot(insn.off)
        return stack.get(slot, NONE) if slot >= 0 else anywhere
    places = src.moved(insn.off).offsets
    if not places:
        return anywhere
    result = NONE
    for place in places:
        slot = _slot(place)
        if slot < 0:
            return anywhere
        result = join(result, stack.get(slot, NONE))
    return result


def _store(insn: Insn, depth: int, now: Origins) -> None:
    mode = insn.op & MODE_MASK
    is_local = insn.dst == FP or now.regs[insn.dst].may_be_in(depth)
    if insn.op & CLASS_MASK == ST:
        if is_local and mode == MEM:
            _overwrite(insn, now)
        return
    if is_local and mode == MEM:
        _spill(insn, now, now.regs[insn.src] if insn.op & SIZE_MASK == DW else NONE)
    if mode == ATOMIC:
        if is_local and insn.imm != LOAD_ACQ:
            _overwrite(insn, now)
        loaded = loaded_register(insn)
        if loaded >= 0:
            now.regs[loaded] = NONE


def _spill(insn: Insn, now: Origins, value: Origin) -> None:
    """The value goes to the slot that is meant; to each that may be, where several are possible. spill_to_stack()."""
    if insn.dst == FP:
        slot = _slot(insn.off)
        if slot >= 0:
            now.put(slot, value)
        return
    offsets = now.regs[insn.dst].offsets
    if not offsets:
        for slot in range(SLOTS):
            now.put(slot, join(now.stack.get(slot, NONE), value))
        return
    for offset in offsets:
        slot = _slot(offset + insn.off)
        if slot >= 0:
            now.put(slot, value if len(offsets) == 1 else join(now.stack.get(slot, NONE), value))


def _overwrite(insn: Insn, now: Origins) -> None:
    """Whatever these bytes held is no pointer any more; kernel: clear_stack_for_all_offs()."""
    size = SIZE_BYTES[insn.op & SIZE_MASK]
    if insn.dst == FP:
        _clear(now, insn.off, size, True)
        return
    offsets = now.regs[insn.dst].offsets
    for offset in offsets:
        if not -(1 << 15) <= offset + insn.off < 1 << 15:
            _clear_any(now)
            return
        _clear(now, offset + insn.off, size, len(offsets) == 1)
    if not offsets:
        _clear_any(now)


def _clear(now: Origins, offset: int, size: int, certain: bool) -> None:
    for slot in list(now.stack):
        start = -8 * (slot + 1)
        if start < offset + size and start + 8 > offset:
            now.put(slot, NONE if certain else join(now.stack[slot], NONE))


def _clear_any(now: Origins) -> None:
    for slot in list(now.stack):
        now.put(slot, join(now.stack[slot], NONE))
