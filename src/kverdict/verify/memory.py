"""Whether memory behind a register may be accessed: by kind of pointer, with offsets, sizes and alignment.

Source: check_mem_access(), check_mem_region_access(), check_helper_mem_access(), check_mem_size_reg() of the kernel.
"""

from __future__ import annotations

from typing import Final

from kverdict.catalogue.bounds import (
    MAX_VALUE_OUTSIDE,
    MIN_VALUE_NEGATIVE,
    MIN_VALUE_NEGATIVE_INDEX,
    MIN_VALUE_OUTSIDE,
    OUTSIDE_PACKET,
    UNBOUNDED_ACCESS,
    UNBOUNDED_SIZE,
    ZERO_SIZED_READ,
)
from kverdict.catalogue.calls import ARGUMENT_TYPE
from kverdict.catalogue.memory import (
    BUFFER_ACCESS,
    BUFFER_NEGATIVE_OFFSET,
    BUFFER_VARIABLE_OFFSET,
    CANNOT_WRITE_INTO,
    CANNOT_WRITE_INTO_PACKET,
    FLOW_KEYS_ACCESS,
    INVALID_MAP_KEY_ACCESS,
    INVALID_MAP_VALUE_ACCESS,
    INVALID_MEM_ACCESS,
    INVALID_MEMORY_ACCESS,
    INVALID_PACKET_ACCESS,
    MISALIGNED,
    MISALIGNED_PACKET,
    MODIFIED_POINTER,
    NEGATIVE_OFFSET_POINTER,
    SOCK_ACCESS,
    VARIABLE_OFFSET_ACCESS,
    WRITE_TO_CHANGE_KEY,
)
from kverdict.diagnostic import Message
from kverdict.domain.bounds import S32_MAX, S32_MIN, S64_MIN
from kverdict.domain.coerce import coerce_to_size, sign_extend
from kverdict.domain.describe import signed_text, tnum_text
from kverdict.domain.tnum import add as tnum_add
from kverdict.domain.tnum import is_aligned
from kverdict.domain.value import (
    CONST_PTR_TO_MAP,
    PTR_TO_ARENA,
    PTR_TO_BTF_ID,
    PTR_TO_BUF,
    PTR_TO_CTX,
    PTR_TO_FLOW_KEYS,
    PTR_TO_MAP_KEY,
    PTR_TO_MAP_VALUE,
    PTR_TO_MEM,
    PTR_TO_PACKET,
    PTR_TO_PACKET_META,
    PTR_TO_SOCK_COMMON,
    PTR_TO_SOCKET,
    PTR_TO_STACK,
    PTR_TO_TCP_SOCK,
    PTR_TO_TP_BUFFER,
    PTR_TO_XDP_SOCK,
    SCALAR,
    UNKNOWN_SCALAR,
    Value,
    type_text,
)
from kverdict.isa.opcode import SIZE_BYTES
from kverdict.kernel.proto import BASE_MASK, MEM_RDONLY, PTR_MAYBE_NULL, PTR_UNTRUSTED
from kverdict.program.program import Map
from kverdict.verify import stack
from kverdict.verify.btf_access import access_btf_pointer, access_map_pointer
from kverdict.verify.call_meta import HelperMeta
from kverdict.verify.context_access import access_context
from kverdict.verify.env import Env
from kverdict.verify.map_access import access_map_value, check_map_direction
from kverdict.verify.map_access import check_map_access as check_value_access
from kverdict.verify.nullness import known_not_null
from kverdict.verify.pointer_math import MAX_VAR_OFF, folded
from kverdict.verify.precision import mark_chain_precision
from kverdict.verify.registers import write_reg

_MAX_SIZE: Final = 1 << 29
_PACKET: Final = (PTR_TO_PACKET, PTR_TO_PACKET_META)
_SOCKETS: Final = (PTR_TO_SOCKET, PTR_TO_SOCK_COMMON, PTR_TO_TCP_SOCK, PTR_TO_XDP_SOCK)
_DESCRIPTIONS: Final = {
    PTR_TO_FLOW_KEYS: "flow keys ",
    PTR_TO_MAP_KEY: "key ",
    PTR_TO_MAP_VALUE: "value ",
    PTR_TO_CTX: "context ",
    PTR_TO_STACK: "stack ",
    PTR_TO_SOCKET: "sock ",
    PTR_TO_SOCK_COMMON: "sock_common ",
    PTR_TO_TCP_SOCK: "tcp_sock ",
    PTR_TO_XDP_SOCK: "xdp_sock ",
}
_FLOW_KEYS_SIZE: Final = 56
_SYSCALL_CONTEXT: Final = 0xFFFF

