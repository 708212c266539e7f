"""Which of several prototypes a helper has for a kind of program: the kernel's *_func_proto() functions as data.

Read from net/core/filter.c, kernel/trace/bpf_trace.c, kernel/bpf/{helpers,cgroup,bpf_lsm,syscall}.c of Linux 6.3 and
6.18; a profile's prototypes say which symbols its kernel has.
"""

from __future__ import annotations

from typing import Final

from kverdict.kernel.progtypes import is_sleepable, prog_type_of

_STREAM: Final = {"bpf_perf_event_output": "bpf_event_output_data_proto"}
_SKB: Final = {"bpf_perf_event_output": "bpf_skb_event_output_proto"}
_OWN_CPU: Final = {"bpf_get_smp_processor_id": "bpf_get_smp_processor_id_proto"}
_LWT: Final = {**_SKB, **_OWN_CPU, "bpf_get_cgroup_classid": "bpf_get_cgroup_classid_proto"}
_TC: Final = {
    **_LWT,
    "bpf_fib_lookup": "bpf_skb_fib_lookup_proto",
    "bpf_check_mtu": "bpf_skb_check_mtu_proto",
    "bpf_sk_lookup_tcp": "bpf_tc_sk_lookup_tcp_proto",
    "bpf_sk_lookup_udp": "bpf_tc_sk_lookup_udp_proto",
    "bpf_skc_lookup_tcp": "bpf_tc_skc_lookup_tcp_proto",
}
_PROBE: Final = {
    **_OWN_CPU,
    "bpf_probe_read": "bpf_probe_read_compat_proto",
    "bpf_probe_read_str": "bpf_probe_read_compat_str_proto",
    "bpf_get_func_ip": "bpf_get_func_ip_proto_tracing",
}
_RAW_TP: Final = {
    **_PROBE,
    "bpf_perf_event_output": "bpf_perf_event_output_proto_raw_tp",
    "bpf_get_stackid": "bpf_get_stackid_proto_raw_tp",
    "bpf_get_stack": "bpf_get_stack_proto_raw_tp",
    "bpf_get_attach_cookie": "bpf_get_attach_cookie_proto_tracing",
}
_TRACING: Final = {
    **_RAW_TP,
    "bpf_sk_storage_get": "bpf_sk_storage_get_tracing_proto",
    "bpf_sk_storage_delete": "bpf_sk_storage_delete_tracing_proto",
    "bpf_get_socket_cookie": "bpf_get_socket_ptr_cookie_proto",
    "bpf_xdp_get_buff_len": "bpf_xdp_get_buff_len_trace_proto",
}
_SOCKOPT: Final = {"bpf_setsockopt": "bpf_sk_setsockopt_proto", "bpf_getsockopt": "bpf_sk_getsockopt_proto"}
_SOCKET_ITERATORS: Final = ("iter/tcp", "iter/unix")

