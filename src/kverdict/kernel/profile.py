"""A kernel as kverdict sees it: types, kfuncs, helpers, lists and behaviours, each read when it is first asked for."""

from __future__ import annotations

from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kverdict.errors import InputError
from kverdict.kernel import proto
from kverdict.kernel.behaviours import behaviours_of, version_numbers
from kverdict.kernel.config import setting_in
from kverdict.kernel.facts import Source, facts, kernel_names, overlay_names
from kverdict.kernel.helper_choice import symbols
from kverdict.kernel.helpers import (
    SOCKOPTS,
    Helper,
    HelperAvailability,
    attach_refused,
    read_helper,
    sockopt_refused,
)
from kverdict.kernel.kfuncs import Availability, Kfunc, KfuncParam, Unknown
from kverdict.kernel.safe_fields import SafeFields, bare_type, read_safe_fields

if TYPE_CHECKING:
    from kverdict.btf.btf import Btf
    from kverdict.kernel.context import ContextRules


class KernelProfile:
    """Everything the verifier asks a kernel. Made by load_profile(); never changed after that.

    name: as the user said it ("6.4", "before_the_patch"); title: for people; notes: what the user should know about
    where the facts come from.
    """

    def __init__(self, source: Source) -> None:
        self._source: Final = source
        meta = source.meta()
        self.name: Final = source.name
        self.release: Final[str] = meta["release"]
        self.title: Final[str] = meta.get("title") or f"Linux {self.release}"
        self.notes: Final[tuple[str, ...]] = tuple(meta.get("notes", ()))
        self.version: Final[str] = meta.get("version") or self.release
        self.provenance: Final[dict[str, str]] = dict(meta.get("provenance", {}))
        self.config: Final[dict[str, str]] = dict(meta.get("config", {}))
        self._behaviours: Final = behaviours_of(self.version, meta.get("behaviours", ()))
        self._kfuncs: dict[str, Kfunc | None] = {}
        self._helpers: dict[tuple[int, str], Helper | None] = {}

    def __repr__(self) -> str:
        return f"<KernelProfile {self.name}>"

    def setting(self, name: str) -> str | None:
        """The value of CONFIG_name ("y", "m", "250", "a string"), "n" if it is not set, None if that is not known."""
        known = self.config.get(name)
        return setting_in(self._source.table("config"), name) if known is None else known

    @property
    def source(self) -> Source:
        """Where the facts come from; diff.py lays single differences over it."""
        return self._source

    # What kind of kernel

    def does(self, name: str) -> bool:
        """Whether this kernel has the behaviour (behaviours.py)."""
        return name in self._behaviours

    @property
    def behaviours(self) -> frozenset[str]:
        """The names of all behaviours of this kernel."""
        return self._behaviours

    @property
    def version_code(self) -> int:
        """LINUX_KERNEL_VERSION: major << 16 | minor << 8 | patch (at most 255)."""
        major, minor, patch = (*version_numbers(self.version), 0, 0)[:3]
        return major << 16 | minor << 8 | min(patch, 255)

    @cached_property
    def btf(self) -> Btf:
        """The kernel's types. For kernels whose types are another's: with their own functions on top, as split BTF."""
        from kverdict.btf.btf import Btf

        base = Btf.open_cached(self._source.btf_path(), f"BTF of {self.name}")
        types_from = self._source.meta().get("types_from")
        if not types_from:
            return base
        from kverdict.kernel.synthetic import build

        theirs = facts(types_from).table("kfuncs")
        ours = self._source.table("kfuncs")
        differ = [row["proto"] for name, row in ours.items() if theirs.get(name, {}).get("proto") != row["proto"]]
        return Btf.parse_lazily(build(base, differ), f"functions of {self.name}", base)

    @cached_property
    def contexts(self) -> ContextRules:
        """What programs may do with their contexts, and with pointers to sockets."""
        from kverdict.kernel.context import ContextRules

        return ContextRules(self.btf, self.does)

    # Kfuncs

    @property
    def kfunc_names(self) -> tuple[str, ...]:
        """The names of all kfuncs, sorted."""
        return tuple(self._source.table("kfuncs"))

    def kfunc(self, name: str) -> Kfunc | None:
        """The kfunc of this name, None if the kernel has none."""
        if name not in self._kfuncs:
            row = self._source.table("kfuncs").get(name)
            self._kfuncs[name] = self._read_kfunc(name, row) if row is not None else None
        return self._kfuncs[name]

    def kfunc_by_id(self, btf_id: int) -> Kfunc | None:
        """The kfunc whose FUNC in `btf` has this id."""
        if not 0 < btf_id < len(self.btf):
            return None
        found = self.kfunc(self.btf.type(btf_id).name)
        return found if found and found.btf_id == btf_id else None

    def _read_kfunc(self, name: str, row: dict[str, Any]) -> Kfunc | None:
        from kverdict.btf.types import KIND_FUNC, Func, FuncProto

        ids = [btf_id for btf_id in self.btf.find_all(name) if self.btf.kind(btf_id) == KIND_FUNC]
        if not ids:
            return None
        btf_id = ids[-1] if self.btf.base else ids[0]  # our own function hides the one of the types that we borrow
        function = self.btf.type(btf_id)
        assert isinstance(function, Func)
        prototype = self.btf.type(function.type_id)
        assert isinstance(prototype, FuncProto)
        return Kfunc(
            name=name,
            btf_id=btf_id,
            flags=kfunc_flags(row["flags"]),
            flags_in_hook={hook: kfunc_flags(names) for hook, names in row.get("flags_in_hook", {}).items()},
            hooks=frozenset(row["hooks"]),
            proto_id=function.type_id,
            params=tuple(KfuncParam(param_name, type_id) for param_name, type_id in prototype.params),
            return_id=prototype.return_id,
            prototype=row.get("proto", ""),
        )

    def kfunc_call_refused(self, kfunc: Kfunc, variant: str) -> str | Unknown | None:
        """The kernel's sentence if programs of this variant may not call the kfunc, None if they may.

        Says nothing about sleeping: KF_SLEEPABLE is the verifier's rule. Unknown: the facts do not say.
        """
        measured = not self._source.table("kfuncs").get(kfunc.name, {}).get("hooks_changed")
        return self._availability.refused(kfunc.name, kfunc.hooks, variant, measured)

    @cached_property
    def _availability(self) -> Availability:
        return Availability(self._source.table("kfunc_answers"), self._source.table("sets"), self.does)

    # Helpers

    @cached_property
    def helper_ids(self) -> dict[str, int]:
        """Helper name ("bpf_map_lookup_elem") -> number."""
        ids: dict[str, int] = self._source.table("enums")["helper_ids"]
        return ids

    @cached_property
    def _helper_names(self) -> dict[int, str]:
        return {number: name for name, number in self.helper_ids.items()}

    def helper_name(self, number: int) -> str:
        """As the kernel prints it: "unknown" for a number without a helper."""
        return self._helper_names.get(number, "bpf_unspec" if number == 0 else "unknown")

    def helper(self, name: str) -> Helper | None:
        """The helper of this name, with its plainest prototype; None if the kernel has none or it was not seen."""
        number = self.helper_ids.get(name)
        return self.helper_proto(number, "") if number is not None else None

    def helper_by_id(self, number: int) -> Helper | None:
        """The same by number."""
        return self.helper_proto(number, "")

    def helper_proto(self, number: int, variant: str) -> Helper | None:
        """The prototype that programs of this variant get ("" for the plainest one); None if there is none."""
        key = (number, variant)
        if key not in self._helpers:
            self._helpers[key] = self._read_helper(number, variant)
        return self._helpers[key]

    def _read_helper(self, number: int, variant: str) -> Helper | None:
        name = self._helper_names.get(number)
        if name is None:
            return None
        rows = self._source.table("helper_protos")
        candidates = [symbol for symbol in symbols(name, variant) if symbol in rows]
        return read_helper(number, name, candidates[0], rows[candidates[0]]) if candidates else None

    def helper_refused(self, number: int, variant: str, attach_name: str = "") -> str | Unknown | None:
        """The kernel's sentence if programs of this variant (on this attach target) may not call the helper.

        None if they may; says nothing about sleeping (Helper.might_sleep). Unknown: the facts do not say.
        """
        name = self._helper_names.get(number)
        if name is None and number != 0:
            return f"invalid func {self.helper_name(number)}#{number}"
        name = name or "bpf_unspec"
        if attach_name and variant == "lsm_cgroup" and name in SOCKOPTS:
            refused = sockopt_refused(attach_name, self.sets)
            return self._helper_availability.sentence(number, name) if refused else None
        refusal = self._helper_availability.refused(number, name, variant)
        if refusal is not None:
            return refusal
        helper = self.helper_proto(number, variant)
        return attach_refused(helper, variant, attach_name, self.sets) if helper and helper.allowed else None

    @cached_property
    def _helper_availability(self) -> HelperAvailability:
        return HelperAvailability(self._source.table("helpers"), self.does)

    # Numbers and lists

    @cached_property
    def map_types(self) -> dict[str, int]:
        """BPF_MAP_TYPE_*: "hash" -> 1."""
        return self._numbers("map_types", "BPF_MAP_TYPE_")

    @cached_property
    def prog_types(self) -> dict[str, int]:
        """BPF_PROG_TYPE_*: "tracing" -> 26."""
        return self._numbers("prog_types", "BPF_PROG_TYPE_")

    @cached_property
    def attach_types(self) -> dict[str, int]:
        """enum bpf_attach_type: "trace_raw_tp" -> 23."""
        return self._numbers("attach_types", "BPF_")

    def _numbers(self, table: str, prefix: str) -> dict[str, int]:
        rows: dict[str, int] = self._source.table("enums")[table]
        return {name.removeprefix(prefix).lower(): number for name, number in rows.items() if name.startswith(prefix)}

    @cached_property
    def rcu_protected_types(self) -> frozenset[str]:
        """Structures (without "struct ") whose kptrs may be loaded under RCU; kernel: rcu_protected_types."""
        return frozenset(map(bare_type, self._source.table("sets")["rcu_protected_types"]))

    @cached_property
    def safe_fields(self) -> SafeFields:
        """List ("safe_rcu", "safe_trusted" …) -> structure -> fields; see safe_fields.py."""
        return read_safe_fields(self._source.table("sets")["safe_fields"])

    @cached_property
    def kptr_destructors(self) -> dict[str, str]:
        """Structure -> kernel function that drops a reference to it; only such structures may be referenced kptrs."""
        found: dict[str, str] = dict(self._source.table("sets")["kptr_destructors"])
        return found

    @cached_property
    def sets(self) -> dict[str, tuple[str, ...]]:
        """The kernel's other id sets (BTF_SET): "noreturn_deny", "sleepable_lsm_hooks", "bpf_lsm_hooks" …"""
        rows: dict[str, list[str]] = self._source.table("sets").get("sets", {})
        return {name: tuple(members) for name, members in rows.items()}

    @cached_property
    def lists(self) -> dict[str, tuple[str, ...]]:
        """The kernel's id lists (BTF_ID_LIST), in order: "btf_sock_ids" …"""
        rows: dict[str, list[str]] = self._source.table("sets").get("lists", {})
        return {name: tuple(members) for name, members in rows.items()}

    @cached_property
    def variants(self) -> tuple[str, ...]:
        """The kinds of programs that this kernel was asked about."""
        return tuple(v for members in self._source.table("kfunc_answers")["classes"] for v in members)

    def was_asked(self, variant: str) -> bool:
        """Whether answers about this kind of program are the kernel's own; else they are derived, or unknown."""
        return variant in self.variants

    @cached_property
    def _tags(self) -> dict[str, str]:
        rows: dict[str, str] = self._source.meta().get("type_tags", {})
        return rows

    def field_tag(self, structure: str, field: str) -> str:
        """A tag ("rcu", "user", "percpu") that this kernel's BTF would have on a field and the borrowed types lack."""
        return self._tags.get(f"{structure}.{field}", "")