# Program types whose context accesses the kernel rewrites (bpf_verifier_ops.convert_ctx_access).
_CONTEXT_REWRITTEN: Final = frozenset(
    (
        "socket_filter",
        "sched_cls",
        "sched_act",
        "xdp",
        "cgroup_skb",
        "lwt_in",
        "lwt_out",
        "lwt_xmit",
        "lwt_seg6local",
        "sk_skb",
        "sk_msg",
        "sk_reuseport",
        "sk_lookup",
        "flow_dissector",
        "cgroup_sock",
        "cgroup_sock_addr",
        "sock_ops",
        "cgroup_sysctl",
        "cgroup_sockopt",
        "perf_event",
    )
)


def check_mem_access(
    env: Env,
    regno: int,
    off: int,
    size_bits: int,
    is_write: bool,
    value_regno: int,
    strict_once: bool = False,
    is_ldsx: bool = False,
) -> None:
    """An instruction accesses size_bits (op & SIZE_MASK) at register + off.

    value_regno: the register loaded into or stored from, -1 for none; a load writes what is known of the result.
    """
    pointer = env.regs[regno]
    size = SIZE_BYTES[size_bits]
    type = pointer.type
    if type == PTR_TO_STACK or strict_once or env.strict_alignment:
        check_pointer_alignment(env, pointer, off, size, strict_once)
    off += pointer.off
    base = type & BASE_MASK
    if type == PTR_TO_STACK:
        stack.check_bounds(env, regno, pointer, off, size, is_write, False)
        if is_write:
            stack.store(env, pointer, regno, off, size, value_regno)
        else:
            stack.load(env, pointer, regno, off, size, value_regno)
    elif type == PTR_TO_MAP_VALUE:
        access_map_value(env, regno, pointer, off, size, is_write, value_regno, is_ldsx)
    elif type == PTR_TO_CTX:
        moved = _check_context_pointer(env, regno, pointer, off, size)
        access_context(env, off + moved, size, is_write, value_regno, is_ldsx)
    elif base == PTR_TO_BTF_ID and not type & PTR_MAYBE_NULL:
        access_btf_pointer(env, regno, pointer, off, size, is_write, value_regno)
    else:
        _access_other(env, regno, pointer, off, size, is_write, value_regno)
    if size < 8 and value_regno >= 0 and not is_write:
        value = env.regs[value_regno]
        if value.type == SCALAR:
            num = sign_extend(value.num, size, env.rules) if is_ldsx else coerce_to_size(value.num, size, env.rules)
            if is_ldsx and env.unlinks_sign_extended and value.num.umax >= 1 << (size * 8 - 1):
                env.regs[value_regno] = Value(SCALAR, num)
            elif num is not value.num:
                env.regs[value_regno] = value.with_num(num)


def _access_other(env: Env, regno: int, pointer: Value, off: int, size: int, is_write: bool, value_regno: int) -> None:
    """Memory whose loads give plain numbers."""
    type = pointer.type
    base = type & BASE_MASK
    readable = not is_write
    if type == PTR_TO_MAP_KEY and isinstance(pointer.subject, Map):
        if is_write:
            env.refuse(WRITE_TO_CHANGE_KEY, reg=regno)
        check_region(env, regno, off, size, pointer.subject.key_size, False)
    elif base == PTR_TO_MEM:
        read_only = bool(type & MEM_RDONLY)
        if type & PTR_MAYBE_NULL:
            env.refuse(INVALID_MEM_ACCESS, reg=regno, type=type_text(type))
        if is_write and read_only:
            env.refuse(CANNOT_WRITE_INTO, reg=regno, type=type_text(type))
        if not (read_only and type & PTR_UNTRUSTED):
            check_region(env, regno, off, size, _size(pointer), False)
    elif base in _PACKET and not type & ~BASE_MASK:
        if is_write and not may_write_packet(env):
            env.refuse(CANNOT_WRITE_INTO_PACKET)
        check_packet_access(env, regno, off, size, False)
    elif type == PTR_TO_FLOW_KEYS:
        if off < 0 or off + size > _FLOW_KEYS_SIZE:
            env.refuse(FLOW_KEYS_ACCESS, off=off, size=size)
    elif base in _SOCKETS and not type & ~BASE_MASK:
        if is_write:
            env.refuse(CANNOT_WRITE_INTO, reg=regno, type=type_text(type))
        _check_socket(env, regno, pointer, off, size)
    elif type == CONST_PTR_TO_MAP:
        access_map_pointer(env, regno, pointer, off, size, is_write, value_regno)
        return
    elif base == PTR_TO_BUF and not type & PTR_MAYBE_NULL:
        if is_write and type & MEM_RDONLY:
            env.refuse(CANNOT_WRITE_INTO, reg=regno, type=type_text(type))
        _check_buffer(env, regno, pointer, off, size)
    elif type == PTR_TO_TP_BUFFER:
        _check_buffer(env, regno, pointer, off, size, "tracepoint")
    elif type != PTR_TO_ARENA:
        env.refuse(INVALID_MEM_ACCESS, reg=regno, type=type_text(type))
    if readable and value_regno >= 0:
        write_reg(env, value_regno, UNKNOWN_SCALAR)


