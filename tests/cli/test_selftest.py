"""`kverdict selftest --against-kernel` with a kernel that a test makes up."""

from __future__ import annotations

import json
from collections.abc import Sequence
from types import SimpleNamespace

import pytest

from kverdict.cli import selftest
from kverdict.errors import InputError, KverdictError
from kverdict.program.program import Program
from kverdict.verify import verify
from kverdict.verify.verdict import Accepted, Rejected
from tests.cli.test_main import ROOT, run

REFUSED = str(ROOT / "examples/task_kptr/no_null_check.bpf.o")
GUARDED = str(ROOT / "examples/task_kptr/guarded.bpf.o")


class NoKernel(RuntimeError):
    """The made-up oracle's failure."""


def honest(kernel: str, programs: Sequence[Program], level: int) -> list[SimpleNamespace]:
    """A kernel that says what kverdict says."""
    answers = []
    for program in programs:
        verdict = verify(program, log_level=level)
        assert isinstance(verdict, (Accepted, Rejected))
        message = verdict.sentence if isinstance(verdict, Rejected) else ""
        word = "refused" if message else "accepted"
        count = verdict.stats.insns_processed
        answers.append(
            SimpleNamespace(verdict=word, message=message, insns_processed=count, stage="prog_load", log=verdict.log)
        )
    return answers


def strict(kernel: str, programs: Sequence[Program], level: int) -> list[SimpleNamespace]:
    """A kernel that refuses everything."""
    answers = honest(kernel, programs, level)
    for answer in answers:
        answer.verdict, answer.message, answer.log = "refused", "no", answer.log + "no\n"
    return answers


def forbidding(kernel: str, programs: Sequence[Program], level: int) -> list[SimpleNamespace]:
    """A kernel that says EPERM before its verifier runs."""
    answers = honest(kernel, programs, level)
    for answer in answers:
        answer.verdict, answer.log, answer.insns_processed = "none", "", None
    return answers


def absent(kernel: str, programs: Sequence[Program], level: int) -> list[SimpleNamespace]:
    raise NoKernel("run make oracle")


def selftest_with(monkeypatch: pytest.MonkeyPatch, kernel: object, *args: str) -> int:
    oracle = SimpleNamespace(PROFILES={"host": "6.18", "7.2": "7.2"}, OracleError=NoKernel, ask=kernel)
    monkeypatch.setattr(selftest, "_oracle", lambda: oracle)
    code = selftest.command.main(list(args), standalone_mode=False)
    assert isinstance(code, int)
    return code


def test_agreement_ends_with_0(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert selftest_with(monkeypatch, honest, "--against-kernel", "host,7.2", REFUSED, GUARDED) == 0
    said = capsys.readouterr()
    assert said.out.count("same verdict and sentence        3 (100.0 %)") == 2
    assert said.err == ""


def test_a_difference_ends_with_1_and_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert selftest_with(monkeypatch, strict, "--against-kernel", "host", "-f", "json", REFUSED, GUARDED) == 1
    counts = json.loads(capsys.readouterr().out)["kernels"]["host"]
    assert (counts["false_accept"], counts["other_sentence"]) == (2, 1)


def test_no_verdict_is_no_disagreement(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert selftest_with(monkeypatch, forbidding, "--against-kernel", "host", REFUSED) == 0
    assert "no verdict of the kernel         1\n" in capsys.readouterr().out


def test_the_first_difference_of_two_logs_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    args = ("--against-kernel", "host", "--first-difference", "no_null_check", REFUSED, GUARDED)
    assert selftest_with(monkeypatch, strict, *args) == 1
    assert "- no" in capsys.readouterr().out
    assert selftest_with(monkeypatch, honest, *args) == 0
    assert "the logs are equal (" in capsys.readouterr().out


def test_a_kernel_that_cannot_be_asked_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KverdictError, match="kernel host cannot be asked: run make oracle"):
        selftest_with(monkeypatch, absent, "--against-kernel", "host", REFUSED)


@pytest.mark.parametrize(
    "args",
    [("--against-kernel", "5.4", REFUSED), ("--against-kernel", "host", "-p", "none_such", REFUSED)],
    ids=["unknown kernel", "unknown program"],
)
def test_bad_input_is_refused(monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...]) -> None:
    with pytest.raises(InputError):
        selftest_with(monkeypatch, honest, *args)


def test_without_a_checkout_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selftest, "__file__", "/usr/lib/python3/dist-packages/kverdict/cli/selftest.py")
    with pytest.raises(InputError, match="needs a source checkout"):
        selftest.command.main(["--against-kernel", "host", REFUSED], standalone_mode=False)


def test_a_kernel_has_to_be_named() -> None:
    assert run("selftest", REFUSED).returncode == 2
