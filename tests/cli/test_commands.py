"""The commands on the shipped examples: what they print and how they end."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from tests.cli.test_main import ROOT, run

EXAMPLES = "examples/task_kptr"
REFUSED = f"{EXAMPLES}/no_null_check.bpf.o"
GUARDED = f"{EXAMPLES}/guarded.bpf.o"


def test_the_default_command_is_check_and_a_refusal_ends_with_1() -> None:
    done = run(REFUSED)
    assert done.returncode == 1 and done.stderr == ""
    assert done.stdout.startswith("error[maybe-null-arg]: `acquired` may be NULL")
    assert "re-verified on 6.4, 6.12, 6.18, 7.2" in done.stdout
    assert "note: 6.3 accepts this, 6.4 and later refuse it: bpf_task_acquire() gained KF_RET_NULL" in done.stdout
    assert "note: the kernel says: Possibly NULL pointer passed to trusted arg0" in done.stdout


def test_accepted_programs_end_with_0() -> None:
    done = run("check", "-k", "6.4,7.2", GUARDED)
    assert done.returncode == 0
    assert done.stdout.count("accepted  ") == 4
    assert done.stdout.splitlines()[-1] == "4 accepted on 6.4, 7.2"


def test_the_same_refusal_on_several_kernels_is_told_once() -> None:
    done = run("check", "--no-notes", "-k", "6.4,6.12,7.2", REFUSED)
    assert done.stdout.count("error[maybe-null-arg]") == 1
    assert "instruction 3, kernels 6.4, 6.12, 7.2\n" in done.stdout
    assert "note: 6.4, 6.12 say: Possibly NULL pointer passed to trusted arg0\n" in done.stdout
    assert "note: 7.2 says: Possibly NULL pointer passed to trusted R1\n" in done.stdout
    assert done.stdout.endswith("3 rejected on 6.4, 6.12, 7.2\n")


def test_what_cannot_be_loaded_is_undecided_and_strict_refuses_it() -> None:
    done = run("check", "-k", "6.1", "-f", "concise", GUARDED)
    assert done.returncode == 3 and "environment:" in done.stdout
    assert run("check", "-k", "6.1", "-f", "concise", "--strict", GUARDED).returncode == 1


def test_json_is_what_the_table_test_reads() -> None:
    done = run("check", "-k", "6.3,6.18", "-f", "json", REFUSED)
    document = json.loads(done.stdout)
    assert document["schema"] == "kverdict/1"
    assert [row["verdict"] for row in document["results"]] == ["accepted", "rejected"]
    assert document["results"][1]["message"] == "Possibly NULL pointer passed to trusted arg0"
    assert document["results"][1]["insns_processed"] == 4


def test_standard_input_is_an_object() -> None:
    import subprocess
    import sys

    raw = (ROOT / REFUSED).read_bytes()
    command = [sys.executable, "-m", "kverdict", "check", "-f", "csv", "-"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, input=raw, check=False)
    rows = list(csv.DictReader(io.StringIO(done.stdout.decode())))
    assert done.returncode == 1 and rows[0]["message_id"] == "maybe-null-arg"


def test_a_bad_object_among_good_ones_costs_only_itself(tmp_path: Path) -> None:
    bad = tmp_path / "bad.bpf.o"
    bad.write_bytes((ROOT / REFUSED).read_bytes()[:200])
    done = run("check", "-f", "concise", str(bad), GUARDED)
    assert done.returncode == 2
    assert done.stdout.count("accepted") == 2 and str(bad) not in done.stdout
    assert len(done.stderr.splitlines()) == 1 and str(bad) in done.stderr


def test_the_matrix_numbers_the_sentences() -> None:
    done = run("matrix", "-k", "6.3,6.4,6.18,7.2", REFUSED)
    assert done.returncode == 1
    assert done.stdout == (
        "program        6.3  6.4   6.18  7.2\n"
        "no_null_check  yes  NO 1  NO 1  NO 2\n"
        "\n"
        "  1  Possibly NULL pointer passed to trusted arg0\n"
        "  2  Possibly NULL pointer passed to trusted R1\n"
    )


def test_whatif_prints_the_change_and_the_rule() -> None:
    done = run("whatif", "--from", "examples/overlays/before_the_patch.toml", "--to", "6.4", REFUSED, GUARDED)
    assert done.returncode == 1
    assert "breaks: 1\n  examples/task_kptr/no_null_check.bpf.o: no_null_check\n" in done.stdout
    assert "    rule: bpf_task_acquire() gained KF_RET_NULL\n" in done.stdout
    assert done.stdout.endswith("1 of 3 programs change from before_the_patch to 6.4, 2 do not\n")


def test_whatif_takes_changes_from_the_command_line() -> None:
    done = run("whatif", "--kfunc", "bpf_task_acquire=-KF_RET_NULL", REFUSED)
    assert done.returncode == 1 and "is freed: 1" in done.stdout
    none = run("whatif", "--rcu-protected", "+file", REFUSED)
    assert none.returncode == 0 and "0 of 1 programs change" in none.stdout


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--kfunc", "bpf_task_acquier=+KF_RCU"), "did you mean bpf_task_acquire?"),
        (("--kfunc", "bpf_task_acquire=+KF_RUC"), "unknown flag"),
        (("--kfunc", "bpf_task_acquire"), "expected NAME=+FLAG"),
        (("--rcu-protected", "-nothing"), "is not there to be removed"),
        (("--behaviour", "+NOTHING"), "unknown behaviour"),
    ],
)
def test_wrong_changes_are_one_line(arguments: tuple[str, ...], problem: str) -> None:
    done = run("whatif", *arguments, REFUSED)
    assert done.returncode == 2 and problem in done.stderr
    assert len(done.stderr.splitlines()) == 1 and done.stdout == ""


def test_the_log_is_the_kernels() -> None:
    done = run("log", REFUSED)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert "Possibly NULL pointer passed to trusted arg0" in lines
    assert any(line.startswith("processed 4 insns (limit 1000000)") for line in lines)


def test_a_kernels_page_and_a_functions_page() -> None:
    assert "where the facts come from:" in run("profiles", "6.4").stdout
    page = run("kfuncs", "bpf_task_acquire", "-k", "6.3,6.4").stdout
    assert "flags: KF_ACQUIRE | KF_TRUSTED_ARGS" in page and "flags: KF_ACQUIRE | KF_RET_NULL | KF_RCU" in page
    assert (
        "bpf_task_acquire: +KF_RET_NULL +KF_RCU -KF_TRUSTED_ARGS" in run("kfuncs", "--changed", "-k", "6.3,6.4").stdout
    )
    assert "number 194" in run("helpers", "bpf_kptr_xchg").stdout


def test_the_doctor_answers() -> None:
    done = run("doctor")
    assert done.returncode == 0 and done.stdout.startswith("kverdict")
