"""Calls of helpers and kfuncs: what holds for both, then the one or the other.

Source: the BPF_CALL part of do_check_insn() of the kernel.
"""

from __future__ import annotations

from typing import Final

from kverdict.catalogue.locks import CALL_WITH_LOCK
from kverdict.isa.insn import Insn
from kverdict.isa.opcode import CALL_HELPER
from kverdict.verify.env import Env
from kverdict.verify.everywhere import forget_packet_pointers
from kverdict.verify.helper_call import check_helper_call
from kverdict.verify.kfunc_call import check_kfunc_call
from kverdict.verify.references import RBTREE_KFUNCS
from kverdict.verify.traits import helper_name, kfunc_name

_LISTS: Final = frozenset(
    (
        "bpf_list_push_front",
        "bpf_list_push_front_impl",
        "bpf_list_push_back",
        "bpf_list_push_back_impl",
        "bpf_list_add",
        "bpf_list_pop_front",
        "bpf_list_pop_back",
        "bpf_list_del",
        "bpf_list_front",
        "bpf_list_back",
        "bpf_list_is_first",
        "bpf_list_is_last",
        "bpf_list_empty",
    )
)
_GRAPH: Final = _LISTS | RBTREE_KFUNCS | {"bpf_refcount_acquire", "bpf_refcount_acquire_impl"}
_NUMBERS: Final = frozenset(("bpf_iter_num_new", "bpf_iter_num_next", "bpf_iter_num_destroy"))
_RES_LOCKS: Final = frozenset(
    ("bpf_res_spin_lock", "bpf_res_spin_unlock", "bpf_res_spin_lock_irqsave", "bpf_res_spin_unlock_irqrestore")
)
_ARENAS: Final = frozenset(
    (
        "bpf_arena_alloc_pages",
        "bpf_arena_free_pages",
        "bpf_arena_reserve_pages",
        "bpf_stream_vprintk",
        "bpf_stream_print_stack",
    )
)


def call(env: Env, insn: Insn) -> int:
    """Walk a call of a helper or kfunc; returns the index of the next instruction."""
    if env.state.locks and not _allowed_under_lock(env, insn):
        env.refuse(CALL_WITH_LOCK)
    if insn.op == CALL_HELPER:
        return check_helper_call(env, insn)
    return check_kfunc_call(env, insn)


def _allowed_under_lock(env: Env, insn: Insn) -> bool:
    """Only unlocking and work on the collections that the lock protects; kernel: kfunc_spin_allowed()."""
    if insn.op == CALL_HELPER:
        name = helper_name(env, insn)
        return name == "bpf_spin_unlock" or (name == "bpf_kptr_xchg" and env.does("KPTR_XCHG_UNDER_LOCK"))
    name = kfunc_name(env, insn)
    if name in _GRAPH:
        return True
    if name in _NUMBERS:
        return env.does("NUMBER_ITERATOR_UNDER_LOCK")
    return name in _RES_LOCKS or (name in _ARENAS and env.does("ARENA_UNDER_LOCK"))


def clear_packet_pointers(env: Env) -> None:
    """The packet may have moved: pointers into it are void."""
    forget_packet_pointers(env.state)
