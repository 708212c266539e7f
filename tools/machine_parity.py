"""What the simulated kernel has and lacks, read out of its tables into docs/parity.md."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from kverdict.kernel.profile import KernelProfile, load_profile
from kverdict.machine.code import implementations
from kverdict.machine.contexts import _FIELDS
from kverdict.machine.maps.create import CLASSES
from kverdict.machine.scenario import KINDS

ROOT: Final = Path(__file__).resolve().parents[1]
DOCUMENT: Final = ROOT / "docs" / "parity.md"
KERNEL: Final = "6.18"
BEGIN: Final = "<!-- begin: python -m tools.machine_parity -->"
END: Final = "<!-- end -->"


def _names(names: Iterable[str], prefix: str = "bpf_") -> str:
    return ", ".join(f"`{name.removeprefix(prefix)}`" for name in sorted(names)) or "none"


def generated() -> str:
    """The part of the document between the markers."""
    profile = load_profile(KERNEL)
    have = set(implementations())
    helpers, kfuncs = set(profile.helper_ids) - {"bpf_unspec"}, set(profile.kfunc_names)
    lines = [
        BEGIN,
        f"Of {len(helpers)} helpers and {len(kfuncs)} kernel functions of Linux {KERNEL}, the machine has "
        f"{len(helpers & have)} and {len(kfuncs & have)}; {len(have - helpers - kfuncs)} more are of other kernels.",
        "",
        f"- helpers that it has: {_names(helpers & have)}",
        f"- helpers that it lacks: {_names(helpers - have)}",
        f"- kernel functions that it has: {_names(kfuncs & have)}",
        f"- kernel functions that it lacks: {_names(kfuncs - have)}",
        f"- map types that it has: {_map_types(profile, have=True)}",
        f"- map types that it lacks: {_map_types(profile, have=False)}",
        f"- events: {_names(KINDS)}",
        f"- tracepoints whose record it can make (others have raw arguments only): {_names(_FIELDS)}",
        END,
    ]
    return "\n".join(lines)


def _map_types(profile: KernelProfile, *, have: bool) -> str:
    found = {name for name, number in profile.map_types.items() if (number in CLASSES) == have}
    return _names(found - {"unspec", "__max_bpf_map_type"})


def replaced(document: str) -> str:
    """The document with its generated part made new."""
    before, _, rest = document.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + generated() + after


def main() -> int:
    """Rewrites the document; exit code 1 if that changed it."""
    old = DOCUMENT.read_text(encoding="utf-8")
    new = replaced(old)
    DOCUMENT.write_text(new, encoding="utf-8")
    return int(old != new)


if __name__ == "__main__":
    sys.exit(main())
