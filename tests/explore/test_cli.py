"""kverdict explore: exit codes and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kverdict.cli.group import run
from tests.explore.common import RACES

LIFETIME = str(RACES / "lifetime.bpf.o")
PAIR = ["--cpu", "reader", "--cpu", "writer", "--stash", "slots"]


def test_a_proof_exits_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explore", LIFETIME, "-k", "6.12", *PAIR]) == 0
    assert "proved" in capsys.readouterr().out


def test_a_witness_exits_with_1_and_replays(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    naive = ["explore", LIFETIME, "-k", "6.12", "--design", "d", *PAIR]
    assert run([*naive, "--format", "json", "--html", str(page)]) == 1
    found = json.loads(capsys.readouterr().out)["scenarios"][0]
    assert (found["verdict"], found["witness"]["kind"]) == ("violated", "use-after-free")
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert run([*naive, "--schedule", found["witness"]["schedule"]]) == 1
    assert "use-after-free" in capsys.readouterr().out


def test_a_search_that_was_cut_off_exits_with_3(capsys: pytest.CaptureFixture[str]) -> None:
    roles = [word for role in ("reader", "writer", "stasher", "keeper") for word in ("--cpu", role)]
    assert run(["explore", LIFETIME, *roles, "--stash", "slots", "--states", "2000", "--samples", "50"]) == 3
    out = capsys.readouterr().out
    assert "bounded" in out or "sampled" in out
    assert "proved" not in out


def test_the_matrix_agrees(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explore", "--matrix"]) == 0
    assert "0 not as expected" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        [LIFETIME, "--cpu", "nobody"],
        [LIFETIME, "--task", "exits"],
        [LIFETIME, "--cpu", "reader", "--stash", "nothing"],
        [LIFETIME, "--cpu", "reader", "--assert", "1 +"],
        [LIFETIME, "--cpu", "reader", "--schedule", "what"],
        [LIFETIME, "--cpu", "reader", "--property", "what"],
        [LIFETIME, "-k", "6.12,6.18"],
        [LIFETIME, "-k", "6.4", "--cpu", "reader"],
        ["no/such/file.o"],
    ],
)
def test_bad_input_exits_with_2_and_one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explore", *arguments]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
