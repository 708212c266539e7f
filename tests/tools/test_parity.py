"""docs/parity.md lists everything that ends in "unsupported"."""

from __future__ import annotations

from tools.parity import DOCUMENT, replaced


def test_the_list_of_what_is_not_modelled_is_complete() -> None:
    document = DOCUMENT.read_text(encoding="utf-8")
    assert document == replaced(document), "run: python -m tools.parity"
