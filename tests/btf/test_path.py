"""The C path to a byte of a structure."""

from __future__ import annotations

import pytest

from kverdict.btf.path import path_at
from tests.btf.build import Maker


@pytest.mark.parametrize(
    ("offset", "size", "path"),
    [
        (0, 4, "n"),
        (4, 4, ""),
        (8, 0, "in"),
        (8, 16, "in"),
        (8, 4, "in.a"),
        (12, 4, "in.a"),
        (16, 8, "in.b"),
        (24, 8, "p"),
        (24, 4, "i"),
        (25, 1, "p"),
        (32, 1, "comm[0]"),
        (35, 1, "comm[3]"),
        (32, 16, "comm"),
        (48, 16, "all[0]"),
        (72, 8, "all[1].b"),
        (80, 4, "rest[0]"),
        (88, 4, "rest[2]"),
    ],
)
def test_paths(offset: int, size: int, path: str) -> None:
    make = Maker()
    make.integer("int", 4)
    long, char = make.integer("long", 8), make.integer("char", 1)
    inner = make.struct("inner", 16, ("a", long, 0), ("b", long, 64))
    union = make.union("", 8, ("p", make.ptr(0), 0), ("i", 1, 0))
    outer = make.struct(
        "outer",
        80,
        ("n", 1, 0),
        ("in", inner, 64),
        ("", union, 192),
        ("comm", make.array(char, 16), 256),
        ("all", make.array(inner, 2), 384),
        ("rest", make.array(1, 0), 640),
    )
    btf = make.btf()
    assert path_at(btf, outer, offset, size) == path
    assert path_at(btf, 1, offset, size) == ""


def test_a_structure_within_itself_ends() -> None:
    make = Maker()
    make.struct("s", 8, ("s", 1, 0))
    assert path_at(make.btf(), 1, 4).startswith("s.s.s")
