"""Suggestions that are proved: changes the program as the source change would, and verifies it again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from kverdict.api import Result, on_kernel, verdict_on
from kverdict.isa import opcode as op
from kverdict.isa.insn import Insn
from kverdict.kernel.profile import KernelProfile
from kverdict.program.program import FuncInfo, Program
from kverdict.report.story import Help, Story
from kverdict.verify.verdict import Accepted, Rejected

NULL_CHECKS: Final = (
    "maybe-null-arg",
    "maybe-null-helper-arg",
    "arg-not-plain-pointer",
    "pointer-arithmetic-maybe-null",
)
NULL_TYPES: Final = ("or_null",)


def proved_help(result: Result, story: Story, kernels: Sequence[KernelProfile]) -> Help | None:
    """The story's help, made concrete and verified on these kernels where that is possible."""
    verdict = result.verdict
    if not isinstance(verdict, Rejected) or not _wants_null_check(verdict):
        return story.help
    proved = []
    for profile in kernels:
        again = result if profile.name == result.kernel else on_kernel(result, profile)
        if again.linked is None or not isinstance(again.verdict, Rejected) or not _wants_null_check(again.verdict):
            if isinstance(again.verdict, Accepted) or again.linked is None:
                continue
            return story.help
        if isinstance(verdict_on(with_null_check(again.linked, again.verdict)), Accepted):
            proved.append(profile.name)
    if result.kernel not in proved:
        return story.help
    subject = str(story.facts.get("subject", "")).strip("`")
    return Help("test the pointer first", _lines(story, subject), tuple(proved))


def _wants_null_check(verdict: Rejected) -> bool:
    diagnostic = verdict.diagnostic
    if not isinstance(diagnostic.facts.get("reg"), int):
        return False
    if diagnostic.message.id in NULL_CHECKS:
        return True
    return diagnostic.message.id == "invalid-mem-access" and "or_null" in str(diagnostic.facts.get("type", ""))


def _lines(story: Story, subject: str) -> tuple[tuple[int, str], ...]:
    primary = next((span for span in story.spans if span.primary), None)
    if primary is None or primary.column < 0 or not subject.replace("->", "").replace("_", "").isalnum():
        return ()
    line, source = primary.place.line, primary.place.source.expandtabs(4)
    indent = " " * (len(source) - len(source.lstrip()))
    return ((line, f"{indent}if (!{subject})"), (line + 1, f"{indent}    return 0;"))


def with_null_check(program: Program, verdict: Rejected) -> Program:
    """The program with `if (!reg) return 0;` before the refused instruction."""
    reg = verdict.diagnostic.facts["reg"]
    assert isinstance(reg, int)
    check = [
        Insn(op.JMP | op.JNE | op.K, reg, 0, 2, 0),
        Insn(op.ALU64 | op.MOV | op.K, 0, 0, 0, 0),
        Insn(op.JMP | op.EXIT, 0, 0, 0, 0),
    ]
    return insert(program, verdict.diagnostic.insn, check)


def insert(program: Program, at: int, insns: Sequence[Insn]) -> Program:
    """The program with instructions put before index `at`: jumps to `at` lead to the first of them."""
    count = len(insns)

    def moved(index: int) -> int:
        return index + count if index > at else index

    def shifted(here: int, distance: int) -> int:
        target = here + 1 + distance
        new_here = here + count if here >= at else here
        return moved(target) - new_here - 1

    code = [_retarget(insn, here, shifted) for here, insn in enumerate(program.insns)]
    places = list(program.places)
    if places:
        places[at:at] = [program.place(at)] * count
    return replace(
        program,
        insns=(*code[:at], *insns, *code[at:]),
        places=tuple(replace(place, insn=index) for index, place in enumerate(places)),
        subprogs=tuple(moved(start) for start in program.subprogs),
        func_info=tuple(FuncInfo(moved(info.insn), info.type_id) for info in program.func_info),
    )


def _retarget(insn: Insn, here: int, shifted: object) -> Insn:
    assert callable(shifted)
    kind, code = insn.op & op.CLASS_MASK, insn.op & op.CODE_MASK
    if insn.op == op.CALL_SUBPROG:
        return Insn(insn.op, insn.dst, insn.src, insn.off, shifted(here, insn.imm))
    if insn.op == op.LD_IMM64 | op.PSEUDO_FUNC << op.VARIANT_SHIFT:
        distance = insn.imm & 0xFFFFFFFF
        distance -= (distance & 0x80000000) << 1
        return Insn(insn.op, insn.dst, insn.src, insn.off, shifted(here, distance) & 0xFFFFFFFF)
    if kind not in (op.JMP, op.JMP32) or code in (op.CALL, op.EXIT):
        return insn
    if kind == op.JMP32 and code == op.JA:
        return Insn(insn.op, insn.dst, insn.src, insn.off, shifted(here, insn.imm))
    return Insn(insn.op, insn.dst, insn.src, shifted(here, insn.off), insn.imm)
