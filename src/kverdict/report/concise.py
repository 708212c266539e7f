"""One line a result, the columns that grep and editors understand: file:line:column: kernel: verdict: sentence [id]."""

from __future__ import annotations

from kverdict.api import Result
from kverdict.report.sources import with_source
from kverdict.verify.verdict import Environment, Rejected, Unsupported


def concise_line(result: Result) -> str:
    """The result in one line."""
    verdict = result.verdict
    head = f"{result.object_name}: {result.program}: {result.kernel}"
    if isinstance(verdict, Rejected):
        place = None
        if result.linked is not None:
            place = with_source(result.linked.place(verdict.diagnostic.insn), result.object_name)
        at = f"{place.file}:{place.line}:{place.column}: " if place and place.line else ""
        last = verdict.sentence.splitlines()[-1] if verdict.sentence else ""
        return f"{at}{head}: rejected: {last} [{verdict.diagnostic.message.id}]"
    if isinstance(verdict, Unsupported):
        return f"{head}: unsupported: {verdict.what}"
    if isinstance(verdict, Environment):
        return f"{head}: environment: {verdict.why}"
    return f"{head}: accepted ({verdict.stats.insns_processed} instructions)"
