"""Contexts: who may read and write which field, and what a read gives."""

from __future__ import annotations

import pytest

from kverdict.errors import UnsupportedError
from kverdict.kernel.context import ContextAccess, context_access
from kverdict.kernel.context_tables import CONTEXTS, OBJECTS
from kverdict.kernel.profile import load_profile

SCALAR = ContextAccess("scalar")
LEN, MARK, CB, DATA, DATA_META, HASH, TSTAMP, SK = 0, 8, 48, 76, 140, 68, 152, 168  # of __sk_buff
R, W = False, True

# program type, attach type, offset, size, write, what it is (None: refused)
CASES: list[tuple[str, str, int, int, bool, ContextAccess | None]] = [
    ("socket_filter", "", LEN, 4, R, SCALAR),
    ("socket_filter", "", LEN, 1, R, ContextAccess("scalar", whole=4)),
    ("socket_filter", "", LEN, 8, R, None),
    ("socket_filter", "", LEN, 4, W, None),
    ("socket_filter", "", CB, 8, W, SCALAR),
    ("socket_filter", "", CB + 16, 8, W, None),  # ends behind cb[4]
    ("socket_filter", "", DATA, 4, R, None),
    ("sched_cls", "", DATA, 4, R, ContextAccess("packet")),
    ("sched_cls", "", DATA, 2, R, None),
    ("sched_cls", "", DATA + 4, 4, R, ContextAccess("packet_end")),
    ("sched_cls", "", DATA_META, 4, R, ContextAccess("packet_meta")),
    ("sched_cls", "", MARK, 4, W, SCALAR),
    ("sched_cls", "", MARK, 2, W, None),
    ("sched_cls", "", HASH, 4, W, None),
    ("sched_cls", "", TSTAMP, 8, W, SCALAR),
    ("sched_cls", "", TSTAMP, 4, R, None),
    ("sched_cls", "", SK, 8, R, ContextAccess("sock_common", maybe_null=True)),
    ("sched_cls", "", SK + 4, 4, R, None),
    ("sched_cls", "", 180, 1, R, SCALAR),  # tstamp_type
    ("sched_cls", "", 181, 2, R, None),  # padding
    ("sched_cls", "", -4, 4, R, None),
    ("sched_cls", "", 192, 4, R, None),
    ("cgroup_skb", "", DATA_META, 4, R, None),
    ("sk_skb", "", MARK, 4, R, None),
    ("flow_dissector", "", 144, 8, R, ContextAccess("flow_keys")),
    ("flow_dissector", "", LEN, 4, R, None),
    ("xdp", "xdp", 0, 4, R, ContextAccess("packet")),
    ("xdp", "xdp", 12, 4, R, SCALAR),
    ("xdp", "xdp", 12, 4, W, None),
    ("xdp", "xdp", 20, 4, R, None),
    ("xdp", "xdp_devmap", 20, 4, R, SCALAR),
    ("cgroup_sock", "cgroup_inet_sock_create", 0, 4, W, SCALAR),
    ("cgroup_sock", "cgroup_inet4_post_bind", 0, 4, R, None),
    ("cgroup_sock", "cgroup_inet4_post_bind", 24, 4, R, SCALAR),
    ("cgroup_sock", "cgroup_inet6_post_bind", 24, 4, R, None),
    ("cgroup_sock", "cgroup_inet4_post_bind", 50, 2, R, None),
    ("cgroup_sock_addr", "cgroup_inet6_bind", 8, 8, W, SCALAR),
    ("cgroup_sock_addr", "cgroup_inet6_bind", 12, 8, W, None),
    ("cgroup_sock_addr", "cgroup_inet4_bind", 8, 8, R, None),
    ("cgroup_sock_addr", "cgroup_inet4_bind", 4, 2, R, ContextAccess("scalar", whole=4)),
    ("cgroup_sock_addr", "cgroup_inet4_bind", 64, 8, R, ContextAccess("socket")),
    ("sock_ops", "cgroup_sock_ops", 184, 8, R, ContextAccess("socket", maybe_null=True)),
    ("sock_ops", "cgroup_sock_ops", 0, 4, W, None),
    ("sock_ops", "cgroup_sock_ops", 4, 4, W, SCALAR),
    ("sk_msg", "sk_msg_verdict", 0, 8, R, ContextAccess("packet")),
    ("sk_msg", "sk_msg_verdict", 68, 4, R, SCALAR),
    ("sk_lookup", "sk_lookup", 0, 8, R, ContextAccess("socket", maybe_null=True)),
    ("sk_lookup", "sk_lookup", 36, 4, R, SCALAR),  # remote_port, four bytes for old programs
    ("sk_lookup", "sk_lookup", 38, 2, R, SCALAR),  # padding behind it
    ("sk_reuseport", "", 0, 8, R, ContextAccess("packet")),
    ("sk_reuseport", "", 20, 1, R, None),  # eth_protocol has two bytes
    ("cgroup_sysctl", "", 0, 1, R, ContextAccess("scalar", whole=4)),
    ("cgroup_sysctl", "", 0, 4, W, None),
    ("cgroup_sysctl", "", 4, 4, W, SCALAR),
    ("cgroup_device", "", 0, 2, R, ContextAccess("scalar", whole=4)),
    ("cgroup_device", "", 4, 2, R, None),
    ("cgroup_sockopt", "cgroup_getsockopt", 36, 4, W, SCALAR),
    ("cgroup_sockopt", "cgroup_setsockopt", 36, 4, R, None),
    ("cgroup_sockopt", "cgroup_setsockopt", 24, 4, W, SCALAR),
    ("cgroup_sockopt", "cgroup_getsockopt", 24, 4, W, None),
    ("kprobe", "", 112, 8, R, SCALAR),
    ("kprobe", "", 112, 8, W, None),
    ("kprobe", "", 168, 8, R, None),
    ("tracepoint", "", 0, 8, R, None),
    ("tracepoint", "", 8, 8, R, SCALAR),
    ("tracepoint", "", 8192, 8, R, None),
    ("raw_tracepoint", "", 88, 8, R, SCALAR),
    ("raw_tracepoint", "", 96, 8, R, None),
    ("raw_tracepoint_writable", "", 0, 8, R, ContextAccess("tp_buffer")),
    ("perf_event", "", 168, 2, R, ContextAccess("scalar", whole=8)),
    ("perf_event", "", 0, 4, R, None),
    ("netfilter", "netfilter", 0, 8, R, ContextAccess("btf", btf="nf_hook_state")),
    ("syscall", "", 4096, 8, W, SCALAR),
    ("lirc_mode2", "lirc_mode2", 0, 4, R, SCALAR),
    ("tracing", "trace_raw_tp", 8, 8, R, ContextAccess("argument")),
    ("tracing", "trace_raw_tp", 8, 8, W, None),
    ("lsm", "lsm_mac", 96, 8, R, None),
]


