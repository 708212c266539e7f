"""LD: 64-bit constants, addresses of maps, map values, kernel variables and functions; and the old packet loads.

Source: check_ld_imm(), check_ld_abs(), check_pseudo_btf_id() of the kernel.
"""

from __future__ import annotations

from typing import Final

from kverdict.btf.layout import resolved, size_or_none
from kverdict.btf.tags import type_tags
from kverdict.btf.types import Func, Struct, Var
from kverdict.catalogue.context import LD_ABS_IN_CALLBACK, LD_ABS_PROGRAM_TYPE, LD_ABS_R6
from kverdict.catalogue.functions import CALLBACK_IS_MAIN, CALLBACK_NOT_STATIC, MISSING_FUNC_INFO
from kverdict.domain.bounds import const
from kverdict.domain.value import (
    CONST_PTR_TO_MAP,
    PTR_TO_BTF_ID,
    PTR_TO_CTX,
    PTR_TO_FUNC,
    PTR_TO_MAP_VALUE,
    PTR_TO_MEM,
    SCALAR,
    UNKNOWN_SCALAR,
    ZERO_SCALAR,
    Value,
    pointer,
)
from kverdict.isa.insn import Insn
from kverdict.isa.opcode import (
    IND,
    MODE_MASK,
    PSEUDO_BTF_ID,
    PSEUDO_FUNC,
    PSEUDO_MAP_FD,
    PSEUDO_MAP_IDX,
    PSEUDO_MAP_IDX_VALUE,
    PSEUDO_MAP_VALUE,
)
from kverdict.kernel.proto import MEM_PERCPU, MEM_RDONLY
from kverdict.verify.env import Env
from kverdict.verify.flow import signed32
from kverdict.verify.memory import check_fixed_ptr_off
from kverdict.verify.references import check_resource_leak
from kverdict.verify.registers import check_writable, clobber_caller_saved, read_reg, write_reg

_U64: Final = 0xFFFFFFFFFFFFFFFF
_SYNCHRONOUS: Final = 1
_WITH_PACKET: Final = frozenset(("socket_filter", "sched_cls", "sched_act"))


def load_immediate(env: Env, insn: Insn) -> int:
    """dst = 64-bit constant or address; takes two slots."""
    check_writable(env, insn.dst)
    source = insn.src
    if source == 0:
        value = Value(SCALAR, const(insn.imm & _U64))
    elif source == PSEUDO_BTF_ID:
        value = _kernel_variable(env, insn.imm & 0xFFFFFFFF)
    elif source == PSEUDO_FUNC:
        value = _function(env, insn)
    else:
        value = _map(env, insn)
    write_reg(env, insn.dst, value)
    return env.insn_idx + 2


def _map(env: Env, insn: Insn) -> Value:
    index = insn.imm & 0xFFFFFFFF
    maps = env.program.maps
    if index >= len(maps):
        env.unsupported(f"map number {index}")
    map = maps[index]
    if insn.src in (PSEUDO_MAP_FD, PSEUDO_MAP_IDX):
        return pointer(CONST_PTR_TO_MAP, map)
    assert insn.src in (PSEUDO_MAP_VALUE, PSEUDO_MAP_IDX_VALUE)
    if map.map_type == env.profile.map_types.get("arena"):
        return UNKNOWN_SCALAR
    return pointer(PTR_TO_MAP_VALUE, map, off=insn.imm >> 32)


def _function(env: Env, insn: Insn) -> Value:
    number = env.subprog_at[env.insn_idx + signed32(insn.imm) + 1]
    if not env.program.func_info:
        env.refuse(MISSING_FUNC_INFO)
    if env.subprogs[number].is_global:
        env.refuse(CALLBACK_NOT_STATIC)
    if number == 0 and env.does("MAIN_IS_NO_CALLBACK"):
        env.refuse(CALLBACK_IS_MAIN)
    return pointer(PTR_TO_FUNC, number)


def _kernel_variable(env: Env, type_id: int) -> Value:
    """A variable (or function) of the kernel, by its BTF id; kernel: __check_pseudo_btf_id()."""
    btf = env.profile.btf
    found = btf.type(type_id)
    if isinstance(found, Func):
        return pointer(PTR_TO_MEM | MEM_RDONLY, 0)
    if not isinstance(found, Var):
        env.unsupported(f"BTF id {type_id} in a 64-bit load")
    percpu = _is_percpu(env, type_id) or "percpu" in type_tags(btf, found.type_id)
    target = resolved(btf, found.type_id)
    if percpu:
        if isinstance(target, Struct):
            return pointer(PTR_TO_BTF_ID | MEM_PERCPU, btf, _bare(env, found.type_id))
        return pointer(PTR_TO_BTF_ID | MEM_PERCPU, btf, _bare(env, found.type_id))
    if not isinstance(target, Struct):
        size = size_or_none(btf, found.type_id)
        if size is None:
            env.unsupported(f"kernel variable {found.name} of unknown size")
        return pointer(PTR_TO_MEM | MEM_RDONLY, size)
    return pointer(PTR_TO_BTF_ID, btf, _bare(env, found.type_id))


def _bare(env: Env, type_id: int) -> int:
    from kverdict.btf.layout import skip_modifiers

    return skip_modifiers(env.profile.btf, type_id)


def _is_percpu(env: Env, type_id: int) -> bool:
    """The variable stands in the kernel's .data..percpu section."""
    from kverdict.btf.types import KIND_DATASEC, Datasec

    btf = env.profile.btf
    section = btf.type(btf.find(".data..percpu", KIND_DATASEC))
    if not isinstance(section, Datasec):
        return False
    known = env.extra.get("percpu_variables")
    if known is None:
        known = env.extra["percpu_variables"] = frozenset(entry[0] for entry in section.entries)
    return type_id in known


def load_absolute(env: Env, insn: Insn) -> int:
    """r0 = packet[K or src + K], the old way; r6 is the context, and a short packet ends the program."""
    if env.program.prog_type not in _WITH_PACKET:
        env.refuse(LD_ABS_PROGRAM_TYPE)
    if any(frame.callback == _SYNCHRONOUS for frame in env.state.frames[1:]) and env.does("LD_ABS_NOT_IN_CALLBACKS"):
        env.refuse(LD_ABS_IN_CALLBACK)
    read_reg(env, 6)
    check_resource_leak(env, False, True, "BPF_LD_[ABS|IND]")
    context = env.regs[6]
    if context.type != PTR_TO_CTX:
        env.refuse(LD_ABS_R6)
    if insn.op & MODE_MASK == IND:
        read_reg(env, insn.src)
    check_fixed_ptr_off(env, context, 6)
    clobber_caller_saved(env)
    write_reg(env, 0, UNKNOWN_SCALAR)
    if len(env.state.frames) > 1 and env.does("LD_ABS_RETURNS"):
        return _too_short(env)
    return env.insn_idx + 1


def _too_short(env: Env) -> int:
    """The packet may end before the bytes that are asked for: then the function returns 0."""
    from kverdict.verify.subprog_call import leave_frame

    env.push_state(env.insn_idx + 1, env.insn_idx)
    write_reg(env, 0, ZERO_SCALAR)
    return leave_frame(env)
