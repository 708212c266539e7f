"""Edits of a program keep every jump on its target; suggestions are only made when they were verified."""

from __future__ import annotations

import pytest

from kverdict.isa.asm import assemble
from kverdict.isa.text import format_insn
from kverdict.kernel.profile import load_profile
from kverdict.program.assembled import program_from_text
from kverdict.report.suggest import insert

BEFORE = """
r6 = 0
loop:
r6 += 1
if r6 < 4 goto loop
call f
if r0 == 0 goto out
r0 = 1
out:
exit
f:
gotol inner
inner:
r0 = 0
exit
"""
# The same with `r7 = 1; r8 = 1` put before each instruction in turn, jumps following the labels.
NEW = assemble("r7 = 1\nr8 = 1")


def lines() -> list[str]:
    return [line for line in BEFORE.strip().splitlines() if not line.endswith(":")]


def with_labels(at: int) -> str:
    """The text with the new instructions before the one at index `at`, below the labels that stand there."""
    found, index = [], 0
    for line in BEFORE.strip().splitlines():
        if not line.endswith(":"):
            if index == at:
                found += ["r7 = 1", "r8 = 1"]
            index += 1
        found.append(line)
    return "\n".join(found)


@pytest.mark.parametrize("at", range(len(lines())))
def test_jumps_and_calls_follow_their_targets(at: int) -> None:
    program = program_from_text(BEFORE, "socket", load_profile("6.18"))
    edited = insert(program, at, NEW)
    wanted = program_from_text(with_labels(at), "socket", load_profile("6.18"))
    assert [format_insn(insn) for insn in edited.insns] == [format_insn(insn) for insn in wanted.insns]
    if at not in program.subprogs:
        assert edited.subprogs == wanted.subprogs
