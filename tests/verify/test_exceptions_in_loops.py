"""An exception inside of a loop: Linux 6.18.44 and 7.2 refuse it where no checkpoint lies in the loop yet."""

from __future__ import annotations

from typing import Final

import pytest

from kverdict.program.assembled import program_from_text
from tests.verify.asking import profile
from tests.verify.described import Outcome, outcome

AT_ONCE: Final = """r6 = 20
again:
call bpf_ktime_get_ns
if r0 != 5 goto next
r1 = 0
call bpf_throw
next:
r6 += -1
if r6 != 0 goto again
r0 = 0
exit
"""
IN_FUNCTION: Final = """r6 = 20
again:
call bpf_ktime_get_ns
r1 = r0
call inner
r6 += -1
if r6 != 0 goto again
r0 = 0
exit
inner:
r0 = 0
if r1 != 5 goto end
r1 = 0
call bpf_throw
end:
exit
"""
LATER: Final = """r6 = 20
again:
call bpf_ktime_get_ns
if r0 == 5 goto throw
r6 += -1
if r6 != 0 goto again
r0 = 0
exit
throw:
r1 = 0
call bpf_throw
goto again
"""
BEHIND: Final = LATER.removesuffix("goto again\n") + "r0 = 0\nexit\n"
REFUSED: Final = "verifier bug: scc exit: no visit info for call chain (1)"


@pytest.mark.parametrize("kernel", ["6.18", "7.2"])
@pytest.mark.parametrize(("text", "insns"), [(AT_ONCE, 5), (IN_FUNCTION, 8)])
def test_exception_before_the_first_checkpoint_of_a_loop(kernel: str, text: str, insns: int) -> None:
    assert outcome(program_from_text(text, "tc", profile(kernel))) == (REFUSED, insns)


@pytest.mark.parametrize(
    ("kernel", "text", "expected"),
    [
        ("7.2", LATER, ("", 107)),
        ("6.18", LATER, ("", 107)),
        ("7.2", BEHIND, ("", 107)),
        ("6.12", AT_ONCE, ("", 123)),
        ("6.12", IN_FUNCTION, ("", 203)),
    ],
)
def test_exception_in_a_loop(kernel: str, text: str, expected: Outcome) -> None:
    assert outcome(program_from_text(text, "tc", profile(kernel))) == expected
