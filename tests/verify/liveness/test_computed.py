"""Which stack slots are alive, as 6.18 (collected during the walk) and 7.2 (computed before it) count them.

Each program comes to one instruction on two paths with different stacks; whether the second path is walked again shows
in the number of processed instructions, which is what these kernels answered (6.18.44 and 7.2.13).
"""

from __future__ import annotations

from typing import Final

import pytest

from kverdict.program.assembled import program_from_text
from kverdict.verify.verdict import Accepted
from kverdict.verify.verify import verify
from tests.verify.asking import profile, says

LONG: Final = "\n".join(["call bpf_get_prandom_u32"] * 4 + ["r7 = 1"] * 6)
# Two paths that meet at `join` with another number, or another kind of content, in a slot.
MEET: Final = f"""
call bpf_get_prandom_u32
if r0 == 0 goto other
FIRST
{LONG}
goto join
other:
SECOND
r7 = 1
join:
"""


def meeting(first: str, second: str, then: str) -> str:
    return MEET.replace("FIRST", first).replace("SECOND", second) + then


NUMBERS: Final = ("*(u64 *)(r10 -8) = 1", "*(u64 *)(r10 -8) = 1000")
HALVES: Final = (
    "r1 = 0\n*(u32 *)(r10 -4) = r1\n*(u32 *)(r10 -8) = 1",
    "call bpf_get_prandom_u32\n*(u32 *)(r10 -4) = r0\n*(u32 *)(r10 -8) = 1",
)
CASES: Final = {
    "a slot that nothing reads": meeting(*NUMBERS, "r0 = 0\nexit"),
    "a slot that is read as an address": meeting(
        *NUMBERS,
        "r1 = *(u64 *)(r10 -8)\nr2 = r10\nr2 += -16\nr1 &= 7\nr2 += r1\n*(u8 *)(r2 +0) = 1\nr0 = 0\nexit",
    ),
    "the half that differs is not read": meeting(
        *HALVES,
        "r1 = *(u32 *)(r10 -8)\nr0 = 0\nexit",
    ),
    "the half that differs is read": meeting(
        *HALVES,
        "r1 = *(u16 *)(r10 -4)\nr0 = 0\nexit",
    ),
    "a helper reads the half that does not differ": "# map 0: array 4 64 4\n"
    + meeting(*HALVES, "r1 = map[id:0]\nr2 = r10\nr2 += -8\ncall bpf_map_lookup_elem\nr0 = 0\nexit"),
    "a helper reads both halves": "# map 0: hash 8 48 16\n"
    + meeting(*HALVES, "r1 = map[id:0]\nr2 = r10\nr2 += -8\ncall bpf_map_lookup_elem\nr0 = 0\nexit"),
    "a helper reads as many bytes as a register says": meeting(
        *HALVES, "r1 = r10\nr1 += -8\nr2 = 4\ncall bpf_trace_printk\nr0 = 0\nexit"
    ),
    "a helper reads an unknown number of bytes": meeting(
        *HALVES,
        "call bpf_get_prandom_u32\nr2 = r0\nr2 &= 3\nr2 += 1\nr1 = r10\nr1 += -8\ncall bpf_trace_printk\nr0 = 0\nexit",
    ),
    "an atomic instruction reads": meeting(*HALVES, "r1 = 1\nlock *(u32 *)(r10 -8) += r1\nr0 = 0\nexit"),
    "a pointer in a slot that nothing reads": meeting("*(u64 *)(r10 -8) = r10", "*(u64 *)(r10 -8) = 0", "r0 = 0\nexit"),
    "a function reads the slot": meeting(
        "*(u64 *)(r10 -8) = r10",
        "*(u64 *)(r10 -8) = 0",
        "r1 = r10\nr1 += -8\ncall reads\nr0 = 0\nexit\nreads:\nr0 = *(u64 *)(r1 +0)\nr0 = 0\nexit",
    ),
    "a function gets the frame but reads another slot": meeting(
        "*(u64 *)(r10 -8) = r10",
        "*(u64 *)(r10 -8) = 0",
        "r1 = r10\nr1 += -8\ncall reads\nr0 = 0\nexit\nreads:\n*(u64 *)(r1 -8) = 1\nr0 = *(u64 *)(r1 -8)\nr0 = 0\nexit",
    ),
    "a function gets two pointers into the frame, by way of a spill": meeting(
        "*(u64 *)(r10 -8) = r10\nr2 = r10\nr2 += -8\n*(u64 *)(r10 -16) = r2",
        "*(u64 *)(r10 -8) = 0\nr2 = r10\nr2 += -8\n*(u64 *)(r10 -16) = r2",
        "r1 = r10\nr1 += -16\ncall reads\nr0 = 0\nexit\n"
        "reads:\nr1 = *(u64 *)(r1 +0)\nr0 = *(u64 *)(r1 +0)\nr0 = 0\nexit",
    ),
    "a decided branch hides the read": meeting(
        "*(u64 *)(r10 -8) = r10",
        "*(u64 *)(r10 -8) = 0",
        "r1 = 1\nif r1 == 1 goto end\nr1 = *(u64 *)(r10 -8)\nend:\nr0 = 0\nexit",
    ),
    "a branch on a sum of constants is decided too": meeting(
        "*(u64 *)(r10 -8) = r10",
        "*(u64 *)(r10 -8) = 0",
        "w1 = -3\nw1 += 2\nif w1 s< 0 goto end\nr1 = *(u64 *)(r10 -8)\nend:\nr0 = 0\nexit",
    ),
    "a branch on two possible constants is not": meeting(
        "*(u64 *)(r10 -8) = r10\nr6 = 1",
        "*(u64 *)(r10 -8) = 0\nr6 = 2",
        "if r6 >= 1 goto end\nr1 = *(u64 *)(r10 -8)\nend:\nr0 = 0\nexit",
    ),
    "an offset that is not known": meeting(
        "*(u64 *)(r10 -8) = r10\nr6 = -8",
        "*(u64 *)(r10 -8) = 0\nr6 = -8",
        "r2 = r10\nr2 += r6\nr0 = *(u64 *)(r2 +0)\nr0 = 0\nexit",
    ),
    "an iterator whose loop writes what nothing reads": """
*(u64 *)(r10 -48) = 1389179801
r1 = r10
r1 += -24
r2 = 0
r3 = 10
call bpf_iter_num_new
again:
r1 = r10
r1 += -24
call bpf_iter_num_next
if r0 == 0 goto done
r3 = *(u32 *)(r0 +0)
*(u64 *)(r10 -32) = r3
goto again
done:
r1 = r10
r1 += -24
call bpf_iter_num_destroy
r0 = 0
exit
""",
}

