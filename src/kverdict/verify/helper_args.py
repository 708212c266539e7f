"""Arguments of a helper call, one after the other, by the prototype. Source: check_func_arg() of the kernel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kverdict.catalogue.calls import (
    HELPER_IN_RBTREE_CALLBACK,
    NOT_KNOWN_CONSTANT,
    PERCPU_WITHOUT_TYPE,
    SOCKMAP_ARGUMENT,
    TWO_REFERENCED_ARGUMENTS,
)
from kverdict.catalogue.lifetime import RELEASE_UNACQUIRED_DYNPTR, RELEASE_UNREFERENCED
from kverdict.catalogue.maps import MAP_POINTER_MISMATCH
from kverdict.catalogue.memory import HELPER_PACKET_ACCESS
from kverdict.catalogue.objects import DYNPTR_CONST_RELEASE
from kverdict.domain.value import PTR_TO_PACKET, PTR_TO_PACKET_META, PTR_TO_STACK, SCALAR, Value
from kverdict.kernel import proto
from kverdict.kernel.proto import (
    BASE_MASK,
    MEM_ALIGNED,
    MEM_FIXED_SIZE,
    MEM_UNINIT,
    MEM_WRITE,
    OBJ_RELEASE,
    PTR_MAYBE_NULL,
)
from kverdict.program.program import Map
from kverdict.verify import dynptr_unprotected
from kverdict.verify.call_meta import HelperMeta
from kverdict.verify.dynptr import check_dynptr_arg, state_of
from kverdict.verify.env import Env
from kverdict.verify.locks import check_lock
from kverdict.verify.map_calls import check_constant_string, constant_key, may_be_certain
from kverdict.verify.map_fields import check_map_field
from kverdict.verify.precision import mark_chain_precision
from kverdict.verify.references import in_rbtree_callback
from kverdict.verify.registers import read_reg
from kverdict.verify.rules.helper_args import check_offset, check_register_type
from kverdict.verify.rules.kptr import find_xchg_field
from kverdict.verify.rules.map_helpers import map_type_name
from kverdict.verify.rules.program_type import may_access_packet


def is_null(value: Value) -> bool:
    """The scalar 0; kernel: register_is_null()."""
    return value.type == SCALAR and value.num.mask == 0 and value.num.value == 0


def check_argument(env: Env, meta: HelperMeta, place: int) -> None:
    """Check argument number `place` (from 0) and note in `meta` what the rest of the call has to know."""
    helper = meta.helper
    arg_type = helper.args[place]
    if arg_type == proto.ARG_DONTCARE:
        return
    regno = place + 1
    value = read_reg(env, regno)
    if arg_type == proto.ARG_ANYTHING:
        return
    if value.type in (PTR_TO_PACKET, PTR_TO_PACKET_META) and not may_access_packet(env, False, meta.pkt_access):
        env.refuse(HELPER_PACKET_ACCESS)
    if arg_type & BASE_MASK == proto.ARG_PTR_TO_MAP_VALUE:
        arg_type = _map_value_type(env, meta, arg_type)
    if is_null(value) and arg_type & PTR_MAYBE_NULL:
        if env.does("NULL_ARGUMENT_IS_PRECISE"):
            mark_chain_precision(env, regno)
    else:
        check_register_type(env, meta, regno, arg_type, helper.arg_btf.get(place, ""))
        check_offset(env, value, regno, arg_type)
    _note_reference(env, meta, regno, value, arg_type)
    check = _CHECKS.get(arg_type & BASE_MASK)
    if check is not None:
        check(env, meta, place, arg_type)


def _map_value_type(env: Env, meta: HelperMeta, arg_type: int) -> int:
    """The argument type that this map's values give; kernel: resolve_map_arg_type()."""
    if meta.map is None:
        env.unsupported(f"{meta.name}() with a value before its map")
    kind = map_type_name(env, meta.map)
    if kind in ("sockmap", "sockhash"):
        if arg_type == proto.ARG_PTR_TO_MAP_VALUE:
            return proto.ARG_PTR_TO_BTF_ID_SOCK_COMMON
        env.refuse(SOCKMAP_ARGUMENT)
    if kind == "bloom_filter" and meta.name == "bpf_map_peek_elem" and not env.does("DERIVED_OBJECTS_TRACKED"):
        return proto.ARG_PTR_TO_MAP_VALUE
    return arg_type


