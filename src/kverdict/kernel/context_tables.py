"""Which fields of its context a program may touch, by program type: the *_is_valid_access() functions as data.

Read from net/core/filter.c, kernel/trace/bpf_trace.c and kernel/bpf/cgroup.c of Linux 6.3, 6.4 and 6.18. Offsets and
sizes of structures come from the profile's types, so that a field that a kernel lacks is not there either.
"""

from __future__ import annotations

from typing import Final, NamedTuple

# Sizes in bytes. NARROW_n: any power of two up to n, as part of a field that the kernel loads in n bytes.
ANY: Final = (1, 2, 4, 8)
NARROW_4: Final = (1, 2, 4)
NARROW_2: Final = (1, 2)
NARROW_8: Final = (1, 2, 4, 8)
WORD: Final = (4,)
LONG: Final = (8,)


class Rule(NamedTuple):
    """What may be done with some fields.

    fields: a member, "first..last" for all members from first to last, "=member" for its first byte only, or
    "first>last" for the padding between two members. read, write: access sizes allowed. whole: size of the field if
    the kernel loads more than the program asked for, else 0. kind, maybe_null: what a read gives. btf: structure that a
    pointer of kind "btf" points to. inside: the access must end within the fields. wide: 8 bytes may be accessed at
    8-byte multiples of the member. unsigned: sign-extending loads are refused. pointer: older kernels looked only at
    the first byte (behaviour CONTEXT_POINTERS_WHOLE). attach, write_attach: attach types that have the fields at all,
    that may write them; () all.
    """

    fields: str
    read: tuple[int, ...] = ()
    write: tuple[int, ...] = ()
    whole: int = 0
    kind: str = "scalar"
    maybe_null: bool = False
    btf: str = ""
    inside: bool = False
    wide: bool = False
    unsigned: bool = False
    pointer: bool = False
    attach: tuple[str, ...] = ()
    write_attach: tuple[str, ...] = ()


class Context(NamedTuple):
    """The context structure of a program type.

    hidden: fields that are never there. writable: if not None, only these may be written. pointers: kinds of fields,
    before the rules look at sizes. The first rule that covers the offset decides; `rest` for offsets without a rule.
    whole_end: the whole access must lie inside the structure, not just its first byte.
    """

    struct: str
    rules: tuple[Rule, ...]
    hidden: tuple[str, ...] = ()
    writable: tuple[str, ...] | None = None
    rest: Rule = Rule("")
    whole_end: bool = False


def _pointer(fields: str, kind: str, maybe_null: bool = False) -> Rule:
    """A pointer of 8 bytes that may only be read."""
    return Rule(fields, LONG, kind=kind, maybe_null=maybe_null, pointer=True)


# bpf_skb_is_valid_access()
_SKB_REST: Final = Rule("", NARROW_4, WORD, whole=4)
_SKB_RULES: Final = (
    Rule("cb", ANY, ANY, inside=True),
    Rule("remote_ip6", WORD, WORD),
    Rule("local_ip6", WORD, WORD),
    Rule("remote_ip4", WORD, WORD),
    Rule("local_ip4", WORD, WORD),
    Rule("flow_keys"),
    Rule("hwtstamp", LONG),
    Rule("tstamp", LONG, LONG),
    _pointer("sk", "sock_common", maybe_null=True),
    Rule("=tstamp_type"),
    Rule("tstamp_type>hwtstamp"),
)


def _packet(*names: str) -> tuple[Rule, ...]:
    kinds = {"data": "packet", "data_meta": "packet_meta", "data_end": "packet_end"}
    return tuple(Rule(name, WORD, kind=kinds[name], unsigned=True) for name in names)


def _skb(*more: Rule, hidden: tuple[str, ...], writable: tuple[str, ...]) -> Context:
    plain = tuple(Rule(name, WORD, unsigned=True) for name in ("data", "data_meta", "data_end"))
    return Context("__sk_buff", (*more, *plain, *_SKB_RULES), hidden, writable, _SKB_REST)


_DATA: Final = _packet("data", "data_end")
_TC: Final = _skb(
    Rule("=tstamp_type", (1,)),
    *_packet("data", "data_meta", "data_end"),
    hidden=("family..local_port",),
    writable=("mark", "tc_index", "priority", "tc_classid", "cb", "tstamp", "queue_mapping"),
)
_LWT: Final = _skb(
    *_DATA,
    hidden=("tc_classid", "family..local_port", "data_meta", "tstamp", "wire_len", "hwtstamp"),
    writable=("mark", "priority", "cb"),
)

