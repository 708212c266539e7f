"""C variables of a linked program: what the source calls the contents of a register or stack slot."""

from __future__ import annotations

from kverdict.isa import opcode as op
from kverdict.objfile.relocs import SLOT
from kverdict.objfile.variables import Variables
from kverdict.program.program import Program


def variable_in_register(program: Program, insn: int, register: int) -> str:
    """The variable that `register` holds before instruction `insn` of the program; "" if the object does not say."""
    variables, function, offset = _origin(program, insn)
    return variables.in_register(function, offset, register) if variables else ""


def variable_on_stack(program: Program, insn: int, at: int) -> str:
    """The variable that starts at r10 plus `at` (in bytes, negative) before instruction `insn`; "" if unknown."""
    variables, function, offset = _origin(program, insn)
    return variables.on_stack(function, offset, at + _frame_size(program, insn)) if variables else ""


def _frame_size(program: Program, insn: int) -> int:
    """Bytes of stack that the function of `insn` uses: its lowest address relative to r10, to the next 8 bytes."""
    starts = [*program.subprogs, len(program.insns)]
    first = max(start for start in starts if start <= insn)
    last = min(start for start in starts if start > insn)
    lowest = 0
    copies: set[int] = set()  # registers that hold r10
    for found in program.insns[first:last]:
        code = found.op & 0xFF
        kind = code & op.CLASS_MASK
        if (kind == op.LDX and found.src == op.FP) or (kind in (op.ST, op.STX) and found.dst == op.FP):
            lowest = min(lowest, found.off)
        if code == op.ALU64 | op.ADD | op.K and found.dst in copies:
            lowest = min(lowest, found.imm)
        if code == op.ALU64 | op.MOV | op.X and found.src == op.FP:
            copies.add(found.dst)
        else:
            copies.discard(found.dst)
    return -lowest + 7 & ~7


def _origin(program: Program, insn: int) -> tuple[Variables | None, str, int]:
    """(variables of the object, function, byte offset of the instruction in its section)."""
    variables = program.extra.get("variables")
    parts = program.extra.get("parts")
    if not isinstance(variables, Variables) or not isinstance(parts, tuple):
        return None, "", 0
    function, offset = "", 0
    for start, name, first in parts:
        if start <= insn:
            function, offset = name, (first + insn - start) * SLOT
    return variables, function, offset
