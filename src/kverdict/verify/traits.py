"""What a call instruction is, as far as it is known before the walk: callback-calling, iterator, sleeping, its arity.

Source: is_sync_callback_calling_insn(), is_async_callback_calling_insn(), get_call_summary() of the kernel.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from kverdict.btf.types import Void
from kverdict.isa.insn import Insn
from kverdict.isa.opcode import CALL_HELPER, CALL_KFUNC
from kverdict.kernel.proto import (
    BASE_MASK,
    KF_FASTCALL,
    KF_ITER_NEXT,
    KF_SLEEPABLE,
    RET_VOID,
)
from kverdict.verify.env import Env

SYNC_CALLBACK_HELPERS: Final = frozenset(
    ("bpf_for_each_map_elem", "bpf_find_vma", "bpf_loop", "bpf_user_ringbuf_drain")
)
ASYNC_CALLBACK_HELPERS: Final = frozenset(("bpf_timer_set_callback",))
SYNC_CALLBACK_KFUNCS: Final = frozenset(("bpf_rbtree_add_impl", "bpf_rbtree_add"))
ASYNC_CALLBACK_KFUNCS: Final = frozenset(
    (
        "bpf_wq_set_callback_impl",
        "bpf_wq_set_callback",
        "bpf_task_work_schedule_resume_impl",
        "bpf_task_work_schedule_signal_impl",
        "bpf_task_work_schedule_resume",
        "bpf_task_work_schedule_signal",
    )
)
# Helpers that the JIT inlines on x86-64, so that spills around them can be removed (bpf_fastcall).
INLINED_HELPERS: Final = frozenset(("bpf_get_smp_processor_id",))
INLINED_HELPERS_LATER: Final = frozenset(("bpf_get_current_task", "bpf_get_current_task_btf"))

# The kfuncs that the verifier replaces by a move; since 6.13 they carry KF_FASTCALL.
_CASTS: Final = frozenset(("bpf_cast_to_kern_ctx", "bpf_rdonly_cast"))

_CHANGES_PACKET: Final = frozenset(
    (
        "bpf_clone_redirect",
        "bpf_l3_csum_replace",
        "bpf_l4_csum_replace",
        "bpf_lwt_push_encap",
        "bpf_lwt_seg6_action",
        "bpf_lwt_seg6_adjust_srh",
        "bpf_lwt_seg6_store_bytes",
        "bpf_msg_pop_data",
        "bpf_msg_pull_data",
        "bpf_msg_push_data",
        "bpf_skb_adjust_room",
        "bpf_skb_change_head",
        "bpf_skb_change_proto",
        "bpf_skb_change_tail",
        "bpf_skb_pull_data",
        "bpf_skb_store_bytes",
        "bpf_skb_vlan_pop",
        "bpf_skb_vlan_push",
        "bpf_store_hdr_opt",
        "bpf_xdp_adjust_head",
        "bpf_xdp_adjust_meta",
        "bpf_xdp_adjust_tail",
        "bpf_xdp_pull_data",
    )
)


class CallSummary(NamedTuple):
    """params: number of arguments; is_void: sets no r0; fastcall: clobbers no register but r0 and its arguments."""

    params: int
    is_void: bool
    fastcall: bool


def helper_name(env: Env, insn: Insn) -> str:
    """The name of the helper that an instruction calls, "" if it calls none that this kernel knows."""
    if insn.op != CALL_HELPER:
        return ""
    helper = env.profile.helper_by_id(insn.imm)
    return helper.name if helper else ""


def kfunc_name(env: Env, insn: Insn) -> str:
    """The name of the kfunc that an instruction calls, "" if none."""
    if insn.op != CALL_KFUNC or insn.off != 0:
        return ""
    kfunc = env.profile.kfunc_by_id(insn.imm)
    return kfunc.name if kfunc else ""


def calls_sync_callback(env: Env, insn: Insn) -> bool:
    """The callee calls a subprogram of this program before it returns."""
    return helper_name(env, insn) in SYNC_CALLBACK_HELPERS or kfunc_name(env, insn) in SYNC_CALLBACK_KFUNCS


def calls_async_callback(env: Env, insn: Insn) -> bool:
    """The callee arranges that a subprogram of this program is called later."""
    return helper_name(env, insn) in ASYNC_CALLBACK_HELPERS or kfunc_name(env, insn) in ASYNC_CALLBACK_KFUNCS


def is_iter_next(env: Env, insn: Insn) -> bool:
    """A kfunc with KF_ITER_NEXT."""
    kfunc = env.profile.kfunc_by_id(insn.imm) if insn.op == CALL_KFUNC and insn.off == 0 else None
    return kfunc is not None and bool(kfunc.flags & KF_ITER_NEXT)


def is_might_sleep(env: Env, insn: Insn) -> bool:
    """A helper or kfunc that may sleep."""
    if insn.op == CALL_HELPER:
        helper = env.profile.helper_proto(insn.imm, env.program.variant)
        return helper is not None and helper.might_sleep
    kfunc = env.profile.kfunc_by_id(insn.imm) if insn.op == CALL_KFUNC and insn.off == 0 else None
    return kfunc is not None and bool(kfunc.flags & KF_SLEEPABLE)


def changes_packet(env: Env, name: str) -> bool:
    """The helper or kfunc may move the packet; kernel: bpf_helper_changes_pkt_data(), is_kfunc_pkt_changing()."""
    if name == "bpf_tail_call":
        return env.does("TAIL_CALL_CHANGES_PACKET")
    return name in _CHANGES_PACKET


def call_summary(env: Env, insn: Insn) -> CallSummary | None:
    """Arity and result of a helper or kfunc call; None for subprograms and unknown callees."""
    if insn.op == CALL_HELPER:
        helper = env.profile.helper_proto(insn.imm, env.program.variant)
        if helper is None:
            return None
        inlined = helper.name in INLINED_HELPERS or (
            helper.name in INLINED_HELPERS_LATER and env.does("JIT_INLINES_CURRENT_TASK")
        )
        return CallSummary(
            len(helper.args), helper.ret & BASE_MASK == RET_VOID, bool(helper.allow_fastcall) and inlined
        )
    if insn.op == CALL_KFUNC and insn.off == 0:
        kfunc = env.profile.kfunc_by_id(insn.imm)
        if kfunc is None or isinstance(env.profile.kfunc_call_refused(kfunc, env.program.variant), str):
            return None
        is_void = isinstance(env.profile.btf.type(kfunc.return_id), Void)
        named = kfunc.name in _CASTS and env.does("FASTCALL_KFUNCS")
        return CallSummary(len(kfunc.params), is_void, bool(kfunc.flags & KF_FASTCALL) or named)
    return None
