"""Kfuncs: what a kernel says about each, and which kinds of programs may call it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from kverdict.kernel import proto
from kverdict.kernel.facts import Table
from kverdict.kernel.progtypes import hook_of, is_iterator, is_sleepable, nearest, prog_type_of
from kverdict.kernel.struct_ops import QDISC_KFUNCS, SCHED_EXT, SCHED_EXT_KFUNCS, original


class KfuncParam(NamedTuple):
    """A parameter: its name in the kernel's BTF (with suffixes such as __sz, __ign) and its BTF type."""

    name: str
    type_id: int


@dataclass(frozen=True, slots=True)
class Kfunc:
    """A kernel function that programs may call. Flags are proto.KF_*.

    btf_id: the FUNC in the profile's BTF; proto_id: its FUNC_PROTO; return_id: type returned (0: void).
    hooks: program classes it is registered for ("tracing", "common" …). flags_in_hook: where a hook has other flags.
    prototype: as C, for people.
    """

    name: str
    btf_id: int
    flags: int
    flags_in_hook: dict[str, int]
    hooks: frozenset[str]
    proto_id: int
    params: tuple[KfuncParam, ...]
    return_id: int
    prototype: str = ""

    def has(self, flag: int) -> bool:
        """Whether all bits of `flag` (proto.KF_*) are set."""
        return self.flags & flag == flag

    def flag_names(self) -> tuple[str, ...]:
        """The names of its flags, for people."""
        return tuple(name for name, bit in proto.KFUNC_FLAG_NAMES.items() if self.flags & bit)


class Unknown(NamedTuple):
    """The facts do not say whether a call is allowed; `why` is what was looked for."""

    why: str


NOT_ALLOWED: Final = "calling kernel function %s is not allowed"
_CSS_TASK_ITER: Final = "css_task_iter is only allowed in bpf_lsm, bpf_iter and sleepable progs"
_NO_TAGS: Final = "no vmlinux btf rcu tag support for kfunc %s"
_SCX: Final = "scx_kfunc_ids_"  # sets of kfuncs for schedulers
_CID: Final = "scx_kfunc_ids_cid"  # which no filter looks at
_RCU_LOCKS: Final = ("bpf_rcu_read_lock", "bpf_rcu_read_unlock")
# Sentences of the probe that are no refusals of the program type: the verifier's own rules give them.
_NOT_THE_TYPE: Final = ("yes", "unknown", "program must be sleepable to call sleepable kfunc %s", _NO_TAGS)

# Filters look at more than the program type: the kfunc set, and whether a variant passes. Kernel: the functions named.
_FILTERS: Final[dict[str, Callable[[str], bool]]] = {
    "bpf_fs_kfunc_set_ids": lambda variant: prog_type_of(variant) == "lsm",  # bpf_fs_kfuncs_filter()
    "fsverity_set_ids": lambda variant: prog_type_of(variant) == "lsm",  # bpf_get_fsverity_digest_filter()
    "bpf_sk_iter_kfunc_ids": is_iterator,  # tracing_iter_filter()
    "kprobe_multi_kfunc_set_ids": lambda variant: "session" in variant,  # bpf_kprobe_multi_filter()
    "session_kfunc_set_ids": lambda variant: "session" in variant,  # bpf_session_filter()
}


