"""Section names: what libbpf makes of SEC("fentry.s/do_unlinkat"). The table is libbpf's section_defs."""

from __future__ import annotations

from typing import Final, NamedTuple

SLEEPABLE: Final = 1
ATTACH_BTF: Final = 2
XDP_FRAGS: Final = 4
USDT: Final = 8


class SectionRule(NamedTuple):
    """How one kind of section is loaded.

    pattern: the name, exact, or with a final "+" the name alone or followed by "/" and a target. prog_type,
    attach_type: kernel names in lower case without BPF_PROG_TYPE_ and BPF_; attach_type "" where the kernel gets 0.
    variant: the name by which the facts know this kind of program (without target). flags: SLEEPABLE ...
    """

    pattern: str
    prog_type: str
    attach_type: str
    variant: str
    flags: int = 0

    def matches(self, section: str) -> bool:
        """libbpf: sec_def_matches()."""
        if not self.pattern.endswith("+"):
            return section == self.pattern
        stem = self.pattern[:-1]
        return section.startswith(stem) and section[len(stem) : len(stem) + 1] in ("", "/")


def _tracing() -> list[SectionRule]:
    rules = []
    for name, attach_type in (
        ("tp_btf", "trace_raw_tp"),
        ("fentry", "trace_fentry"),
        ("fmod_ret", "modify_return"),
        ("fexit", "trace_fexit"),
        ("fsession", "trace_fsession"),
        ("iter", "trace_iter"),
    ):
        rules.append(SectionRule(f"{name}+", "tracing", attach_type, name, ATTACH_BTF))
        rules.append(SectionRule(f"{name}.s+", "tracing", attach_type, f"{name}.s", ATTACH_BTF | SLEEPABLE))
    rules.append(SectionRule("freplace+", "ext", "", "freplace", ATTACH_BTF))
    rules.append(SectionRule("lsm+", "lsm", "lsm_mac", "lsm", ATTACH_BTF))
    rules.append(SectionRule("lsm.s+", "lsm", "lsm_mac", "lsm.s", ATTACH_BTF | SLEEPABLE))
    rules.append(SectionRule("lsm_cgroup+", "lsm", "lsm_cgroup", "lsm_cgroup", ATTACH_BTF))
    return rules


def _probes() -> list[SectionRule]:
    rules = [
        SectionRule("uprobe.s+", "kprobe", "", "kprobe.s", SLEEPABLE),
        SectionRule("uretprobe.s+", "kprobe", "", "kprobe.s", SLEEPABLE),
        SectionRule("usdt+", "kprobe", "", "kprobe", USDT),
        SectionRule("usdt.s+", "kprobe", "", "kprobe.s", USDT | SLEEPABLE),
    ]
    for name in ("kprobe", "uprobe", "kretprobe", "uretprobe", "ksyscall", "kretsyscall"):
        rules.append(SectionRule(f"{name}+", "kprobe", "", "kprobe"))
    for name in ("kprobe.multi", "kretprobe.multi"):
        rules.append(SectionRule(f"{name}+", "kprobe", "trace_kprobe_multi", "kprobe.multi"))
    rules.append(SectionRule("kprobe.session+", "kprobe", "trace_kprobe_session", "kprobe.session"))
    for name, attach_type, variant in (
        ("uprobe.multi", "trace_uprobe_multi", "uprobe.multi"),
        ("uretprobe.multi", "trace_uprobe_multi", "uprobe.multi"),
        ("uprobe.session", "trace_uprobe_session", "uprobe.session"),
    ):
        rules.append(SectionRule(f"{name}+", "kprobe", attach_type, variant))
        rules.append(SectionRule(f"{name}.s+", "kprobe", attach_type, f"{variant}.s", SLEEPABLE))
    for stem, variant in (("tracepoint", "tracepoint"), ("tp", "tracepoint")):
        rules.append(SectionRule(f"{stem}+", "tracepoint", "", variant))
        rules.append(SectionRule(f"{stem}.s+", "tracepoint", "", f"{variant}.s", SLEEPABLE))
    for stem in ("raw_tracepoint", "raw_tp"):
        rules.append(SectionRule(f"{stem}+", "raw_tracepoint", "", "raw_tracepoint"))
        rules.append(SectionRule(f"{stem}.s+", "raw_tracepoint", "", "raw_tracepoint.s", SLEEPABLE))
        rules.append(SectionRule(f"{stem}.w+", "raw_tracepoint_writable", "", "raw_tracepoint_writable"))
    return rules


