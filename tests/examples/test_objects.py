"""The committed objects were made from the committed sources, and tell nothing about the machine that made them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kverdict.objfile.object import Object

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "examples").rglob("*.bpf.c"))
NAMES = [str(path.relative_to(ROOT / "examples")) for path in SOURCES]


@pytest.mark.parametrize("source", SOURCES, ids=NAMES)
def test_object_shows_the_lines_of_its_source(source: Path) -> None:
    opened = Object.open(source.with_suffix(".o"))
    assert opened.btf is not None
    texts: dict[str, list[str]] = {}
    seen = 0
    for records in opened.ext.lines.values():
        for record in records:
            file = opened.btf.string(record.file)
            if file not in texts:
                texts[file] = (ROOT / file).read_text().splitlines()
            if record.line:  # 0: the compiler's own code
                assert opened.btf.string(record.text) == texts[file][record.line - 1]
                seen += 1
    assert seen


@pytest.mark.parametrize("source", SOURCES, ids=NAMES)
def test_object_holds_no_path_of_a_machine(source: Path) -> None:
    raw = source.with_suffix(".o").read_bytes()
    assert not re.findall(rb"\0/[a-z]+/[\x21-\x7e]+", raw)


def test_every_object_has_its_source() -> None:
    assert {path.with_suffix(".c") for path in (ROOT / "examples").rglob("*.bpf.o")} == set(SOURCES)