class Availability:
    """Which variants may call a kfunc: what the kernel answered, else what its hooks and filters say."""

    def __init__(self, answers: Table, sets: Table, does: Callable[[str], bool]) -> None:
        self._sentences: Final[list[str]] = answers["sentences"]
        self._said: Final[dict[str, list[int]]] = answers["kfuncs"]
        self._classes: Final = {v: at for at, members in enumerate(answers["classes"]) for v in members}
        self._sets: Final[Table] = sets.get("kfunc_sets", {})
        self._id_sets: Final[dict[str, list[str]]] = sets.get("sets", {})
        self._does: Final = does

    def refused(self, name: str, hooks: frozenset[str], variant: str, measured: bool) -> str | Unknown | None:
        """The kernel's sentence if programs of this variant may not call the kfunc, None if they may.

        measured: the hooks are those of the kernel that was asked (no overlay changed them).
        """
        if name in _RCU_LOCKS and self._does("RCU_LOCK_NEEDS_TYPE_TAGS") and not self._does("BTF_HAS_TYPE_TAGS"):
            return self._unless_hook(name, hooks, variant) or _NO_TAGS % name
        if measured and variant in self._classes:
            return self._measured(name, self._classes[variant])
        refusal = self._unless_hook(name, hooks, variant)
        return refusal if refusal else self._by_filter(name, variant, measured)

    def _measured(self, name: str, place: int) -> str | None:
        said = self._said.get(name)
        sentence = self._sentences[said[place]] if said and said[place] >= 0 else "yes"
        if sentence in _NOT_THE_TYPE:
            return None
        return sentence.replace("%s", name)

    def _unless_hook(self, name: str, hooks: frozenset[str], variant: str) -> str | None:
        if "common" in hooks or hook_of(variant, self._does) in hooks:
            return None
        return NOT_ALLOWED % name

    def _by_filter(self, name: str, variant: str, measured: bool) -> str | Unknown | None:
        if name == "bpf_iter_css_task_new":
            free = prog_type_of(variant) == "lsm" or is_iterator(variant) or is_sleepable(variant)
            return None if free else _CSS_TASK_ITER
        for set_name, passes in _FILTERS.items():
            if name in self._sets.get(set_name, ()):
                known = not variant.startswith("uprobe.session") or self._does("UPROBE_SESSION")
                return None if known and passes(variant) else NOT_ALLOWED % name
        if not measured:
            return None  # an overlay put the kfunc into this hook, and no filter knows it
        for candidate in nearest(variant):
            if candidate in self._classes:
                return self._measured(name, self._classes[candidate])
        if prog_type_of(variant) == "struct_ops":
            return self._struct_ops(name, variant)
        said = self._said_in_hook(name, hook_of(variant, self._does))
        if len(said) <= 1:
            return said.pop() if said else None
        return Unknown(f"whether a filter lets {variant} programs call {name}")

    def _struct_ops(self, name: str, variant: str) -> str | Unknown | None:
        """Filters of struct_ops look at the structure and the member; kfuncs without a filter are for all alike."""
        structure, _, member = variant.partition("/")[2].partition(".")
        member = original(structure, member)
        plain = self._classes.get("struct_ops/tcp_congestion_ops.ssthresh")
        if not structure or plain is None:
            return Unknown(f"whether a filter lets {variant} programs call {name}")
        if name in self._sets.get("qdisc_kfunc_ids", ()):
            allowed = structure == "Qdisc_ops" and self._qdisc(name, member)
            return None if allowed else NOT_ALLOWED % name
        if any(name in members for key, members in self._sets.items() if key.startswith(_SCX) and key != _CID):
            allowed = structure in SCHED_EXT and self._sched_ext(name, structure, member)
            return None if allowed else NOT_ALLOWED % name
        return self._measured(name, plain)

    def _qdisc(self, name: str, member: str) -> bool:
        """Kernel: bpf_qdisc_kfunc_filter()."""
        own = QDISC_KFUNCS.get(member, "")
        return name in self._id_sets.get("qdisc_common_kfunc_set", ()) or name in self._id_sets.get(own, ())

    def _sched_ext(self, name: str, structure: str, member: str) -> bool:
        """Kernel: scx_kfunc_context_filter()."""
        if structure == "sched_ext_ops_cid" and name in self._sets.get(f"{_SCX}cpu_only", ()):
            return False
        groups = ("any", "idle", *SCHED_EXT_KFUNCS.get(member, ()))
        return any(name in self._sets.get(f"{_SCX}{group}", ()) for group in groups)

    def _said_in_hook(self, name: str, hook: str) -> set[str | None]:
        """All answers that programs of this hook got for a kfunc: one if no filter looks at more than the hook."""
        places = {self._classes[v] for v in self._classes if hook_of(v, self._does) == hook}
        return {self._measured(name, place) for place in places}
