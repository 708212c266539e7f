"""What real kernels said of scalars: the transfer functions give the same text, row by row."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from kverdict.domain.arithmetic import alu32, alu64, split
from kverdict.domain.bounds import UNKNOWN, Bounds, const
from kverdict.domain.coerce import byte_swap, coerce_to_size, sign_extend, sign_extend32
from kverdict.domain.compare import branch_taken, branch_taken_same, refine, refine_same
from kverdict.domain.describe import describe
from kverdict.domain.rules import ArithmeticRules
from kverdict.domain.sync import zext32
from tests.domain.rules_of import rules_of

Row = list[Any]


def bounds(numbers: list[Any]) -> Bounds:
    """The value recorded as its ten numbers, and its arcs if they say more."""
    if numbers[1] == 0:
        known = const(numbers[0])
        if [known.smin, known.smax, known.umin, known.umax] == numbers[2:6]:
            return known
    made = Bounds(*numbers[:10])
    if len(numbers) > 10:
        made.arcs = tuple(numbers[10])
    return UNKNOWN if made.same(UNKNOWN) else made


def transferred(row: Row, rules: ArithmeticRules) -> Bounds:
    """What the instruction of a row makes of its operands."""
    kind = row[0]
    if kind == "alu":
        _, op, is_32, signed, dst, src, _ = row
        return (alu32 if is_32 else alu64)(op, bounds(dst), bounds(src), rules, signed == 1)
    value = bounds(row[-2])
    if kind == "mov32":
        return zext32(value, rules)
    if kind == "movsx":
        return (sign_extend32 if row[1] else sign_extend)(value, row[2], rules)
    if kind == "end":
        return byte_swap(value, row[1], bool(row[2]), rules)
    assert kind == "load"
    return (sign_extend if row[2] else coerce_to_size)(value, row[1], rules)


def jump_difference(row: Row, rules: ArithmeticRules) -> str:
    """Empty if the comparison of a row goes as it did."""
    kind, op, is_32, left, right, taken = row[:6]
    first, second = bounds(left), bounds(right)
    same = kind == "js"
    decided = (
        branch_taken_same(op, first, bool(is_32), rules)
        if same
        else branch_taken(op, first, second, bool(is_32), rules)
    )
    if decided != taken:
        return f"{row}: taken {decided}"
    if taken >= 0:
        return ""
    if same:
        true, false = refine_same(op, first, bool(is_32), rules)
        sides = (false, true, false, true)
    else:
        true_left, true_right, false_left, false_right = refine(op, first, second, bool(is_32), rules)
        sides = (false_left, true_left, false_right, true_right)
    found = [describe(side, rules.compact_log) for side in sides]
    differ = [(ours, said) for ours, said in zip(found, row[6:10], strict=True) if said is not None and ours != said]
    return f"{row[:6]}: {differ}" if differ else ""


def difference(row: Row, rules: ArithmeticRules) -> str:
    """Empty if our answer is the kernel's."""
    if row[0] in ("j", "js"):
        return jump_difference(row, rules)
    if row[0] == "s":
        parts = split(row[1], bounds(row[2]), const(1), rules)
        wanted = (bounds(row[3]), bounds(row[4]))
        return "" if parts is not None and all(map(Bounds.same, parts, wanted)) else f"{row}: {parts}"
    ours = describe(transferred(row, rules), rules.compact_log)
    return "" if ours == row[-1] else f"{row[:-1]}: ours {ours}, the kernel's {row[-1]}"


@pytest.mark.parametrize("kernel", ["6.1", "6.12", "6.18", "7.2"])
def test_every_recorded_register_state_comes_out_the_same(kernel: str) -> None:
    recorded = json.loads(gzip.decompress((Path(__file__).parent / f"recorded_{kernel}.json.gz").read_bytes()))
    rules = rules_of(kernel)
    assert len(recorded["rows"]) > 1000
    assert [found for row in recorded["rows"] if (found := difference(row, rules))] == []
