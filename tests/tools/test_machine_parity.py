"""docs/parity.md lists what the simulated kernel has and lacks."""

from __future__ import annotations

from tools.machine_parity import DOCUMENT, replaced


def test_the_lists_are_true() -> None:
    document = DOCUMENT.read_text(encoding="utf-8")
    assert document == replaced(document), "run: python -m tools.machine_parity"
