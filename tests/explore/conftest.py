"""Tests that need a program of their own (spin, Chromium) run only where they are asked for: -m spin, -m browser."""

from __future__ import annotations

import pytest

MARKERS = {
    "spin": "compares with the model checker spin, which must be installed",
    "browser": "looks at pages in headless Chromium, which must be installed",
}


def pytest_configure(config: pytest.Config) -> None:
    for name, meaning in MARKERS.items():
        config.addinivalue_line("markers", f"{name}: {meaning}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    wanted = str(config.getoption("markexpr"))
    out = [item for item in items if any(item.get_closest_marker(name) and name not in wanted for name in MARKERS)]
    if out:
        config.hook.pytest_deselected(items=out)
        items[:] = [item for item in items if item not in out]
