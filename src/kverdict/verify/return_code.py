"""What a program, a global function or a callback may return.

Source: check_return_code(), retval_range_within(), bpf_lsm_get_retval_range() of the kernel.
"""

from __future__ import annotations

from typing import Final

from kverdict.btf.layout import deref
from kverdict.btf.types import Func, FuncProto, Ptr, Reference
from kverdict.catalogue.exits import LSM_CGROUP_NOTE, RETURN_NOT_SCALAR, RETURN_RANGE, SUBPROGRAM_RETURNS_POINTER
from kverdict.domain.bounds import S64_MAX, S64_MIN
from kverdict.domain.describe import tnum_text
from kverdict.domain.tnum import span
from kverdict.domain.value import PTR_TO_ARENA, PTR_TO_BTF_ID, SCALAR, Value, type_text
from kverdict.kernel.proto import BASE_MASK
from kverdict.kernel.struct_ops import member_proto
from kverdict.verify.env import Env
from kverdict.verify.precision import mark_chain_precision
from kverdict.verify.registers import read_reg

Range = tuple[int, int]
_MAX_ERRNO: Final = 4095
_ONE_ONLY: Final = frozenset(
    f"cgroup_{name}"
    for name in (
        "udp4_recvmsg",
        "udp6_recvmsg",
        "unix_recvmsg",
        "inet4_getpeername",
        "inet6_getpeername",
        "unix_getpeername",
        "inet4_getsockname",
        "inet6_getsockname",
        "unix_getsockname",
    )
)
_ZERO_OR_ONE: Final = frozenset(
    ("cgroup_sock_addr", "cgroup_skb", "cgroup_sock", "sock_ops", "cgroup_device", "cgroup_sysctl", "cgroup_sockopt")
)
_WITH_FLAGS: Final = frozenset(("cgroup_inet4_bind", "cgroup_inet6_bind", "cgroup_inet_egress"))


def attach_proto(env: Env) -> FuncProto | None:
    """The prototype of the kernel function or hook that the program is attached to."""
    program = env.program
    if not program.attach_btf_id:
        return None
    btf = program.profile.btf
    if program.struct_ops_type:
        return member_proto(btf, program.attach_btf_id, program.attach_name)
    found = btf.type(program.attach_btf_id)
    for _ in range(3):
        if isinstance(found, (Func, Ptr, Reference)):
            found = btf.type(found.type_id)
    return found if isinstance(found, FuncProto) else None


def attach_returns_void(env: Env) -> bool:
    """The hook of an LSM program returns nothing."""
    proto = attach_proto(env)
    return proto is not None and proto.return_id == 0


def check_return_code(env: Env, regno: int = 0) -> None:
    """`exit` of a program, a global function verified alone, or an asynchronous callback."""
    frame = env.state.frames[0]
    prog_type = env.program.prog_type
    alone = frame.subprog != 0
    in_exception = frame.callback == 3
    if (not alone or in_exception) and _returns_nothing(env, prog_type):
        return
    if alone and not in_exception and env.subprogs[frame.subprog].returns_void:
        return
    if not alone and _returns_held(env, regno):
        return
    value = read_reg(env, regno)
    where = "program exit"
    wide = True
    if frame.callback == 2:
        where = "async callback return"
        range_: Range | None = frame.return_range
        if not env.does("ASYNC_RETURN_RANGE"):
            where, range_ = "async callback", (0, 0)
    elif alone and not in_exception:
        if value.type == PTR_TO_ARENA and env.does("ARENA_POINTER_RETURNED"):
            return
        if value.type != SCALAR:
            env.refuse(SUBPROGRAM_RETURNS_POINTER, reg=regno, type=type_text(value.type))
        return
    else:
        range_, wide = allowed_range(env, prog_type)
    if range_ is None:
        return
    if value.type != SCALAR:
        env.refuse(RETURN_NOT_SCALAR, where=where, reg=regno, type=type_text(value.type))
    if env.does("RETURN_VALUE_IS_PRECISE"):
        mark_chain_precision(env, regno)
    if not range_holds(env, range_, value, wide):
        note = prog_type == "lsm" and env.program.attach_type == "lsm_cgroup" and attach_returns_void(env)
        refuse_range(env, value, range_, where, regno, note)


def _returns_nothing(env: Env, prog_type: str) -> bool:
    if prog_type == "lsm":
        return env.program.attach_type != "lsm_cgroup" and attach_returns_void(env)
    return prog_type == "struct_ops" and attach_returns_void(env)


