"""kverdict says what the real kernels said: verdict, last message, and how many instructions were walked over."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from kverdict.api import Result, check_object
from kverdict.kernel.profile import KernelProfile, load_profile
from kverdict.objfile.object import Object
from kverdict.verify.verdict import Accepted, Rejected
from tests.oracle.recorded import Cell, cells

CELLS: Final = cells()
# Kernels whose types are borrowed from another: numbers that come from a structure's layout differ.
BORROWED_TYPES: Final = frozenset({"6.3", "6.3-clang", "6.4", "before_the_patch"})
LAYOUT: Final = re.compile(r"\b(mend:|off )\d+")
WORDS: Final = {"refused": "rejected", "accepted": "accepted"}


@cache
def profile(name: str) -> KernelProfile:
    return load_profile(name)


@cache
def opened(path: Path) -> Object:
    return Object.open(path)


def ours(cell: Cell) -> Result:
    return next(iter(check_object(opened(cell.object), [profile(cell.profile)], programs=[cell.program])))


def message(text: str, kernel: str) -> str:
    return LAYOUT.sub(r"\1N", text) if kernel in BORROWED_TYPES else text


@pytest.mark.parametrize("cell", CELLS, ids=[cell.name for cell in CELLS])
def test_verdict_message_and_count_are_those_of_the_kernel(cell: Cell) -> None:
    result = ours(cell)
    verdict = result.verdict
    assert result.word == WORDS[cell.verdict], verdict
    assert isinstance(verdict, (Accepted, Rejected))
    said = verdict.sentence if isinstance(verdict, Rejected) else ""
    assert message(said, cell.kernel) == message(cell.message, cell.kernel)
    if cell.insns_processed is not None:
        assert verdict.stats.insns_processed == cell.insns_processed