def _note_reference(env: Env, meta: HelperMeta, regno: int, value: Value, arg_type: int) -> None:
    """Which argument is given away, and which reference takes part."""
    releases = bool(arg_type & OBJ_RELEASE)
    is_dynptr = arg_type & BASE_MASK == proto.ARG_PTR_TO_DYNPTR
    if releases:
        if not is_dynptr and not value.ref and not is_null(value):
            env.refuse(RELEASE_UNREFERENCED, reg=regno, callee=meta.name)
        if is_dynptr and not env.does("DERIVED_OBJECTS_TRACKED"):
            _check_released_dynptr(env, regno, value)
        meta.release_reg = regno
    exempt = arg_type & BASE_MASK == proto.ARG_KPTR_XCHG_DEST and env.does("KPTR_XCHG_INTO_ALLOCATED")
    if value.ref and not exempt:
        if meta.ref and not env.does("DERIVED_OBJECTS_TRACKED"):
            env.refuse(TWO_REFERENCED_ARGUMENTS, reg=regno, ref=value.ref, other=meta.ref)
        meta.ref = value.ref


def _check_released_dynptr(env: Env, regno: int, value: Value) -> None:
    if not env.does("DYNPTRS_PROTECTED"):
        dynptr_unprotected.check_released(env, regno)
        return
    if value.type != PTR_TO_STACK:
        env.refuse(DYNPTR_CONST_RELEASE)
    state = state_of(env, value)
    if state is None or not state.ref:
        env.refuse(RELEASE_UNACQUIRED_DYNPTR, reg=regno)


def _check_map(env: Env, meta: HelperMeta, place: int, arg_type: int) -> None:
    value = env.regs[place + 1]
    if meta.map is not None and (meta.map is not value.subject or meta.map_uid != value.detail):
        env.refuse(MAP_POINTER_MISMATCH, field="timer", reg=1, map_reg=2, uid=meta.map_uid, map_uid=value.detail)
    if not isinstance(value.subject, Map):
        env.unsupported("a map argument that is no map")
    meta.map = value.subject
    meta.map_uid = value.detail


def _check_key(env: Env, meta: HelperMeta, place: int, arg_type: int) -> None:
    from kverdict.verify.memory import check_helper_mem_access

    map = meta.map
    if map is None:
        env.unsupported(f"{meta.name}() with a key before its map")
    check_helper_mem_access(env, place + 1, map.key_size, False, False, None)
    if may_be_certain(env, map):
        meta.const_key = constant_key(env, env.regs[place + 1], map.key_size)


def _check_value(env: Env, meta: HelperMeta, place: int, arg_type: int) -> None:
    from kverdict.verify.memory import check_helper_mem_access

    if arg_type & PTR_MAYBE_NULL and is_null(env.regs[place + 1]):
        return
    if meta.map is None:
        env.unsupported(f"{meta.name}() with a value before its map")
    meta.raw_mode = bool(arg_type & MEM_UNINIT)
    if meta.name == "bpf_map_peek_elem" and map_type_name(env, meta.map) == "bloom_filter":
        meta.raw_mode = False
    writes = _writes(env, arg_type)
    check_helper_mem_access(env, place + 1, meta.map.value_size, writes, False, meta)


def _writes(env: Env, arg_type: int) -> bool:
    """The helper writes through the argument; older kernels know it by MEM_UNINIT only."""
    return bool(arg_type & (MEM_WRITE if env.does("HELPER_WRITES_ARE_MARKED") else MEM_UNINIT))


