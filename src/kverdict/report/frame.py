"""The source frame: numbered lines with the marked pieces underlined and labelled."""

from __future__ import annotations

from collections.abc import Sequence

from kverdict.report.color import PLAIN, Palette
from kverdict.report.story import Span

TAB = "    "


def frame(spans: Sequence[Span], paint: Palette = PLAIN) -> list[str]:
    """The lines of a frame, files and lines in order; the primary span is underlined with ^, others with -."""
    known = [span for span in spans if span.place.line and span.place.source]
    if not known:
        return _without_source(spans, paint)
    width = max(len(str(span.place.line)) for span in known)
    gutter = " " * width + " " + paint("gutter", "|")
    lines = [gutter]
    files = list(dict.fromkeys(span.place.file for span in sorted(known, key=lambda span: not span.primary)))
    for number, file in enumerate(files):
        if number:
            lines += [" " * width + " " + paint("gutter", ":::") + f" {file}", gutter]
        here = sorted((span for span in known if span.place.file == file), key=lambda span: span.place.line)
        for line in dict.fromkeys(span.place.line for span in here):
            lines += _line([span for span in here if span.place.line == line], width, gutter, paint)
    return [*lines, gutter]


def _line(spans: list[Span], width: int, gutter: str, paint: Palette) -> list[str]:
    place = spans[0].place
    text = place.source.rstrip().expandtabs(1)
    indent = len(text) - len(text.lstrip())
    shown = TAB + text.lstrip()
    lines = [f"{paint('gutter', f'{place.line:>{width}} |')} {shown}"]
    for span in sorted(spans, key=lambda span: -span.column):
        if span.column < 0 or not span.labels:
            continue
        style = "primary" if span.primary else "secondary"
        at = max(span.column - indent, 0) + len(TAB)
        marks = ("^" if span.primary else "-") * max(span.width, 1)
        lines.append(f"{gutter} {' ' * at}{paint(style, f'{marks} {span.labels[0]}')}")
        lines += [f"{gutter} {' ' * at}{paint(style, label)}" for label in span.labels[1:]]
    return lines


def _without_source(spans: Sequence[Span], paint: Palette) -> list[str]:
    lines = []
    for span in spans:
        style = "primary" if span.primary else "secondary"
        mark = "^" if span.primary else "-"
        for label in span.labels:
            lines.append(f"   {paint('gutter', '|')} {paint(style, f'{mark} instruction {span.place.insn}: {label}')}")
    return lines
