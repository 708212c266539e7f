"""`__arg_ctx` on kernels that do not know the tag: libbpf rewrites the prototypes of global functions for them."""

from __future__ import annotations

from typing import Final

from kverdict.btf.btf import Btf
from kverdict.btf.layout import deref, resolved
from kverdict.btf.types import KIND_DECL_TAG, LINKAGE_GLOBAL, DeclTag, Func, FuncProto, Ptr, Struct, Typedef
from kverdict.errors import UnsupportedError
from kverdict.kernel.profile import KernelProfile
from kverdict.program.program import FuncInfo

_TAG: Final = "arg:ctx"
# The structure that the kernel takes for the context of a program type. libbpf: global_ctx_map.
_CONTEXTS: Final = {
    "cgroup_device": "bpf_cgroup_dev_ctx",
    "cgroup_skb": "__sk_buff",
    "cgroup_sock": "bpf_sock",
    "cgroup_sock_addr": "bpf_sock_addr",
    "cgroup_sockopt": "bpf_sockopt",
    "cgroup_sysctl": "bpf_sysctl",
    "flow_dissector": "__sk_buff",
    "kprobe": "bpf_user_pt_regs_t",
    "lwt_in": "__sk_buff",
    "lwt_out": "__sk_buff",
    "lwt_seg6local": "__sk_buff",
    "lwt_xmit": "__sk_buff",
    "netfilter": "bpf_nf_ctx",
    "perf_event": "bpf_perf_event_data",
    "raw_tracepoint": "bpf_raw_tracepoint_args",
    "raw_tracepoint_writable": "bpf_raw_tracepoint_args",
    "sched_act": "__sk_buff",
    "sched_cls": "__sk_buff",
    "sk_lookup": "bpf_sk_lookup",
    "sk_msg": "sk_msg_md",
    "sk_reuseport": "sk_reuseport_md",
    "sk_skb": "__sk_buff",
    "sock_ops": "bpf_sock_ops",
    "socket_filter": "__sk_buff",
    "xdp": "xdp_md",
}


def check_context_tags(btf: Btf, functions: tuple[FuncInfo, ...], prog_type: str, profile: KernelProfile) -> None:
    """Raises UnsupportedError if libbpf would have to rewrite a prototype for this kernel, which is not modelled.

    libbpf: bpf_program_fixup_func_info().
    """
    context = _CONTEXTS.get(prog_type)
    if profile.does("ARG_CTX_TAG") or context is None:
        return
    used = {info.type_id: info.insn for info in functions}
    for type_id in range(1, len(btf)):
        if btf.kind(type_id) != KIND_DECL_TAG:
            continue
        tag = btf.type(type_id)
        if not isinstance(tag, DeclTag) or tag.name != _TAG or tag.type_id not in used:
            continue
        function = btf.type(tag.type_id)
        if not isinstance(function, Func) or function.linkage != LINKAGE_GLOBAL:
            continue
        prototype = btf.type(function.type_id)
        params = prototype.params if isinstance(prototype, FuncProto) else ()
        if 0 <= tag.component_idx < len(params) and not _is_context(btf, params[tag.component_idx].type_id, context):
            raise UnsupportedError(f"__arg_ctx of {function.name}() on a kernel before 6.8", used[tag.type_id])


def _is_context(btf: Btf, type_id: int, context: str) -> bool:
    pointer = resolved(btf, type_id)
    if not isinstance(pointer, Ptr):
        return True  # libbpf warns and leaves it as it is
    direct = btf.type(pointer.type_id)
    if isinstance(direct, Typedef) and direct.name == context:
        return True
    target = btf.type(deref(btf, type_id))
    return isinstance(target, Struct) and target.name == context
