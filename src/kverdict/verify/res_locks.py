"""Arguments of bpf_res_spin_lock() and its kin. Source: KF_ARG_PTR_TO_RES_SPIN_LOCK in check_kfunc_args()."""

from __future__ import annotations

from typing import Final

from kverdict.catalogue.calls import RES_LOCK_IN_RBTREE_CALLBACK
from kverdict.catalogue.kfuncs import ARG_NOT_LOCK_MEMORY
from kverdict.domain.value import PTR_TO_BTF_ID, PTR_TO_MAP_VALUE
from kverdict.kernel.proto import MEM_ALLOC
from kverdict.verify.locks import check_lock
from kverdict.verify.references import in_rbtree_callback
from kverdict.verify.rules.kfunc_args import KfuncArgument

_MEMORY: Final = (PTR_TO_MAP_VALUE, PTR_TO_BTF_ID | MEM_ALLOC)


def check_res_lock(arg: KfuncArgument) -> None:
    """The lock lies in a map value or an object of the program's own; it is taken, or given back."""
    env, name = arg.env, arg.meta.name
    if env.does("RES_LOCK_REFUSED_IN_RBTREE_CALLBACK") and in_rbtree_callback(env):
        env.refuse(RES_LOCK_IN_RBTREE_CALLBACK)
    if arg.value.type not in _MEMORY:
        env.refuse(ARG_NOT_LOCK_MEMORY, **arg.facts())
    takes = name in ("bpf_res_spin_lock", "bpf_res_spin_lock_irqsave")
    irq = name in ("bpf_res_spin_lock_irqsave", "bpf_res_spin_unlock_irqrestore")
    check_lock(env, arg.regno, takes, True, irq)
