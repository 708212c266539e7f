"""The C variable that a register holds at an instruction, from the object's debug information."""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache

from kverdict.objfile.object import Object
from kverdict.objfile.relocs import SLOT
from kverdict.objfile.variables import Variables
from kverdict.program.program import Program


@lru_cache(maxsize=4)
def _variables(raw: bytes) -> Variables:
    return Variables(raw)


def variable_name(thing: Object | None, program: Program, insn: int, reg: int) -> str:
    """The variable in register `reg` before instruction `insn`, "" if the object does not tell."""
    if thing is None or not program.subprogs:
        return ""
    function = program.place(insn).function
    definition = next((one for one in thing.functions if one.name == function), None)
    if definition is None:
        return ""
    start = program.subprogs[bisect_right(program.subprogs, insn) - 1]
    return _variables(thing.elf.raw).in_register(function, (definition.start + insn - start) * SLOT, reg)
