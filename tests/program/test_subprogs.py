"""Subprograms: which ones a program gets, in which order, and where its calls point."""

from __future__ import annotations

import pytest

from kverdict.isa import opcode as op
from kverdict.objfile.object import Object
from kverdict.program.subprogs import Code
from tests.fixtures import opened

SUBPROGS = opened("subprogs")


def code_of(program: str, obj: Object = SUBPROGS) -> Code:
    return Code(obj, obj.program(program))


@pytest.mark.parametrize(
    ("program", "order"),
    [
        ("calls_nothing", []),
        ("calls_left", ["left", "leaf"]),
        ("calls_right_and_left", ["right", "leaf", "left"]),
        ("calls_back", ["each"]),
    ],
)
def test_subprograms_are_appended_depth_first_in_the_order_of_first_calls(program: str, order: list[str]) -> None:
    assert [part.function.name for part in code_of(program).parts] == [program, *order]


@pytest.mark.parametrize("program", ["calls_left", "calls_right_and_left", "calls_back"])
def test_every_call_and_function_address_points_at_the_start_of_a_part(program: str) -> None:
    code = code_of(program)
    starts = {part.start for part in code.parts[1:]}
    pointed = set()
    for at, insn in enumerate(code.insns):
        if insn.op == op.CALL_SUBPROG:
            pointed.add(at + insn.imm + 1)
        elif insn.op & 0xFF == op.LD_IMM64 and insn.src == op.PSEUDO_FUNC:
            pointed.add(at + (insn.imm & 0xFFFFFFFF) + 1)
    assert pointed == starts


def test_function_records_move_with_their_subprograms() -> None:
    code = code_of("calls_right_and_left")
    assert SUBPROGS.btf is not None
    names = [(info.insn, SUBPROGS.btf.type(info.type_id).name) for info in code.func_info()]
    assert names == [(part.start, part.function.name) for part in code.parts]


def test_line_records_are_in_order_and_inside_the_program() -> None:
    code = code_of("calls_right_and_left")
    at = [insn for insn, _ in code.line_records()]
    assert at == sorted(at) and at[0] == 0 and at[-1] < len(code.insns)
