"""The list in docs/parity.md of everything that ends in "unsupported", read out of the source."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
SOURCE: Final = ROOT / "src" / "kverdict"
DOCUMENT: Final = ROOT / "docs" / "parity.md"
ROOMS: Final = ("objfile", "kernel", "program", "verify")
BEGIN: Final = "<!-- begin: python -m tools.parity -->"
END: Final = "<!-- end -->"


def refusals(path: Path) -> Iterator[str]:
    """What a file says when it does not model something; parts that are filled in at run time are …"""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in ("unsupported", "UnsupportedError") and (text := _text(node.args[0])):
            yield text


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = [str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values]
        return "".join(parts)
    return ""


def generated() -> str:
    """The part of the document between the markers."""
    lines = []
    for room in ROOMS:
        found = sorted({text for path in (SOURCE / room).rglob("*.py") for text in refusals(path)})
        lines += [f"- `{room}`: {text}" for text in found]
    return "\n".join([BEGIN, *lines, END])


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
