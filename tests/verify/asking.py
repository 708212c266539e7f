"""What one kernel says to a few lines of text: shared by the tests of the call rules."""

from __future__ import annotations

import struct
from dataclasses import replace
from functools import cache

from kverdict.btf.btf import Btf
from kverdict.btf.types import KIND_FUNC, KIND_FUNC_PROTO, KIND_INT
from kverdict.kernel.profile import KernelProfile, load_profile
from kverdict.program.assembled import program_from_text
from kverdict.program.program import FuncInfo, Program
from kverdict.program.value_btf import MAGIC
from kverdict.verify.verdict import Accepted, Rejected
from kverdict.verify.verify import verify

TASK = "tp_btf/task_newtask"
SLEEPABLE = "lsm.s/file_open"


@cache
def profile(kernel: str) -> KernelProfile:
    """The profile of a kernel, loaded once."""
    return load_profile(kernel)


def says(text: str, kernel: str = "6.18", section: str = TASK, described: bool = False) -> str:
    """The sentence of a refusal, "" if the program is accepted. described: BTF says where its functions start."""
    program = program_from_text(text, section, profile(kernel))
    if described:
        program = replace(program, func_info=tuple(FuncInfo(start, 0) for start in program.subprogs))
    verdict = verify(program)
    assert isinstance(verdict, (Accepted, Rejected)), verdict
    return verdict.sentence if isinstance(verdict, Rejected) else ""


def answer(text: str, kernel: str, section: str) -> tuple[str, int]:
    """As says(), and how many instructions were processed. A program with callbacks gets BTF of its functions."""
    program = program_from_text(text, section, profile(kernel))
    if "subprog[" in text:
        program = with_functions(program)
    verdict = verify(program)
    assert isinstance(verdict, (Accepted, Rejected)), verdict
    return verdict.sentence if isinstance(verdict, Rejected) else "", verdict.stats.insns_processed


def with_functions(program: Program) -> Program:
    """The program with BTF that says of each function: it takes nothing known, and returns an int; main is global."""
    strings = b"\0int\0"
    types = struct.pack("<IIII", 1, KIND_INT << 24, 4, 1 << 24 | 32)
    infos = []
    for number, start in enumerate(program.subprogs):
        name, linkage = len(strings), int(number == 0)
        strings += f"f{number}\0".encode()
        types += struct.pack("<III", 0, KIND_FUNC_PROTO << 24, 1)
        types += struct.pack("<III", name, KIND_FUNC << 24 | linkage, 2 + 2 * number)
        infos.append(FuncInfo(start, 3 + 2 * number))
    header = struct.pack("<HBBIIIII", MAGIC, 1, 0, 24, 0, len(types), len(types), len(strings))
    return replace(program, btf=Btf.parse(header + types + strings, "functions"), func_info=tuple(infos))
