"""Which kernel types libbpf takes for a program's type: "compatible" and "matches"."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kverdict.errors import LinkError
from kverdict.program.core_types import Budget, kinds_agree, types_are_compatible, types_match
from tests.btf.build import Maker

Build = Callable[[Maker], int]


def _both(ours: Build, theirs: Build) -> tuple[bool, bool]:
    local, kernel = Maker(), Maker()
    for maker in (local, kernel):
        maker.integer("int", 4, encoding=1)
    first, second = ours(local), theirs(kernel)
    one, other = local.btf(), kernel.btf()
    return (
        types_are_compatible(one, first, other, second, Budget()),
        types_match(one, first, other, second, Budget()),
    )


@pytest.mark.parametrize(
    ("ours", "theirs", "compatible", "matches"),
    [
        (lambda m: m.integer("int", 8), lambda m: m.integer("int", 4), True, False),
        (lambda m: m.integer("int", 4, 1), lambda m: m.integer("int", 4, 0), True, False),
        (lambda m: m.integer("int", 4, bits=3, offset=2), lambda m: m.integer("int", 4), False, True),
        (lambda m: m.struct("s", 4, ("a", 1, 0)), lambda m: m.struct("s", 8), True, False),
        (lambda m: m.struct("s", 4, ("a", 1, 0)), lambda m: m.struct("s", 8, ("b", 1, 0), ("a", 1, 32)), True, True),
        (lambda m: m.struct("s", 4), lambda m: m.union("s", 4), False, False),
        (lambda m: m.enum("e", 4, ("A", 1)), lambda m: m.enum("e", 4, ("A", 5), ("B", 1)), True, True),
        (lambda m: m.enum("e", 4, ("A", 1)), lambda m: m.enum("e", 4, ("B", 1)), True, False),
        (lambda m: m.enum("e", 8, ("A", 1)), lambda m: m.enum64("e", ("A", 5)), True, True),
        (lambda m: m.enum("e", 4, ("A", 1)), lambda m: m.enum64("e", ("A", 5)), True, False),
        (lambda m: m.array(1, 3), lambda m: m.array(1, 4), True, False),
        (lambda m: m.array(1, 3), lambda m: m.array(m.const(1), 3), True, True),
        (lambda m: m.ptr(0), lambda m: m.ptr(1), False, False),
        (lambda m: m.ptr(m.fwd("s")), lambda m: m.ptr(m.struct("s", 4)), False, True),
        (lambda m: m.ptr(m.fwd("s")), lambda m: m.ptr(m.union("s", 4)), False, False),
        (lambda m: m.ptr(m.struct("s", 4)), lambda m: m.ptr(m.fwd("s")), False, True),
        (lambda m: m.ptr(m.struct("s", 4, ("a", 1, 0))), lambda m: m.ptr(m.struct("s", 8)), True, True),
        (lambda m: m.ptr(m.struct("s", 4)), lambda m: m.ptr(m.struct("t", 4)), True, False),
        (lambda m: m.proto(1, ("a", 1)), lambda m: m.proto(1, ("b", 1)), True, True),
        (lambda m: m.proto(1, ("a", 1)), lambda m: m.proto(1), False, False),
        (lambda m: m.proto(0, ("a", 1)), lambda m: m.proto(1, ("a", 1)), False, False),
        (lambda m: m.fwd("s"), lambda m: m.fwd("s", union=True), True, False),
        (lambda m: m.add(16, "double", 8), lambda m: m.add(16, "double", 8), False, False),
    ],
)
def test_two_types(ours: Build, theirs: Build, compatible: bool, matches: bool) -> None:
    assert _both(ours, theirs) == (compatible, matches)


def test_both_kinds_of_enumerations_count_as_one() -> None:
    assert kinds_agree(6, 19) and kinds_agree(19, 6) and not kinds_agree(6, 4)


@pytest.mark.parametrize("compare", [types_are_compatible, types_match])
def test_a_pointer_to_itself_ends_in_an_error(compare: Callable[..., bool]) -> None:
    maker = Maker()
    maker.ptr(1)
    btf = maker.btf()
    with pytest.raises(LinkError, match="more than 32 levels"):
        compare(btf, 1, btf, 1, Budget())


def test_a_structure_within_itself_ends_in_an_error() -> None:
    maker = Maker()
    maker.struct("s", 4, ("a", 1, 0))
    btf = maker.btf()
    with pytest.raises(LinkError, match="more than 32 levels"):
        types_match(btf, 1, btf, 1, Budget())