def _size(pointer: Value) -> int:
    return pointer.subject if isinstance(pointer.subject, int) else 0


def may_write_packet(env: Env) -> bool:
    """Programs of this type may change the packet; kernel: may_access_direct_pkt_data()."""
    kind = env.program.prog_type
    if kind in ("sched_cls", "sched_act", "xdp", "lwt_xmit", "sk_skb", "sk_msg"):
        return True
    return kind == "cgroup_sockopt"


def check_pointer_alignment(env: Env, pointer: Value, off: int, size: int, strict_once: bool) -> None:
    """Stack accesses, and all if the loader asked for it, must be aligned; kernel: check_ptr_alignment()."""
    strict = strict_once or env.strict_alignment or pointer.type == PTR_TO_STACK
    if not strict or size == 1 or pointer.type == PTR_TO_ARENA:
        return
    num = pointer.num
    in_packet = pointer.type in _PACKET
    ip_align = 2 if in_packet else 0
    bits, mask = tnum_add(num.value, num.mask, (ip_align + pointer.off + off) & 0xFFFFFFFFFFFFFFFF, 0)
    if is_aligned(bits, mask, size):
        return
    facts = {"var_off": _offset_text(env, pointer), "reg_off": pointer.off, "off": off, "size": size}
    if in_packet:
        env.refuse(MISALIGNED_PACKET, ip_align=ip_align, **facts)
    env.refuse(MISALIGNED, pointer=_DESCRIPTIONS.get(pointer.type, ""), **facts)


def _offset_text(env: Env, pointer: Value) -> str:
    """The offset as the kernel's tnum_strn() prints it; kernels that keep one offset print small negative ones so."""
    num = folded(pointer) if env.folds_offsets else pointer.num
    if env.folds_offsets and num.mask == 0 and num.smin < 0:
        return signed_text(num.smin)
    return tnum_text(num.value, num.mask, env.rules.compact_log)


def _check_context_pointer(env: Env, regno: int, pointer: Value, off: int, size: int) -> int:
    """What the context pointer was moved by, apart from its fixed offset; kernel: check_ctx_access()."""
    kind = env.program.prog_type
    if env.does("CTX_FIXED_OFFSET") and kind == "syscall":
        check_region(env, regno, off, size, _SYSCALL_CONTEXT, False)
        return pointer.num.umax
    check_fixed_ptr_off(env, pointer, regno, env.does("CTX_FIXED_OFFSET") and kind not in _CONTEXT_REWRITTEN)
    return 0


def check_fixed_ptr_off(env: Env, value: Value, regno: int, fixed_off_ok: bool = False) -> None:
    """A pointer that must be used as it was given; kernel: __check_ptr_off_reg()."""
    kind = type_text(value.type)
    if env.folds_offsets and value.num.mask:
        text = tnum_text(value.num.value, value.num.mask, env.rules.compact_log)
        env.refuse(VARIABLE_OFFSET_ACCESS, type=kind, var_off=text)
    if value.off < 0:
        env.refuse(NEGATIVE_OFFSET_POINTER, type=kind, reg=regno, off=value.off)
    if not fixed_off_ok and value.off:
        env.refuse(MODIFIED_POINTER, type=kind, reg=regno, off=value.off)
    if value.num.mask or value.num.value:
        text = tnum_text(value.num.value, value.num.mask, env.rules.compact_log)
        env.refuse(VARIABLE_OFFSET_ACCESS, type=kind, var_off=text)


def _region_objection(env: Env, regno: int, off: int, size: int, limit: int, zero_ok: bool) -> str:
    """ "" if off..off+size lies in 0..limit, else the kernel's first line about it; kernel: __check_mem_access()."""
    if off >= 0 and (size > 0 or (size == 0 and zero_ok)) and off + size <= limit:
        return ""
    pointer = env.regs[regno]
    message: Message = INVALID_MEMORY_ACCESS
    if pointer.type == PTR_TO_MAP_KEY:
        message = INVALID_MAP_KEY_ACCESS
    elif pointer.type == PTR_TO_MAP_VALUE:
        message = INVALID_MAP_VALUE_ACCESS
    elif pointer.type in _PACKET:
        message = INVALID_PACKET_ACCESS
    facts = {"mem_size": limit, "off": off, "size": size, "reg": regno, "id": pointer.id, "reg_off": off}
    return message.says(env.does, {**facts, "range": limit})


