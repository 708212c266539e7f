"""The HTML page stands alone, is well-formed, and looks right in a real browser."""

from __future__ import annotations

import re
import subprocess
import xml.etree.ElementTree as xml
from pathlib import Path

import pytest

from kverdict.explore.page import page
from kverdict.explore.svg import svg
from kverdict.machine.objects.task_design import NAIVE
from tests.explore.common import outcome

STEPS = 9


@pytest.fixture(scope="module")
def text() -> str:
    return page([outcome("reader", "writer", design=NAIVE)])


def test_the_drawing_has_every_step_section_and_grace_period() -> None:
    found = outcome("reader", "writer", design=NAIVE)
    assert found.report is not None
    tree = xml.fromstring(svg(found.report.replay))
    classes = [node.get("class") for node in tree.iter()]
    assert sum(classes.count(name) for name in ("step", "freed", "bad")) == STEPS
    assert classes.count("section") == 1
    assert classes.count("grace") == 1
    assert classes.count("moves") == 1


def test_every_step_has_a_tooltip_with_its_source() -> None:
    found = outcome("reader", "writer", design=NAIVE)
    assert found.report is not None
    assert "lifetime.bpf.c:18: seen = slot-&gt;task;" in svg(found.report.replay)


def test_the_page_asks_for_nothing_from_outside(text: str) -> None:
    assert not re.search(r"(src|href)=|@import|url\((?!#)", text)


@pytest.mark.browser
def test_chromium_draws_the_page(text: str, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(text, encoding="utf-8")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=2000"]
    dumped = subprocess.run(
        ["chromium", *flags, "--dump-dom", path.as_uri()], capture_output=True, text=True, timeout=120, check=True
    )
    assert dumped.stdout.count("<circle") == STEPS
    picture = tmp_path / "page.png"
    size = ["--window-size=1300,1600", f"--screenshot={picture}"]
    subprocess.run(["chromium", *flags, *size, path.as_uri()], capture_output=True, timeout=120, check=True)
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 20_000
