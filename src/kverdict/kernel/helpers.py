"""Helpers: prototypes, and which kinds of programs may call them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from kverdict.kernel import proto
from kverdict.kernel.facts import Table
from kverdict.kernel.kfuncs import Unknown
from kverdict.kernel.progtypes import is_iterator, nearest, prog_type_of

_PLACES: Final = range(1, 6)
# Licences of programs that may use everything; kernel: license_is_gpl_compatible().
GPL: Final = frozenset(
    ("GPL", "GPL v2", "GPL and additional rights", "Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL"),
)


@dataclass(frozen=True, slots=True)
class Helper:
    """A helper's prototype. args: proto.ARG_* | flags, up to five; ret: proto.RET_* | flags.

    arg_btf, arg_size: by argument place from 0: the structure's name, the size in bytes of fixed-size memory.
    ret_btf: the structure returned, "" if none. allowed: the kernel function that decides by attach target, or "".
    symbol: the kernel's name of the prototype.
    """

    number: int
    name: str
    args: tuple[int, ...]
    arg_btf: dict[int, str]
    arg_size: dict[int, int]
    ret: int
    ret_btf: str
    gpl_only: bool
    might_sleep: bool
    pkt_access: bool
    allow_fastcall: bool
    allowed: str = ""
    symbol: str = ""


def read_helper(number: int, name: str, symbol: str, entry: Table) -> Helper:
    """A Helper from its row of helper_protos."""
    return Helper(
        number=number,
        name=name,
        args=tuple(_bits(word, proto.ARG_NAMES) for word in entry["args"]),
        arg_btf={place - 1: entry[f"arg{place}_btf"] for place in _PLACES if f"arg{place}_btf" in entry},
        arg_size={place - 1: entry[f"arg{place}_size"] for place in _PLACES if f"arg{place}_size" in entry},
        ret=_bits(entry["ret"], proto.RET_NAMES),
        ret_btf=entry.get("ret_btf", ""),
        gpl_only=bool(entry.get("gpl_only")),
        might_sleep=bool(entry.get("might_sleep")),
        pkt_access=bool(entry.get("pkt_access")),
        allow_fastcall=bool(entry.get("allow_fastcall")),
        allowed=entry.get("allowed", ""),
        symbol=symbol,
    )


def _bits(word: str, bases: dict[str, int]) -> int:
    base, *flags = word.split("|")
    return bases[base] | sum(proto.FLAG_NAMES[flag] for flag in flags)


_NOT_IN_PROBE: Final = "helper call is not allowed in probe"
# What the verifier says for its own reasons, not because of the kind of program; it decides them itself.
_OWN_RULES: Final = (
    "might sleep",
    "sleepable helper",
    _NOT_IN_PROBE,
    "cannot tail call",
    "supported only for",
    "not supported for program type",
)
# Attach types whose programs have no return value to read or set; kernel: cgroup_common_func_proto().
_NO_RETVAL: Final = ("recvmsg", "getpeername", "getsockname")
# Functions that look a target up: the set for LSM hooks, the set for other targets.
_ALLOWED_SETS: Final = {
    "bpf_d_path_allowed": ("sleepable_lsm_hooks", "btf_allowlist_d_path"),
    "bpf_ima_inode_hash_allowed": ("sleepable_lsm_hooks",),
}
SOCKOPTS: Final = ("bpf_setsockopt", "bpf_getsockopt")
# Helpers that programs get by what they are attached to: cgroup_common_func_proto(), bpf_iter_tcp_get_func_proto(),
# bpf_iter_unix_get_func_proto() of the kernel.
_BY_ATTACHMENT: Final = {
    "cgroup_device": ("bpf_get_retval", "bpf_set_retval"),
    "cgroup_sysctl": ("bpf_get_retval", "bpf_set_retval"),
    "iter/tcp": SOCKOPTS,
    "iter/unix": SOCKOPTS,
}
# Structures all of whose functions may call the same helpers.
_ONE_MEMBER: Final = {
    "Qdisc_ops": "struct_ops/Qdisc_ops.enqueue",
    "sched_ext_ops": "struct_ops/sched_ext_ops.enqueue",
    "sched_ext_ops_cid": "struct_ops/sched_ext_ops.enqueue",
}


class HelperAvailability:
    """Which variants may call a helper, by the kernel's answers."""

    def __init__(self, table: Table, does: Callable[[str], bool]) -> None:
        self._everywhere: Final = frozenset(table["everywhere"])
        self._also: Final[dict[str, list[str]]] = table["also"]
        self._other: Final[dict[str, dict[str, str]]] = table["other_sentences"]
        self._derived: Final[dict[str, Table]] = table.get("derived", {})
        self._does: Final = does

    def refused(self, number: int, name: str, variant: str) -> str | Unknown | None:
        """The kernel's sentence if programs of this variant may not call the helper, None if they may."""
        target = variant.partition("/")[2] if prog_type_of(variant) == "struct_ops" else ""
        if target.startswith("bpf_dummy_ops."):
            return self.sentence(number, name)  # this structure has no get_func_proto()
        if target == "tcp_congestion_ops.release" and name in SOCKOPTS:
            return self.sentence(number, name)  # bpf_tcp_ca_get_func_proto()
        if variant.startswith("cgroup_sock_addr/") and name in ("bpf_get_retval", "bpf_set_retval"):
            return self.sentence(number, name) if variant.endswith(_NO_RETVAL) else None
        if name in SOCKOPTS and self._without_socket_options(variant):
            return self.sentence(number, name)
        if name in _BY_ATTACHMENT.get(variant, ()):
            return None
        if name in self._everywhere:
            return None
        for candidate in (*nearest(variant), _ONE_MEMBER.get(target.partition(".")[0], "")):
            if candidate in self._also:
                return self._answer(number, name, self._also[candidate], self._other.get(candidate, {}))
            if candidate in self._derived:
                derived = self._derived[candidate]
                if name in derived["undecided"]:
                    return Unknown(f"whether {variant} programs may call {name}")
                return self._answer(number, name, derived["allowed"], derived["other_sentences"])
        return Unknown(f"whether {variant} programs may call {name}")

    def _without_socket_options(self, variant: str) -> bool:
        """Kernel: sock_filter_func_proto(), sock_addr_func_proto()."""
        if variant.startswith("cgroup_sock_addr/unix_get"):
            return self._does("UNIX_NAMES_WITHOUT_SOCKOPT")
        return variant.startswith("cgroup_sock/") and variant != "cgroup_sock/create"

    def is_derived(self, variant: str) -> bool:
        """Whether the answers for this variant come from neighbouring kernels."""
        return variant in self._derived

    def _answer(self, number: int, name: str, also: list[str], other: dict[str, str]) -> str | None:
        said = other.get(name)
        if said is not None:
            return None if any(words in said for words in _OWN_RULES) else said
        return None if name in also else self.sentence(number, name)

    def sentence(self, number: int, name: str) -> str:
        """How this kernel says that programs of some kind have no such helper."""
        if self._does("CANNOT_USE_HELPER_SENTENCE"):
            return f"program of this type cannot use helper {name}#{number}"
        return f"unknown func {name}#{number}"


