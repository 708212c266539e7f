"""What the documentation shows is what kverdict prints."""

from __future__ import annotations

import pytest

from tools.console import BLOCK, DOCUMENTS, output

BLOCKS = [
    (path.name, hit["arguments"], hit["output"]) for path in DOCUMENTS for hit in BLOCK.finditer(path.read_text())
]


def test_there_are_blocks_to_compare() -> None:
    assert len(BLOCKS) >= 8


@pytest.mark.parametrize(("document", "arguments", "shown"), BLOCKS, ids=[f"{b[0]}-{b[1][:40]}" for b in BLOCKS])
def test_the_documentation_shows_real_output(document: str, arguments: str, shown: str) -> None:
    assert output(arguments) == shown, f"{document}: run python -m tools.console"
