"""Structures of functions that programs may implement: which members, which may sleep, what they may write.

Each subsystem brings its own rules: bpf_tcp_ca.c, bpf_qdisc.c, bpf_dummy_struct_ops.c, kernel/sched/ext of the kernel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from kverdict.btf.args import has_suffix
from kverdict.btf.layout import find_member, resolved, size_of
from kverdict.btf.types import KIND_FUNC, KIND_STRUCT, Func, FuncProto, Ptr, Struct

if TYPE_CHECKING:
    from kverdict.btf.btf import Btf
    from kverdict.kernel.profile import KernelProfile

AT_START: Final = 0
INSIDE: Final = 1
CONTAINED: Final = 2


class Field(NamedTuple):
    """Something that programs may write.

    place: "struct.member.member", or a sum of such ("sk_buff.cb+qdisc_skb_cb.data"). rule: AT_START: a write begins
    where the field does; INSIDE: a write begins in it; CONTAINED: a write lies in it (as an objection nobody words).
    since, until: behaviours ("": always) with which the kernel lets programs write it, or certainly does not.
    """

    place: str
    rule: int = AT_START
    since: str = ""
    until: str = ""


class Operations(NamedTuple):
    """The rules of one structure of functions.

    stubs: names of the functions whose parameters tell more than the members' types, {} being the member's name.
    writable: by structure. may_sleep: members whose programs may sleep, None: all. refused: members that no program
    may implement, on kernels without stubs. renamed: members and those whose rules and stub they share. promoted: a
    structure that stands for a larger one where it is an argument.
    """

    stubs: tuple[str, ...]
    writable: dict[str, tuple[Field, ...]]
    may_sleep: frozenset[str] | None = None
    refused: frozenset[str] = frozenset()
    renamed: tuple[tuple[str, str], ...] = ()
    promoted: tuple[str, str] = ("", "")


_TCP_SOCK: Final = (
    Field("sock.sk_pacing_rate"),
    Field("sock.sk_pacing_status"),
    Field("inet_connection_sock.icsk_ca_priv", INSIDE),
    Field("inet_connection_sock.icsk_ack.pending"),
    Field("tcp_sock.snd_cwnd"),
    Field("tcp_sock.snd_cwnd_cnt"),
    Field("tcp_sock.snd_cwnd_stamp", AT_START, "TCP_WRITES_MORE_FIELDS", "TCP_WRITES_FEWER_FIELDS"),
    Field("tcp_sock.snd_ssthresh"),
    Field("tcp_sock.ecn_flags"),
    Field("tcp_sock.app_limited", AT_START, "TCP_WRITES_MORE_FIELDS", "TCP_WRITES_FEWER_FIELDS"),
)
_SCHED_EXT: Final = Operations(
    stubs=("sched_ext_ops_cid__{}", "sched_ext_ops__{}"),
    may_sleep=frozenset(
        (
            "init_task",
            "cgroup_init",
            "cgroup_exit",
            "cgroup_prep_move",
            "cpu_online",
            "cpu_offline",
            "init",
            "exit",
            "sub_attach",
            "sub_detach",
        )
    ),
    renamed=(
        ("select_cid", "select_cpu"),
        ("cid_online", "cpu_online"),
        ("cid_offline", "cpu_offline"),
        ("dump_cid", "dump_cpu"),
    ),
    writable={
        "task_struct": (
            Field("task_struct.scx.slice", CONTAINED),
            Field("task_struct.scx.dsq_vtime", CONTAINED),
            Field("task_struct.scx.disallow", CONTAINED),
        )
    },
)
OPERATIONS: Final[dict[str, Operations]] = {
    "tcp_congestion_ops": Operations(
        stubs=("__bpf_tcp_ca_{}", "bpf_tcp_ca_{}"),
        refused=frozenset(("get_info",)),
        promoted=("sock", "tcp_sock"),
        writable={"tcp_sock": _TCP_SOCK},
    ),
    "Qdisc_ops": Operations(
        stubs=("Qdisc_ops__{}",),
        writable={
            "sk_buff": (Field("sk_buff.tstamp"), Field("sk_buff.cb+qdisc_skb_cb.data", INSIDE)),
            "Qdisc": (Field("Qdisc.limit"), Field("Qdisc.q.qlen"), Field("Qdisc.qstats", INSIDE)),
        },
    ),
    "bpf_dummy_ops": Operations(
        stubs=("bpf_dummy_ops__{}", "bpf_dummy_{}"),
        may_sleep=frozenset(("test_sleepable",)),
        writable={"bpf_dummy_ops_state": ()},
    ),
    "sched_ext_ops": _SCHED_EXT,
    "sched_ext_ops_cid": _SCHED_EXT,
}
SCHED_EXT: Final = ("sched_ext_ops", "sched_ext_ops_cid")
# Groups of kfuncs (sets scx_kfunc_ids_…) that the functions of a scheduler may call; kernel: scx_kf_allow_flags[].
_UNLOCKED: Final = ("unlocked",)
SCHED_EXT_KFUNCS: Final[dict[str, tuple[str, ...]]] = {
    "select_cpu": ("select_cpu", "enqueue_dispatch"),
    "enqueue": ("select_cpu", "enqueue_dispatch"),
    "dispatch": ("enqueue_dispatch", "dispatch"),
    "cpu_release": ("cpu_release",),
    "init_task": _UNLOCKED,
    "dump": _UNLOCKED,
    "cgroup_init": _UNLOCKED,
    "cgroup_exit": _UNLOCKED,
    "cgroup_prep_move": _UNLOCKED,
    "cgroup_cancel_move": _UNLOCKED,
    "cgroup_set_weight": _UNLOCKED,
    "cgroup_set_bandwidth": _UNLOCKED,
    "cgroup_set_idle": _UNLOCKED,
    "sub_attach": _UNLOCKED,
    "sub_detach": _UNLOCKED,
    "cpu_online": _UNLOCKED,
    "cpu_offline": _UNLOCKED,
    "init": ("unlocked", "init"),
    "exit": _UNLOCKED,
}
# Sets of kfuncs that a queueing discipline's functions may call; kernel: bpf_qdisc_kfunc_filter().
QDISC_KFUNCS: Final[dict[str, str]] = {"enqueue": "qdisc_enqueue_kfunc_set", "dequeue": "qdisc_dequeue_kfunc_set"}


def original(structure: str, member: str) -> str:
    """The member whose rules hold for this one."""
    rules = OPERATIONS.get(structure)
    return dict(rules.renamed).get(member, member) if rules else member


def member_proto(btf: Btf, struct_id: int, member: str) -> FuncProto | None:
    """The prototype behind a member that is a pointer to a function; kernel: btf_type_resolve_func_ptr()."""
    found = btf.type(struct_id)
    for field in found.members if isinstance(found, Struct) else ():
        if field.name == member:
            pointer = resolved(btf, field.type_id)
            function = resolved(btf, pointer.type_id) if isinstance(pointer, Ptr) else None
            return function if isinstance(function, FuncProto) else None
    return None


def stub(btf: Btf, structure: str, member: str) -> FuncProto | None:
    """The prototype of the member's stub, None if it has none; kernel: bpf_struct_ops.cfi_stubs."""
    rules = OPERATIONS[structure]
    for name in (member, original(structure, member)):
        for pattern in rules.stubs:
            found = btf.find(pattern.format(name), KIND_FUNC)
            function = btf.type(found) if found else None
            if isinstance(function, Func):
                proto = btf.type(function.type_id)
                return proto if isinstance(proto, FuncProto) else None
    return None


