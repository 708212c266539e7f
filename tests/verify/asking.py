"""What one kernel says to a few lines of text: shared by the tests of the call rules."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from kverdict.kernel.profile import KernelProfile, load_profile
from kverdict.program.assembled import program_from_text
from kverdict.program.program import FuncInfo
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
