"""Section names: libbpf's table."""

from __future__ import annotations

import pytest

from kverdict.objfile.sections import ATTACH_BTF, SECTION_RULES, SLEEPABLE, USDT, XDP_FRAGS, rule_for


@pytest.mark.parametrize(
    ("section", "prog_type", "attach_type", "variant", "flags"),
    [
        ("socket", "socket_filter", "", "socket_filter", 0),
        ("kprobe/do_unlinkat", "kprobe", "", "kprobe", 0),
        ("kprobe", "kprobe", "", "kprobe", 0),
        ("kprobe.multi/tcp_*", "kprobe", "trace_kprobe_multi", "kprobe.multi", 0),
        ("kretprobe.multi", "kprobe", "trace_kprobe_multi", "kprobe.multi", 0),
        ("kprobe.session/x", "kprobe", "trace_kprobe_session", "kprobe.session", 0),
        ("uprobe.s/a:b", "kprobe", "", "kprobe.s", SLEEPABLE),
        ("uprobe.multi.s/a:b", "kprobe", "trace_uprobe_multi", "uprobe.multi.s", SLEEPABLE),
        ("uretprobe.multi/a:b", "kprobe", "trace_uprobe_multi", "uprobe.multi", 0),
        ("uprobe.session/a:b", "kprobe", "trace_uprobe_session", "uprobe.session", 0),
        ("ksyscall/unlinkat", "kprobe", "", "kprobe", 0),
        ("usdt/a:b:c", "kprobe", "", "kprobe", USDT),
        ("usdt.s", "kprobe", "", "kprobe.s", USDT | SLEEPABLE),
        ("tc", "sched_cls", "", "sched_cls", 0),
        ("tc/ingress", "sched_cls", "tcx_ingress", "sched_cls", 0),
        ("tcx/egress", "sched_cls", "tcx_egress", "sched_cls", 0),
        ("netkit/peer", "sched_cls", "netkit_peer", "sched_cls", 0),
        ("action", "sched_act", "", "sched_act", 0),
        ("tp/sched/sched_switch", "tracepoint", "", "tracepoint", 0),
        ("raw_tp/sys_enter", "raw_tracepoint", "", "raw_tracepoint", 0),
        ("raw_tp.w/sys_enter", "raw_tracepoint_writable", "", "raw_tracepoint_writable", 0),
        ("tp_btf/sys_enter", "tracing", "trace_raw_tp", "tp_btf", ATTACH_BTF),
        ("fentry/x", "tracing", "trace_fentry", "fentry", ATTACH_BTF),
        ("fexit.s/x", "tracing", "trace_fexit", "fexit.s", ATTACH_BTF | SLEEPABLE),
        ("fmod_ret/x", "tracing", "modify_return", "fmod_ret", ATTACH_BTF),
        ("freplace/x", "ext", "", "freplace", ATTACH_BTF),
        ("lsm/file_open", "lsm", "lsm_mac", "lsm", ATTACH_BTF),
        ("lsm.s/file_open", "lsm", "lsm_mac", "lsm.s", ATTACH_BTF | SLEEPABLE),
        ("lsm_cgroup/x", "lsm", "lsm_cgroup", "lsm_cgroup", ATTACH_BTF),
        ("iter/task", "tracing", "trace_iter", "iter", ATTACH_BTF),
        ("iter.s/task", "tracing", "trace_iter", "iter.s", ATTACH_BTF | SLEEPABLE),
        ("syscall", "syscall", "", "syscall", SLEEPABLE),
        ("xdp", "xdp", "xdp", "xdp", 0),
        ("xdp.frags", "xdp", "xdp", "xdp", XDP_FRAGS),
        ("xdp.frags/devmap", "xdp", "xdp_devmap", "xdp/devmap", XDP_FRAGS),
        ("xdp/cpumap", "xdp", "xdp_cpumap", "xdp/cpumap", 0),
        ("sockops", "sock_ops", "cgroup_sock_ops", "sock_ops", 0),
        ("sk_skb/stream_verdict", "sk_skb", "sk_skb_stream_verdict", "sk_skb", 0),
        ("cgroup_skb/ingress", "cgroup_skb", "cgroup_inet_ingress", "cgroup_skb", 0),
        ("cgroup/skb", "cgroup_skb", "", "cgroup_skb", 0),
        ("cgroup/sock_create", "cgroup_sock", "cgroup_inet_sock_create", "cgroup_sock/create", 0),
        ("cgroup/connect4", "cgroup_sock_addr", "cgroup_inet4_connect", "cgroup_sock_addr/inet4_connect", 0),
        ("cgroup/sendmsg6", "cgroup_sock_addr", "cgroup_udp6_sendmsg", "cgroup_sock_addr/udp6_sendmsg", 0),
        ("cgroup/connect_unix", "cgroup_sock_addr", "cgroup_unix_connect", "cgroup_sock_addr/unix_connect", 0),
        ("cgroup/setsockopt", "cgroup_sockopt", "cgroup_setsockopt", "cgroup_sockopt/setsockopt", 0),
        ("cgroup/dev", "cgroup_device", "cgroup_device", "cgroup_device", 0),
        ("struct_ops/anything", "struct_ops", "", "struct_ops", 0),
        ("struct_ops.s", "struct_ops", "", "struct_ops.s", SLEEPABLE),
        ("sk_lookup", "sk_lookup", "sk_lookup", "sk_lookup", 0),
        ("sk_reuseport/migrate", "sk_reuseport", "sk_reuseport_select_or_migrate", "sk_reuseport", 0),
        ("netfilter", "netfilter", "netfilter", "netfilter", 0),
        ("perf_event", "perf_event", "", "perf_event", 0),
    ],
)
def test_a_section_name_decides_how_its_programs_load(
    section: str, prog_type: str, attach_type: str, variant: str, flags: int
) -> None:
    rule = rule_for(section)
    assert rule is not None
    assert (rule.prog_type, rule.attach_type, rule.variant, rule.flags) == (prog_type, attach_type, variant, flags)


@pytest.mark.parametrize("section", ["xdp/other", "tc/other", "kprobes", "cgroup/bind_unix", "license", "", "sockets"])
def test_other_names_have_no_meaning(section: str) -> None:
    assert rule_for(section) is None


def test_no_rule_hides_another() -> None:
    for rule in SECTION_RULES:
        assert rule_for(rule.pattern.removesuffix("+")) == rule