def check_region(env: Env, regno: int, off: int, size: int, limit: int, zero_ok: bool) -> None:
    """Every possible offset lies inside the `limit` bytes; kernel: check_mem_region_access()."""
    num = env.regs[regno].num
    fixed = env.regs[regno].off if env.folds_offsets else 0  # the number there is the whole offset
    if num.smin + fixed < 0:
        low = off + num.smin
        if num.smin == S64_MIN or not S32_MIN <= low <= S32_MAX or low < 0:
            env.refuse(MIN_VALUE_NEGATIVE_INDEX, reg=regno)
    first = _region_objection(env, regno, num.smin + off, size, limit, zero_ok)
    if first:
        env.refuse(MIN_VALUE_OUTSIDE, first, reg=regno)
    if num.umax >= MAX_VAR_OFF or num.smin + fixed < 0:
        env.refuse(UNBOUNDED_ACCESS, reg=regno)
    last = _region_objection(env, regno, num.umax + off, size, limit, zero_ok)
    if last:
        env.refuse(MAX_VALUE_OUTSIDE, last, reg=regno)


def check_map_access(env: Env, regno: int, off: int, size: int, zero_size_allowed: bool, is_direct: bool) -> None:
    """The bytes lie inside the map value behind register `regno` and touch no special field; is_direct: by a load."""
    check_value_access(env, regno, env.regs[regno], off, size, zero_size_allowed, is_direct)


def check_packet_access(env: Env, regno: int, off: int, size: int, zero_ok: bool) -> None:
    """The bytes lie inside the range that was compared with the end of the packet."""
    pointer = env.regs[regno]
    range_ = _size(pointer)
    if env.folds_offsets:
        if range_ < 0:
            env.refuse(OUTSIDE_PACKET, reg=regno)
        check_region(env, regno, off, size, range_, zero_ok)
        return
    if pointer.num.smin < 0:
        env.refuse(MIN_VALUE_NEGATIVE_INDEX, reg=regno)
    if range_ < 0:
        env.refuse(OUTSIDE_PACKET, reg=regno)
    before = _region_objection(env, regno, off, size, range_, zero_ok)
    if before:
        env.refuse(OUTSIDE_PACKET, before, reg=regno)


def _check_buffer(env: Env, regno: int, pointer: Value, off: int, size: int, name: str = "") -> None:
    name = name or ("rdonly" if pointer.type & MEM_RDONLY else "rdwr")
    if env.folds_offsets:
        off -= pointer.off
        if pointer.num.mask:
            env.refuse(BUFFER_VARIABLE_OFFSET, reg=regno, off=off, var_off=_offset_text(env, pointer))
        if pointer.off + off < 0:
            env.refuse(BUFFER_NEGATIVE_OFFSET, reg=regno, buffer=name, off=off, var_off=pointer.off)
        return
    if off < 0:
        env.refuse(BUFFER_ACCESS, reg=regno, buffer=name, off=off, size=size)
    if pointer.num.mask or pointer.num.value:
        text = tnum_text(pointer.num.value, pointer.num.mask, env.rules.compact_log)
        env.refuse(BUFFER_VARIABLE_OFFSET, reg=regno, off=off, var_off=text)


def _check_socket(env: Env, regno: int, pointer: Value, off: int, size: int) -> None:
    from kverdict.verify.context_access import socket_access_allowed

    if pointer.num.smin < 0:
        env.refuse(MIN_VALUE_NEGATIVE_INDEX, reg=regno)
    if not socket_access_allowed(env, pointer.type & BASE_MASK, off, size):
        env.refuse(SOCK_ACCESS, reg=regno, type=type_text(pointer.type), off=off, size=size)