def is_supported(profile: KernelProfile, structure: str, member: str) -> bool:
    """Whether programs may implement the member; kernel: bpf_struct_ops_supported(), check_member()."""
    if profile.does("STRUCT_OPS_STUBS"):
        return stub(profile.btf, structure, member) is not None
    return member not in OPERATIONS[structure].refused


def marked_arguments(profile: KernelProfile, structure: str, member: str, suffix: str) -> frozenset[int]:
    """Numbers of the arguments whose name in the stub ends like that; kernel: prepare_arg_info()."""
    if structure not in OPERATIONS or not profile.does("STRUCT_OPS_STUBS"):
        return frozenset()
    proto = stub(profile.btf, structure, member)
    names = [name for name, _ in proto.params] if proto else []
    return frozenset(number for number, name in enumerate(names) if has_suffix(name, suffix))


def extent(btf: Btf, place: str) -> tuple[int, int]:
    """(first byte, end) of a field that is written as in Field.place; (-1, -1) if this kernel lacks it."""
    offset = size = 0
    for path in place.split("+"):
        struct, *names = path.split(".")
        type_id = btf.find(struct, KIND_STRUCT)
        for name in names:
            found = find_member(btf, type_id, name) if type_id else None
            if found is None:
                return -1, -1
            offset += found.offset
            type_id = found.member.type_id
        size = size_of(btf, type_id)
    return offset, offset + size
