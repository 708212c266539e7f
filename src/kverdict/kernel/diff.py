"""What differs between two kernels, one difference at a time, each of which can be laid over the first.

So the rule behind a changed verdict is found by asking, not by guessing: lay single differences over the old kernel and
verify again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from kverdict.kernel.behaviours import BEHAVIOURS
from kverdict.kernel.facts import Table
from kverdict.kernel.overlay import Overlay
from kverdict.kernel.profile import KernelProfile

# Commits behind changed facts, as far as they are known, by the text of the difference: (commit, subject).
_RCU_SAFE: Final = ("d02c48fa1139", "bpf: Make struct task_struct an RCU-safe type")
COMMITS: Final[dict[str, tuple[str, str]]] = {
    "bpf_task_acquire() gained KF_RCU": _RCU_SAFE,
    "bpf_task_acquire() gained KF_RET_NULL": _RCU_SAFE,
    "bpf_task_acquire() lost KF_TRUSTED_ARGS": _RCU_SAFE,
    "struct task_struct became RCU-protected": _RCU_SAFE,
    "bpf_task_kptr_get() is gone": ("f85671c6ef46", "bpf: Remove now-defunct task kfuncs"),
    "bpf_cgroup_acquire() gained KF_RCU": ("1d71283987c7", ""),
    "bpf_cgroup_acquire() gained KF_RET_NULL": ("1d71283987c7", ""),
}
_WHERE_MEASURED: Final = re.compile(r" \((?:between )?[\d.]+ (?:to|and) [\d.]+\)$")


@dataclass(frozen=True, slots=True)
class Difference:
    """One fact in which the second kernel differs from the first.

    kind: flag, hooks, absent, rcu_protected, safe_field, destructor, tag or behaviour. text: for people, a clause.
    changes: the overlay that takes it over.
    """

    kind: str
    name: str
    text: str
    changes: Table = field(default_factory=dict, compare=False)
    commit: str = ""
    subject: str = ""

    @property
    def citation(self) -> str:
        """The commit, in the form that kernel developers use; "" if it is not known."""
        if not self.commit:
            return ""
        return f'("{self.subject}", {self.commit})' if self.subject else f"({self.commit})"


def differences(old: KernelProfile, new: KernelProfile, kfuncs: Iterable[str]) -> list[Difference]:
    """All differences that an overlay can express: of these kfuncs, and of types, fields, tags and behaviours."""
    found: list[Difference] = []
    for name in dict.fromkeys(kfuncs):
        found += _kfunc(old, new, name)
    found += _types(old, new)
    found += _safe_fields(old, new)
    found += _behaviours(old, new)
    return found


def _made(kind: str, name: str, text: str, changes: Table) -> Difference:
    return Difference(kind, name, text, changes, *COMMITS.get(text, ("", "")))


def _kfunc(old: KernelProfile, new: KernelProfile, name: str) -> list[Difference]:
    before, after = old.kfunc(name), new.kfunc(name)
    if before is None:
        return []
    if after is None:
        return [_made("absent", name, f"{name}() is gone", {"kfunc": {name: {"absent": True}}})]
    found = []
    was, now = set(before.flag_names()), set(after.flag_names())
    for flag in sorted(now - was):
        text = f"{name}() gained {flag}"
        found.append(_made("flag", name, text, {"kfunc": {name: {"flags": [f"+{flag}"]}}}))
    for flag in sorted(was - now):
        text = f"{name}() lost {flag}"
        found.append(_made("flag", name, text, {"kfunc": {name: {"flags": [f"-{flag}"]}}}))
    if before.hooks != after.hooks:
        more, less = sorted(after.hooks - before.hooks), sorted(before.hooks - after.hooks)
        signs = [f"+{hook}" for hook in more] + [f"-{hook}" for hook in less]
        text = f"{name}() is registered for other programs ({', '.join(signs)})"
        found.append(_made("hooks", name, text, {"kfunc": {name: {"hooks": signs}}}))
    return found


def _types(old: KernelProfile, new: KernelProfile) -> list[Difference]:
    found = []
    was, now = old.rcu_protected_types, new.rcu_protected_types
    for sign, names, text in (("+", now - was, "became"), ("-", was - now, "is no longer")):
        for name in sorted(names):
            said = f"struct {name} {text} RCU-protected"
            found.append(_made("rcu_protected", name, said, {"types": {"rcu_protected": [f"{sign}{name}"]}}))
    for name in sorted(set(old.kptr_destructors) | set(new.kptr_destructors)):
        then = new.kptr_destructors.get(name, "")
        if then != old.kptr_destructors.get(name, ""):
            said = f"struct {name} {'got a' if then else 'lost its'} kptr destructor"
            found.append(_made("destructor", name, said, {"kptr_destructors": {name: then}}))
    return found


def _safe_fields(old: KernelProfile, new: KernelProfile) -> list[Difference]:
    found = []
    for list_name in sorted(set(old.safe_fields) | set(new.safe_fields)):
        before, after = old.safe_fields.get(list_name, {}), new.safe_fields.get(list_name, {})
        for structure in sorted(set(before) | set(after)):
            was, now = set(before.get(structure, ())), set(after.get(structure, ()))
            signs = [f"+{name}" for name in sorted(now - was)] + [f"-{name}" for name in sorted(was - now)]
            if signs:
                text = f"{list_name} fields of struct {structure}: {', '.join(signs)}"
                changes = {"safe_fields": {list_name: {structure: signs}}}
                found.append(_made("safe_field", structure, text, changes))
    return found


def _behaviours(old: KernelProfile, new: KernelProfile) -> list[Difference]:
    found = []
    for sign, names in (("+", new.behaviours - old.behaviours), ("-", old.behaviours - new.behaviours)):
        for name in sorted(names & set(BEHAVIOURS)):
            known = BEHAVIOURS[name]
            note = _WHERE_MEASURED.sub("", known.note)
            text = f"{name}: {note}" if note else name
            text = text if sign == "+" else f"no longer {text}"
            cited = (known.commit, known.subject) if sign == "+" or known.until else ("", "")
            found.append(Difference("behaviour", name, text, {"behaviours": [f"{sign}{name}"]}, *cited))
    return found


def laid_over(old: KernelProfile, chosen: Sequence[Difference]) -> KernelProfile:
    """The old kernel with these differences taken over from the new one."""
    merged: Table = {}
    for difference in chosen:
        _merge(merged, difference.changes)
    return KernelProfile(Overlay(old.name, old.source, merged, f"{old.name} with {len(chosen)} differences"))


def _merge(into: Table, changes: Table) -> None:
    for key, value in changes.items():
        if isinstance(value, dict):
            _merge(into.setdefault(key, {}), value)
        elif isinstance(value, list):
            into[key] = [*into.get(key, []), *value]
        else:
            into[key] = value