def check_helper_mem_access(
    env: Env,
    regno: int,
    access_size: int,
    is_write: bool,
    zero_size_allowed: bool,
    meta: HelperMeta | None,
    poison_allowed: bool = False,
) -> None:
    """A helper or kfunc accesses `access_size` bytes behind a register; kernel: check_helper_mem_access().

    poison_allowed: the type of the argument says so, not what is done with it: bytes given up as dead will do.
    """
    pointer = env.regs[regno]
    type = pointer.type
    base = type & BASE_MASK
    kind = type_text(type)
    if base in _PACKET:
        check_packet_access(env, regno, pointer.off, access_size, zero_size_allowed)
    elif base == PTR_TO_MAP_KEY and isinstance(pointer.subject, Map):
        if is_write:
            env.refuse(CANNOT_WRITE_INTO, reg=regno, type=kind)
        check_region(env, regno, pointer.off, access_size, pointer.subject.key_size, False)
    elif base == PTR_TO_MAP_VALUE and isinstance(pointer.subject, Map):
        check_map_direction(env, pointer, pointer.off, access_size, is_write)
        check_value_access(env, regno, pointer, pointer.off, access_size, zero_size_allowed, False)
    elif base == PTR_TO_MEM:
        if type & MEM_RDONLY and is_write:
            env.refuse(CANNOT_WRITE_INTO, reg=regno, type=kind)
        check_region(env, regno, pointer.off, access_size, _size(pointer), zero_size_allowed)
    elif base == PTR_TO_BUF:
        if type & MEM_RDONLY and is_write:
            env.refuse(CANNOT_WRITE_INTO, reg=regno, type=kind)
        _check_buffer(env, regno, pointer, pointer.off, access_size)
    elif base == PTR_TO_STACK:
        stack.check_range_initialized(
            env, regno, pointer.off, access_size, is_write, zero_size_allowed, meta, poison_allowed=poison_allowed
        )
    elif base == PTR_TO_BTF_ID and env.does("HELPERS_READ_BTF_POINTERS"):
        writes = is_write and env.does("HELPERS_WRITE_BTF_POINTERS_CHECKED")
        access_btf_pointer(env, regno, pointer, pointer.off, access_size, writes, -1)
    elif base == PTR_TO_CTX and _context_is_memory(env):
        if env.does("CTX_FIXED_OFFSET"):
            check_region(env, regno, pointer.off, access_size, _SYSCALL_CONTEXT, zero_size_allowed)
        elif access_size or not zero_size_allowed:
            check_mem_access(env, regno, access_size - 1, 0x10, is_write, -1)
    else:
        is_null = type == SCALAR and pointer.num.mask == 0 and pointer.num.value == 0
        if zero_size_allowed and access_size == 0 and is_null:
            return
        env.refuse(ARGUMENT_TYPE, reg=regno, type=kind, expected=type_text(PTR_TO_STACK))


def _context_is_memory(env: Env) -> bool:
    """This program's context may be taken as memory; before CTX_FIXED_OFFSET any that the kernel does not rewrite."""
    kind = env.program.prog_type
    return kind == "syscall" or (kind not in _CONTEXT_REWRITTEN and not env.does("CTX_FIXED_OFFSET"))


def check_mem_size_reg(
    env: Env, size_regno: int, is_write: bool, zero_size_allowed: bool, meta: HelperMeta | None
) -> None:
    """The register holds the size of the memory behind the register before it; kernel: check_mem_size_reg()."""
    size = env.regs[size_regno]
    num = size.num
    if meta is not None:
        meta.msize_max_value = num.umax
    if num.mask:
        meta = None
    if num.smin < 0:
        env.refuse(MIN_VALUE_NEGATIVE, reg=size_regno)
    if num.umin == 0 and not zero_size_allowed:
        if not env.does("ZERO_SIZED_READ_CHECKED_EARLY"):
            check_helper_mem_access(env, size_regno - 1, 0, is_write, zero_size_allowed, None)
        else:
            env.refuse(ZERO_SIZED_READ, reg=size_regno, umin=num.umin, umax=num.umax)
    elif num.umin == 0 and not env.does("ZERO_SIZED_READ_CHECKED_EARLY"):
        check_helper_mem_access(env, size_regno - 1, 0, is_write, zero_size_allowed, None)
    if num.umax >= _MAX_SIZE:
        env.refuse(UNBOUNDED_SIZE, reg=size_regno)
    check_helper_mem_access(env, size_regno - 1, num.umax, is_write, zero_size_allowed, meta)
    mark_chain_precision(env, size_regno)


def check_mem_reg(env: Env, regno: int, mem_size: int) -> None:
    """A pointer argument of known size: readable and writable; NULL is fine here. kernel: check_mem_reg()."""
    value = env.regs[regno]
    if value.type == SCALAR and value.num.mask == 0 and value.num.value == 0:
        return
    if value.type & PTR_MAYBE_NULL:
        env.regs[regno] = known_not_null(env, value)
    check_helper_mem_access(env, regno, mem_size, False, True, None, True)
    check_helper_mem_access(env, regno, mem_size, True, True, None, True)
    env.regs[regno] = value
