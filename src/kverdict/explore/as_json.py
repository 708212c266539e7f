"""Outcomes as plain data, for --format json."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kverdict.explore.designs import TITLES, Cell
from kverdict.explore.replay import Event
from kverdict.explore.run import Outcome
from kverdict.explore.text import assumptions, verdict_line
from kverdict.explore.witness import Report


def document(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """All outcomes of one command."""
    return {"version": 1, "scenarios": [_outcome(outcome) for outcome in outcomes]}


def _outcome(outcome: Outcome) -> dict[str, Any]:
    result, figures = outcome.result, outcome.result.figures
    return {
        "scenario": outcome.stage.scenario.title(),
        "kernel": outcome.kernel,
        "design": outcome.design,
        "verdict": result.verdict,
        "summary": verdict_line(outcome),
        "states": figures.states,
        "transitions": figures.transitions,
        "depth": figures.depth,
        "stopped": figures.stopped,
        "bound": result.bound,
        "samples": result.samples,
        "seed": result.seed,
        "violations": sorted({outcome.system.violation(number).kind for number in result.violations}),
        "assumptions": assumptions(outcome),
        "notes": outcome.notes,
        "witness": _report(outcome.report, outcome) if outcome.report is not None else None,
    }


def _report(report: Report, outcome: Outcome) -> dict[str, Any]:
    witness = outcome.result.witness
    keys = ("step", "count", "change", "value", "by", "why")
    return {
        "kind": report.violation.kind,
        "headline": report.headline,
        "schedule": report.schedule,
        "preemptions": witness.preemptions if witness else 0,
        "switches": witness.switches if witness else 0,
        "shortest": outcome.result.shortest,
        "causes": [{"title": cause.title, "text": cause.text} for cause in report.causes],
        "why_rcu_did_not_help": report.rcu,
        "ledger": [dict(zip(keys, row, strict=True)) for row in report.rows],
        "steps": [_event(event, report) for event in report.replay.events],
    }


def _event(event: Event, report: Report) -> dict[str, Any]:
    place = event.place
    return {
        "number": event.number,
        "actor": report.replay.name(event.actor),
        "what": event.what,
        "file": place.file if place else "",
        "line": place.line if place else 0,
        "instruction": place.insn if place else -1,
        "readers": sorted(event.inside),
        "queue": [{"callback": one.name, "waits_for": sorted(one.waits)} for one in event.queue],
        "problem": event.problem,
    }


def matrix_document(cells: Sequence[Cell]) -> dict[str, Any]:
    """The matrix of designs and interleavings."""
    return {
        "version": 1,
        "designs": TITLES,
        "cells": [
            {
                "interleaving": cell.interleaving.number,
                "title": cell.interleaving.title,
                "design": cell.design,
                "found": cell.found,
                "expected": cell.interleaving.expected[cell.design],
                "agrees": cell.agrees,
                "states": cell.result.figures.states if cell.result else 0,
                "steps": cell.result.witness.steps if cell.result and cell.result.witness else 0,
            }
            for cell in cells
        ],
    }