# By program: instructions that 6.18 and 7.2 processed.
PROCESSED: Final = {
    "a slot that nothing reads": (20, 20),
    "a slot that is read as an address": (32, 32),
    "the half that differs is not read": (26, 24),
    "the half that differs is read": (26, 26),
    "a helper reads the half that does not differ": (32, 27),
    "a helper reads both halves": (32, 32),
    "a helper reads as many bytes as a register says": (32, 27),
    "a helper reads an unknown number of bytes": (38, 38),
    "an atomic instruction reads": (28, 25),
    "a pointer in a slot that nothing reads": (20, 20),
    "a function reads the slot": (32, 32),
    "a function gets the frame but reads another slot": (29, 29),
    "a function gets two pointers into the frame, by way of a spill": (40, 40),
    "a decided branch hides the read": (23, 23),
    "a branch on a sum of constants is decided too": (25, 25),
    "a branch on two possible constants is not": (24, 24),
    "an offset that is not known": (28, 28),
    "an iterator whose loop writes what nothing reads": (35, 22),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(("place", "kernel"), [(0, "6.18"), (1, "7.2")])
def test_as_many_instructions_are_processed_as_in_the_kernel(name: str, place: int, kernel: str) -> None:
    verdict = verify(program_from_text(CASES[name], "socket", profile(kernel)))
    assert isinstance(verdict, Accepted)
    assert verdict.stats.insns_processed == PROCESSED[name][place]


# A pointer into the stack that comes back by a load-acquire is lost from sight: what is read through it counts as dead.
LOST: Final = """
*(u64 *)(r10 -16) = 7
r2 = r10
r2 += -16
*(u64 *)(r10 -8) = r2
call bpf_get_prandom_u32
if r0 == 0 goto next
next:
r1 = LOAD
THEN
r0 = 0
exit
"""
LOAD: Final = "*(u64 *)(r10 -8)"
ACQUIRE: Final = "load_acquire((u64 *)(r10 -8))"
POISONED: Final = "slot poisoned by dead code elimination"


@pytest.mark.parametrize(
    ("then", "sentence"),
    [
        ("r0 = *(u64 *)(r1 +0)", f"reading from stack off -16+0 size 8, {POISONED}"),
        ("r2 = 8\ncall bpf_trace_printk", f"reading from stack R1 off -16+0 size 8, {POISONED}"),
    ],
)
def test_what_was_given_up_as_dead_is_not_read(then: str, sentence: str) -> None:
    text = LOST.replace("THEN", then)
    assert says(text.replace("LOAD", LOAD), "7.2", "socket") == ""
    assert says(text.replace("LOAD", ACQUIRE), "7.2", "socket") == sentence
    assert says(text.replace("LOAD", ACQUIRE), "6.18", "socket") == ""
