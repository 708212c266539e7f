"""References: taking, dropping, converting them, and what must not be held when a program or callback ends.

Source: acquire_reference(), release_reference(), check_reference_leak() and check_resource_leak() of the kernel.
"""

from __future__ import annotations

from typing import NoReturn

from kverdict.catalogue.lifetime import (
    IRQ_DISABLED,
    LD_ABS_WITH_REFERENCE,
    PREEMPT_DISABLED,
    RCU_LOCK_HELD,
    SPIN_LOCK_HELD,
    UNRELEASED_REFERENCE,
    UNRELEASED_REFERENCE_LINE,
    UNRELEASED_TAIL_CALL,
)
from kverdict.diagnostic import Message
from kverdict.domain.references import REF_PTR, Held, find_reference, without
from kverdict.domain.value import Value
from kverdict.kernel.proto import MEM_RCU, NON_OWN_REF
from kverdict.verify.env import Env
from kverdict.verify.everywhere import forget, rewrite
from kverdict.verify.records import record_of

_SYNCHRONOUS = 1
_PACKET_LOAD = "BPF_LD_[ABS|IND]"


def acquire_reference(env: Env) -> int:
    """Take a reference at the current instruction; returns its new id. Kernel: acquire_reference()."""
    id = env.new_id()
    env.state.refs = (*env.state.refs, Held(id, env.insn_idx, REF_PTR, None, _callback_frame(env)))
    return id


def _callback_frame(env: Env) -> int:
    frame = env.frame
    return frame.number if frame.callback == _SYNCHRONOUS else 0


def drop_reference(env: Env, id: int) -> bool:
    """Forget the reference but not the pointers; False if it is not held. Kernel: release_reference_nomark()."""
    held = find_reference(env.state.refs, id)
    if held is None:
        return False
    if env.does("CALLBACKS_MAY_RELEASE") or env.frame.callback != _SYNCHRONOUS or held.callback == env.frame.number:
        env.state.refs = _removed(env, held)
        return True
    return False


def _removed(env: Env, held: Held) -> tuple[Held, ...]:
    refs = env.state.refs
    if env.does("REFERENCES_KEEP_ORDER") or refs[-1] is held:
        return without(refs, held)
    return tuple(refs[-1] if other is held else other for other in refs[:-1])


def release_reference(env: Env, id: int) -> bool:
    """Drop the reference; all pointers that carry it become scalars. False if it is not held."""
    if not drop_reference(env, id):
        return False
    forget(env.state, lambda value: value.ref == id)
    return True


def set_non_owning(env: Env, value: Value) -> Value:
    """The value as a borrowed pointer to a node of a locked collection; kernel: ref_set_non_owning()."""
    type = value.type | NON_OWN_REF
    if env.does("NON_OWNING_REFERENCES_TRUSTED") and any(f.kind == "refcount" for f in record_of(env, value)):
        type |= MEM_RCU
    return value.with_type(type)


def convert_to_non_owning(env: Env, id: int) -> None:
    """The collection owns the object now: pointers with this reference become borrowed ones."""
    rewrite(env.state, lambda value: set_non_owning(env, without_reference(env, value)) if value.ref == id else value)


def without_reference(env: Env, value: Value) -> Value:
    """The pointer when the object is no longer the program's; since 7.2 the reference was its id as well."""
    return value.with_id(0).with_ref(0) if env.does("DERIVED_OBJECTS_TRACKED") else value.with_ref(0)


def forget_non_owning(env: Env) -> None:
    """The lock is released: borrowed pointers are void; kernel: invalidate_non_owning_refs()."""
    forget(env.state, lambda value: bool(value.type & NON_OWN_REF))


def check_resource_leak(env: Env, exception_exit: bool, check_lock: bool, prefix: str) -> None:
    """Refuse to leave (program, callback, bpf_throw, tail call, packet load) while something is held.

    exception_exit: all frames end at once. check_lock: also locks and sections. prefix: what leaves, as the kernel
    words it ("BPF_EXIT instruction in main prog", "bpf_throw", "tail_call", "BPF_LD_[ABS|IND]").
    """
    if not env.does("ONE_LEAK_CHECK"):
        _check_older(env, exception_exit, prefix)
        return
    state = env.state
    if check_lock and state.locks:
        env.refuse(SPIN_LOCK_HELD, where=prefix)
    _check_references(env, exception_exit, prefix, UNRELEASED_REFERENCE)
    if not check_lock:
        return
    if state.irq:
        env.refuse(IRQ_DISABLED, where=prefix)
    if state.rcu:
        env.refuse(RCU_LOCK_HELD, where=prefix)
    if state.preempt:
        env.refuse(PREEMPT_DISABLED, where=prefix, count=state.preempt, plural="")


