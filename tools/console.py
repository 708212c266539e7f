"""Console blocks of the documentation: commands with their real output: python -m tools.console fills them in."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
DOCUMENTS: Final = (ROOT / "README.md", ROOT / "docs" / "tutorial.md")
BLOCK: Final = re.compile(r"```console\n\$ kverdict (?P<arguments>.*)\n(?P<output>(?:.*\n)*?)```")


def output(arguments: str) -> str:
    """What `kverdict ARGUMENTS` prints in the repository, without colour."""
    environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "120"}
    command = [sys.executable, "-m", "kverdict", *shlex.split(arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment, check=False)
    return done.stdout + done.stderr


def filled(document: str) -> str:
    """The document with the output of each block made new."""

    def block(hit: re.Match[str]) -> str:
        return f"```console\n$ kverdict {hit['arguments']}\n{output(hit['arguments'])}```"

    return BLOCK.sub(block, document)


def main() -> int:
    """Rewrites the documents; exit code 1 if that changed one."""
    changed = 0
    for path in DOCUMENTS:
        old = path.read_text(encoding="utf-8")
        new = filled(old)
        path.write_text(new, encoding="utf-8")
        changed |= old != new
    return int(changed)


if __name__ == "__main__":
    sys.exit(main())
