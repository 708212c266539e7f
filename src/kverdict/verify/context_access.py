"""Loads from and stores to the context: fields of a program type's structure, or arguments of the attached function.

Source: check_ctx_access(), btf_ctx_access() and the is_valid_access() functions of the kernel.
"""

from __future__ import annotations

from typing import Final, NoReturn

from kverdict.btf.args import has_suffix
from kverdict.btf.layout import resolved, skip_modifiers
from kverdict.btf.types import KIND_STRUCT, Enum, FuncProto, Int, Ptr, Struct, TypeTag, Void
from kverdict.catalogue.context import (
    CONTEXT_ARGUMENT_COUNT,
    CONTEXT_ARGUMENT_NOT_POINTER,
    CONTEXT_ARGUMENT_NOT_STRUCT,
    CONTEXT_ARGUMENT_OFFSET,
    CONTEXT_ARGUMENT_SIZE,
    FMOD_RET_TYPE,
    INVALID_CONTEXT_ACCESS,
)
from kverdict.diagnostic import Message
from kverdict.domain.bounds import S32_MAX, S32_MIN, S64_MAX, S64_MIN
from kverdict.domain.sync import sync
from kverdict.domain.tnum import U32_MAX, U64_MAX
from kverdict.domain.value import (
    PTR_TO_BTF_ID,
    PTR_TO_BUF,
    PTR_TO_FLOW_KEYS,
    PTR_TO_PACKET,
    PTR_TO_PACKET_END,
    PTR_TO_PACKET_META,
    PTR_TO_SOCK_COMMON,
    PTR_TO_SOCKET,
    PTR_TO_TCP_SOCK,
    PTR_TO_TP_BUFFER,
    PTR_TO_XDP_SOCK,
    SCALAR,
    UNKNOWN_SCALAR,
    Value,
    pointer,
)
from kverdict.kernel.context import context_access
from kverdict.kernel.iter_args import ITER_ARGUMENTS
from kverdict.kernel.proto import MEM_PERCPU, MEM_RDONLY, MEM_USER, PTR_MAYBE_NULL, PTR_TRUSTED
from kverdict.kernel.raw_tp_null import argument_may_be_error, argument_may_be_null
from kverdict.verify.env import Env
from kverdict.verify.registers import write_reg
from kverdict.verify.return_code import allowed_range, attach_proto
from kverdict.verify.struct_ops import promoted, special_argument, typed_argument
from kverdict.verify.trust import has_unsafe_modifiers

_KINDS: Final = {
    "packet": PTR_TO_PACKET,
    "packet_meta": PTR_TO_PACKET_META,
    "packet_end": PTR_TO_PACKET_END,
    "flow_keys": PTR_TO_FLOW_KEYS,
    "socket": PTR_TO_SOCKET,
    "sock_common": PTR_TO_SOCK_COMMON,
    "tp_buffer": PTR_TO_TP_BUFFER,
    "btf": PTR_TO_BTF_ID,
}
_WITH_RETURN: Final = ("lsm_mac", "lsm_cgroup", "trace_fexit", "modify_return", "trace_fsession")


def access_context(env: Env, off: int, size: int, is_write: bool, value_regno: int, is_ldsx: bool) -> None:
    """`size` bytes at `off` of the context; a load into value_regno (-1: none) gives what the field is."""
    program = env.program
    found = context_access(program.profile, program.prog_type, program.attach_type, off, size, is_write, is_ldsx)
    if found is None:
        env.refuse(INVALID_CONTEXT_ACCESS, off=off, size=size)
    if found.kind == "argument":
        value = _argument(env, off, size)
    elif found.kind == "scalar":
        env.aux[env.insn_idx].ctx_field_size = found.whole
        value = UNKNOWN_SCALAR
    else:
        value = _field(env, found.kind, found.maybe_null, found.btf)
    if not is_write and value_regno >= 0:
        if value.type & PTR_MAYBE_NULL:
            value = value.with_id(env.new_id())
        write_reg(env, value_regno, value)


