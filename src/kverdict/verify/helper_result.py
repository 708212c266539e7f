"""What r0 holds after a helper call. Source: the second half of check_helper_call(), do_refine_retval_range()."""

from __future__ import annotations

from typing import Final

from kverdict.btf.btf import Btf
from kverdict.btf.layout import size_of, size_or_none, skip_modifiers
from kverdict.btf.types import KIND_STRUCT, Struct
from kverdict.domain.bounds import UNKNOWN, const
from kverdict.domain.sync import sync
from kverdict.domain.value import (
    NOTHING,
    PTR_TO_BTF_ID,
    PTR_TO_MAP_VALUE,
    PTR_TO_MEM,
    PTR_TO_SOCK_COMMON,
    PTR_TO_SOCKET,
    PTR_TO_TCP_SOCK,
    UNKNOWN_SCALAR,
    Value,
    pointer,
    scalar,
)
from kverdict.kernel import proto
from kverdict.kernel.proto import BASE_MASK, MEM_ALLOC, MEM_PERCPU, MEM_RCU, MEM_RDONLY, PTR_MAYBE_NULL
from kverdict.verify.call_meta import HelperMeta
from kverdict.verify.env import Env
from kverdict.verify.map_calls import may_be_certain
from kverdict.verify.records import LOCKS, has_field
from kverdict.verify.references import acquire_reference
from kverdict.verify.return_code import attach_returns_void, hook_range
from kverdict.verify.rules.helper_args import KPTR_XCHG
from kverdict.verify.rules.kptr import pointee_btf
from kverdict.verify.rules.map_helpers import map_type_name

_ACQUIRES: Final = frozenset(
    ("bpf_sk_lookup_tcp", "bpf_sk_lookup_udp", "bpf_skc_lookup_tcp", "bpf_ringbuf_reserve", KPTR_XCHG),
)
_CASTS: Final = frozenset(
    (
        "bpf_tcp_sock",
        "bpf_sk_fullsock",
        "bpf_skc_to_tcp_sock",
        "bpf_skc_to_tcp6_sock",
        "bpf_skc_to_udp6_sock",
        "bpf_skc_to_mptcp_sock",
        "bpf_skc_to_tcp_timewait_sock",
        "bpf_skc_to_tcp_request_sock",
    )
)
_LENGTHS: Final = frozenset(
    (
        "bpf_get_stack",
        "bpf_get_task_stack",
        "bpf_probe_read_str",
        "bpf_probe_read_kernel_str",
        "bpf_probe_read_user_str",
    )
)
_SOCKETS: Final = {
    proto.RET_PTR_TO_SOCKET: PTR_TO_SOCKET,
    proto.RET_PTR_TO_SOCK_COMMON: PTR_TO_SOCK_COMMON,
    proto.RET_PTR_TO_TCP_SOCK: PTR_TO_TCP_SOCK,
}
_MAX_ERRNO: Final = 4095


def set_result(env: Env, meta: HelperMeta, percpu_object: bool) -> None:
    """Give r0 of the running frame what the helper returns.

    percpu_object: bpf_per_cpu_ptr() of an object of the program's own.
    """
    ret = meta.helper.ret
    base = ret & BASE_MASK
    if base == proto.RET_VOID:
        env.regs[0] = NOTHING
        return
    if base == proto.RET_INTEGER:
        env.regs[0] = _integer(env, meta)
        return
    value = _pointer(env, meta, base, ret & ~BASE_MASK, percpu_object)
    if value.type & PTR_MAYBE_NULL:
        value = value.with_id(env.new_id())
    if meta.name == "bpf_dynptr_data":
        value = value.with_subject(value.subject, meta.dynptr_id)
    if meta.name in _CASTS and meta.ref and env.does("DERIVED_OBJECTS_TRACKED"):
        env.regs[0] = _cast_of_reference(env, meta.ref, value)
        return
    if meta.name in _CASTS or meta.name == "bpf_dynptr_data":
        value = value.with_ref(meta.ref)
    elif _acquires(env, meta):
        id = acquire_reference(env)
        value = value.with_id(id).with_ref(id)
    env.regs[0] = value


def _cast_of_reference(env: Env, ref: int, value: Value) -> Value:
    """The result is the same object, or NULL: two paths, as its id says which object it is, not if it is one."""
    branch = env.push_state(env.insn_idx + 1, env.insn_idx)
    branch.frames[-1].regs[0] = scalar(const(0))
    return value.with_type(value.type & ~PTR_MAYBE_NULL).with_id(ref).with_ref(ref)


def _acquires(env: Env, meta: HelperMeta) -> bool:
    """kernel: is_acquire_function()."""
    if meta.name in _ACQUIRES:
        return True
    if meta.name != "bpf_map_lookup_elem" or meta.map is None:
        return False
    return map_type_name(env, meta.map) in ("sockmap", "sockhash")


