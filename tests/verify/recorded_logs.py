"""Logs of real kernels for the shipped examples, packed. To pack new ones into this folder:

python -m tools.oracle record --logs LOGS 6.1 6.12 7.2 host
python -m tests.verify.recorded_logs LOGS
"""

from __future__ import annotations

import json
import lzma
import re
import sys
from functools import cache
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent
# Addresses say nothing and do not compress.
ADDRESS: Final = re.compile(r"0xffff[0-9a-f]{12}\b(?=\s*(?:;|$))", re.M)


@cache
def recorded(name: str) -> dict[str, str]:
    """{"basics/loops.bounded_loop": log} of a kernel at level 2; name "6.18-level1": at level 1."""
    logs: dict[str, str] = json.loads(lzma.decompress((HERE / f"logs_{name}.json.xz").read_bytes()))
    return logs


def pack(folder: Path) -> None:
    """Folders of `folder` are names, files in them FOLDER/OBJECT.PROGRAM.log."""
    for kernel in sorted(path for path in folder.iterdir() if path.is_dir()):
        logs = {}
        for path in sorted(kernel.rglob("*.log")):
            text = ADDRESS.sub("0xffff888000000000", path.read_text(encoding="utf-8"))
            logs[str(path.relative_to(kernel)).removesuffix(".log")] = text
        packed = lzma.compress(json.dumps(logs).encode(), preset=9 | lzma.PRESET_EXTREME)
        (HERE / f"logs_{kernel.name}.json.xz").write_bytes(packed)


if __name__ == "__main__":
    pack(Path(sys.argv[1]))
