"""The command line as a process: exit codes, what goes where, and that nothing heavy is loaded for small questions."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kverdict.cli.check import exit_code

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "FORCE_COLOR")}
    command = [sys.executable, "-m", "kverdict", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, input=stdin, env=environment, check=False)


def test_the_version_needs_neither_click_nor_the_verifier() -> None:
    code = "import sys; from kverdict.cli import main\ntry: main(['--version'])\nexcept SystemExit: pass\n"
    code += "print(sorted(m for m in sys.modules if m == 'click' or m.startswith('kverdict.')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[1] == "['kverdict.cli']"


def test_profiles_are_listed_without_loading_the_verifier() -> None:
    done = run("profiles")
    assert done.returncode == 0 and "6.18" in done.stdout and done.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("no/such.bpf.o",), "cannot be read"),
        (("README.md",), "README.md"),
        (("-k", "9.9", "examples/task_kptr/no_null_check.bpf.o"), "no such kernel"),
        (("-p", "nope", "examples/task_kptr/no_null_check.bpf.o"), "has no program 'nope'"),
        (("-G", "nope", "examples/task_kptr/no_null_check.bpf.o"), "expected 'NAME = VALUE'"),
        (("explain", "no such sentence"), "neither an id nor a sentence"),
        (("kfuncs", "no_such_kfunc"), "no such kfunc"),
        (("helpers", "no_such_helper"), "no such helper"),
        (("whatif", "examples/task_kptr/no_null_check.bpf.o"), "nothing to compare"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments: tuple[str, ...], problem: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1 and problem in done.stderr
    assert "Traceback" not in done.stderr


def test_wrong_options_are_usage_errors() -> None:
    done = run("check", "--no-such-option", "x.o")
    assert done.returncode == 2 and "No such option" in done.stderr


def test_a_sentence_is_explained_from_its_words_and_from_a_log() -> None:
    direct = run("explain", "Possibly NULL pointer passed to trusted arg0")
    assert direct.returncode == 0 and direct.stdout.startswith("maybe-null-arg\n")
    log = "0: (79) r1 = *(u64 *)(r1 +0)\n; acquired = f(task); @ a.bpf.c:11\n3: (85) call f#1\n"
    log += "Possibly NULL pointer passed to trusted arg0\nprocessed 4 insns (limit 1000000)\n"
    piped = run("explain", "-", stdin=log)
    assert piped.returncode == 0
    assert piped.stdout.startswith("maybe-null-arg: Possibly NULL pointer passed to trusted arg0\n")
    assert "at instruction 3: call f#1" in piped.stdout and "(a.bpf.c:11)" in piped.stdout


def test_a_log_without_a_sentence_is_bad_input() -> None:
    done = run("explain", "-", stdin="processed 4 insns\n")
    assert done.returncode == 2 and "no sentence of the verifier" in done.stderr


def test_exit_codes_follow_the_worst_verdict() -> None:
    assert exit_code([]) == exit_code(["accepted"]) == 0
    assert exit_code(["accepted", "rejected", "unsupported"]) == 1
    assert exit_code(["accepted", "unsupported"]) == exit_code(["environment"]) == 3
    assert exit_code(["accepted", "unsupported"], strict=True) == 1


def test_completion_scripts_are_printed() -> None:
    done = run("completion", "bash")
    assert done.returncode == 0 and "_KVERDICT_COMPLETE" in done.stdout
