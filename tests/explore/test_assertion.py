"""Assertions: what may be said, and what a failed one tells."""

from __future__ import annotations

import pytest

from kverdict.errors import InputError
from kverdict.explore.assertion import parse, uses


@pytest.mark.parametrize(
    "text",
    ["globals.err == 0", "assert map.tasks[100].task.pid == 100", "sum(map.counts[0]) == 2", "result.reader in result"],
)
def test_assertions_are_read(text: str) -> None:
    parse(text)


@pytest.mark.parametrize(
    "text", ["", "x == 1", "globals.err = 1", "open('f')", "[1 for x in y]", "lambda: 1", "globals.err ==", "'a' % 1"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse(text)


def test_uses_tells_which_roots_are_named() -> None:
    assert uses(parse("result.reader == 1"), "result")
    assert not uses(parse("globals.err == 1"), "result")
