"""Formats for machines: each parses, each says the same."""

from __future__ import annotations

import csv
import io
import json
import xml.etree.ElementTree as ET
from importlib import resources

from kverdict.catalogue.kfuncs import MAYBE_NULL_ARG
from kverdict.report.ci import as_csv, github, gitlab, junit, sarif
from kverdict.report.color import Palette, wants_color
from kverdict.report.concise import concise_line
from kverdict.report.json_report import as_json
from kverdict.report.story import Story, tell
from kverdict.report.text import result_text, summary
from kverdict.verify.verdict import Accepted, Environment, Stats, Unsupported
from tests.report.made import other, rejected

REFUSED = rejected(MAYBE_NULL_ARG.at(3, reg=1, callee="bpf_task_release"), (0, 1, 2, 3))
RESULTS = [
    (REFUSED, tell(REFUSED)),
    (other(Accepted(Stats(insns_processed=9, unvisited=2))), None),
    (other(Unsupported("bpf_timer_set_callback", 7)), None),
    (other(Environment("kfunc 'x' is missing")), None),
]


def required(schema: dict[str, object], definition: str) -> list[str]:
    definitions = schema["$defs"]
    assert isinstance(definitions, dict)
    names = definitions[definition]["required"]
    assert isinstance(names, list)
    return names


def test_json_has_every_field_of_its_schema() -> None:
    schema = json.loads(resources.files("kverdict.report").joinpath("kverdict.schema.json").read_text())
    document = json.loads(as_json(RESULTS))
    assert document["schema"] == schema["properties"]["schema"]["const"] == "kverdict/1"
    assert [row["verdict"] for row in document["results"]] == ["rejected", "accepted", "unsupported", "environment"]
    for row in document["results"]:
        assert sorted(row) == sorted(required(schema, "result"))
    story = document["results"][0]["story"]
    assert sorted(story) == sorted(required(schema, "story"))
    assert sorted(document["results"][0]["place"]) == sorted(required(schema, "place"))
    assert sorted(story["spans"][0]) == sorted(required(schema, "place") + required(schema, "span"))


def test_json_says_what_the_kernel_says() -> None:
    row = json.loads(as_json(RESULTS))["results"][0]
    assert row["message"] == "Possibly NULL pointer passed to trusted arg0"
    assert (row["message_id"], row["errno"], row["insns_processed"]) == ("maybe-null-arg", 13, 4)
    assert row["place"]["line"] == 12


def test_concise_is_one_line_each() -> None:
    lines = [concise_line(result) for result, _ in RESULTS]
    assert lines[0] == (
        "examples/task_kptr/no_null_check.bpf.c:12:2: examples/task_kptr/no_null_check.bpf.o: no_null_check: 6.18: "
        "rejected: Possibly NULL pointer passed to trusted arg0 [maybe-null-arg]"
    )
    assert all("\n" not in line for line in lines)


def test_github_escapes_line_ends() -> None:
    text = github(RESULTS)
    assert text.count("\n") == 3
    assert text.startswith("::error file=examples/task_kptr/no_null_check.bpf.c,line=12,col=")
    assert "%0APossibly NULL pointer" in text


def test_gitlab_junit_sarif_and_csv_parse() -> None:
    rows = json.loads(gitlab(RESULTS))
    assert len(rows) == 3 and len({row["fingerprint"] for row in rows}) == 3
    suite = ET.fromstring(junit(RESULTS))
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("4", "1", "2")
    run = json.loads(sarif(RESULTS))["runs"][0]
    assert run["results"][0]["ruleId"] == "maybe-null-arg"
    assert len(run["results"][0]["codeFlows"][0]["threadFlows"][0]["locations"]) == 2
    table = list(csv.DictReader(io.StringIO(as_csv(RESULTS))))
    assert [row["verdict"] for row in table] == ["rejected", "accepted", "unsupported", "environment"]


def test_text_has_a_line_for_what_needs_no_story() -> None:
    texts = [result_text(result, story) for result, story in RESULTS[1:]]
    assert texts[0].startswith("accepted  ") and texts[0].endswith("9 instructions processed, 2 never verified")
    assert texts[1].endswith("bpf_timer_set_callback at instruction 7 is not modelled")
    assert texts[2].endswith("kernel 6.18: kfunc 'x' is missing")
    assert summary([result for result, _ in RESULTS]) == "1 accepted, 1 rejected, 1 unsupported, 1 environment on 6.18"


def test_colour_only_where_it_is_wanted() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    assert wants_color(Terminal(), environment={})
    assert not wants_color(io.StringIO(), environment={})
    assert not wants_color(Terminal(), environment={"NO_COLOR": "1"})
    assert wants_color(io.StringIO(), environment={"FORCE_COLOR": "1"})
    assert not wants_color(Terminal(), "never", {"FORCE_COLOR": "1"})
    story: Story = tell(REFUSED)
    assert "\x1b[" in result_text(REFUSED, story, Palette(True))
    assert "\x1b[" not in result_text(REFUSED, story)
