"""Tables in plain text: programs × kernels, with the distinct sentences numbered below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kverdict.api import Result
from kverdict.report.color import PLAIN, Palette
from kverdict.verify.verdict import Environment, Rejected, Unsupported

SIGNS: Final = {"accepted": "yes", "rejected": "NO", "unsupported": "?", "environment": "-"}


def matrix_text(found: Sequence[Result], kernels: Sequence[str], messages: bool, paint: Palette = PLAIN) -> str:
    """A row for each program, a column for each kernel; refusals carry the number of their sentence."""
    rows: dict[tuple[str, str], dict[str, Result]] = {}
    for result in found:
        rows.setdefault((result.object_name, result.program), {})[result.kernel] = result
    sentences: dict[str, int] = {}
    body = []
    for (_, program), by_kernel in rows.items():
        cells = [_cell(by_kernel.get(kernel), sentences if messages else {}) for kernel in kernels]
        body.append((program, cells))
    first = max(len("program"), *(len(program) for program, _ in body))
    widths = [max(len(name), *(len(cells[at][1]) for _, cells in body)) for at, name in enumerate(kernels)]
    titles = [name.ljust(width) for name, width in zip(kernels, widths, strict=True)]
    lines = ["  ".join(["program".ljust(first), *titles]).rstrip()]
    shown = ""
    for (name, _), (program, cells) in zip(rows, body, strict=True):
        if name != shown and len({key[0] for key in rows}) > 1:
            lines.append(paint("bold", name))
            shown = name
        padded = [paint(style, text.ljust(width)) for (style, text), width in zip(cells, widths, strict=True)]
        lines.append("  ".join([program.ljust(first), *padded]).rstrip())
    if messages and sentences:
        lines += ["", *(f"{number:>3}  {sentence}" for sentence, number in sentences.items())]
    return "\n".join(lines)


def _cell(result: Result | None, sentences: dict[str, int]) -> tuple[str, str]:
    if result is None:
        return ("dim", "")
    verdict = result.verdict
    sign = SIGNS[result.word]
    said = ""
    if isinstance(verdict, Rejected):
        said = verdict.sentence.splitlines()[-1] if verdict.sentence else ""
    elif isinstance(verdict, Unsupported):
        said = f"not modelled: {verdict.what}"
    elif isinstance(verdict, Environment):
        said = verdict.why
    if not said:
        return (result.word, sign)
    number = sentences.setdefault(said, len(sentences) + 1)
    return (result.word, f"{sign} {number}")
