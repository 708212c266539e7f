"""Calls of kernel functions: may the program call it here, do the arguments fit, what is taken and given back.

Source: check_kfunc_call() of the kernel; arguments are in kfunc_args.py, results in kfunc_result.py.
"""

from __future__ import annotations

from typing import Final

from kverdict.catalogue.kfuncs import (
    BPF_TRAP,
    KFUNC_NEEDS_RCU_SECTION,
    KFUNC_NEEDS_SLEEPABLE,
    KFUNC_NO_RCU_TAGS,
    KFUNC_NOT_ALLOWED,
    OBJ_DROP_NMI,
    RELEASE_NOT_ACQUIRED,
)
from kverdict.domain.bounds import UNKNOWN
from kverdict.domain.sync import sync
from kverdict.domain.value import NOTHING, scalar
from kverdict.isa.insn import Insn
from kverdict.kernel.kfuncs import Kfunc, Unknown
from kverdict.kernel.progtypes import hook_of
from kverdict.kernel.proto import KF_ITER_NEXT, KF_RCU_PROTECTED, KF_SLEEPABLE
from kverdict.verify import callbacks
from kverdict.verify.call_meta import KfuncMeta
from kverdict.verify.dynptr import forget_dynptrs_of, release_dynptr
from kverdict.verify.env import Env
from kverdict.verify.everywhere import forget_packet_pointers
from kverdict.verify.iterators import step
from kverdict.verify.kfunc_args import check_arguments
from kverdict.verify.kfunc_args_by_btf import check_arguments as check_by_btf
from kverdict.verify.kfunc_result import set_result
from kverdict.verify.records import local_record
from kverdict.verify.references import convert_to_non_owning, release_reference
from kverdict.verify.rules.program_type import traces_in_any_context
from kverdict.verify.sections import apply_section, in_rcu_section, in_sleepable
from kverdict.verify.traits import changes_packet

RES_LOCKS: Final = ("bpf_res_spin_lock", "bpf_res_spin_lock_irqsave")
_INSERTS: Final = frozenset(("bpf_list_push_front", "bpf_list_push_back", "bpf_list_add", "bpf_rbtree_add"))
_DROPS: Final = ("bpf_obj_drop", "bpf_percpu_obj_drop")
_NMI_SAFE: Final = frozenset(("spin_lock", "res_spin_lock", "refcount", "list_node", "rb_node"))
_CALLBACKS: Final = {
    "bpf_rbtree_add": callbacks.rbtree_less,
    "bpf_wq_set_callback": callbacks.timer,
    "bpf_task_work_schedule_signal": callbacks.task_work,
    "bpf_task_work_schedule_resume": callbacks.task_work,
}
_MAX_ERRNO: Final = 4095


def check_kfunc_call(env: Env, insn: Insn) -> int:
    """Walk one kfunc call; returns the index of the next instruction."""
    kfunc = _callable_kfunc(env, insn)
    meta = KfuncMeta(kfunc, _flags(env, kfunc))
    env.aux[env.insn_idx].is_iter_next = bool(meta.flags & KF_ITER_NEXT)
    if kfunc.name in RES_LOCKS:
        _fork_failed_lock(env)
    elif kfunc.name == "__bpf_trap":
        env.refuse(BPF_TRAP)
    sleeps = bool(meta.flags & KF_SLEEPABLE)
    by_kind = env.does("KFUNC_ARGUMENTS_BY_KIND")
    if by_kind and sleeps and not in_sleepable(env):
        env.refuse(KFUNC_NEEDS_SLEEPABLE, callee=kfunc.name)
    frame = env.frame
    if not by_kind:
        check_by_btf(env, meta)
    elif env.does("KFUNC_ARGUMENTS_BEFORE_SECTIONS"):
        check_arguments(env, meta)
        _check_drop(env, meta)
        _push_callback(env, insn, meta)
        apply_section(env, kfunc.name, sleeps)
        _check_rcu_protected(env, meta)
    else:
        apply_section(env, kfunc.name, sleeps)
        check_arguments(env, meta)
    _release(env, meta)
    _insert(env, meta)
    if not env.does("KFUNC_ARGUMENTS_BEFORE_SECTIONS"):
        _push_callback(env, insn, meta)
    callee = env.frame
    env.frame, env.regs = frame, frame.regs
    if kfunc.name == "bpf_throw":
        return _throw(env)
    _forget_arguments(env)
    set_result(env, meta)
    if changes_packet(env, kfunc.name):
        forget_packet_pointers(env.state)
    _mark_arguments_read(env, meta)
    if meta.flags & KF_ITER_NEXT:
        step(env, meta)
    env.frame, env.regs = callee, callee.regs
    return env.insn_idx + 1 if callee is frame else env.subprogs[callee.subprog].start


