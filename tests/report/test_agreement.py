"""Agreement with a kernel: what a program's cell says, and what is counted."""

from __future__ import annotations

import json

import pytest

from kverdict.api import Result, check_object, profiles_for
from kverdict.report.agreement import FORMATS, Cell, Said, Summary, cell, to_show
from kverdict.verify.verdict import Accepted, Environment, Stats, Unsupported
from tests.report.made import example, other

SENTENCE = "Possibly NULL pointer passed to trusted arg0"
ACCEPTED = other(Accepted(Stats(insns_processed=7)))
UNSUPPORTED = other(Unsupported("arenas"))
NOT_LOADED = other(Environment("this kernel has no bpf_task_acquire"))


def refused() -> Result:
    return next(check_object(example(), profiles_for(["6.18"])))


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (Said("refused", SENTENCE, 4), "agree"),
        (Said("refused", SENTENCE, 5), "other count"),
        (Said("refused", "something else", 4), "other sentence"),
        (Said("accepted", "", 6), "false refusal"),
        (Said("none", why="prog_load: EPERM"), "no verdict"),
    ],
)
def test_a_refusal_is_judged_by_verdict_then_sentence_then_count(said: Said, kind: str) -> None:
    assert cell("host", refused(), said).kind == kind


def test_an_acceptance_that_the_kernel_refuses_is_a_false_accept() -> None:
    assert cell("6.12", ACCEPTED, Said("refused", SENTENCE, 4)).kind == "false accept"
    assert cell("6.12", ACCEPTED, Said("accepted", "", 7)).kind == "agree"


def test_what_is_not_modelled_is_neither_right_nor_wrong() -> None:
    found = [cell("host", UNSUPPORTED, Said("accepted", "", 7)), cell("host", NOT_LOADED, Said("none"))]
    assert [one.kind for one in found] == ["unsupported", "not loaded"]
    assert Summary("host", found).compared == 0


def cells() -> list[Cell]:
    return [
        cell("host", refused(), Said("refused", SENTENCE, 4)),
        cell("host", ACCEPTED, Said("refused", SENTENCE, 4)),
        cell("7.2", ACCEPTED, Said("accepted", "", 8)),
    ]


def test_each_share_is_of_the_programs_that_were_compared() -> None:
    summary = Summary("host", cells()[:2])
    assert (summary.compared, summary.same_verdict, summary.same_sentence, summary.same_count) == (2, 1, 1, 1)
    assert dict(summary.rows())["same verdict"] == "1 (50.0 %)"


def test_what_is_worst_is_shown_last() -> None:
    assert [found.kind for found in to_show(cells())] == ["other count", "false accept"]


def test_text_tells_both_answers() -> None:
    text = FORMATS["text"](cells())
    assert text.startswith("kernel host\n  programs compared                2\n")
    assert "  here:   accepted (7 instructions processed)\n" in text
    assert text.endswith(f"  kernel: refused: {SENTENCE} (4 instructions processed)")


def test_json_has_a_row_for_each_cell_and_counts_for_each_kernel() -> None:
    document = json.loads(FORMATS["json"](cells()))
    assert document["kernels"]["host"]["false_accept"] == 1
    assert document["kernels"]["7.2"]["same_sentence"] == 1
    assert [row["kind"] for row in document["programs"]] == ["agree", "false_accept", "other_count"]
    assert document["programs"][1]["kernel_said"] == f"refused: {SENTENCE}"


def test_markdown_has_a_column_for_each_kernel() -> None:
    lines = FORMATS["markdown"](cells()).splitlines()
    assert lines[0] == "| | host | 7.2 |"
    assert lines[2] == "| programs compared | 2 | 1 |"
    assert len([line for line in lines if "no_null_check" in line]) == 2
