"""Which halves of stack slots an instruction reads for certain or perhaps, and which it writes for certain.

Half slot n holds the bytes -4n-4 to -4n-1 of a frame. A number of bytes is positive for a read, negative for a write,
UNKNOWN_SIZE for a read that may go up to the frame's end.
Source: record_stack_access(), bpf_helper_stack_access_bytes(), bpf_kfunc_stack_access_bytes() of 7.2.
"""

from __future__ import annotations

from typing import Final

from kverdict.btf.args import has_suffix, pointee
from kverdict.btf.layout import resolved, size_or_none
from kverdict.btf.types import Ptr
from kverdict.isa.insn import Insn
from kverdict.isa.opcode import (
    ATOMIC,
    CALL_HELPER,
    CALL_KFUNC,
    CLASS_MASK,
    LDX,
    LOAD_ACQ,
    MODE_MASK,
    SIZE_BYTES,
    SIZE_MASK,
    ST,
    STACK_SIZE,
    STORE_REL,
    STX,
)
from kverdict.kernel.kfuncs import Kfunc
from kverdict.kernel.proto import (
    ARG_CONST_MAP_PTR,
    ARG_CONST_SIZE,
    ARG_CONST_SIZE_OR_ZERO,
    ARG_PTR_TO_DYNPTR,
    ARG_PTR_TO_MAP_KEY,
    ARG_PTR_TO_MAP_VALUE,
    ARG_PTR_TO_MEM,
    ARG_PTR_TO_STACK,
    BASE_MASK,
    KF_ITER_NEW,
    MEM_FIXED_SIZE,
    MEM_UNINIT,
)
from kverdict.verify.constants import Constants
from kverdict.verify.env import Env

UNKNOWN_SIZE: Final = -(1 << 63)
ALL: Final = (1 << 128) - 1
_HALF: Final = 4
_DYNPTR_BYTES: Final = 16


def _halves(first: int, last: int) -> int:
    """The mask of half slots first to last."""
    return (2 << last) - (1 << first) & ALL if last >= first else 0


def halves_read(offset: int, size: int) -> int:
    """Half slots of which an access of `size` bytes at `offset` reads something."""
    if offset >= 0:
        return 0
    last = (-offset - 1) // _HALF
    return _halves(0 if size == UNKNOWN_SIZE else max((-offset - size) // _HALF, 0), last)


def halves_written(offset: int, size: int) -> int:
    """Half slots that a write of `size` bytes at `offset` covers whole."""
    if offset >= 0:
        return 0
    return _halves(max((-offset - size + _HALF - 1) // _HALF, 0), -offset // _HALF - 1)


def memory_access(insn: Insn) -> tuple[int, int] | None:
    """(register of the address, bytes) of a load or store, None for other instructions."""
    cls = insn.op & CLASS_MASK
    size = SIZE_BYTES[insn.op & SIZE_MASK]
    if cls == LDX:
        return insn.src, size
    if cls == ST:
        return insn.dst, -size
    if cls != STX:
        return None
    if insn.op & MODE_MASK != ATOMIC or insn.imm == STORE_REL:
        return insn.dst, -size
    return (insn.src if insn.imm == LOAD_ACQ else insn.dst), size


def argument_access(env: Env, index: int, place: int) -> int:
    """Bytes that a helper or kfunc accesses through its argument `place` (from 0), if it points into the stack."""
    insn = env.insns[index]
    if insn.op == CALL_HELPER:
        return _of_helper(env, index, insn, place)
    assert insn.op == CALL_KFUNC, insn
    return _of_kfunc(env, index, insn, place)


def _of_helper(env: Env, index: int, insn: Insn, place: int) -> int:
    helper = env.profile.helper_proto(insn.imm, env.program.variant)
    if helper is None:
        return UNKNOWN_SIZE
    args = helper.args
    type = args[place] if place < len(args) else 0
    base = type & BASE_MASK
    written = bool(type & MEM_UNINIT)
    if base in (ARG_PTR_TO_MAP_KEY, ARG_PTR_TO_MAP_VALUE):
        size = _of_map(env, index, args, place, base == ARG_PTR_TO_MAP_KEY)
        if size == UNKNOWN_SIZE:
            return size
    elif base == ARG_PTR_TO_MEM:
        if type & MEM_FIXED_SIZE:
            size = helper.arg_size[place]
        elif place + 1 < len(args) and args[place + 1] in (ARG_CONST_SIZE, ARG_CONST_SIZE_OR_ZERO):
            known = env.constants.number(index, place + 2)
            if known is None:
                return 0 if written else STACK_SIZE
            size = known
        else:
            return UNKNOWN_SIZE
    elif base == ARG_PTR_TO_DYNPTR:
        size = _DYNPTR_BYTES
    elif base == ARG_PTR_TO_STACK:
        return 0  # the helper hands it on to a callback, which is looked at by itself
    else:
        return UNKNOWN_SIZE
    return -size if written else size


def _of_map(env: Env, index: int, args: tuple[int, ...], place: int, key: bool) -> int:
    """Size of the key or value of the map in an argument before; if it is not known which, of the largest."""
    before = next((other for other in range(place) if args[other] & BASE_MASK == ARG_CONST_MAP_PTR), -1)
    constants: Constants = env.constants
    known = constants.map(index, before + 1) if before >= 0 else None
    if known is not None:
        return known.key_size if key else known.value_size
    maps = [*constants.used_maps, *(map.inner for map in constants.used_maps if map.inner is not None)]
    return max((map.key_size if key else map.value_size for map in maps), default=0) or UNKNOWN_SIZE


def _of_kfunc(env: Env, index: int, insn: Insn, place: int) -> int:
    kfunc = env.profile.kfunc_by_id(insn.imm) if insn.off == 0 else None
    if kfunc is None or isinstance(env.profile.kfunc_call_refused(kfunc, env.program.variant), str):
        return UNKNOWN_SIZE
    if place >= len(kfunc.params):
        return 0
    btf = env.profile.btf
    param = kfunc.params[place]
    if not isinstance(resolved(btf, param.type_id), Ptr):
        return 0
    size = _pointed_to(env, index, kfunc, place)
    if size == UNKNOWN_SIZE:
        return size
    if (place == 0 and kfunc.flags & KF_ITER_NEW) or has_suffix(param.name, "__uninit"):
        return -size
    return size


def _pointed_to(env: Env, index: int, kfunc: Kfunc, place: int) -> int:
    """Bytes behind a pointer argument of a kfunc: of a dynptr, by the size argument that follows, or by its type."""
    btf = env.profile.btf
    target = pointee(btf, kfunc.params[place].type_id)
    if target > 0 and btf.type(target).name == "bpf_dynptr":
        return _DYNPTR_BYTES
    following = kfunc.params[place + 1].name if place + 1 < len(kfunc.params) else ""
    if has_suffix(following, "__sz") or has_suffix(following, "__szk"):
        known = env.constants.number(index, place + 2)
        return STACK_SIZE if known is None else known
    size = size_or_none(btf, target) if target > 0 else None
    return UNKNOWN_SIZE if size is None else size
