"""Scenario files and options: what is read, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from kverdict.errors import InputError
from kverdict.explore.scenario import Cpu, Task, load_scenario, parse_cpu, parse_task


def test_programs_with_cpu_and_arguments() -> None:
    assert parse_cpu("reader") == Cpu("reader")
    assert parse_cpu("reader@3") == Cpu("reader", 3)
    assert parse_cpu("f(task:100, 0x10)") == Cpu("f", -1, ("task:100", "0x10"))


@pytest.mark.parametrize("text", ["", "f(", "f@x", "f(task:x)", "f(1.5)"])
def test_bad_programs_are_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse_cpu(text)


def test_tasks() -> None:
    assert parse_task("exits") == Task(100, "exits")
    assert parse_task("7 lives") == Task(7, "lives")
    for text in ("", "7", "dies", "0 exits", "7 exits now"):
        with pytest.raises(InputError):
            parse_task(text)


@pytest.mark.parametrize(
    "text",
    [
        "cpu = 3",
        "what = 1",
        "cpu = [{cpu = 1}]",
        'task = ["100 exits", "100 exits"]',
        'assert = ["import os"]',
        'assert = ["__import__"]',
        "destroy_maps = 1",
        "stash = [1]",
        "not toml",
    ],
)
def test_bad_files_are_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError):
        load_scenario(str(path))