def _callable_kfunc(env: Env, insn: Insn) -> Kfunc:
    if insn.imm == 0:
        env.unsupported("a call of a kfunc that this kernel lacks")
    kfunc = env.profile.kfunc_by_id(insn.imm) if insn.off == 0 else None
    if kfunc is None:
        env.unsupported("a kfunc of a module")
    refusal = env.profile.kfunc_call_refused(kfunc, env.program.variant)
    if isinstance(refusal, Unknown):
        env.unsupported(refusal.why)
    if refusal is None or refusal.startswith("css_task_iter"):
        return kfunc
    env.refuse(KFUNC_NO_RCU_TAGS if "rcu tag support" in refusal else KFUNC_NOT_ALLOWED, callee=kfunc.name)


def _flags(env: Env, kfunc: Kfunc) -> int:
    """Flags of a kfunc may differ by the hook that it is registered for."""
    return kfunc.flags_in_hook.get(hook_of(env.program.variant, env.does), kfunc.flags)


def _fork_failed_lock(env: Env) -> None:
    """bpf_res_spin_lock() may fail: that path goes on without the lock and with an error in r0."""
    branch = env.push_state(env.insn_idx + 1, env.insn_idx)
    frame = branch.frames[-1]
    num = UNKNOWN
    failed = sync(num.value, num.mask, num.smin, num.smax, 0, num.umax, -_MAX_ERRNO, -1, 0, 0xFFFFFFFF, env.rules)
    for number in range(6):
        frame.regs[number] = NOTHING
    frame.regs[0] = scalar(failed)
    frame.precise &= ~0x3F


def _check_drop(env: Env, meta: KfuncMeta) -> None:
    """Dropping an object frees its fields at once, which some cannot take in an NMI."""
    if not env.does("DROP_CHECKS_NMI") or meta.plain not in _DROPS or meta.object is None:
        return
    if traces_in_any_context(env) and any(f.kind not in _NMI_SAFE for f in local_record(env, *meta.object)):
        env.refuse(OBJ_DROP_NMI, callee=meta.name)


def _push_callback(env: Env, insn: Insn, meta: KfuncMeta) -> None:
    from kverdict.verify.subprog_call import push_callback_call

    set_callee = _CALLBACKS.get(meta.plain)
    if set_callee is not None:
        push_callback_call(env, insn, meta.subprog, set_callee)


def _check_rcu_protected(env: Env, meta: KfuncMeta) -> None:
    if meta.flags & KF_RCU_PROTECTED and env.does("RCU_PROTECTED_AT_CALL") and not in_rcu_section(env):
        env.refuse(KFUNC_NEEDS_RCU_SECTION, callee=meta.name)


def _release(env: Env, meta: KfuncMeta) -> None:
    """The argument of a KF_RELEASE kfunc is given back."""
    regno = meta.release_reg
    if not regno:
        return
    value = env.regs[regno]
    released = release_dynptr(env, value) if meta.dynptr_id else release_reference(env, value.ref)
    if not meta.dynptr_id:
        forget_dynptrs_of(env, value.ref)
    if not released:
        env.refuse(RELEASE_NOT_ACQUIRED, callee=meta.name, number=meta.kfunc.btf_id)


def _insert(env: Env, meta: KfuncMeta) -> None:
    """The list or tree owns the object from now on; the program's pointers to it are borrowed."""
    if meta.plain not in _INSERTS:
        return
    ref = env.regs[2].ref
    convert_to_non_owning(env, ref)
    if not release_reference(env, ref):
        env.refuse(RELEASE_NOT_ACQUIRED, callee=meta.name, number=meta.kfunc.btf_id)


def _throw(env: Env) -> int:
    from kverdict.verify.exit import exit_by_exception
    from kverdict.verify.return_code import check_return_code

    if not any(subprog.exception_cb for subprog in env.subprogs):
        check_return_code(env, 1)
    _forget_arguments(env)
    return exit_by_exception(env)


def _forget_arguments(env: Env) -> None:
    """r0..r5 cannot be read any more; unlike after helpers this is no write (kernels that trace reads)."""
    frame = env.frame
    for number in range(6):
        frame.regs[number] = NOTHING
    frame.precise &= ~0x3F


def _mark_arguments_read(env: Env, meta: KfuncMeta) -> None:
    """The call read its arguments, as wide as their types, and wrote r0; kernel: mark_btf_func_reg_size()."""
    if not env.traced_liveness:
        return
    from kverdict.btf.layout import resolved, size_or_none
    from kverdict.btf.types import Ptr

    btf = env.profile.btf
    if meta.kfunc.return_id:
        env.frame.written |= 1
    for place, param in enumerate(meta.kfunc.params):
        whole = isinstance(resolved(btf, param.type_id), Ptr) or size_or_none(btf, param.type_id) == 8
        env.liveness.read(env, place + 1, whole)