def _check_older(env: Env, exception_exit: bool, prefix: str) -> None:
    """Kernels before 6.13: each kind of leak has a sentence of its own, and exits look at sections first."""
    if prefix == "tail_call":
        _check_references(env, exception_exit, prefix, UNRELEASED_TAIL_CALL)
        if env.does("TAIL_CALL_CHECKS_SECTIONS"):
            _check_sections_now(env, prefix)
        return
    if prefix == _PACKET_LOAD:
        _check_references(env, exception_exit, prefix, LD_ABS_WITH_REFERENCE)
        _check_sections_now(env, prefix)
        return
    if exception_exit and env.does("THROW_CHECKED_AS_SUCH"):
        _check_sections_now(env, prefix)
    if env.does("SECTIONS_SPAN_CALLS"):
        looks = exception_exit or len(env.state.frames) == 1
    else:
        looks = not in_rbtree_callback(env)
    state = env.state
    if state.locks and looks:
        env.refuse(SPIN_LOCK_HELD, where=prefix)
    if state.rcu and (looks or not env.does("SECTIONS_SPAN_CALLS")):
        env.refuse(RCU_LOCK_HELD, where=prefix)
    if state.preempt and looks:
        plural = " is" if state.preempt == 1 else "(s) are"
        env.refuse(PREEMPT_DISABLED, where=prefix, count=state.preempt, plural=plural)
    _check_references(env, exception_exit, prefix, UNRELEASED_REFERENCE)


def _check_sections_now(env: Env, prefix: str) -> None:
    state = env.state
    for message, held in ((SPIN_LOCK_HELD, state.locks), (RCU_LOCK_HELD, state.rcu), (PREEMPT_DISABLED, state.preempt)):
        if held:
            _refuse_newest(env, message, prefix)


def _refuse_newest(env: Env, message: Message, prefix: str) -> NoReturn:
    """Refuse in the newest wording whatever the kernel's dialect: backported checks brought their sentences along."""
    env.refuse(Message(message.id, message.errno, message.text, message.meaning), where=prefix, count=0, plural="")


def _check_references(env: Env, exception_exit: bool, prefix: str, message: Message) -> None:
    """Refuse lingering references; kernel: check_reference_leak()."""
    frame = env.frame
    apart = not env.does("CALLBACKS_MAY_RELEASE") and frame.callback == _SYNCHRONOUS and not exception_exit
    if not exception_exit and frame.number and not apart:
        return
    returned = env.regs[0].ref if _may_return_reference(env, exception_exit) else 0
    lingering = [
        held
        for held in env.state.refs
        if held.kind == REF_PTR
        and not (apart and held.callback != frame.number)
        and not (returned and held.id == returned)
    ]
    if not lingering:
        return
    lines = [UNRELEASED_REFERENCE_LINE.says(env.does, {"id": held.id, "alloc_insn": held.insn}) for held in lingering]
    one_check = env.does("ONE_LEAK_CHECK")
    told = lingering[0] if one_check else lingering[-1]
    if not one_check and message is UNRELEASED_REFERENCE:
        lines.pop()
    env.refuse(message, *lines, where=prefix, id=told.id, alloc_insn=told.insn)


def _may_return_reference(env: Env, exception_exit: bool) -> bool:
    """struct_ops programs may hand a referenced kptr back to the kernel."""
    return env.program.prog_type == "struct_ops" and not exception_exit and env.does("STRUCT_OPS_RETURN_REFERENCE")


def in_rbtree_callback(env: Env) -> bool:
    """The running frame is (in) the comparison of bpf_rbtree_add(); kernel: in_rbtree_lock_required_cb()."""
    from kverdict.verify.traits import kfunc_name

    frames = env.state.frames[1:] if env.does("RBTREE_CALLBACK_IN_ANY_FRAME") else (env.frame,)
    return any(
        frame.number > 0
        and frame.callback == _SYNCHRONOUS
        and kfunc_name(env, env.insns[frame.callsite]) in RBTREE_KFUNCS
        for frame in frames
    )


RBTREE_KFUNCS = frozenset(
    (
        "bpf_rbtree_add",
        "bpf_rbtree_add_impl",
        "bpf_rbtree_remove",
        "bpf_rbtree_first",
        "bpf_rbtree_root",
        "bpf_rbtree_left",
        "bpf_rbtree_right",
    )
)