def _check_percpu(env: Env, meta: HelperMeta, place: int, arg_type: int) -> None:
    from kverdict.btf.btf import Btf

    value = env.regs[place + 1]
    if not isinstance(value.subject, Btf) or not isinstance(value.detail, int) or not value.detail:
        env.refuse(PERCPU_WITHOUT_TYPE, reg=place + 1)
    meta.pointee = (value.subject, value.detail)


def _check_spin_lock(env: Env, meta: HelperMeta, place: int, arg_type: int) -> None:
    if in_rbtree_callback(env):
        env.refuse(HELPER_IN_RBTREE_CALLBACK)
    check_lock(env, place + 1, meta.name == "bpf_spin_lock")


def _check_timer(env: Env, meta: HelperMeta, place: int, arg_type: int) -> None:
    value = env.regs[place + 1]
    meta.map = check_map_field(env, place + 1, "timer")
    meta.map_uid = value.detail


def _check_func(env: Env, meta: HelperMeta, place: int, arg_type: int) -> None:
    number = env.regs[place + 1].subject
    assert isinstance(number, int)
    meta.subprog = number


def _check_memory(env: Env, meta: HelperMeta, place: int, arg_type: int) -> None:
    from kverdict.verify.memory import check_helper_mem_access, check_pointer_alignment

    meta.raw_mode = bool(arg_type & MEM_UNINIT)
    if arg_type & MEM_FIXED_SIZE:
        size = meta.helper.arg_size[place]
        check_helper_mem_access(env, place + 1, size, _writes(env, arg_type), False, meta)
        if arg_type & MEM_ALIGNED:
            check_pointer_alignment(env, env.regs[place + 1], 0, size, True)


def _check_size(env: Env, meta: HelperMeta, place: int, arg_type: int) -> None:
    from kverdict.verify.memory import check_mem_size_reg

    writes = _writes(env, meta.helper.args[place - 1])
    zero_allowed = arg_type & BASE_MASK == proto.ARG_CONST_SIZE_OR_ZERO
    check_mem_size_reg(env, place + 1, writes, zero_allowed, meta)


def _check_dynptr(env: Env, meta: HelperMeta, place: int, arg_type: int) -> None:
    check_dynptr_arg(env, place + 1, arg_type)
    if not arg_type & MEM_UNINIT:
        state = state_of(env, env.regs[place + 1])
        meta.dynptr_id = state.id if state is not None else 0


def _check_constant_size(env: Env, meta: HelperMeta, place: int, arg_type: int) -> None:
    value = env.regs[place + 1]
    if value.num.mask:
        env.refuse(NOT_KNOWN_CONSTANT, reg=place + 1)
    meta.mem_size = value.num.value
    mark_chain_precision(env, place + 1)


def _check_string(env: Env, meta: HelperMeta, place: int, arg_type: int) -> None:
    check_constant_string(env, place + 1)


def _check_kptr(env: Env, meta: HelperMeta, place: int, arg_type: int) -> None:
    meta.kptr_field, map = find_xchg_field(env, place + 1)
    if map is not None:
        meta.map = map


_CHECKS: Final[dict[int, Callable[[Env, HelperMeta, int, int], None]]] = {
    proto.ARG_CONST_MAP_PTR: _check_map,
    proto.ARG_PTR_TO_MAP_KEY: _check_key,
    proto.ARG_PTR_TO_MAP_VALUE: _check_value,
    proto.ARG_PTR_TO_PERCPU_BTF_ID: _check_percpu,
    proto.ARG_PTR_TO_SPIN_LOCK: _check_spin_lock,
    proto.ARG_PTR_TO_TIMER: _check_timer,
    proto.ARG_PTR_TO_FUNC: _check_func,
    proto.ARG_PTR_TO_MEM: _check_memory,
    proto.ARG_CONST_SIZE: _check_size,
    proto.ARG_CONST_SIZE_OR_ZERO: _check_size,
    proto.ARG_PTR_TO_DYNPTR: _check_dynptr,
    proto.ARG_CONST_ALLOC_SIZE_OR_ZERO: _check_constant_size,
    proto.ARG_PTR_TO_CONST_STR: _check_string,
    proto.ARG_KPTR_XCHG_DEST: _check_kptr,
}
