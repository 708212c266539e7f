"""What depends on the type of program: packet access, sockmap updates, the structure of its context.

Source: may_access_direct_pkt_data(), may_update_sockmap(), btf_is_prog_ctx_type(), is_tracing_prog_type().
"""

from __future__ import annotations

from typing import Final

from kverdict.btf.btf import Btf
from kverdict.btf.layout import MODIFIERS, skip_modifiers
from kverdict.btf.types import KIND_STRUCT, KIND_TYPEDEF, KIND_UNION, Ptr, Reference, Struct
from kverdict.verify.env import Env

_PACKET_READERS: Final = frozenset(
    ("lwt_in", "lwt_out", "lwt_seg6local", "sk_reuseport", "flow_dissector", "cgroup_skb"),
)
_PACKET_WRITERS: Final = frozenset(("sched_cls", "sched_act", "xdp", "lwt_xmit", "sk_skb", "sk_msg"))
_SOCKMAP_UPDATERS: Final = frozenset(
    ("socket_filter", "sched_cls", "sched_act", "xdp", "sk_reuseport", "flow_dissector", "sk_lookup")
)
_TRACING: Final = frozenset(
    ("kprobe", "tracepoint", "perf_event", "raw_tracepoint", "raw_tracepoint_writable"),
)
_SKB: Final = ("__sk_buff", "sk_buff")
# Program type -> (structure that programs see, structure that the kernel has); linux/bpf_types.h.
CONTEXTS: Final[dict[str, tuple[str, str]]] = {
    "socket_filter": _SKB,
    "sched_cls": _SKB,
    "sched_act": _SKB,
    "xdp": ("xdp_md", "xdp_buff"),
    "cgroup_skb": _SKB,
    "cgroup_sock": ("bpf_sock", "sock"),
    "cgroup_sock_addr": ("bpf_sock_addr", "bpf_sock_addr_kern"),
    "lwt_in": _SKB,
    "lwt_out": _SKB,
    "lwt_xmit": _SKB,
    "lwt_seg6local": _SKB,
    "sock_ops": ("bpf_sock_ops", "bpf_sock_ops_kern"),
    "sk_skb": _SKB,
    "sk_msg": ("sk_msg_md", "sk_msg"),
    "flow_dissector": ("__sk_buff", "bpf_flow_dissector"),
    "kprobe": ("bpf_user_pt_regs_t", "pt_regs"),
    "perf_event": ("bpf_perf_event_data", "bpf_perf_event_data_kern"),
    "raw_tracepoint": ("bpf_raw_tracepoint_args", ""),
    "raw_tracepoint_writable": ("bpf_raw_tracepoint_args", ""),
    "cgroup_device": ("bpf_cgroup_dev_ctx", "bpf_cgroup_dev_ctx"),
    "cgroup_sysctl": ("bpf_sysctl", "bpf_sysctl_kern"),
    "cgroup_sockopt": ("bpf_sockopt", "bpf_sockopt_kern"),
    "sk_reuseport": ("sk_reuseport_md", "sk_reuseport_kern"),
    "sk_lookup": ("bpf_sk_lookup", "bpf_sk_lookup_kern"),
    "netfilter": ("bpf_nf_ctx", "bpf_nf_ctx"),
}
_PROJECTIONS: Final = frozenset((("__sk_buff", "sk_buff"), ("xdp_md", "xdp_buff")))


def may_access_packet(env: Env, is_write: bool, helper_reads: bool | None = None) -> bool:
    """The program may touch packets directly; helper_reads: a helper that has (has not) pkt_access does it."""
    prog_type = env.program.prog_type
    if prog_type in _PACKET_READERS and is_write:
        return False
    if prog_type in _PACKET_READERS or prog_type in _PACKET_WRITERS:
        return True if helper_reads is None else helper_reads
    return prog_type == "cgroup_sockopt"


def may_update_sockmap(env: Env, name: str) -> bool:
    """The program may change a sockmap from the program side; kernel: may_update_sockmap()."""
    if name not in ("bpf_map_update_elem", "bpf_map_delete_elem"):
        return False
    prog_type = env.program.prog_type
    if name == "bpf_map_delete_elem" and not env.does("SOCKMAP_DELETE_RESTRICTED"):
        return True
    if prog_type == "tracing":
        return env.program.attach_type == "trace_iter"
    if prog_type == "sock_ops":
        return name == "bpf_map_delete_elem"
    if env.does("SOCKMAP_UPDATE_BY_LOOKUP_PROGRAMS_ONLY"):
        return prog_type in ("sk_reuseport", "sk_lookup")
    return prog_type in _SOCKMAP_UPDATERS


def is_projection(seen: str, kernel: str) -> bool:
    """`seen` is what programs see of the kernel's structure `kernel`; kernel: btf_is_projection_of()."""
    return (seen, kernel) in _PROJECTIONS


def is_context_pointer(env: Env, btf: Btf, type_id: int) -> bool:
    """A pointer parameter stands for the program's context; kernel: btf_is_prog_ctx_type()."""
    pointer = btf.type(skip_modifiers(btf, type_id))
    seen, _ = CONTEXTS.get(env.program.prog_type, ("", ""))
    if not isinstance(pointer, Ptr) or not seen:
        return False
    found = btf.type(pointer.type_id)
    while found.kind in MODIFIERS and isinstance(found, Reference):
        if found.kind == KIND_TYPEDEF and found.name == seen == "bpf_user_pt_regs_t":
            return True
        found = btf.type(found.type_id)
    if found.kind not in (KIND_STRUCT, KIND_UNION):
        return False
    if seen == "bpf_user_pt_regs_t":
        return found.name in ("pt_regs", seen)
    return found.name == seen or is_projection(seen, found.name)


def kernel_context(env: Env) -> int:
    """BTF id of the kernel's structure behind the context, 0 if it is none; kernel: get_kern_ctx_btf_id()."""
    _, kernel = CONTEXTS.get(env.program.prog_type, ("", ""))
    btf = env.profile.btf
    type_id = btf.find(kernel, KIND_STRUCT) if kernel else 0
    return type_id if type_id and isinstance(btf.type(type_id), Struct) else 0


def traces_in_any_context(env: Env) -> bool:
    """The program may run in any context, even NMI; kernel: is_tracing_prog_type() and tracing programs."""
    program = env.program
    if program.prog_type in _TRACING:
        return True
    return program.prog_type == "tracing" and program.attach_type != "trace_iter" and not program.sleepable
