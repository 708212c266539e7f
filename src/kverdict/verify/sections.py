"""Protected sections: RCU read sections, disabled preemption, and what each of them forbids.

Source: in_rcu_cs(), in_sleepable(), and the parts of check_kfunc_call() about bpf_rcu_read_lock() and its kin.
"""

from __future__ import annotations

from typing import Final

from kverdict.catalogue.kfuncs import KFUNC_SLEEPS_IN_REGION
from kverdict.catalogue.lifetime import (
    NESTED_RCU_LOCK,
    RCU_LOCK_IN_RBTREE_CALLBACK,
    UNMATCHED_PREEMPT_ENABLE,
    UNMATCHED_RCU_UNLOCK,
)
from kverdict.domain.value import Value
from kverdict.kernel.proto import MEM_RCU, PTR_MAYBE_NULL, PTR_UNTRUSTED
from kverdict.verify.env import Env
from kverdict.verify.everywhere import rewrite
from kverdict.verify.references import in_rbtree_callback

RCU_LOCK: Final = "bpf_rcu_read_lock"
RCU_UNLOCK: Final = "bpf_rcu_read_unlock"
PREEMPT_DISABLE: Final = "bpf_preempt_disable"
PREEMPT_ENABLE: Final = "bpf_preempt_enable"


def in_sleepable(env: Env) -> bool:
    """The code runs where it may sleep (sections aside); kernel: in_sleepable()."""
    return env.state.in_sleepable


def in_rcu_section(env: Env) -> bool:
    """RCU-protected objects stay valid here: an explicit section, or a program that cannot sleep. in_rcu_cs()."""
    state = env.state
    if state.rcu or not state.in_sleepable:
        return True
    return bool(state.locks) and env.does("LOCKS_PROTECT_AS_RCU")


def region(env: Env) -> str:
    """The section that forbids sleeping, as the kernel names it; "" if none does."""
    state = env.state
    if state.rcu:
        return "rcu_read_lock region"
    if state.preempt:
        return "non-preemptible region"
    if state.irq:
        return "IRQ-disabled region"
    if state.locks and env.does("ONE_SLEEP_CHECK"):
        return "lock region"
    return ""


def apply_section(env: Env, name: str, sleeps: bool) -> None:
    """The effect of a kfunc call on sections, and whether a sleeping one is allowed in them.

    name: of the kfunc; sleeps: it has KF_SLEEPABLE.
    """
    if env.does("ONE_SLEEP_CHECK"):
        _enter_or_leave(env, name)
        where = region(env)
        if sleeps and where:
            env.refuse(KFUNC_SLEEPS_IN_REGION, callee=name, region=where)
        if name in (RCU_LOCK, RCU_UNLOCK) and in_rbtree_callback(env):
            env.refuse(RCU_LOCK_IN_RBTREE_CALLBACK)
        return
    _apply_rcu(env, name, sleeps)
    _apply_preemption(env, name, sleeps)
    if env.state.irq and sleeps:
        env.refuse(KFUNC_SLEEPS_IN_REGION, callee=name, region="IRQ-disabled region")


def _enter_or_leave(env: Env, name: str) -> None:
    """Kernels that nest sections: each lock counts, the last unlock ends the section."""
    state = env.state
    if name == RCU_LOCK:
        state.rcu += 1
    elif name == RCU_UNLOCK:
        if not state.rcu:
            env.refuse(UNMATCHED_RCU_UNLOCK, callee=name)
        state.rcu -= 1
        if not state.rcu:
            distrust_rcu_pointers(env)
    elif name == PREEMPT_DISABLE:
        state.preempt += 1
    elif name == PREEMPT_ENABLE:
        if not state.preempt:
            env.refuse(UNMATCHED_PREEMPT_ENABLE, callee=name)
        state.preempt -= 1


def _apply_rcu(env: Env, name: str, sleeps: bool) -> None:
    state = env.state
    if not state.rcu:
        if name == RCU_LOCK:
            state.rcu = 1
        elif name == RCU_UNLOCK:
            env.refuse(UNMATCHED_RCU_UNLOCK, callee=name)
        return
    if name in (RCU_LOCK, RCU_UNLOCK) and env.does("RCU_LOCK_REFUSED_IN_RBTREE_CALLBACK") and in_rbtree_callback(env):
        env.refuse(RCU_LOCK_IN_RBTREE_CALLBACK)
    if name == RCU_LOCK:
        if not env.does("NESTED_RCU"):
            env.refuse(NESTED_RCU_LOCK, callee=name)
        state.rcu += 1
    elif name == RCU_UNLOCK:
        state.rcu -= 1
        if not state.rcu:
            distrust_rcu_pointers(env)
    elif sleeps:
        env.refuse(KFUNC_SLEEPS_IN_REGION, callee=name, region="rcu_read_lock region")


def distrust_rcu_pointers(env: Env) -> None:
    """The section ended: what RCU kept alive may be gone, its pointers are untrusted from now on."""
    rewrite(env.state, _untrusted, iterators=env.does("RCU_ITERATORS"))


def _untrusted(value: Value) -> Value:
    if not value.type & MEM_RCU:
        return value
    return value.with_type(value.type & ~(MEM_RCU | PTR_MAYBE_NULL) | PTR_UNTRUSTED)


def _apply_preemption(env: Env, name: str, sleeps: bool) -> None:
    state = env.state
    if name == PREEMPT_DISABLE:
        state.preempt += 1
    elif not state.preempt:
        if name == PREEMPT_ENABLE:
            env.refuse(UNMATCHED_PREEMPT_ENABLE, callee=name)
    elif name == PREEMPT_ENABLE:
        state.preempt -= 1
    elif sleeps:
        env.refuse(KFUNC_SLEEPS_IN_REGION, callee=name, region="non-preemptible region")