def kfunc_flags(names: list[str]) -> int:
    """proto.KF_* of flag names."""
    return sum(proto.KFUNC_FLAG_NAMES[name] for name in names)


def load_profile(name: str) -> KernelProfile:
    """The profile of a kernel by name (profile_names()), "host", or the path of an overlay file (.toml).

    Raises InputError for an unknown name or a bad overlay.
    """
    if name.endswith(".toml"):
        from kverdict.kernel.overlay import load_overlay

        return KernelProfile(load_overlay(Path(name)))
    if name == "host":
        from kverdict.kernel.host import host_source

        return KernelProfile(host_source())
    return _packaged(name)


@cache
def _packaged(name: str) -> KernelProfile:
    if name in overlay_names():
        from kverdict.kernel.overlay import packaged_overlay

        return KernelProfile(packaged_overlay(name))
    if name not in kernel_names():
        known = ", ".join((*profile_names(), "host"))
        raise InputError("kernel", name, f"no such kernel, expected one of {known}, or an overlay file (.toml)")
    return KernelProfile(facts(name))


def profile_names() -> tuple[str, ...]:
    """The names of all kernels of the package, oldest first: 6.1, 6.3, 6.3-clang, 6.4 …"""
    return tuple(sorted((*kernel_names(), *overlay_names()), key=lambda n: (version_numbers(n), n)))
