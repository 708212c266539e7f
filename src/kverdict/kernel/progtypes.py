"""Kinds of programs: variants as the facts name them, the program type behind each, and the kfunc hook it uses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple


class HookRule(NamedTuple):
    """Program types that use a kfunc hook, once the kernel has the behaviour ("": always)."""

    hook: str
    prog_types: tuple[str, ...]
    behaviour: str = ""


# Kernel: bpf_prog_type_to_kfunc_hook(). Later rows win. Kfuncs of the hook "common" are for every program type.
HOOK_RULES: Final[tuple[HookRule, ...]] = (
    HookRule("xdp", ("xdp",)),
    HookRule("tc", ("sched_cls",)),
    HookRule("struct_ops", ("struct_ops",)),
    HookRule("tracing", ("tracing", "lsm")),
    HookRule("tracing", ("tracepoint", "perf_event"), "TRACEPOINT_KFUNCS"),
    HookRule("tracing", ("raw_tracepoint",), "RAW_TRACEPOINT_KFUNCS"),
    HookRule("syscall", ("syscall",)),
    HookRule("cgroup_skb", ("cgroup_skb",), "SKB_KFUNC_HOOKS"),
    HookRule(
        "cgroup",
        ("cgroup_skb", "cgroup_sock", "cgroup_device", "cgroup_sock_addr", "cgroup_sockopt", "cgroup_sysctl"),
        "CGROUP_KFUNC_HOOK",
    ),
    HookRule("cgroup", ("sock_ops",), "SOCK_OPS_KFUNCS"),
    HookRule("sched_act", ("sched_act",), "SKB_KFUNC_HOOKS"),
    HookRule("sk_skb", ("sk_skb",), "SKB_KFUNC_HOOKS"),
    HookRule("socket_filter", ("socket_filter",), "SKB_KFUNC_HOOKS"),
    HookRule("lwt", ("lwt_in", "lwt_out", "lwt_xmit", "lwt_seg6local"), "SKB_KFUNC_HOOKS"),
    HookRule("netfilter", ("netfilter",), "SKB_KFUNC_HOOKS"),
    HookRule("kprobe", ("kprobe",), "KPROBE_KFUNC_HOOK"),
)

# Where the first part of a variant is not the program type itself.
_PROG_TYPES: Final = {
    "tp_btf": "tracing",
    "fentry": "tracing",
    "fexit": "tracing",
    "fmod_ret": "tracing",
    "fsession": "tracing",
    "iter": "tracing",
    "lsm_cgroup": "lsm",
    "uprobe": "kprobe",
    "freplace": "ext",
}
# Variants that no kernel was asked about: the nearest ones that may answer for them, best first.
_NEAREST: Final[dict[str, tuple[str, ...]]] = {
    "fexit.s": ("fentry.s",),
    "fmod_ret.s": ("fentry.s",),
    "fsession": ("fexit",),
    "fsession.s": ("fentry.s",),
    "uprobe.multi": ("kprobe.multi",),
    "uprobe.multi.s": ("kprobe.s",),
    "uprobe.session": ("kprobe.session",),
    "uprobe.session.s": ("kprobe.session",),
    "iter": ("iter/task",),
    "iter.s": ("iter.s/task",),
    "xdp/cpumap": ("xdp/devmap", "xdp"),
}
_SOCK_ADDR: Final = {"bind": "inet4_bind", "connect": "inet4_connect"}


def prog_type_of(variant: str) -> str:
    """The program type of a variant, in lower case without BPF_PROG_TYPE_: "tracing" for "fentry.s"."""
    stem = variant.split("/", 1)[0].split(".", 1)[0]
    return _PROG_TYPES.get(stem, stem)


def is_sleepable(variant: str) -> bool:
    """Whether programs of this variant may sleep: ".s", and syscall programs always."""
    stem = variant.split("/", 1)[0]
    return stem.endswith(".s") or stem == "syscall"


def is_iterator(variant: str) -> bool:
    """Whether this is a program for bpf_iter."""
    return variant.split("/", 1)[0].split(".", 1)[0] == "iter"


def hook_of(variant: str, does: Callable[[str], bool]) -> str:
    """The kfunc hook of a variant in the kernel that answers `does`, "" if its programs have only common kfuncs."""
    prog_type = prog_type_of(variant)
    found = ""
    for rule in HOOK_RULES:
        if prog_type in rule.prog_types and (not rule.behaviour or does(rule.behaviour)):
            found = rule.hook
    return found


def nearest(variant: str) -> Iterator[str]:
    """The variant itself, then those whose answers hold for it too, best first."""
    yield variant
    stem, _, target = variant.partition("/")
    if stem in ("iter", "iter.s"):
        yield f"{stem}/task"
    elif stem == "cgroup_sock_addr":
        yield f"{stem}/{_SOCK_ADDR.get(target.rpartition('_')[2], 'udp4_sendmsg')}"
    elif stem in ("struct_ops", "struct_ops.s") and target.startswith("tcp_congestion_ops."):
        yield "struct_ops/tcp_congestion_ops.ssthresh"
    elif stem == "cgroup_sock":
        yield "cgroup_sock/create"
    yield from _NEAREST.get(variant, ())
    if stem.endswith(".s"):
        yield from nearest(stem[:-2] + (f"/{target}" if target else ""))
