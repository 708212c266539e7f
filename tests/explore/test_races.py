"""Each race of examples/races is accepted by the verifier and found; each repair is proved."""

from __future__ import annotations

from pathlib import Path

import pytest

from kverdict.explore import search
from kverdict.explore.replay import Replay
from kverdict.explore.run import explore
from kverdict.explore.scenario import load_scenario
from kverdict.explore.timeline import timeline
from tests.explore.common import RACES, codes, kernel_of

BROKEN = sorted(p for p in RACES.glob("*.toml") if not p.stem.endswith("_repaired") and p.stem != "lifetime")
REPAIRED = [RACES / "lifetime.toml", *sorted(RACES.glob("*_repaired.toml"))]


def test_there_are_at_least_six_races_each_with_its_repair() -> None:
    assert len(BROKEN) >= 6
    assert {path.stem for path in BROKEN} == {path.stem.removesuffix("_repaired") for path in REPAIRED[1:]}


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_race_is_found_and_its_schedule_replays(path: Path) -> None:
    found = explore(load_scenario(str(path)), codes(path.stem, "6.18"), kernel_of("6.18"))
    assert found.result.verdict == search.VIOLATED
    assert found.exit_code == 1
    assert found.report is not None and found.result.witness is not None
    again = Replay(found.report.replay.stage)
    again.play(found.result.witness.actors)
    assert len(again.events) == found.result.witness.steps
    assert max(map(len, timeline(again))) <= 120


@pytest.mark.parametrize("path", REPAIRED, ids=lambda path: path.stem)
def test_repaired_program_is_proved(path: Path) -> None:
    name = path.stem.removesuffix("_repaired")
    found = explore(load_scenario(str(path)), codes(name, "6.18"), kernel_of("6.18"))
    assert found.result.verdict == search.PROVED
    assert found.exit_code == 0


@pytest.mark.parametrize("name", sorted({path.stem.removesuffix("_repaired") for path in [*BROKEN, *REPAIRED]}))
def test_verifier_accepts_all_programs(name: str) -> None:
    from kverdict.api import check_object, profiles_for

    results = check_object(str(RACES / f"{name}.bpf.o"), profiles_for(["6.12", "6.18"]))
    assert [result.word for result in results if result.word != "accepted"] == []
