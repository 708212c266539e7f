"""The table in docs/agreement.md: how often kverdict says what the recorded kernels said: python -m tools.agreement."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Final

from kverdict.api import check_object
from kverdict.kernel.profile import load_profile
from kverdict.objfile.object import Object
from kverdict.verify.verdict import Accepted, Rejected
from tests.oracle.recorded import Cell, cells
from tests.oracle.test_agreement import WORDS, message

ROOT: Final = Path(__file__).resolve().parents[1]
DOCUMENT: Final = ROOT / "docs" / "agreement.md"
BEGIN: Final = "<!-- begin: python -m tools.agreement -->"
END: Final = "<!-- end -->"
COLUMNS: Final = ("cells", "verdict", "message", "count", "undecided", "false accepts", "false refusals")


def compare(cell: Cell) -> set[str]:
    """The columns in which one recorded cell counts."""
    (result,) = check_object(Object.open(cell.object), [load_profile(cell.profile)], programs=[cell.program])
    verdict, wanted = result.verdict, WORDS[cell.verdict]
    if not isinstance(verdict, Accepted | Rejected):
        return {"cells", "undecided"}
    if result.word != wanted:
        return {"cells", "false accepts" if wanted == "rejected" else "false refusals"}
    found = {"cells", "verdict"}
    said = verdict.sentence if isinstance(verdict, Rejected) else ""
    if message(said, cell.kernel) == message(cell.message, cell.kernel):
        found.add("message")
    if cell.insns_processed in (None, verdict.stats.insns_processed):
        found.add("count")
    return found


def generated() -> str:
    """The table, between the markers."""
    counts: dict[str, Counter[str]] = {}
    for cell in cells():
        counts.setdefault(cell.kernel, Counter()).update(compare(cell))
    total: Counter[str] = sum(counts.values(), Counter())
    lines = ["| kernel | " + " | ".join(COLUMNS) + " |", "|---|" + "---|" * len(COLUMNS)]
    for kernel, row in [*sorted(counts.items(), key=lambda item: _order(item[0])), ("all", total)]:
        lines.append(f"| {kernel} | " + " | ".join(str(row[column]) for column in COLUMNS) + " |")
    return "\n".join([BEGIN, *lines, END])


def _order(kernel: str) -> tuple[float, str]:
    version = {"before_the_patch": "6.39"}.get(kernel, kernel).split("-")[0]
    major, _, minor = version.partition(".")
    return (int(major) * 1000 + (3.9 if version == "6.39" else int(minor)), kernel)


def main() -> int:
    """Rewrites the document's table."""
    document = DOCUMENT.read_text(encoding="utf-8")
    before, _, rest = document.partition(BEGIN)
    _, _, after = rest.partition(END)
    DOCUMENT.write_text(before + generated() + after, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
