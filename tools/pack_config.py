"""Pack a kernel's configuration into the package: python -m tools.pack_config KERNEL CONFIG-FILE

CONFIG-FILE: the text of a distribution's package (/boot/config-*), or /proc/config.gz of a running kernel. Without a
file: a kernel of which only the settings in its meta.json are known. Where each file came from stands in
src/kverdict/kernel/data/README.md.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

from kverdict.kernel.config import LEFT_OUT, UNKNOWN, parse_config, read_config
from kverdict.kernel.facts import DATA, kernel_names


def main(arguments: list[str]) -> int:
    """Write one kernel's config.json.gz; the same file gives the same bytes."""
    if not 1 <= len(arguments) <= 2 or arguments[0] not in kernel_names():
        print(__doc__, file=sys.stderr)
        return 2
    table = UNKNOWN
    if len(arguments) == 2:
        path = Path(arguments[1])
        table = read_config(path)
        if not table["complete"]:
            table = {"complete": True, "settings": parse_config(path.read_text(encoding="utf-8"))}
        if not table["settings"]:
            print(f"{path}: no line CONFIG_NAME=value", file=sys.stderr)
            return 2
    table = dict(table, settings={name: value for name, value in table["settings"].items() if name not in LEFT_OUT})
    text = json.dumps(table, separators=(",", ":"), sort_keys=True)
    (DATA / arguments[0] / "config.json.gz").write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