def _field(env: Env, kind: str, maybe_null: bool, struct: str) -> Value:
    """A pointer that a field of the context holds."""
    type = _KINDS[kind]
    if type == PTR_TO_BTF_ID:
        btf = env.profile.btf
        flags = PTR_TRUSTED | (PTR_MAYBE_NULL if maybe_null else 0)
        return pointer(type | flags, btf, btf.find(struct, KIND_STRUCT))
    return pointer(type | (PTR_MAYBE_NULL if maybe_null else 0), 0 if "packet" in kind else None)


def _objection(env: Env, message: Message, at: int, length: int, **facts: object) -> NoReturn:
    """What btf_ctx_access() says, and then what check_ctx_access() says of every refused access."""
    line = message.says(env.does, {"function": _function(env), **facts})
    env.refuse(INVALID_CONTEXT_ACCESS, line, off=at, size=length)


def _function(env: Env) -> str:
    program = env.program
    prefix = {"trace_raw_tp": "", "lsm_mac": "bpf_lsm_", "lsm_cgroup": "bpf_lsm_", "trace_iter": "bpf_iter_"}
    return prefix.get(program.attach_type, "") + program.attach_name


def _argument(env: Env, off: int, size: int) -> Value:
    """Argument off / 8 of the attached function, or what it returns; kernel: btf_ctx_access()."""
    special = special_argument(env, off)
    if special is not None:
        return special
    if off % 8:
        _objection(env, CONTEXT_ARGUMENT_OFFSET, off, size, off=off)
    proto = attach_proto(env)
    attach = env.program.attach_type
    skipped = 1 if attach == "trace_raw_tp" else 0
    if proto is None:
        return UNKNOWN_SCALAR
    params = proto.params[skipped:]
    number = _argument_number(env, params, off)
    if number > len(params):
        _objection(env, CONTEXT_ARGUMENT_COUNT, off, size, count=number + 1)
    if number == len(params):
        return _returned(env, proto, off, size, number)
    return _typed(env, params[number], number, off, size)


def _argument_number(env: Env, params: tuple[tuple[str, int], ...], off: int) -> int:
    """Arguments take 8 bytes each, structures passed by value as many as they have; kernel: btf_ctx_arg_idx()."""
    place = 0
    for number, (_, type_id) in enumerate(params):
        found = resolved(env.profile.btf, type_id)
        place += (found.size + 7) // 8 * 8 if isinstance(found, Struct) else 8
        if off < place:
            return number
    return len(params) + (off - place) // 8


def _returned(env: Env, proto: FuncProto, off: int, size: int, number: int) -> Value:
    """The slot behind the arguments: the result, for programs that run after the function."""
    attach = env.program.attach_type
    if attach not in _WITH_RETURN:
        _objection(env, CONTEXT_ARGUMENT_COUNT, off, size, count=number + 1)
    btf = env.profile.btf
    found = resolved(btf, proto.return_id)
    if attach == "modify_return" and not isinstance(found, Int):
        _objection(env, FMOD_RET_TYPE, off, size, kind=type(found).__name__.upper())
    if attach == "lsm_mac" and env.does("LSM_RETURN_RANGES"):
        limits, _ = allowed_range(env, "lsm")
        if limits is not None:
            return _limited(env, limits)
    return _typed(env, ("", proto.return_id), number, off, size)


def _limited(env: Env, limits: tuple[int, int]) -> Value:
    """A 32-bit result that the hook keeps between two numbers; kernel: __mark_reg_s32_range()."""
    low, high = limits
    num = sync(0, U64_MAX, S64_MIN, S64_MAX, 0, U64_MAX, max(S32_MIN, low), min(S32_MAX, high), 0, U32_MAX, env.rules)
    num = sync(
        num.value,
        num.mask,
        max(num.smin, low),
        min(num.smax, high),
        num.umin,
        num.umax,
        num.s32_min,
        num.s32_max,
        num.u32_min,
        num.u32_max,
        env.rules,
    )
    return Value(SCALAR, num)