# Program type -> helper -> symbol of its prototype there.
_BY_TYPE: Final[dict[str, dict[str, str]]] = {
    "socket_filter": _SKB,
    "cgroup_skb": _SKB,
    "sched_cls": _TC,
    "sched_act": _TC,
    "xdp": {
        **_OWN_CPU,
        "bpf_perf_event_output": "bpf_xdp_event_output_proto",
        "bpf_redirect": "bpf_xdp_redirect_proto",
        "bpf_redirect_map": "bpf_xdp_redirect_map_proto",
        "bpf_fib_lookup": "bpf_xdp_fib_lookup_proto",
        "bpf_check_mtu": "bpf_xdp_check_mtu_proto",
        "bpf_sk_lookup_tcp": "bpf_xdp_sk_lookup_tcp_proto",
        "bpf_sk_lookup_udp": "bpf_xdp_sk_lookup_udp_proto",
        "bpf_skc_lookup_tcp": "bpf_xdp_skc_lookup_tcp_proto",
    },
    "lwt_in": {**_LWT, "bpf_lwt_push_encap": "bpf_lwt_in_push_encap_proto"},
    "lwt_out": _LWT,
    "lwt_xmit": {**_LWT, "bpf_lwt_push_encap": "bpf_lwt_xmit_push_encap_proto"},
    "lwt_seg6local": _LWT,
    "sk_skb": {
        **_SKB,
        "bpf_skb_pull_data": "sk_skb_pull_data_proto",
        "bpf_skb_change_tail": "sk_skb_change_tail_proto",
        "bpf_skb_change_head": "sk_skb_change_head_proto",
        "bpf_skb_adjust_room": "sk_skb_adjust_room_proto",
    },
    "sk_msg": {**_STREAM, "bpf_get_netns_cookie": "bpf_get_netns_cookie_sk_msg_proto"},
    "sock_ops": {
        **_STREAM,
        "bpf_setsockopt": "bpf_sock_ops_setsockopt_proto",
        "bpf_getsockopt": "bpf_sock_ops_getsockopt_proto",
        "bpf_get_socket_cookie": "bpf_get_socket_cookie_sock_ops_proto",
        "bpf_get_netns_cookie": "bpf_get_netns_cookie_sock_ops_proto",
        "bpf_load_hdr_opt": "bpf_sock_ops_load_hdr_opt_proto",
        "bpf_store_hdr_opt": "bpf_sock_ops_store_hdr_opt_proto",
        "bpf_reserve_hdr_opt": "bpf_sock_ops_reserve_hdr_opt_proto",
    },
    "sk_lookup": {**_STREAM, "bpf_sk_assign": "bpf_sk_lookup_assign_proto"},
    "sk_reuseport": {
        "bpf_get_socket_cookie": "bpf_get_socket_ptr_cookie_proto",
        "bpf_sk_select_reuseport": "sk_select_reuseport_proto",
        "bpf_skb_load_bytes": "sk_reuseport_load_bytes_proto",
        "bpf_skb_load_bytes_relative": "sk_reuseport_load_bytes_relative_proto",
    },
    "flow_dissector": {"bpf_skb_load_bytes": "bpf_flow_dissector_load_bytes_proto"},
    "cgroup_sock": {
        **_STREAM,
        "bpf_get_socket_cookie": "bpf_get_socket_cookie_sock_proto",
        "bpf_get_netns_cookie": "bpf_get_netns_cookie_sock_proto",
        "bpf_sk_storage_get": "bpf_sk_storage_get_cg_sock_proto",
        "bpf_setsockopt": "bpf_sock_create_setsockopt_proto",
        "bpf_getsockopt": "bpf_sock_create_getsockopt_proto",
    },
    "cgroup_sock_addr": {
        **_STREAM,
        "bpf_get_socket_cookie": "bpf_get_socket_cookie_sock_addr_proto",
        "bpf_get_netns_cookie": "bpf_get_netns_cookie_sock_addr_proto",
        "bpf_sk_lookup_tcp": "bpf_sock_addr_sk_lookup_tcp_proto",
        "bpf_sk_lookup_udp": "bpf_sock_addr_sk_lookup_udp_proto",
        "bpf_skc_lookup_tcp": "bpf_sock_addr_skc_lookup_tcp_proto",
        "bpf_setsockopt": "bpf_sock_addr_setsockopt_proto",
        "bpf_getsockopt": "bpf_sock_addr_getsockopt_proto",
    },
    "cgroup_sockopt": {**_STREAM, **_SOCKOPT, "bpf_get_netns_cookie": "bpf_get_netns_cookie_sockopt_proto"},
    "cgroup_sysctl": _STREAM,
    "cgroup_device": _STREAM,
    "struct_ops": _SOCKOPT,
    "kprobe": {
        **_PROBE,
        "bpf_get_func_ip": "bpf_get_func_ip_proto_kprobe",
        "bpf_get_attach_cookie": "bpf_get_attach_cookie_proto_trace",
    },
    "tracepoint": {
        **_PROBE,
        "bpf_perf_event_output": "bpf_perf_event_output_proto_tp",
        "bpf_get_stackid": "bpf_get_stackid_proto_tp",
        "bpf_get_stack": "bpf_get_stack_proto_tp",
        "bpf_get_attach_cookie": "bpf_get_attach_cookie_proto_trace",
    },
    "perf_event": {
        **_PROBE,
        "bpf_perf_event_output": "bpf_perf_event_output_proto_tp",
        "bpf_get_stackid": "bpf_get_stackid_proto_pe",
        "bpf_get_stack": "bpf_get_stack_proto_pe",
        "bpf_get_attach_cookie": "bpf_get_attach_cookie_proto_pe",
    },
    "raw_tracepoint": _RAW_TP,
    "raw_tracepoint_writable": _RAW_TP,
    "tracing": _TRACING,
    "syscall": _TRACING,
    "lsm": {
        **_TRACING,
        **_SOCKOPT,
        "bpf_sk_storage_get": "bpf_sk_storage_get_proto",
        "bpf_sk_storage_delete": "bpf_sk_storage_delete_proto",
        "bpf_get_attach_cookie": "bpf_get_attach_cookie_proto_tracing",
    },
}
_MULTI: Final = {
    "kprobe.multi": "kprobe_multi",
    "kprobe.session": "kprobe_multi",
    "uprobe.multi": "uprobe_multi",
    "uprobe.session": "uprobe_multi",
}
_COOKIES: Final = {"kprobe_multi": "kmulti", "uprobe_multi": "umulti"}


def symbols(helper: str, variant: str) -> tuple[str, ...]:
    """Symbols of the helper's prototype for this kind of program, best first; the first that a kernel has holds."""
    prog_type = prog_type_of(variant)
    found: list[str] = []
    multi = _MULTI.get(variant.removesuffix(".s"))
    if multi and helper == "bpf_get_func_ip":
        found.append(f"bpf_get_func_ip_proto_{multi}")
    elif multi and helper == "bpf_get_attach_cookie":
        found.append(f"bpf_get_attach_cookie_proto_{_COOKIES[multi]}")
    if helper == "bpf_get_task_stack" and is_sleepable(variant):
        found.append("bpf_get_task_stack_sleepable_proto")
    if helper == "bpf_get_stack" and prog_type == "kprobe" and is_sleepable(variant):
        found.append("bpf_get_stack_sleepable_proto")
    special = _SOCKOPT.get(helper) if variant in _SOCKET_ITERATORS else None
    special = special or _BY_TYPE.get(prog_type, {}).get(helper)
    if special:
        found.append(special)
    elif helper == "bpf_get_smp_processor_id":
        found.append("bpf_get_raw_smp_processor_id_proto")
    elif helper == "bpf_get_cgroup_classid":
        found.append("bpf_get_cgroup_classid_curr_proto")
    if not variant and not found:
        found = [by_helper[helper] for by_helper in _BY_TYPE.values() if helper in by_helper]
        return (f"{helper}_proto", *found)
    return (*found, f"{helper}_proto")
