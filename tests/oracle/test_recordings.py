"""The recordings belong to the committed programs, and the table of counterparts is whole."""

from __future__ import annotations

import json
from collections import Counter

from kverdict.objfile.object import Object
from tests.oracle.recorded import ROOT, TABLES, cells, table
from tools.oracle.digest import digest

EVERY_KERNEL = {"6.12", "6.18", "7.2"}


def counterparts() -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads((ROOT / "examples/task_kptr/counterparts.json").read_text())[
        "counterparts"
    ]
    return found


def test_no_recording_is_older_than_its_program() -> None:
    old = [cell.name for cell in cells() if cell.sha256 != digest(cell.object, cell.program)]
    assert not old, "recorded for another version of the program, run `make oracle-record`: " + ", ".join(old)


def test_every_example_program_has_a_row_and_every_row_a_program() -> None:
    for name in TABLES:
        programs = {
            f"{path.relative_to(ROOT / 'examples')}".removesuffix(".bpf.o") + f":{program.name}"
            for path in (ROOT / "examples" / name).rglob("*.bpf.o")
            for program in Object.open(path).programs
        }
        assert programs == set(table(name)["programs"])


def test_every_program_was_asked_on_some_kernel() -> None:
    silent = [key for name in TABLES for key, row in table(name)["programs"].items() if not row["kernels"]]
    assert not silent


def test_basics_are_accepted_by_every_kernel_of_today() -> None:
    accepted = {(cell.key, cell.kernel) for cell in cells() if cell.table == "basics" and cell.verdict == "accepted"}
    assert accepted >= {(key, kernel) for key in table("basics")["programs"] for kernel in EVERY_KERNEL}


def test_refusals_have_a_message_and_acceptances_none() -> None:
    assert all(bool(cell.message) == (cell.verdict == "refused") for cell in cells())


def test_every_counterpart_is_recorded_for_its_kernels() -> None:
    recorded = Counter(cell.key for cell in cells() if cell.errno is None)
    for pair in counterparts():
        assert recorded[str(pair["program"])], pair


def test_the_patch_changed_six_recorded_verdicts_of_the_examples() -> None:
    """Linux kernel commit d02c48fa1139. A sixth one that became accepted, acquire_grandparent_under_rcu, was recorded
    for 6.4 in another form only."""
    verdicts: dict[str, dict[str, str]] = {}
    for cell in cells():
        if cell.key.count("/") == 1:  # the forms for kernels after the patch
            verdicts.setdefault(cell.key, {})[cell.kernel] = cell.verdict
    changed = Counter(
        (of["before_the_patch"], of["6.4"])
        for of in verdicts.values()
        if "6.4" in of and of["before_the_patch"] != of["6.4"]
    )
    assert changed == {("refused", "accepted"): 5, ("accepted", "refused"): 1}
