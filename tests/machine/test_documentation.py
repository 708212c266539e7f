"""The code of docs/unit-tests.md runs, block after block."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import kverdict
from kverdict.pytest_plugin import LoadForTest

ROOT = Path(__file__).parents[2]


def test_code_of_the_tutorial_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs/unit-tests.md").read_text(encoding="utf-8"), re.S)
    assert len(blocks) == 4
    names: dict[str, object] = {"kverdict": kverdict}
    for block in blocks:
        exec(compile(block, "docs/unit-tests.md", "exec"), names)
    function = names["test_worker_is_remembered"]
    assert callable(function)
    function(LoadForTest())
