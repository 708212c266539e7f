"""Lists and pages about kernels: profiles, kfuncs, helpers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from kverdict.kernel import proto
from kverdict.kernel.kfuncs import Unknown
from kverdict.kernel.profile import KernelProfile
from kverdict.report.columns import columns


def profile_list(profiles: Sequence[KernelProfile]) -> str:
    """One line a kernel."""
    rows = [("name", "kfuncs", "what it is")]
    rows += [(one.name, str(len(one.kfunc_names)), one.title) for one in profiles]
    return columns(rows)


def profile_page(profile: KernelProfile) -> str:
    """One kernel: release, notes, provenance of each table, behaviours."""
    lines = [profile.title, f"release: {profile.release}", f"kfuncs: {len(profile.kfunc_names)}"]
    lines += [f"note: {note}" for note in profile.notes]
    if profile.provenance:
        lines += ["", "where the facts come from:"]
        lines.append(columns([(f"  {name}", source) for name, source in profile.provenance.items()]))
    lines += ["", "behaviours:"]
    lines += [f"  {name}" for name in sorted(profile.behaviours)]
    return "\n".join(lines)


def kfunc_list(profile: KernelProfile, pattern: str) -> str:
    """Kfuncs whose name has the pattern in it: flags and program classes."""
    rows = [(f"kfunc ({profile.name})", "flags", "programs")]
    for name in profile.kfunc_names:
        kfunc = profile.kfunc(name) if pattern in name else None
        if kfunc is not None:
            rows.append((name, " ".join(_short(kfunc.flag_names())) or "-", " ".join(sorted(kfunc.hooks))))
    return columns(rows)


def _short(flags: Sequence[str]) -> list[str]:
    return [flag.removeprefix("KF_") for flag in flags]


def kfunc_page(name: str, profiles: Sequence[KernelProfile]) -> str:
    """One kfunc on each kernel: prototype, flags, program classes, who may call it."""
    lines = [name]
    for profile in profiles:
        kfunc = profile.kfunc(name)
        if kfunc is None:
            lines += ["", f"{profile.name}: none"]
            continue
        lines += ["", f"{profile.name}: {kfunc.prototype}"]
        lines.append(f"  flags: {' | '.join(kfunc.flag_names()) or 'none'}")
        lines.append(f"  registered for: {' '.join(sorted(kfunc.hooks))}")
        may = [variant for variant in profile.variants if profile.kfunc_call_refused(kfunc, variant) is None]
        lines.append(f"  may be called by: {' '.join(sorted(may)) or 'nobody'}")
    return "\n".join(lines)


def kfunc_changes(profiles: Sequence[KernelProfile], pattern: str) -> str:
    """What changed from each kernel to the next: kfuncs added, removed, with other flags."""
    lines: list[str] = []
    for old, new in pairwise(profiles):
        was, now = set(old.kfunc_names), set(new.kfunc_names)
        part = [f"  + {name}" for name in sorted(now - was) if pattern in name]
        part += [f"  - {name}" for name in sorted(was - now) if pattern in name]
        for name in sorted(was & now):
            before, after = old.kfunc(name), new.kfunc(name)
            if pattern not in name or before is None or after is None or before.flags == after.flags:
                continue
            more = [f"+{flag}" for flag in after.flag_names() if flag not in before.flag_names()]
            less = [f"-{flag}" for flag in before.flag_names() if flag not in after.flag_names()]
            part.append(f"    {name}: {' '.join(more + less)}")
        lines += [f"{old.name} → {new.name}", *part, ""] if part else []
    return "\n".join(lines).rstrip() or "no differences"


def helper_list(profile: KernelProfile, pattern: str) -> str:
    """Helpers whose name has the pattern in it."""
    rows = [("number", f"helper ({profile.name})", "")]
    for name, number in sorted(profile.helper_ids.items(), key=lambda item: item[1]):
        helper = profile.helper(name) if pattern in name else None
        if helper is not None:
            notes = [word for word, on in (("GPL", helper.gpl_only), ("may sleep", helper.might_sleep)) if on]
            rows.append((str(number), name, ", ".join(notes)))
    return columns(rows)


def helper_page(name: str, profiles: Sequence[KernelProfile]) -> str:
    """One helper on each kernel: prototype and who may call it."""
    lines = [name]
    for profile in profiles:
        helper = profile.helper(name)
        if helper is None:
            lines += ["", f"{profile.name}: none, or its prototype is not known"]
            continue
        arguments = ", ".join(_words(argument, proto.ARG_NAMES) for argument in helper.args) or "none"
        lines += ["", f"{profile.name}: number {helper.number}", f"  arguments: {arguments}"]
        lines.append(f"  result: {_words(helper.ret, proto.RET_NAMES)}")
        refused = {variant: profile.helper_refused(helper.number, variant) for variant in profile.variants}
        may = [variant for variant, said in refused.items() if said is None]
        unknown = [variant for variant, said in refused.items() if isinstance(said, Unknown)]
        lines.append(f"  may be called by: {' '.join(sorted(may)) or 'nobody'}")
        if unknown:
            lines.append(f"  not known for: {' '.join(sorted(unknown))}")
    return "\n".join(lines)


def _words(bits: int, names: dict[str, int]) -> str:
    base = next((name for name, number in names.items() if number == bits & proto.BASE_MASK), "?")
    flags = [name for name, bit in proto.FLAG_NAMES.items() if bits & bit]
    return "|".join([base, *flags])
