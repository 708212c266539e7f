"""Whether a pointer is trusted, RCU-protected, or neither; and the kernel structures behind typed register kinds.

Source: is_trusted_reg(), is_rcu_reg(), reg2btf_ids[] and bpf_type_has_unsafe_modifiers() of the kernel.
"""

from __future__ import annotations

from typing import Final

from kverdict.btf.types import KIND_STRUCT
from kverdict.domain.value import CONST_PTR_TO_MAP, PTR_TO_SOCK_COMMON, PTR_TO_SOCKET, PTR_TO_TCP_SOCK, Value
from kverdict.kernel.proto import BASE_MASK, MEM_ALLOC, MEM_RCU, NON_OWN_REF, PTR_TRUSTED
from kverdict.verify.env import Env

_STRUCTS: Final = {PTR_TO_SOCKET: "sock", PTR_TO_SOCK_COMMON: "sock_common", PTR_TO_TCP_SOCK: "tcp_sock"}


def trusted_modifiers(env: Env) -> int:
    """The flags of a type that make it trusted or do not harm its trust; kernel: BPF_REG_TRUSTED_MODIFIERS."""
    if env.does("NON_OWNING_REFERENCES_TRUSTED"):
        return MEM_ALLOC | PTR_TRUSTED | NON_OWN_REF
    return MEM_ALLOC | PTR_TRUSTED


def has_unsafe_modifiers(env: Env, type: int) -> bool:
    """Some flag besides those of trusted_modifiers(): maybe NULL, untrusted, RCU …"""
    return bool(type & ~BASE_MASK & ~trusted_modifiers(env))


def struct_behind(env: Env, base: int) -> int:
    """BTF id of the kernel structure that a register of this base type points to without naming it, or 0."""
    name = _STRUCTS.get(base, "")
    if base == CONST_PTR_TO_MAP and env.does("MAP_POINTER_IS_STRUCT"):
        name = "bpf_map"
    return env.profile.btf.find(name, KIND_STRUCT) if name else 0


def is_trusted(env: Env, value: Value) -> bool:
    """A pointer that stays valid while the program runs, and not NULL; kernel: is_trusted_reg()."""
    if value.ref:
        return True
    type = value.type
    if has_unsafe_modifiers(env, type):
        return False
    if type & trusted_modifiers(env):
        return True
    return env.does("STRUCT_POINTERS_ARE_TRUSTED") and struct_behind(env, type & BASE_MASK) != 0


def is_rcu(value: Value) -> bool:
    """Valid until the RCU read section ends; kernel: is_rcu_reg()."""
    return bool(value.type & MEM_RCU)
