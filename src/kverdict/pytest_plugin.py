"""The pytest plug-in: the fixture `kverdict_load`, and what the simulated kernel did under each failed test.

Imports nothing of kverdict until a test asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from kverdict.machine.start import Loaded
    from kverdict.machine.world import World

STEPS = 20


class LoadForTest:
    """kverdict_load(path, kernel=…, programs=…, presets=…): as kverdict.load(); worlds are watched for reports."""

    def __init__(self) -> None:
        self.worlds: list[tuple[World, list[str]]] = []

    def __call__(self, source: str, kernel: str = "6.18", **options: Any) -> WatchedLoad:
        from kverdict.machine.start import load

        return WatchedLoad(load(source, kernel, **options), self.worlds)


class WatchedLoad:
    """Loaded programs; start() remembers the world and its last steps for the report of a failing test."""

    def __init__(self, loaded: Loaded, worlds: list[tuple[World, list[str]]]) -> None:
        self.loaded = loaded
        self.worlds = worlds

    def start(self, **options: Any) -> World:
        """A fresh world; see kverdict.machine.start.Loaded.start()."""
        from kverdict.machine.trace import watch

        world = self.loaded.start(**options)
        steps: list[str] = []
        watch(world, _remember(steps))
        self.worlds.append((world, steps))
        return world


def _remember(steps: list[str]) -> Callable[[str], None]:
    def remember(line: str) -> None:
        steps.append(line)
        del steps[:-STEPS]

    return remember


@pytest.fixture
def kverdict_load() -> LoadForTest:
    """Loads BPF objects into simulated kernels: `world = kverdict_load("prog.bpf.o", kernel="6.18").start()`."""
    return LoadForTest()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Add a section to the report of a failed test: findings with source lines, ledger, last steps."""
    outcome: Any = yield
    report = outcome.get_result()
    load = getattr(item, "funcargs", {}).get("kverdict_load")
    if report.when == "call" and report.failed and isinstance(load, LoadForTest):
        for world, steps in load.worlds:
            report.sections.append(("simulated kernel", story(world, steps)))


def story(world: World, steps: list[str]) -> str:
    """What happened in a world: findings, the ledger, printed lines, the last steps."""
    from kverdict.machine.summary import summary

    told = summary(world)
    lines = [f"{finding['kind']}: {finding['text']} at {finding['where']}" for finding in told["findings"]]
    lines += told["leaks"]
    for entry in told["ledger"]:
        change = f"{entry['count']} {entry['change']:+d} -> {entry['after']}"
        lines.append(f"{entry['object']:<12} {change:<24} {entry['why']} ({entry['who']})")
    lines += told["log"]
    return "\n".join([*lines, f"last steps (at most {STEPS}):", *steps])