@pytest.mark.parametrize(("prog_type", "attach_type", "offset", "size", "is_write", "expected"), CASES)
def test_the_fields_of_a_context_in_6_18(
    prog_type: str, attach_type: str, offset: int, size: int, is_write: bool, expected: ContextAccess | None
) -> None:
    assert context_access(load_profile("6.18"), prog_type, attach_type, offset, size, is_write) == expected


def test_packet_pointers_may_not_be_sign_extended() -> None:
    profile = load_profile("6.18")
    assert context_access(profile, "xdp", "xdp", 0, 4, False, signed=True) is None
    assert context_access(profile, "xdp", "xdp", 12, 4, False, signed=True) == SCALAR


def test_old_kernels_let_the_upper_half_of_a_pointer_be_read() -> None:
    assert context_access(load_profile("6.4"), "sched_cls", "", SK + 4, 4, False) == SCALAR
    assert context_access(load_profile("6.1"), "sched_cls", "", SK + 4, 4, False) is None  # backported


def test_kprobes_may_write_registers_in_7_2() -> None:
    assert context_access(load_profile("7.2"), "kprobe", "", 80, 8, True) == SCALAR


def test_a_common_socket_has_no_protocol() -> None:
    contexts = load_profile("6.18").contexts
    assert contexts.object_access("socket", 8, 4, False) == SCALAR
    assert contexts.object_access("sock_common", 8, 4, False) is None
    assert contexts.object_access("sock_common", 4, 4, False) == SCALAR
    assert contexts.object_access("socket", 16, 4, True) is None


def test_iterators_say_what_may_be_null() -> None:
    contexts = load_profile("6.18").contexts
    assert contexts.iterator_argument("task", "task") == {"maybe_null", "trusted"}
    assert contexts.iterator_argument("task", "meta") == frozenset()
    assert load_profile("6.4").contexts.iterator_argument("task", "task") == {"maybe_null"}
    with pytest.raises(UnsupportedError, match="iterator tcp"):
        contexts.iterator_argument("tcp", "sk_common")


def test_what_is_not_modelled_says_so() -> None:
    with pytest.raises(UnsupportedError, match="context of ext programs"):
        context_access(load_profile("6.18"), "ext", "", 0, 8, False)


@pytest.mark.parametrize("kernel", ["6.1", "6.3", "6.4", "6.12", "6.18", "7.2"])
def test_every_context_exists_in_every_kernel_that_has_the_program_type(kernel: str) -> None:
    profile = load_profile(kernel)
    for prog_type in CONTEXTS:
        if prog_type in profile.prog_types and not (kernel == "6.1" and prog_type == "netfilter"):
            context_access(profile, prog_type, "", 0, 4, False)
    for kind in OBJECTS:
        profile.contexts.object_access(kind, 0, 4, False)