def _typed(env: Env, param: tuple[str, int], number: int, off: int, size: int) -> Value:
    """A number, or a pointer to a structure with the trust that the attach type gives."""
    btf = env.profile.btf
    name, type_id = param
    found = resolved(btf, type_id)
    if isinstance(found, Void) and number:
        return UNKNOWN_SCALAR
    if isinstance(found, (Int, Enum, Struct)):
        return UNKNOWN_SCALAR
    if not isinstance(found, Ptr):
        facts = {"number": number, "name": found.name, "kind": type(found).__name__.upper()}
        _objection(env, CONTEXT_ARGUMENT_NOT_POINTER, off, size, **facts)
    if size != 8 and env.does("CTX_POINTERS_READ_WHOLE"):
        _objection(env, CONTEXT_ARGUMENT_SIZE, off, size, size=size)
    known = _iterator_argument(env, off // 8)
    if known is not None:
        return known
    target = resolved(btf, found.type_id)
    if isinstance(target, (Void, Int)):
        return UNKNOWN_SCALAR
    if not isinstance(target, Struct):
        if env.does("OTHER_POINTERS_ARE_NUMBERS"):
            return UNKNOWN_SCALAR
        _objection(env, CONTEXT_ARGUMENT_NOT_STRUCT, off, size, number=number, kind=type(target).__name__.upper())
    struct_id = skip_modifiers(btf, found.type_id)
    told = typed_argument(env, number, struct_id, off)
    if told is not None:
        return told
    flags = _argument_flags(env, name, number)
    first = btf.type(found.type_id)
    if isinstance(first, TypeTag):
        flags |= {"user": MEM_USER, "percpu": MEM_PERCPU}.get(first.name, 0)
    if env.program.attach_type == "trace_raw_tp" and env.does("RAW_TP_ARGUMENTS_MAYBE_NULL"):
        if argument_may_be_error(env.program.attach_name, number):
            return UNKNOWN_SCALAR
    if env.log is not None:
        kind = "UNION" if target.is_union else "STRUCT"
        what = f"has btf_id {struct_id} type {kind} '{target.name}'"
        env.log.write(f"func '{_function(env)}' arg{number} {what}\n")
    if not has_unsafe_modifiers(env, flags):
        struct_id = promoted(env, struct_id)
    return pointer(PTR_TO_BTF_ID | flags, btf, struct_id)


def _argument_flags(env: Env, name: str, number: int) -> int:
    """How far an argument can be trusted; kernel: prog_args_trusted()."""
    flags = 0
    program = env.program
    attach = program.attach_type
    if env.does("TRUSTED_POINTERS"):
        if (
            program.prog_type == "tracing" and attach in ("trace_raw_tp", "trace_iter")
        ) or program.prog_type == "struct_ops":
            flags = PTR_TRUSTED
        elif program.prog_type == "lsm":
            untrusted = env.profile.sets.get("untrusted_lsm_hooks", ())
            flags = 0 if f"bpf_lsm_{program.attach_name}" in untrusted else PTR_TRUSTED
    if has_suffix(name, "__nullable") and env.does("NULLABLE_ARGUMENTS"):
        flags |= PTR_MAYBE_NULL
    if attach == "trace_raw_tp" and env.does("RAW_TP_ARGUMENTS_MAYBE_NULL"):
        if argument_may_be_null(program.attach_name, number):
            flags |= PTR_MAYBE_NULL
    return flags


def _iterator_argument(env: Env, argument: int) -> Value | None:
    """What an iterator's context holds, as its target registered it."""
    program = env.program
    if program.attach_type != "trace_iter":
        return None
    for entry in ITER_ARGUMENTS.get(program.attach_name, ()):
        if entry.argument != argument:
            continue
        if entry.kind == "btf":
            btf = env.profile.btf
            trusted = bool(entry.trusted_since) and env.does(entry.trusted_since)
            flags = PTR_MAYBE_NULL | (PTR_TRUSTED if trusted else 0)
            return pointer(PTR_TO_BTF_ID | flags, btf, btf.find(entry.struct, KIND_STRUCT))
        return pointer(PTR_TO_BUF | PTR_MAYBE_NULL | (MEM_RDONLY if entry.kind == "read-only buffer" else 0))
    return None


_SOCK: Final = {
    PTR_TO_SOCKET: "socket",
    PTR_TO_SOCK_COMMON: "sock_common",
    PTR_TO_TCP_SOCK: "tcp_sock",
    PTR_TO_XDP_SOCK: "xdp_sock",
}


def socket_access_allowed(env: Env, base: int, off: int, size: int) -> bool:
    """The field of a socket structure may be read; kernel: bpf_sock_is_valid_access() and its kin."""
    return env.profile.contexts.object_access(_SOCK[base], off, size, False) is not None