def sockopt_refused(attach_name: str, sets: Mapping[str, tuple[str, ...]]) -> bool:
    """Whether this LSM hook gives lsm_cgroup programs no bpf_[gs]etsockopt(); kernel: bpf_lsm_func_proto()."""
    hook = f"bpf_lsm_{attach_name.removeprefix('bpf_lsm_')}"
    return not any(hook in sets.get(f"bpf_lsm_{kind}_sockopt_hooks", ()) for kind in ("locked", "unlocked"))


def attach_refused(
    helper: Helper, variant: str, attach_name: str, sets: Mapping[str, tuple[str, ...]]
) -> str | Unknown | None:
    """What the helper's own `allowed` function makes the kernel say about this attach target, None if it allows it.

    Kernel: bpf_d_path_allowed(), bpf_sk_storage_tracing_allowed(), bpf_ima_inode_hash_allowed(). attach_name is the
    kernel function, tracepoint or hook: "vfs_truncate", "file_open".
    """
    needs = _ALLOWED_SETS.get(helper.allowed)
    if needs and not (is_iterator(variant) and helper.allowed == "bpf_d_path_allowed"):
        which = needs[0] if prog_type_of(variant) == "lsm" or len(needs) == 1 else needs[1]
        if which not in sets:
            return Unknown(f"whether {helper.name} is allowed in {attach_name or variant} (no list {which})")
        name = f"bpf_lsm_{attach_name.removeprefix('bpf_lsm_')}" if which == needs[0] else attach_name
        return None if name in sets[which] else _NOT_IN_PROBE
    if helper.allowed == "bpf_sk_storage_tracing_allowed":
        stem = variant.partition("/")[0].partition(".")[0]
        if stem in ("tp_btf", "iter"):
            return None
        traced = stem in ("fentry", "fexit", "fsession") and not attach_name.startswith("bpf_sk_storage")
        return None if traced else _NOT_IN_PROBE
    return None
