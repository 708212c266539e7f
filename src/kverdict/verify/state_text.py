"""A frame as the kernel's log prints it: registers, slots, references.

Source: print_verifier_state(), print_reg_state() of the kernel.
"""

from __future__ import annotations

from typing import Final

from kverdict.btf.btf import Btf
from kverdict.domain.arithmetic import moved
from kverdict.domain.bounds import const
from kverdict.domain.describe import known_text, range_texts, signed_text, tnum_text, unsigned_text
from kverdict.domain.stack import DYNPTR, INVALID, ITER, LETTERS, POISON, SPILL, Slot
from kverdict.domain.state import Frame, State
from kverdict.domain.tnum import U64_MAX
from kverdict.domain.value import (
    ADD_CONST,
    CONST_PTR_TO_DYNPTR,
    CONST_PTR_TO_MAP,
    NOT_INIT,
    PTR_TO_ARENA,
    PTR_TO_BTF_ID,
    PTR_TO_MAP_KEY,
    PTR_TO_MAP_VALUE,
    PTR_TO_MEM,
    PTR_TO_PACKET,
    PTR_TO_PACKET_META,
    PTR_TO_SOCKET,
    PTR_TO_STACK,
    PTR_TO_TCP_SOCK,
    SCALAR,
    Value,
    type_text,
)
from kverdict.kernel.proto import BASE_MASK, MEM_ALLOC, NON_OWN_REF
from kverdict.program.program import Map
from kverdict.verify.env import Env

_MAPS: Final = (CONST_PTR_TO_MAP, PTR_TO_MAP_KEY, PTR_TO_MAP_VALUE)
_MAY_BE_HELD: Final = (PTR_TO_SOCKET, PTR_TO_TCP_SOCK, PTR_TO_MEM, PTR_TO_BTF_ID)
_PACKETS: Final = (PTR_TO_PACKET, PTR_TO_PACKET_META)
_ITER_STATES: Final = ("<invalid>", "active", "drained")


def state_text(env: Env, state: State, number: int, whole: bool) -> str:
    """Everything known in frame `number` (whole), or only what changed since it was last printed."""
    frame = state.frames[number]
    log = env.log
    parts = [f" frame{number}:"] if number else []
    for reg in range(11):
        value = frame.regs[reg]
        if value.type == NOT_INIT or not (whole or (log is not None and log.scratched >> reg & 1)):
            continue
        marks = _marks(env, frame.read, frame.written, reg)
        parts.append(f" R{reg}{marks}={value_text(env, frame, value, bool(frame.precise >> reg & 1))}")
    skip = 0
    for place, slot in enumerate(frame.stack):
        if skip:
            skip -= 1
            continue
        if not whole and (log is None or not log.slots >> place & 1):
            continue
        if all(kind in (INVALID, POISON) for kind in slot.kinds):
            continue
        if slot.kinds[7] == DYNPTR and place + 1 < len(frame.stack):
            skip = 1
            place, slot = place + 1, frame.stack[place + 1]
        parts.append(_slot_text(env, frame, place, slot))
    held = [str(ref.id) for ref in state.refs if ref.id]
    if held:
        parts.append(f" refs={','.join(held)}")
    if frame.callback == 1:
        parts.append(" cb")
    if frame.callback == 2:
        parts.append(" async_cb")
    if not whole and log is not None:
        log.scratched = 0
        log.slots = 0
    return "".join(parts)


def _marks(env: Env, read: int, written: int, place: int) -> str:
    """Kernels that trace what is read show it: "_r", "_w", "_rw"; kernel: print_liveness()."""
    if not env.traced_liveness:
        return ""
    marks = ("r" if read >> place & 1 else "") + ("w" if written >> place & 1 else "")
    return f"_{marks}" if marks else ""


def _slot_text(env: Env, frame: Frame, place: int, slot: Slot) -> str:
    name = f" fp{-(place + 1) * 8}{_marks(env, frame.stack_read, frame.stack_written, place)}"
    value = slot.value
    kinds = "".join(LETTERS[kind] for kind in slot.kinds)
    last = slot.kinds[7]
    if last == SPILL and not env.rules.compact_log:
        return f"{name}={_old_spill_text(env, value, bool(frame.precise_stack >> place & 1))}"
    if last == SPILL:
        first = next(index for index in range(8) if slot.kinds[index] == SPILL)
        precise = bool(frame.precise_stack >> place & 1)
        return f"{name}={kinds[:first]}{value_text(env, frame, value, precise)}"
    if last == DYNPTR:
        if not env.rules.compact_log:
            held = f"(ref_id={value.ref})" if value.ref else ""
            return f"{name}=dynptr_{_dynptr_name(value.subject)}{held}"
        facts = [f"id={value.id}"] if value.id else []
        if value.ref:
            facts.append(f"{'parent_id' if env.tracks_derived else 'ref_id'}={value.ref}")
        if value.id and not env.tracks_derived:
            facts.append(f"dynptr_id={value.id}")
        return f"{name}=dynptr_{_dynptr_name(value.subject)}({','.join(facts)})"
    if last == ITER:
        if not value.ref or not isinstance(value.detail, tuple) or not isinstance(value.subject, Btf):
            return ""
        type_id, state, depth = value.detail
        kind = value.subject.type(type_id).name.removeprefix("bpf_iter_")
        id = "id" if env.tracks_derived else "ref_id"
        return f"{name}=iter_{kind}({id}={value.ref},state={_ITER_STATES[state]},depth={depth})"
    return f"{name}={kinds}"


