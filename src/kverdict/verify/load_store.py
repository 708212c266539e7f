"""LDX, ST and STX: check the registers, then the memory; one instruction keeps to one kind of pointer on all paths.

Source: check_load_mem(), check_store_reg(), save_aux_ptr_type() of the kernel.
"""

from __future__ import annotations

from typing import Final

from kverdict.catalogue.memory import SAME_INSN_DIFFERENT_POINTERS, ST_INTO_CONTEXT
from kverdict.domain.value import (
    NOT_INIT,
    PTR_TO_ARENA,
    PTR_TO_BTF_ID,
    PTR_TO_CTX,
    PTR_TO_MEM,
    PTR_TO_SOCK_COMMON,
    PTR_TO_SOCKET,
    PTR_TO_TCP_SOCK,
    PTR_TO_XDP_SOCK,
    type_text,
)
from kverdict.isa.insn import Insn
from kverdict.isa.opcode import DW, MEMSX, MODE_MASK, SIZE_MASK
from kverdict.kernel.proto import BASE_MASK, MEM_RDONLY, PTR_UNTRUSTED
from kverdict.verify.env import Env
from kverdict.verify.memory import check_mem_access
from kverdict.verify.registers import check_writable, read_reg, read_reg32

_ONE_KIND: Final = frozenset(
    (PTR_TO_CTX, PTR_TO_SOCKET, PTR_TO_SOCK_COMMON, PTR_TO_TCP_SOCK, PTR_TO_XDP_SOCK, PTR_TO_BTF_ID, PTR_TO_ARENA)
)
_MERGEABLE: Final = frozenset((PTR_TO_MEM, PTR_TO_BTF_ID))


def load(env: Env, insn: Insn) -> int:
    """dst = *(size *)(src + off), zero- or sign-extended."""
    load_from(env, insn, strict_once=False, may_merge=True)
    return env.insn_idx + 1


def load_from(env: Env, insn: Insn, *, strict_once: bool, may_merge: bool) -> None:
    """The checks of a load, plain or atomic."""
    op = insn.op
    pointer = read_reg(env, insn.src)
    check_writable(env, insn.dst)
    type = pointer.type
    is_ldsx = op & MODE_MASK == MEMSX
    check_mem_access(env, insn.src, insn.off, op & SIZE_MASK, False, insn.dst, strict_once, is_ldsx)
    remember_pointer_type(env, type, may_merge and env.merges_pointer_types)
    if is_ldsx and type == PTR_TO_ARENA:
        env.extra.setdefault("arena_sign_extends", env.insn_idx)


def store_register(env: Env, insn: Insn) -> int:
    """*(size *)(dst + off) = src."""
    store_from(env, insn, strict_once=False)
    return env.insn_idx + 1


def store_from(env: Env, insn: Insn, *, strict_once: bool) -> None:
    """The checks of a store of a register, plain or atomic."""
    op = insn.op
    if op & SIZE_MASK == DW:
        read_reg(env, insn.src)
    else:
        read_reg32(env, insn.src)
    type = read_reg(env, insn.dst).type
    check_mem_access(env, insn.dst, insn.off, op & SIZE_MASK, True, insn.src, strict_once)
    remember_pointer_type(env, type, False)


def store_constant(env: Env, insn: Insn) -> int:
    """*(size *)(dst + off) = K."""
    pointer = read_reg(env, insn.dst)
    if pointer.type == PTR_TO_CTX and not env.does("CONTEXT_TAKES_CONSTANTS"):
        env.refuse(ST_INTO_CONTEXT, reg=insn.dst, type=type_text(pointer.type))
    check_mem_access(env, insn.dst, insn.off, insn.op & SIZE_MASK, True, -1)
    remember_pointer_type(env, pointer.type, False)
    return env.insn_idx + 1


def remember_pointer_type(env: Env, type: int, may_merge: bool) -> None:
    """The kernel rewrites the instruction by the kind of its pointer, so there can be only one kind."""
    aux = env.aux[env.insn_idx]
    known = aux.ptr_type
    if known == type:
        return
    if known == NOT_INIT:
        aux.ptr_type = type
        return
    if type & BASE_MASK not in _ONE_KIND and known & BASE_MASK not in _ONE_KIND:
        return
    if may_merge and type & BASE_MASK in _MERGEABLE and known & BASE_MASK in _MERGEABLE:
        both = (type | known) & (PTR_UNTRUSTED | MEM_RDONLY)
        is_memory = PTR_TO_MEM in (type & BASE_MASK, known & BASE_MASK)
        aux.ptr_type = (PTR_TO_MEM if is_memory else PTR_TO_BTF_ID) | both
        return
    env.refuse(SAME_INSN_DIFFERENT_POINTERS)
