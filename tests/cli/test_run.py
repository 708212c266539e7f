"""`kverdict run`: exit codes, left-out programs, JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kverdict.cli.group import run

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_accepted_program_runs_and_its_ledger_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    path = str(EXAMPLES / "task_kptr/map.bpf.o")
    assert run(["run", path, "-p", "leave_in_map", "--set", "watched = 1", "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["maps"] == {"tasks": {"100": {"task": "task 100"}}}
    assert told["verdicts"] == {"leave_in_map": "accepted"}
    assert [entry["why"] for entry in told["ledger"]].count("bpf_task_acquire") == 1


def test_rejected_program_is_not_run_unless_told_to(capsys: pytest.CaptureFixture[str]) -> None:
    path = str(EXAMPLES / "task_kptr/no_null_check.bpf.o")
    assert run(["run", path]) == 1
    assert "is left out: rejected by 6.18" in capsys.readouterr().err
    assert run(["run", path, "--unverified", "--trace"]) == 1
    shown = capsys.readouterr()
    assert "runs although it is rejected" in shown.err
    assert "call bpf_task_release" in shown.out


@pytest.mark.parametrize(
    "arguments", [["-e", "explode"], ["-e", "exit:pid=9"], ["--set", "nothing = 1"], ["--scenario", "none.toml"]]
)
def test_bad_input_is_one_line_and_exit_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["run", str(EXAMPLES / "task_kptr/map.bpf.o"), "-p", "leave_in_map", *arguments]) == 2
    assert capsys.readouterr().err.count("\n") == 1
