"""Programs that kernels were asked about: same verdict, same sentence, same count of processed instructions.

A case in walk_cases/*.txt is a line "=== NAME SECTION [btf=LINKAGES]", the program, and one line for each kernel that
was asked: "--- 7.2: 12 sentence", without a sentence where it accepted the program. btf= has a letter for each function
of the program: s static, g global (both return int), v static without result; without it there is no BTF.
TASK_ID stands for the id of struct task_struct in the types of the kernel.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from kverdict.btf.types import KIND_STRUCT
from kverdict.program.assembled import program_from_text
from kverdict.program.program import FuncInfo, Program
from kverdict.verify.verdict import Accepted, Rejected
from kverdict.verify.verify import verify
from tests.btf.build import Maker
from tests.verify.asking import profile

CASES = Path(__file__).parent / "walk_cases"
_TITLE = re.compile(r"=== (?P<name>\S+) (?P<section>\S+)(?: btf=(?P<btf>\w+))?")
_ANSWER = re.compile(r"--- (?P<kernel>[\d.]+): (?P<count>\d+) ?(?P<sentence>.*)")
_STATIC = "sv"


class Case(NamedTuple):
    """One program, asked of one kernel."""

    name: str
    section: str
    linkages: str
    text: str
    kernel: str
    processed: int
    sentence: str


def _cases() -> Iterator[Case]:
    for path in sorted(CASES.glob("*.txt")):
        for block in path.read_text().split("\n=== ")[1:]:
            title, _, body = f"=== {block}".partition("\n")
            head = _TITLE.fullmatch(title)
            assert head is not None, title
            text = "\n".join(line for line in body.splitlines() if not line.startswith("---"))
            for answer in _ANSWER.finditer(body):
                yield Case(
                    f"{path.stem}-{head['name']}",
                    head["section"],
                    head["btf"] or "",
                    text,
                    answer["kernel"],
                    int(answer["count"]),
                    answer["sentence"],
                )


def program_of(case: Case) -> Program:
    """The program of a case, linked against the kernel that was asked."""
    kernel = profile(case.kernel)
    text = case.text.replace("TASK_ID", str(kernel.btf.find("task_struct", KIND_STRUCT)))
    program = program_from_text(text, case.section, kernel)
    if not case.linkages:
        return program
    make = Maker()
    number, context = make.integer("int", 4, 1), make.ptr(0)
    infos = []
    for place, (start, letter) in enumerate(zip(program.subprogs, case.linkages, strict=True)):
        arguments = () if place else (("ctx", context),)
        proto = make.proto(0 if letter == "v" else number, *arguments)
        infos.append(FuncInfo(start, make.func(f"f{place}", proto, 0 if letter in _STATIC else 1)))
    return replace(program, btf=make.btf(), func_info=tuple(infos))


@pytest.mark.parametrize("case", [pytest.param(case, id=f"{case.name}-{case.kernel}") for case in _cases()])
def test_the_kernel_said_the_same(case: Case) -> None:
    verdict = verify(program_of(case))
    assert isinstance(verdict, (Accepted, Rejected)), verdict
    sentence = verdict.sentence if isinstance(verdict, Rejected) else ""
    assert (sentence, verdict.stats.insns_processed) == (case.sentence, case.processed)
