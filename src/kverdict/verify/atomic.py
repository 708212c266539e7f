"""Atomic instructions: read and write the same memory, and load-acquire and store-release.

Source: check_atomic(), check_atomic_rmw(), atomic_ptr_type_ok() of the kernel.
"""

from __future__ import annotations

from typing import Final

from kverdict.catalogue.memory import ATOMIC_LOAD, ATOMIC_STORE
from kverdict.domain.value import (
    PTR_TO_ARENA,
    PTR_TO_BTF_ID,
    PTR_TO_CTX,
    PTR_TO_FLOW_KEYS,
    PTR_TO_PACKET,
    PTR_TO_PACKET_META,
    PTR_TO_SOCK_COMMON,
    PTR_TO_SOCKET,
    PTR_TO_TCP_SOCK,
    PTR_TO_XDP_SOCK,
    type_text,
)
from kverdict.isa.insn import Insn
from kverdict.isa.opcode import CMPXCHG, DW, FETCH, LOAD_ACQ, SIZE_MASK, STORE_REL
from kverdict.kernel.proto import BASE_MASK, PTR_UNTRUSTED
from kverdict.verify.env import Env
from kverdict.verify.load_store import load_from, remember_pointer_type, store_from
from kverdict.verify.memory import check_mem_access
from kverdict.verify.registers import read_reg, read_reg32, write_unknown

_NOT_ATOMIC: Final = frozenset(
    (
        PTR_TO_CTX,
        PTR_TO_PACKET,
        PTR_TO_PACKET_META,
        PTR_TO_FLOW_KEYS,
        PTR_TO_SOCKET,
        PTR_TO_SOCK_COMMON,
        PTR_TO_TCP_SOCK,
        PTR_TO_XDP_SOCK,
    )
)


def atomic(env: Env, insn: Insn) -> int:
    """One atomic instruction."""
    if insn.imm == LOAD_ACQ:
        if env.does("LOAD_ACQUIRE_CHECKED_FIRST"):
            read_reg(env, insn.src)
            _check_kind(env, insn.src, load=True)
            load_from(env, insn, strict_once=True, may_merge=False)
        else:
            load_from(env, insn, strict_once=True, may_merge=False)
            _check_kind(env, insn.src, load=True)
    elif insn.imm == STORE_REL:
        store_from(env, insn, strict_once=True)
        _check_kind(env, insn.dst, load=False)
    else:
        _read_modify_write(env, insn)
    return env.insn_idx + 1


def _check_kind(env: Env, regno: int, *, load: bool) -> None:
    type = env.regs[regno].type
    if type & BASE_MASK in _NOT_ATOMIC:
        env.refuse(ATOMIC_LOAD if load else ATOMIC_STORE, reg=regno, type=type_text(type))
    if type == PTR_TO_ARENA and not env.does("ARENA_ATOMICS"):
        env.refuse(ATOMIC_LOAD if load else ATOMIC_STORE, reg=regno, type=type_text(type))
    # Plain loads through these pointers cannot fault; the kernel does not guard atomic ones.
    if load and (type == PTR_TO_BTF_ID or type & PTR_UNTRUSTED) and env.does("LOAD_ACQUIRE_MUST_NOT_FAULT"):
        env.refuse(ATOMIC_LOAD, reg=regno, type=type_text(type))


def _read_modify_write(env: Env, insn: Insn) -> None:
    size = insn.op & SIZE_MASK
    read = read_reg if size == DW else read_reg32
    read(env, insn.src)
    read_reg(env, insn.dst)
    if insn.imm == CMPXCHG:
        read(env, 0)
    _check_kind(env, insn.dst, load=False)
    loaded = -1
    if insn.imm & FETCH:
        loaded = 0 if insn.imm == CMPXCHG else insn.src
        write_unknown(env, loaded)
    check_mem_access(env, insn.dst, insn.off, size, False, -1, True)
    if loaded >= 0:
        check_mem_access(env, insn.dst, insn.off, size, False, loaded, True)
    type = env.regs[insn.dst].type
    if type == PTR_TO_ARENA or env.does("ATOMICS_KEEP_ONE_KIND"):
        remember_pointer_type(env, type, False)
    check_mem_access(env, insn.dst, insn.off, size, True, -1, True)