# bpf_sock_is_valid_access(); also for pointers of kind "socket".
_SOCK_RULES: Final = (
    *(
        Rule(f"={name}", NARROW_4, NARROW_4, whole=4)
        for name in ("state", "family", "type", "protocol", "src_port", "rx_queue_mapping")
    ),
    *(Rule(name, NARROW_4, NARROW_4, whole=4) for name in ("src_ip4", "src_ip6", "dst_ip4", "dst_ip6")),
    Rule("dst_port", NARROW_4, NARROW_4, whole=2),
    Rule("dst_port>dst_ip4"),
)
_SOCK_REST: Final = Rule("", WORD, WORD)
_SOCK_WRITABLE: Final = ("bound_dev_if", "mark", "priority")
_CREATE: Final = ("cgroup_inet_sock_create", "cgroup_inet_sock_release")
_POST4: Final = "cgroup_inet4_post_bind"
_POST6: Final = "cgroup_inet6_post_bind"

_IP4: Final = tuple(
    f"cgroup_{name}4_{verb}"
    for name, verbs in (("inet", ("bind", "connect", "getpeername", "getsockname")), ("udp", ("sendmsg", "recvmsg")))
    for verb in verbs
)
_IP6: Final = tuple(name.replace("4_", "6_") for name in _IP4)

_PERF: Final = Context(
    "bpf_perf_event_data",
    (Rule("sample_period", NARROW_8, whole=8), Rule("addr", NARROW_8, whole=8)),
    rest=Rule("", LONG),
)

CONTEXTS: Final[dict[str, Context]] = {
    "socket_filter": _skb(
        hidden=("tc_classid", "data", "data_meta", "data_end", "family..local_port", "tstamp", "wire_len", "hwtstamp"),
        writable=("cb",),
    ),
    "cgroup_skb": _skb(
        *_DATA, hidden=("tc_classid", "data_meta", "wire_len"), writable=("mark", "priority", "cb", "tstamp")
    ),
    "lwt_in": _LWT,
    "lwt_out": _LWT,
    "lwt_xmit": _LWT,
    "lwt_seg6local": _LWT,
    "sched_cls": _TC,
    "sched_act": _TC,
    "sk_skb": _skb(
        *_DATA,
        hidden=("tc_classid", "data_meta", "tstamp", "wire_len", "hwtstamp", "mark"),
        writable=("tc_index", "priority"),
    ),
    "flow_dissector": Context("__sk_buff", (*_DATA, Rule("flow_keys", LONG, kind="flow_keys")), writable=()),
    "xdp": Context(
        "xdp_md",
        (Rule("egress_ifindex", WORD, attach=("xdp_devmap",)), *_packet("data", "data_meta", "data_end")),
        writable=(),
        rest=Rule("", WORD),
    ),
    # sock_filter_is_valid_access(): bpf_sock, and what the attach type has of it.
    "cgroup_sock": Context(
        "bpf_sock",
        (
            *(Rule(f"={name}", WORD, WORD, attach=_CREATE) for name in _SOCK_WRITABLE),
            Rule("src_ip4", NARROW_4, whole=4, attach=(_POST4,)),
            Rule("src_ip6", NARROW_4, whole=4, attach=(_POST6,)),
            Rule("=src_port", NARROW_4, whole=4, attach=(_POST4, _POST6)),
            *_SOCK_RULES,
        ),
        writable=tuple(f"={name}" for name in _SOCK_WRITABLE),
        rest=_SOCK_REST,
    ),
    "cgroup_sock_addr": Context(
        "bpf_sock_addr",
        (
            Rule("user_ip4", NARROW_4, WORD, whole=4, attach=_IP4),
            Rule("user_ip6", NARROW_4, WORD, whole=4, attach=_IP6, wide=True),
            Rule("msg_src_ip4", NARROW_4, WORD, whole=4, attach=("cgroup_udp4_sendmsg",)),
            Rule("msg_src_ip6", NARROW_4, WORD, whole=4, attach=("cgroup_udp6_sendmsg",), wide=True),
            Rule("user_port", NARROW_4, WORD, whole=4),
            _pointer("sk", "socket"),
            *(Rule(name, WORD) for name in ("user_family", "family", "type", "protocol")),
        ),
    ),
    "sock_ops": Context(
        "bpf_sock_ops",
        (
            Rule("=reply", WORD, WORD),
            Rule("=sk_txhash", WORD, WORD),
            Rule("bytes_received..bytes_acked", LONG),
            _pointer("sk", "socket", maybe_null=True),
            _pointer("skb_data", "packet"),
            _pointer("skb_data_end", "packet_end"),
            Rule("=skb_tcp_flags", NARROW_4, whole=4),
            Rule("skb_hwtstamp", LONG, pointer=True),
        ),
        writable=("=reply", "=sk_txhash"),
        rest=Rule("", WORD),
    ),
    "sk_msg": Context(
        "sk_msg_md",
        (
            _pointer("data", "packet"),
            _pointer("data_end", "packet_end"),
            _pointer("sk", "socket"),
            *(Rule(name, WORD) for name in ("family", "remote_ip4", "local_ip4", "remote_ip6", "local_ip6")),
            *(Rule(name, WORD) for name in ("remote_port", "local_port", "size")),
        ),
    ),
    "sk_lookup": Context(
        "bpf_sk_lookup",
        (
            _pointer("sk", "socket", maybe_null=True),
            *(
                Rule(name, NARROW_4, whole=4)
                for name in ("family", "protocol", "remote_ip4", "local_ip4", "remote_ip6", "local_ip6", "local_port")
            ),
            Rule("ingress_ifindex", NARROW_4, whole=4),
            Rule("remote_port", NARROW_4, whole=2),
            Rule("remote_port>local_ip4", NARROW_2, whole=2),
        ),
    ),
    "sk_reuseport": Context(
        "sk_reuseport_md",
        (
            Rule("=data", LONG, kind="packet"),
            Rule("=data_end", LONG, kind="packet_end"),
            Rule("=hash", WORD),
            Rule("=sk", LONG, kind="socket"),
            Rule("=migrating_sk", LONG, kind="sock_common", maybe_null=True),
            Rule("eth_protocol", (2, 4), whole=4),
            *(Rule(name, NARROW_4, whole=4) for name in ("ip_protocol", "bind_inany", "len")),
        ),
    ),
    "cgroup_device": Context(
        "bpf_cgroup_dev_ctx",
        (Rule("access_type", NARROW_4, whole=4),),
        rest=Rule("", WORD),
        whole_end=True,
    ),
    "cgroup_sysctl": Context(
        "bpf_sysctl",
        (Rule("write", NARROW_4, whole=4), Rule("file_pos", NARROW_4, WORD, whole=4)),
        whole_end=True,
    ),
    "cgroup_sockopt": Context(
        "bpf_sockopt",
        (
            _pointer("sk", "socket"),
            _pointer("optval", "packet"),
            _pointer("optval_end", "packet_end"),
            Rule("retval", WORD, WORD, attach=("cgroup_getsockopt",)),
            Rule("=optname", WORD, WORD, write_attach=("cgroup_setsockopt",)),
            Rule("=level", WORD, WORD, write_attach=("cgroup_setsockopt",)),
            Rule("=optlen", WORD, WORD),
        ),
        writable=("=retval", "=optname", "=level", "=optlen"),
        rest=Rule("", WORD),
    ),
    "perf_event": _PERF,
    # nf_is_valid_access() in net/netfilter/nf_bpf_link.c
    "netfilter": Context(
        "bpf_nf_ctx",
        (Rule("skb", LONG, kind="btf", btf="sk_buff"), Rule("state", LONG, kind="btf", btf="nf_hook_state")),
    ),
}

