"""Spin finds as many states as we do, and the same errors."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from kverdict.errors import UnsupportedError
from kverdict.explore import search
from kverdict.explore.model import KernelSystem
from kverdict.explore.promela import promela
from kverdict.explore.property import DEAD_IN_MAP
from kverdict.machine.objects.task_design import DESIGNS
from tests.explore.common import ROLES, lifetime


def spin(text: str, folder: Path) -> tuple[int, set[str]]:
    """States that spin stores, and kinds of violations that it reaches."""
    (folder / "model.pml").write_text(text, encoding="utf-8")
    for command in (["spin", "-a", "model.pml"], ["gcc", "-w", "-O1", "-DNOREDUCE", "-DSAFETY", "-o", "pan", "pan.c"]):
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120)
    run = subprocess.run(
        ["./pan", "-m100000", "-n"], cwd=folder, check=True, capture_output=True, text=True, timeout=300
    )
    states = re.search(r"(\d+) states, stored", run.stdout)
    assert states is not None
    return int(states[1]), set(re.findall(r"^violation: (.*)$", run.stdout, re.MULTILINE))


def ours(system: KernelSystem) -> tuple[int, set[str]]:
    """Our states plus one for each kind of violation, and these kinds."""
    result = search.breadth_first(system)
    kinds = {system.violation(number).kind for number in result.violations}
    return result.figures.states + len(kinds), kinds


@pytest.mark.spin
@pytest.mark.parametrize(("programs", "states"), [(2, 162), (3, 1357), (4, 10529), (5, 92215), (6, 273013)])
def test_spin_agrees_on_the_published_sizes(programs: int, states: int, tmp_path: Path) -> None:
    assert spin(promela(lifetime(*ROLES[:programs])), tmp_path) == (states, set())


@pytest.mark.spin
@pytest.mark.parametrize("delayed", [False, True])
@pytest.mark.parametrize("name", sorted(DESIGNS))
def test_spin_agrees_on_every_design(name: str, delayed: bool, tmp_path: Path) -> None:
    for programs in (("reader", "writer"), ("stasher", "keeper", "writer")):
        system = lifetime(*programs, design=DESIGNS[name].with_free(delayed), properties=(DEAD_IN_MAP,))
        assert spin(promela(system), tmp_path) == ours(system), programs


def test_the_model_names_its_scenario_and_starts_where_ours_starts() -> None:
    text = promela(lifetime("reader", "writer"))
    assert text.startswith("/* reader ∥ writer, task 100 exits; task design rcu_users, immediate free. */")
    assert "byte usage = 1, users = 3;" in text


def test_a_scenario_with_two_tasks_is_not_modelled() -> None:
    from kverdict.explore.build import Stage
    from kverdict.explore.property import Properties
    from kverdict.explore.scenario import Cpu, Scenario, Task
    from tests.explore.common import codes, kernel_of

    scenario = Scenario((Cpu("writer"),), (Task(100), Task(101)))
    system = KernelSystem(Stage(scenario, codes("lifetime"), kernel_of()), Properties())
    with pytest.raises(UnsupportedError):
        promela(system)