def _returned_struct(env: Env) -> int:
    """BTF id of the structure that a struct_ops member returns a pointer to, 0 if it returns something else."""
    proto = attach_proto(env) if env.program.struct_ops_type and env.does("STRUCT_OPS_RETURN_REFERENCE") else None
    return max(0, deref(env.profile.btf, proto.return_id)) if proto else 0


def _returns_held(env: Env, regno: int) -> bool:
    """A struct_ops member that returns a structure may return one that the program holds, as it got it."""
    from kverdict.verify.memory import check_fixed_ptr_off

    wanted = _returned_struct(env)
    value = env.regs[regno]
    if not wanted or value.type & BASE_MASK != PTR_TO_BTF_ID or not value.ref:
        return False
    if value.subject is not env.profile.btf or value.detail != wanted:
        return False
    check_fixed_ptr_off(env, value, regno)
    return True


def allowed_range(env: Env, prog_type: str) -> tuple[Range | None, bool]:
    """(what may be returned, None: anything; the whole 64 bits count)."""
    attach = env.program.attach_type
    if prog_type in _ZERO_OR_ONE:
        if attach in _ONE_ONLY:
            return (1, 1), True
        return ((0, 3) if attach in _WITH_FLAGS else (0, 1)), True
    if prog_type == "raw_tracepoint":
        return ((0, 0) if env.program.attach_btf_id else None), True
    if prog_type == "tracing":
        if attach in ("trace_fentry", "trace_fexit", "trace_fsession"):
            return (0, 0), True
        return ((0, 1) if attach == "trace_iter" else None), True
    if prog_type == "kprobe":
        sessions = (attach == "trace_kprobe_session" and env.does("KPROBE_SESSION_RETURN_RANGE")) or (
            attach == "trace_uprobe_session" and env.does("UPROBE_SESSION_RETURN_RANGE")
        )
        return ((0, 1) if sessions else None), True
    if prog_type in ("sk_lookup", "netfilter"):
        return (0, 1), True
    if prog_type == "lsm":
        return _lsm_range(env, attach), attach == "lsm_cgroup"
    if prog_type == "struct_ops":
        return ((0, 0) if _returned_struct(env) else None), True
    return None, True


def _lsm_range(env: Env, attach: str) -> Range | None:
    if attach == "lsm_cgroup":
        return (1, 1) if attach_returns_void(env) else (0, 1)
    if not env.does("LSM_RETURN_RANGES"):
        return None
    return hook_range(env)


def hook_range(env: Env) -> Range:
    """What an LSM hook that is no void function may return; kernel: bpf_lsm_get_retval_range()."""
    hooks = env.profile.sets.get("bool_lsm_hooks", ())
    return (0, 1) if f"bpf_lsm_{env.program.attach_name}" in hooks else (-_MAX_ERRNO, 0)


def range_holds(env: Env, range_: Range, value: Value, wide: bool) -> bool:
    """Is every value that the register may have allowed?"""
    low, high = range_
    num = value.num
    if not env.does("RETURN_RANGE_BY_SIGNED_BOUNDS"):
        bits, mask = span(low, high)
        return not num.mask & ~mask and bits == num.value & ~mask
    if wide:
        return low <= num.smin and num.smax <= high
    return low <= num.s32_min and num.s32_max <= high


def check_callback_return(env: Env, value: Value, range_: Range) -> None:
    """A callback returns to the helper that called it."""
    if not range_holds(env, range_, value, True):
        refuse_range(env, value, range_, "callback return", 0, False)


def refuse_range(env: Env, value: Value, range_: Range, where: str, regno: int, note: bool) -> None:
    """The sentence about a return value out of range."""
    num = value.num
    bounds = (f" smin={num.smin}" if num.smin > S64_MIN else "") + (f" smax={num.smax}" if num.smax < S64_MAX else "")
    low, high = range_
    bits, mask = span(low, high)
    facts = {
        "where": where,
        "reg": regno,
        "bounds": bounds or " unknown scalar value",
        "low": low,
        "high": high,
        "known": "unknown scalar value" if num.is_unknown() else f"value {tnum_text(num.value, num.mask, False)}",
        "range": tnum_text(bits, mask, False),
    }
    if note:
        first = RETURN_RANGE.says(env.does, facts)
        env.refuse(LSM_CGROUP_NOTE, first)
    env.refuse(RETURN_RANGE, **facts)