# What pointers to sockets lead to, by kind of pointer: the same question for structures that stand for kernel ones.
# Kernel: bpf_sock_is_valid_access(), bpf_sock_common_…(), bpf_tcp_sock_…(), bpf_xdp_sock_…(). Nothing may be written.
OBJECTS: Final[dict[str, Context]] = {
    "socket": Context("bpf_sock", _SOCK_RULES, rest=_SOCK_REST, writable=()),
    "sock_common": Context("bpf_sock", _SOCK_RULES, hidden=("type..priority",), rest=_SOCK_REST, writable=()),
    "tcp_sock": Context(
        "bpf_tcp_sock",
        (Rule("=bytes_received", LONG), Rule("=bytes_acked", LONG)),
        rest=Rule("", WORD),
        writable=(),
    ),
    "xdp_sock": Context("bpf_xdp_sock", (), rest=Rule("", WORD), writable=()),
}

# Iterators: arguments whose type the iterator itself states (struct bpf_iter_reg.ctx_arg_info), by target: member of
# the context -> kind and what it may be. Everything else has the type of the argument. "trusted" holds
# in kernels with the behaviour TRUSTED_ITERATOR_ARGS. Read from kernel/bpf/*_iter.c; those of net/ are not covered.
ITERATORS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "task": {"task": ("maybe_null", "trusted")},
    "task_file": {"task": ("maybe_null",), "file": ("maybe_null",)},
    "task_vma": {"task": ("maybe_null",), "vma": ("maybe_null",)},
    "bpf_map": {"map": ("maybe_null", "trusted")},
    "bpf_map_elem": {"key": ("buffer", "maybe_null", "read_only"), "value": ("buffer", "maybe_null")},
    "bpf_prog": {"prog": ("maybe_null",)},
    "bpf_link": {"link": ("maybe_null",)},
    "cgroup": {"cgroup": ("maybe_null", "trusted")},
    "kmem_cache": {"s": ("maybe_null", "trusted")},
    "dmabuf": {"dmabuf": ("maybe_null",)},
}
