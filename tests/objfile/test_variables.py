"""Names of C variables, from DWARF."""

from __future__ import annotations

import random

from kverdict.kernel.profile import load_profile
from kverdict.objfile.variables import Variables
from kverdict.program.link import link
from kverdict.program.variables import variable_in_register, variable_on_stack
from tests.fixtures import opened, raw


def test_a_register_is_named_by_the_variable_that_it_holds() -> None:
    program = link(opened("externs"), "acquires", load_profile("6.12"))
    call = next(i for i, insn in enumerate(program.insns) if insn.op & 0xFF == 0x85)
    assert variable_in_register(program, call + 1, 0) == "task"
    assert variable_in_register(program, 0, 1) == "ctx"
    assert variable_in_register(program, call, 9) == ""


def test_variables_of_subprograms_are_found_where_they_were_appended() -> None:
    program = link(opened("subprogs"), "calls_right_and_left", load_profile("6.12"))
    leaf = program.subprogs[2]
    assert program.places[leaf].function == "leaf"
    assert variable_in_register(program, leaf, 1) == "x"


def test_a_stack_slot_is_named_by_the_variable_that_starts_there() -> None:
    program = link(opened("maps"), "main_program", load_profile("6.12"))
    last = len(program.insns) - 1
    assert [variable_on_stack(program, last, at) for at in (-16, -12, -8, -4)] == ["", "zero", "key", ""]
    assert variable_on_stack(program, 0, -12) == ""


def test_without_dwarf_there_are_no_names() -> None:
    assert Variables(b"").in_register("f", 0, 1) == ""
    assert Variables(raw("maps")[:3000]).on_stack("main_program", 0, -4) == ""


def test_corrupt_dwarf_gives_no_names_and_no_error() -> None:
    source = random.Random(1)
    data = raw("externs")
    for _ in range(25):
        copy = bytearray(data)
        for _ in range(8):
            copy[source.randrange(len(copy))] = source.randrange(256)
        assert isinstance(Variables(bytes(copy)).in_register("acquires", 0, 1), str)