def _pointer(env: Env, meta: HelperMeta, base: int, flags: int, percpu_object: bool) -> Value:
    if base == proto.RET_PTR_TO_MAP_VALUE:
        return _map_value(env, meta, flags)
    if base in _SOCKETS:
        return pointer(_SOCKETS[base] | flags)
    if base == proto.RET_PTR_TO_MEM:
        return pointer(PTR_TO_MEM | flags, meta.mem_size)
    if base == proto.RET_PTR_TO_MEM_OR_BTF_ID:
        return _memory_or_struct(env, meta, flags, percpu_object)
    if base == proto.RET_PTR_TO_BTF_ID:
        return _struct(env, meta, flags)
    env.unsupported(f"what {meta.name}() returns")


def _map_value(env: Env, meta: HelperMeta, flags: int) -> Value:
    map = meta.map
    if map is None:
        env.unsupported(f"{meta.name}() without a map")
    if meta.name == "bpf_map_lookup_elem" and may_be_certain(env, map) and 0 <= meta.const_key < map.max_entries:
        flags &= ~PTR_MAYBE_NULL
    value = pointer(PTR_TO_MAP_VALUE | flags, map, meta.map_uid)
    if not flags & PTR_MAYBE_NULL and has_field(map.fields, *LOCKS):
        value = value.with_id(env.new_id())
    return value


def _memory_or_struct(env: Env, meta: HelperMeta, flags: int, percpu_object: bool) -> Value:
    if meta.pointee is None:
        env.unsupported(f"{meta.name}() without a type")
    btf, type_id = meta.pointee
    target = skip_modifiers(btf, type_id)
    if not isinstance(btf.type(target), Struct):
        size = size_or_none(btf, target)
        if size is None:
            env.unsupported(f"{meta.name}() of a type without size")
        return pointer(PTR_TO_MEM | flags, size)
    if percpu_object:
        return pointer(PTR_TO_BTF_ID | MEM_ALLOC | MEM_RCU, btf, type_id)
    return pointer(PTR_TO_BTF_ID | flags & ~MEM_RDONLY, btf, type_id)


def _struct(env: Env, meta: HelperMeta, flags: int) -> Value:
    type = PTR_TO_BTF_ID | flags
    if meta.name == KPTR_XCHG:
        field = meta.kptr_field
        btf = pointee_btf(env, field, meta.map) if field is not None else None
        if field is None or btf is None:
            env.unsupported("bpf_kptr_xchg() of an unknown type")
        if not field.in_kernel:
            type |= MEM_ALLOC
            if field.kind == "kptr_percpu":
                type |= MEM_PERCPU
        return pointer(type, btf, field.type_id)
    btf = env.profile.btf
    type_id = btf.find(meta.helper.ret_btf, KIND_STRUCT) if meta.helper.ret_btf else 0
    if not type_id or not isinstance(btf, Btf):
        env.unsupported(f"the structure that {meta.name}() returns")
    return pointer(type, btf, type_id)


def _integer(env: Env, meta: HelperMeta) -> Value:
    if meta.name in _LENGTHS:
        return _ranged(env, -_MAX_ERRNO, meta.msize_max_value)
    if meta.name == "bpf_get_smp_processor_id" and env.does("CPU_NUMBER_IN_RANGE"):
        cpus = _cpus(env)
        if cpus:
            num = UNKNOWN
            return scalar(sync(num.value, num.mask, 0, cpus - 1, 0, cpus - 1, 0, cpus - 1, 0, cpus - 1, env.rules))
    if meta.name == "bpf_get_retval" and env.does("RETVAL_RANGE_CHECKED"):
        return _retval(env)
    return UNKNOWN_SCALAR


def _cpus(env: Env) -> int:
    """How many CPUs there may be: as told of the machine, else all that the kernel's struct cpumask has a bit for."""
    told = int(env.profile.config.get("nr_cpu_ids", env.profile.config.get("CONFIG_NR_CPUS", "0")))
    if told:
        return told
    btf = env.profile.btf
    mask = btf.find("cpumask", KIND_STRUCT)
    return 8 * size_of(btf, mask) if mask else 0


def _retval(env: Env) -> Value:
    program = env.program
    if program.prog_type == "cgroup_sockopt" and program.attach_type == "cgroup_getsockopt":
        return UNKNOWN_SCALAR
    if program.prog_type == "lsm" and program.attach_type == "lsm_cgroup":
        return UNKNOWN_SCALAR if attach_returns_void(env) else _ranged(env, *hook_range(env))
    return _ranged(env, -_MAX_ERRNO, 0)


def _ranged(env: Env, low: int, high: int) -> Value:
    """A scalar between two signed numbers, in 64 and in 32 bits."""
    num = UNKNOWN
    low32 = (high & 0xFFFFFFFF) - (1 << 32) if high & 0x80000000 else high & 0xFFFFFFFF
    return scalar(
        sync(num.value, num.mask, low, high, num.umin, num.umax, low, low32, num.u32_min, num.u32_max, env.rules)
    )
