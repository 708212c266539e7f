"""The log is the kernel's, line for line, apart from addresses and ids of the kernel's BTF."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

import pytest

from kverdict.api import check_object
from kverdict.kernel.profile import KernelProfile, load_profile
from kverdict.objfile.object import Object
from kverdict.program.assembled import program_from_text
from kverdict.report.log_diff import first_difference
from kverdict.verify.verdict import Accepted, Rejected
from kverdict.verify.verify import verify
from tests.verify.recorded_logs import recorded

EXAMPLES: Final = Path(__file__).resolve().parents[2] / "examples"
EQUAL: Final = ("6.1", "6.12", "6.18", "6.18-level1", "7.2")
CASES: Final = [(name, program) for name in EQUAL for program in recorded(name)]


@cache
def profile(kernel: str) -> KernelProfile:
    return load_profile(kernel)


@cache
def opened(path: Path) -> Object:
    return Object.open(path)


def ours(kernel: str, case: str, level: int) -> str:
    folder, _, file = case.rpartition("/")
    thing, _, program = file.partition(".")
    path = EXAMPLES / folder / f"{thing}.bpf.o"
    result = next(iter(check_object(opened(path), [profile(kernel)], programs=[program], log_level=level)))
    assert isinstance(result.verdict, (Accepted, Rejected)), result.verdict
    return result.verdict.log


@pytest.mark.parametrize(("name", "case"), CASES, ids=[f"{name}-{case}" for name, case in CASES])
def test_the_log_is_the_kernels_line_for_line(name: str, case: str) -> None:
    kernel, _, level = name.partition("-level")
    difference = first_difference(ours(kernel, case, int(level or 2)), recorded(name)[case])
    assert difference is None, f"line {difference.line} (- kernel, + here)\n{difference}"


def test_a_log_is_written_only_on_request() -> None:
    assert ours("6.18", "basics/count_opens.count_opens", 0) == ""


def test_level_1_of_an_accepted_program_is_the_closing_line() -> None:
    log = ours("6.18", "basics/drop_port.drop_port", 1)
    assert log.startswith("processed ") and log.count("\n") == 1


@pytest.mark.parametrize(
    ("kernel", "text"),
    [
        ("6.12", "dynptr_local(id=1,dynptr_id=1)"),
        ("6.18", "dynptr_local(id=1,dynptr_id=1)"),
        ("7.2", "dynptr_local(id=1)"),
    ],
)
def test_a_dynptr_is_told_with_its_ids(kernel: str, text: str) -> None:
    lines = ["# map 0: array 4 64 1", "r1 = map[id:0][0]+0", "r2 = 16", "r3 = 0", "r4 = r10", "r4 += -64"]
    source = "\n".join([*lines, "call bpf_dynptr_from_mem", "r7 = 1", "r0 = 0", "exit"])
    verdict = verify(program_from_text(source, "tc", profile(kernel)), log_level=2)
    assert isinstance(verdict, Accepted)
    assert f"fp-64={text}" in verdict.log.replace("_w=", "=")