def _type_text(env: Env, type: int) -> str:
    text = type_text(type)
    return text if env.does("RING_BUFFER_MEMORY_NAMED") else text.replace("ringbuf_", "alloc_")


def _old_spill_text(env: Env, value: Value, precise: bool) -> str:
    """Older kernels name what was spilled, and say no more of it than a known number."""
    if value.type != SCALAR:
        return _type_text(env, value.type)
    number = known_text(value.num.value, False) if value.num.mask == 0 else ""
    return ("P" if precise else "") + number


def _dynptr_name(flag: object) -> str:
    from kverdict.kernel.proto import FLAG_NAMES

    for name, bit in FLAG_NAMES.items():
        if bit == flag and name.startswith("DYNPTR_TYPE_"):
            return name.removeprefix("DYNPTR_TYPE_").lower()
    return "<unknown>"


def value_text(env: Env, frame: Frame, value: Value, precise: bool) -> str:
    """One register; kernel: print_reg_state()."""
    type = value.type
    base = type & BASE_MASK
    num = value.num
    compact = env.rules.compact_log
    prefix = "P" if type == SCALAR and precise else ""
    if type == SCALAR and num.mask == 0:
        return prefix + known_text(num.value, compact)
    text = prefix + _type_text(env, type)
    if type == PTR_TO_ARENA:
        return text
    if type == PTR_TO_STACK:
        if frame.number != value.frameno and compact:
            text += f"[{value.frameno}]"
        if num.mask == 0:
            offset = value.off + _signed(num.value)
            return text + (signed_text(offset) if compact else str(offset))
    if base == PTR_TO_BTF_ID and isinstance(value.subject, Btf) and isinstance(value.detail, int):
        text += value.subject.type(value.detail).name
    facts = _facts(env, value, base) if compact else _old_facts(env, value, base)
    return f"{text}({','.join(facts)})"


def _signed(bits: int) -> int:
    return bits - (1 << 64) if bits >> 63 else bits


def _old_facts(env: Env, value: Value, base: int) -> list[str]:
    """Of kernels before the short form: offsets always, no names of maps, no sizes of memory."""
    facts = []
    type = value.type
    if value.id:
        facts.append(f"id={value.id}")
    if value.ref and (base in _MAY_BE_HELD or not env.does("REFERENCES_HELD_BY_FEW_TYPES")):
        facts.append(f"ref_obj_id={value.ref}")
    if type & MEM_ALLOC and type & NON_OWN_REF:
        facts.append("non_own_ref")
    if type != SCALAR:
        facts.append(f"off={value.off}")
    if base in _PACKETS:
        facts.append(f"r={value.subject or 0}")
    elif base in _MAPS and isinstance(value.subject, Map):
        facts.append(f"ks={value.subject.key_size},vs={value.subject.value_size}")
    if value.num.mask == 0:
        return [*facts, f"imm={value.num.value:x}"]
    return facts + range_texts(value.num, False)


def _facts(env: Env, value: Value, base: int) -> list[str]:
    facts = []
    num = value.num
    type = value.type
    off = 0 if type == SCALAR else value.off
    if env.folds_offsets and off:  # newer kernels have one offset of a pointer, in its number
        num = moved(num, const(off & U64_MAX), env.rules)
        off = 0
    one_id = bool(value.ref) and env.does("DERIVED_OBJECTS_TRACKED")  # an object's id is that of its reference
    if value.id and not one_id:
        delta = f"{value.off:+d}" if value.id & ADD_CONST else ""
        facts.append(f"id={value.id & ~ADD_CONST}{delta}")
    if one_id and value.id not in (0, value.ref):
        facts += [f"id={value.id}", f"parent_id={value.ref}"]
    elif one_id:
        facts.append(f"id={value.ref}")
    elif value.ref:
        facts.append(f"ref_obj_id={value.ref}")
    if base == PTR_TO_MEM and value.detail and env.tracks_derived:
        facts.append(f"parent_id={value.detail}")
    if type & MEM_ALLOC and type & NON_OWN_REF:
        facts.append("non_own_ref")
    if base in _MAPS and isinstance(value.subject, Map):
        if value.subject.name:
            facts.append(f"map={value.subject.name}")
        facts.append(f"ks={value.subject.key_size},vs={value.subject.value_size}")
    if off:
        facts.append(f"off={signed_text(off)}")
    if base in _PACKETS:
        facts.append(f"r={unsigned_text(int(str(value.subject or 0)) & 0xFFFFFFFFFFFFFFFF)}")
    if base == PTR_TO_MEM:
        facts.append(f"sz={value.subject}")
    if type == CONST_PTR_TO_DYNPTR:
        facts.append(f"type={_dynptr_name(value.subject)}")
    if num.mask == 0:
        if num.value:
            facts.append(f"imm={signed_text(_signed(num.value))}")
        return facts
    return facts + range_texts(num)


__all__ = ["state_text", "tnum_text", "value_text"]
