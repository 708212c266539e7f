"""The JSON report, schema kverdict/1 (kverdict.schema.json beside this file; fields may be added, never changed)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from kverdict.api import Result
from kverdict.diagnostic import Place
from kverdict.report.sources import with_source
from kverdict.report.story import Span, Story
from kverdict.verify.verdict import Environment, Rejected, Stats, Unsupported

SCHEMA: Final = "kverdict/1"


def as_json(results: Sequence[tuple[Result, Story | None]]) -> str:
    """The whole document, with a line end."""
    document = {"schema": SCHEMA, "results": [result_record(result, story) for result, story in results]}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def result_record(result: Result, story: Story | None) -> dict[str, Any]:
    """One result. Every key is always there; what does not apply is null, "" or empty."""
    verdict = result.verdict
    stats = Stats() if isinstance(verdict, Environment) else verdict.stats
    record: dict[str, Any] = {
        "object": result.object_name,
        "program": result.program,
        "section": result.section,
        "kernel": result.kernel,
        "verdict": result.word,
        "message": "",
        "message_id": None,
        "errno": 0,
        "what": "",
        "insns_processed": stats.insns_processed,
        "total_states": stats.total_states,
        "peak_states": stats.peak_states,
        "max_states_per_insn": stats.max_states_per_insn,
        "stack_depths": list(stats.stack_depths),
        "unverified_insns": stats.unvisited,
        "place": None,
        "story": None,
    }
    if isinstance(verdict, Rejected):
        diagnostic = verdict.diagnostic
        record["message"] = verdict.sentence
        record["message_id"] = diagnostic.message.id
        record["errno"] = diagnostic.message.errno
        if result.linked is not None:
            record["place"] = place_record(with_source(result.linked.place(diagnostic.insn), result.object_name))
    elif isinstance(verdict, Unsupported):
        record["what"] = verdict.what
        if result.linked is not None and verdict.insn >= 0:
            record["place"] = place_record(with_source(result.linked.place(verdict.insn), result.object_name))
    elif isinstance(verdict, Environment):
        record["what"] = verdict.why
    if story is not None:
        record["story"] = story_record(story)
    return record


def place_record(place: Place) -> dict[str, Any]:
    """A place in instructions and source; line 0 means unknown."""
    return {
        "insn": place.insn,
        "function": place.function,
        "file": place.file,
        "line": place.line,
        "column": place.column,
        "source": place.source.strip(),
    }


def story_record(story: Story) -> dict[str, Any]:
    """The diagnostic for people, taken apart."""
    advice = story.help
    return {
        "headline": story.headline,
        "spans": [_span_record(span) for span in story.spans],
        "path": list(story.path),
        "remark": story.remark,
        "help": None
        if advice is None
        else {
            "text": advice.text,
            "lines": [{"line": number, "text": text} for number, text in advice.lines],
            "verified_on": list(advice.proved),
        },
        "notes": list(story.notes),
    }


def _span_record(span: Span) -> dict[str, Any]:
    return {
        **place_record(span.place),
        "column": span.column + 1 if span.column >= 0 else 0,
        "width": span.width,
        "labels": list(span.labels),
        "primary": span.primary,
    }
