"""The outcome of an exploration as one HTML page that needs nothing from outside: report, ledger, drawn timeline."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

from kverdict.explore.run import Outcome
from kverdict.explore.svg import svg
from kverdict.explore.text import assumptions, verdict_line
from kverdict.explore.witness import Cause, Report

STYLE: Final = """
:root { color-scheme: light dark; --ink: #1c2330; --dim: #687083; --paper: #fdfdfb; --line: #c8ccd6; --bad: #c0262d;
  --section: #4f7cc4; --grace: #b07a1e; --moves: #2f8a57; --box: #f2f3f6; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e7ee; --dim: #99a1b3; --paper: #15181e; --line: #3b4150;
  --bad: #ff6b6b; --section: #6d9be8; --grace: #dca44a; --moves: #58c48a; --box: #1e222b; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2rem auto;
  max-width: 76rem; padding: 0 1.2rem; }
h1 { font-size: 1.25rem; } h2 { font-size: 1.05rem; margin: 1.8rem 0 .5rem; }
.violated h1 { color: var(--bad); } .dim { color: var(--dim); }
pre, code { font: 13px/1.45 ui-monospace, monospace; }
pre { background: var(--box); padding: .5rem .8rem; overflow-x: auto; margin: .3rem 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .15rem .9rem .15rem 0; border-bottom: 1px solid var(--line); }
.drawing { overflow-x: auto; }
svg text { font: 12px ui-monospace, monospace; fill: var(--ink); }
svg .name { font-weight: 600; } svg .number { fill: var(--dim); } svg .note { fill: var(--bad); font-size: 11px; }
svg .life { stroke: var(--line); } svg .section { fill: var(--section); opacity: .35; }
svg .grace { stroke: var(--grace); stroke-width: 4; stroke-dasharray: 3 4; }
svg .moves { stroke: var(--moves); stroke-width: 1.5; } svg .head { fill: var(--moves); }
svg .step circle { fill: var(--ink); } svg .freed circle, svg .bad circle { fill: var(--bad); }
svg g:hover .what { text-decoration: underline; }
"""


def page(outcomes: Sequence[Outcome]) -> str:
    """The page of one or several scenarios."""
    title = outcomes[0].stage.scenario.title() if outcomes else "kverdict explore"
    body = "\n".join(_outcome(outcome) for outcome in outcomes)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)} – kverdict explore</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def _outcome(outcome: Outcome) -> str:
    report = outcome.report
    parts = [f'<section class="{escape(outcome.result.verdict)}">']
    parts.append(f"<h1>{escape(report.headline if report else outcome.stage.scenario.title())}</h1>")
    parts.append(f"<p>{escape(outcome.stage.scenario.title())}: {escape(verdict_line(outcome))}</p>")
    if report is not None:
        parts += _report(report)
    parts.append(f'<p class="dim">{escape(assumptions(outcome))}</p>')
    parts += [f'<p class="dim">{escape(note)}</p>' for note in outcome.notes]
    parts.append("</section>")
    return "\n".join(parts)


def _report(report: Report) -> list[str]:
    parts = ["<h2>Schedule</h2>", f'<div class="drawing">{svg(report.replay)}</div>']
    parts.append(
        '<p class="dim">Blue bars are RCU read sections, dashed lines are grace periods from queueing to the callback, '
        "green arrows show who has a reference now. Hover over a step for its source line and counts.</p>"
    )
    if report.causes:
        parts.append("<h2>Causes</h2><ol>")
        parts += [_cause(cause) for cause in report.causes]
        parts.append("</ol>")
    if report.rcu:
        parts.append(f"<h2>Why RCU did not help</h2><p>{escape(report.rcu)}</p>")
    if report.rows:
        parts.append(f"<h2>Ledger of {escape(report.replay.object_name(report.subject))}</h2>")
        parts.append("<table><tr><th>step</th><th>count</th><th>change</th><th>value</th><th>by</th><th>why</th></tr>")
        for row in report.rows:
            parts.append("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>")
        parts.append("</table>")
    parts.append(f"<h2>Replay</h2><pre>--schedule &quot;{escape(report.schedule)}&quot;</pre>")
    return parts


def _cause(cause: Cause) -> str:
    text = f"<li>{escape(cause.title)}: {escape(cause.text)}"
    place = cause.event.place if cause.event is not None else None
    if place is not None and place.source.strip():
        text += f"<pre>{place.line:>5} | {escape(place.source.expandtabs(4).rstrip())}</pre>"
    return text + "</li>"
