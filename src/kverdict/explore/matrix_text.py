"""The matrix of designs and interleavings as a table."""

from __future__ import annotations

from collections.abc import Sequence

from kverdict.explore import search
from kverdict.explore.designs import ABSENT, REFUSED, TITLES, Cell
from kverdict.explore.text import Paint, plain


def matrix_lines(cells: Sequence[Cell], paint: Paint = plain) -> list[str]:
    """One line an interleaving, one column a design; a cell that is not as expected says so."""
    designs = list(TITLES)
    by_number: dict[int, dict[str, Cell]] = {}
    for cell in cells:
        by_number.setdefault(cell.interleaving.number, {})[cell.design] = cell
    rows = [[_words(row[design]) for design in designs] for row in by_number.values()]
    heads = [f"{design} {TITLES[design]}" for design in designs]
    widths = [max(len(head), *(len(row[at]) for row in rows)) for at, head in enumerate(heads)]
    lines = ["    " + "  ".join(head.ljust(width) for head, width in zip(heads, widths, strict=True)).rstrip()]
    for (number, row), words in zip(by_number.items(), rows, strict=True):
        parts = []
        for design, text, width in zip(designs, words, widths, strict=True):
            parts.append(paint(_style(row[design]), text) + " " * (width - len(text)))
        lines.append(f"{number:>2}  " + "  ".join(parts).rstrip())
    lines.append("")
    lines += [f"{number:>2}  {row[designs[0]].interleaving.title}" for number, row in by_number.items()]
    states = sum(cell.result.figures.states for cell in cells if cell.result is not None)
    wrong = sum(not cell.agrees for cell in cells)
    lines.append("")
    lines.append(f"{len(cells)} cells, {states:,} states, each cell searched to the end; {wrong} not as expected")
    return lines


def _words(cell: Cell) -> str:
    if cell.found == REFUSED:
        words = "refused by the verifier"
    elif cell.found == ABSENT and cell.result is not None:
        words = f"proved absent ({cell.result.figures.states})"
    else:
        witness = cell.result.witness if cell.result is not None else None
        words = f"{cell.found}, {witness.steps} steps" if witness is not None else cell.found
    return words if cell.agrees else words + f" (expected {cell.interleaving.expected[cell.design]})"


def _style(cell: Cell) -> str:
    if not cell.agrees:
        return "error"
    if cell.result is None:
        return "dim"
    return "accepted" if cell.result.verdict == search.PROVED else "unsupported"