def _network() -> list[SectionRule]:
    return [
        SectionRule("socket", "socket_filter", "", "socket_filter"),
        SectionRule("sk_reuseport/migrate", "sk_reuseport", "sk_reuseport_select_or_migrate", "sk_reuseport"),
        SectionRule("sk_reuseport", "sk_reuseport", "sk_reuseport_select", "sk_reuseport"),
        SectionRule("tc/ingress", "sched_cls", "tcx_ingress", "sched_cls"),
        SectionRule("tc/egress", "sched_cls", "tcx_egress", "sched_cls"),
        SectionRule("tcx/ingress", "sched_cls", "tcx_ingress", "sched_cls"),
        SectionRule("tcx/egress", "sched_cls", "tcx_egress", "sched_cls"),
        SectionRule("tc", "sched_cls", "", "sched_cls"),
        SectionRule("classifier", "sched_cls", "", "sched_cls"),
        SectionRule("action", "sched_act", "", "sched_act"),
        SectionRule("netkit/primary", "sched_cls", "netkit_primary", "sched_cls"),
        SectionRule("netkit/peer", "sched_cls", "netkit_peer", "sched_cls"),
        SectionRule("xdp.frags/devmap", "xdp", "xdp_devmap", "xdp/devmap", XDP_FRAGS),
        SectionRule("xdp/devmap", "xdp", "xdp_devmap", "xdp/devmap"),
        SectionRule("xdp.frags/cpumap", "xdp", "xdp_cpumap", "xdp/cpumap", XDP_FRAGS),
        SectionRule("xdp/cpumap", "xdp", "xdp_cpumap", "xdp/cpumap"),
        SectionRule("xdp.frags", "xdp", "xdp", "xdp", XDP_FRAGS),
        SectionRule("xdp", "xdp", "xdp", "xdp"),
        *(SectionRule(name, name, "", name) for name in ("lwt_in", "lwt_out", "lwt_xmit", "lwt_seg6local")),
        SectionRule("sockops", "sock_ops", "cgroup_sock_ops", "sock_ops"),
        SectionRule("sk_skb/stream_parser", "sk_skb", "sk_skb_stream_parser", "sk_skb"),
        SectionRule("sk_skb/stream_verdict", "sk_skb", "sk_skb_stream_verdict", "sk_skb"),
        SectionRule("sk_skb/verdict", "sk_skb", "sk_skb_verdict", "sk_skb"),
        SectionRule("sk_skb", "sk_skb", "", "sk_skb"),
        SectionRule("sk_msg", "sk_msg", "sk_msg_verdict", "sk_msg"),
        SectionRule("flow_dissector", "flow_dissector", "flow_dissector", "flow_dissector"),
        SectionRule("sk_lookup", "sk_lookup", "sk_lookup", "sk_lookup"),
        SectionRule("netfilter", "netfilter", "netfilter", "netfilter"),
    ]


def _cgroup() -> list[SectionRule]:
    rules = [
        SectionRule("cgroup_skb/ingress", "cgroup_skb", "cgroup_inet_ingress", "cgroup_skb"),
        SectionRule("cgroup_skb/egress", "cgroup_skb", "cgroup_inet_egress", "cgroup_skb"),
        SectionRule("cgroup/skb", "cgroup_skb", "", "cgroup_skb"),
        SectionRule("cgroup/sock_create", "cgroup_sock", "cgroup_inet_sock_create", "cgroup_sock/create"),
        SectionRule("cgroup/sock_release", "cgroup_sock", "cgroup_inet_sock_release", "cgroup_sock/release"),
        SectionRule("cgroup/sock", "cgroup_sock", "cgroup_inet_sock_create", "cgroup_sock/create"),
        SectionRule("cgroup/post_bind4", "cgroup_sock", "cgroup_inet4_post_bind", "cgroup_sock/inet4_post_bind"),
        SectionRule("cgroup/post_bind6", "cgroup_sock", "cgroup_inet6_post_bind", "cgroup_sock/inet6_post_bind"),
        SectionRule("cgroup/sysctl", "cgroup_sysctl", "cgroup_sysctl", "cgroup_sysctl"),
        SectionRule("cgroup/getsockopt", "cgroup_sockopt", "cgroup_getsockopt", "cgroup_sockopt/getsockopt"),
        SectionRule("cgroup/setsockopt", "cgroup_sockopt", "cgroup_setsockopt", "cgroup_sockopt/setsockopt"),
        SectionRule("cgroup/dev", "cgroup_device", "cgroup_device", "cgroup_device"),
    ]
    for verb, protocol in (
        ("bind", "inet"),
        ("connect", "inet"),
        ("sendmsg", "udp"),
        ("recvmsg", "udp"),
        ("getpeername", "inet"),
        ("getsockname", "inet"),
    ):
        for suffix, family in (("4", f"{protocol}4"), ("6", f"{protocol}6"), ("_unix", "unix")):
            if (verb, suffix) != ("bind", "_unix"):
                hook = f"{family}_{verb}"
                rules.append(
                    SectionRule(
                        f"cgroup/{verb}{suffix}", "cgroup_sock_addr", f"cgroup_{hook}", f"cgroup_sock_addr/{hook}"
                    )
                )
    return rules


SECTION_RULES: Final[tuple[SectionRule, ...]] = (
    *_probes(),
    *_tracing(),
    *_network(),
    *_cgroup(),
    SectionRule("syscall", "syscall", "", "syscall", SLEEPABLE),
    SectionRule("perf_event", "perf_event", "", "perf_event"),
    SectionRule("lirc_mode2", "lirc_mode2", "lirc_mode2", "lirc_mode2"),
    SectionRule("struct_ops+", "struct_ops", "", "struct_ops"),
    SectionRule("struct_ops.s+", "struct_ops", "", "struct_ops.s", SLEEPABLE),
)


def rule_for(section: str) -> SectionRule | None:
    """The rule for a section name (without a leading "?"), None if libbpf does not know the name."""
    for rule in SECTION_RULES:
        if rule.matches(section):
            return rule
    return None
