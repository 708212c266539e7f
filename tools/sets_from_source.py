#!/usr/bin/env python3
"""Print the id sets (BTF_SET) of a kernel source as JSON: sets_from_source.py SOURCE-FOLDER > kernel_sets/VERSION.json.

For kernels of which no image was at hand. Preprocessor conditions are not looked at: a name that a configuration lacks
cannot be attached to or called anyway. pack_kernels.py adds them to kernels whose facts have no sets.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Final

_FILES: Final = ("kernel/bpf/verifier.c", "kernel/bpf/bpf_lsm.c", "kernel/trace/bpf_trace.c")
_SET: Final = re.compile(r"^BTF_SET_START\((\w+)\)$(.*?)^BTF_SET_END\(\1\)$", re.S | re.M)
_ID: Final = re.compile(r"^BTF_ID\((\w+), *(\w+)\)", re.M)
_HOOK: Final = re.compile(r"^LSM_HOOK\([^,]*,[^,]*, *(\w+)", re.M)


def sets_of(source: Path) -> dict[str, list[str]]:
    """Set name -> functions as plain names, structures as "struct NAME", sorted."""
    found: dict[str, list[str]] = {}
    for file in _FILES:
        for name, body in _SET.findall((source / file).read_text()):
            found[name] = sorted(word if kind == "func" else f"{kind} {word}" for kind, word in _ID.findall(body))
    hooks = _HOOK.findall((source / "include/linux/lsm_hook_defs.h").read_text())
    found["bpf_lsm_hooks"] = sorted({f"bpf_lsm_{hook}" for hook in hooks})
    return dict(sorted(found.items()))


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    rows = [f" {json.dumps(name)}: {json.dumps(members)}" for name, members in sets_of(Path(arguments[0])).items()]
    print("{\n" + ",\n".join(rows) + "\n}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
