"""The pytest plug-in is registered, and under a failed test it tells what the simulated kernel did."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

from kverdict.pytest_plugin import STEPS, LoadForTest, story

ROOT = Path(__file__).parents[1]
MAP = str(ROOT / "examples/task_kptr/map.bpf.o")


def test_plugin_is_an_entry_point() -> None:
    found = {point.name: point.value for point in entry_points(group="pytest11")}
    assert found["kverdict"] == "kverdict.pytest_plugin"


def test_story_has_ledger_and_last_steps(kverdict_load: LoadForTest) -> None:
    world = kverdict_load(MAP, programs=["leave_in_map"]).start()
    world.globals["watched"] = 1
    world.fork("worker")
    lines = story(*kverdict_load.worlds[0]).splitlines()
    assert any("rcu_users +1 -> 3" in line and "bpf_task_acquire" in line for line in lines)
    steps = lines[lines.index(f"last steps (at most {STEPS}):") + 1 :]
    assert len(steps) == STEPS
    assert "exit" in steps[-1]


def test_failing_test_shows_the_story(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "def test_it(kverdict_load):\n"
        f"    world = kverdict_load({MAP!r}, programs=['leave_in_map']).start()\n"
        "    world.globals['watched'] = 1\n"
        "    assert world.fork().rcu_users == 2\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1
    assert "simulated kernel" in done.stdout
    assert "bpf_task_acquire" in done.stdout
