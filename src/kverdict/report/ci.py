"""Formats that other tools read: GitHub and GitLab annotations, JUnit, SARIF, CSV."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from kverdict import __version__
from kverdict.api import Result
from kverdict.diagnostic import Place
from kverdict.report.explain import wording
from kverdict.report.json_report import result_record
from kverdict.report.sources import with_source
from kverdict.report.story import Story
from kverdict.verify.verdict import Accepted, Environment, Rejected, Unsupported

Reported = Sequence[tuple[Result, Story | None]]


def _place(result: Result) -> Place:
    verdict = result.verdict
    insn = verdict.diagnostic.insn if isinstance(verdict, Rejected) else -1
    return with_source(result.linked.place(insn), result.object_name) if result.linked is not None else Place(insn)


def _sentence(result: Result) -> str:
    verdict = result.verdict
    if isinstance(verdict, Rejected):
        return verdict.sentence
    if isinstance(verdict, Unsupported):
        return f"{verdict.what} is not modelled"
    return verdict.why if isinstance(verdict, Environment) else ""


def _title(result: Result) -> str:
    return f"{result.program} on Linux {result.kernel}: {result.word}"


def github(results: Reported) -> str:
    """Workflow commands: errors for refusals, warnings for what is undecided."""
    lines = []
    for result, story in results:
        if isinstance(result.verdict, Accepted):
            continue
        level = "error" if isinstance(result.verdict, Rejected) else "warning"
        place = _place(result)
        at = f"file={place.file},line={place.line},col={max(place.column, 1)}," if place.line else ""
        text = f"{story.headline}\n{_sentence(result)}" if story else _sentence(result)
        escaped = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
        lines.append(f"::{level} {at}title={_title(result)}::{escaped}")
    return "".join(f"{line}\n" for line in lines)


def gitlab(results: Reported) -> str:
    """GitLab's code quality report."""
    rows = []
    for result, story in results:
        if isinstance(result.verdict, Accepted):
            continue
        place = _place(result)
        text = f"{_title(result)}: {story.headline if story else _sentence(result)}"
        key = f"{result.object_name}\0{result.program}\0{result.kernel}\0{_sentence(result)}"
        rows.append(
            {
                "description": text,
                "check_name": _rule(result),
                "fingerprint": hashlib.sha256(key.encode()).hexdigest(),
                "severity": "major" if isinstance(result.verdict, Rejected) else "minor",
                "location": {"path": place.file or result.object_name, "lines": {"begin": max(place.line, 1)}},
            }
        )
    return json.dumps(rows, indent=2) + "\n"


def junit(results: Reported) -> str:
    """JUnit XML: one test case a program and kernel; refusals fail, what is undecided is skipped."""
    words = [result.word for result, _ in results]
    failures, skipped = words.count("rejected"), words.count("unsupported") + words.count("environment")
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        f'<testsuite name="kverdict" tests="{len(words)}" failures="{failures}" skipped="{skipped}">',
    ]
    for result, story in results:
        case = f"{result.object_name}.{result.kernel}"
        lines.append(f"  <testcase classname={quoteattr(case)} name={quoteattr(result.program)}>")
        text = _sentence(result)
        if isinstance(result.verdict, Rejected):
            body = escape(story.headline if story else text)
            lines.append(f"    <failure type={quoteattr(_rule(result))} message={quoteattr(text)}>{body}</failure>")
        elif text:
            lines.append(f"    <skipped message={quoteattr(text)}/>")
        lines.append("  </testcase>")
    return "\n".join([*lines, "</testsuite>"]) + "\n"


def as_csv(results: Reported) -> str:
    """Comma-separated values with a header line."""
    names = ("object", "program", "section", "kernel", "verdict", "message_id", "message", "what", "insns_processed")
    out = io.StringIO()
    writer = csv.DictWriter(out, [*names, "total_states", "peak_states"], extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for result, _ in results:
        writer.writerow(result_record(result, None))
    return out.getvalue()


def sarif(results: Reported) -> str:
    """SARIF 2.1.0: a rule for each message id, the path as a code flow."""
    rules: dict[str, dict[str, Any]] = {}
    rows = []
    for result, story in results:
        verdict = result.verdict
        if isinstance(verdict, Accepted):
            continue
        rule = _rule(result)
        meaning = wording(verdict.diagnostic.message.text) if isinstance(verdict, Rejected) else rule
        rules.setdefault(rule, {"id": rule, "shortDescription": {"text": meaning}})
        row: dict[str, Any] = {
            "ruleId": rule,
            "level": "error" if isinstance(verdict, Rejected) else "note",
            "message": {"text": f"{_title(result)}: {story.headline if story else _sentence(result)}"},
            "locations": [_location(_place(result), result.object_name)],
            "properties": {"kernel": result.kernel, "program": result.program, "kernelSays": _sentence(result)},
        }
        if story is not None:
            spans = sorted(story.spans, key=lambda span: span.primary)
            steps = [_location(span.place, result.object_name, "; ".join(span.labels)) for span in spans]
            row["codeFlows"] = [{"threadFlows": [{"locations": [{"location": step} for step in steps]}]}]
        rows.append(row)
    tool = {"name": "kverdict", "version": __version__, "rules": list(rules.values())}
    run = {"tool": {"driver": tool}, "results": rows}
    document = {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}
    return json.dumps(document, indent=2) + "\n"


def _rule(result: Result) -> str:
    verdict = result.verdict
    return verdict.diagnostic.message.id if isinstance(verdict, Rejected) else result.word


def _location(place: Place, object_name: str, text: str = "") -> dict[str, Any]:
    where: dict[str, Any] = {"artifactLocation": {"uri": place.file or object_name}}
    if place.line:
        where["region"] = {"startLine": place.line, "startColumn": max(place.column, 1)}
    found: dict[str, Any] = {"physicalLocation": where}
    if text:
        found["message"] = {"text": text}
    return found


FORMATS = {"github": github, "gitlab": gitlab, "junit": junit, "csv": as_csv, "sarif": sarif}
