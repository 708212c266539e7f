"""Where values come from: through moves, spills, branches and calls."""

from __future__ import annotations

from kverdict.isa.asm import assemble
from kverdict.report.trace import Path


def test_a_value_is_followed_through_moves_and_spills_to_its_call() -> None:
    path = Path(
        assemble("call f#1\nr6 = r0\n*(u64 *)(r10 -8) = r6\nr3 = *(u64 *)(r10 -8)\nr1 = r3\ncall f#2\nexit"), range(6)
    )
    origin = path.origin(1)
    assert (origin.kind, origin.insn, origin.moves) == ("call", 0, (4, 3, 2, 1))


def test_arguments_of_the_program_come_from_the_entry() -> None:
    path = Path(assemble("r6 = r1\nr1 = *(u64 *)(r6 +8)\ncall f#1\nexit"), range(3))
    origin = path.origin(1)
    assert (origin.kind, origin.offset) == ("load", 8)
    assert origin.base is not None and (origin.base.kind, origin.base.reg) == ("argument", 1)


def test_constants_and_destroyed_registers_are_told_apart() -> None:
    path = Path(assemble("r1 = 0\ncall f#1\nr2 = r3\nexit"), range(4))
    assert path.origin(1, 1).kind == "constant"
    assert path.origin(2, 3).kind == "clobbered"


def test_a_static_function_is_entered_and_left() -> None:
    insns = assemble("r1 = 5\ncall pc+1\nexit\nr0 = r1\nexit")
    path = Path(insns, (0, 1, 3, 4, 2))
    assert path.depths == [0, 0, 1, 1, 0]
    assert (path.origin(0).kind, path.origin(0).offset) == ("constant", 5)


def test_a_test_of_a_copy_counts_as_a_test_of_the_value() -> None:
    insns = assemble("call f#1\nr6 = r0\nif r6 == 0x0 goto pc+1\nr1 = r6\ncall f#2\nexit")
    path = Path(insns, (0, 1, 2, 3, 4))
    assert path.tested(path.origin(1)) == [2]


def test_a_test_of_something_else_does_not() -> None:
    insns = assemble("call f#1\nr6 = r0\nr7 = 1\nif r7 == 0x0 goto pc+1\nr1 = r6\ncall f#2\nexit")
    path = Path(insns, (0, 1, 2, 3, 4, 5))
    assert path.tested(path.origin(1)) == []
    assert path.branches(0) == [(3, False)]
