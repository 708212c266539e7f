"""Rules in which kernels differ, each with a program that the kernel accepts and one that shows the limit."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from kverdict.kernel.profile import KernelProfile, load_profile
from kverdict.program.assembled import program_from_text
from kverdict.verify import Accepted, Rejected, verify
from kverdict.verify.verdict import Verdict

TEST_STATE_FREQ = 8
BEHIND_START = """
# map 0: array 4 64 1
*(u32 *)(r10 -4) = 0
r2 = r10
r2 += -4
r1 = map[id:0]
call bpf_map_lookup_elem
if r0 == 0 goto out
r0 += -4
r1 = *(u32 *)(r0 +{off})
out:
r0 = 0
exit
"""
PACKET = """
r2 = *(u32 *)(r1 +76)
r3 = *(u32 *)(r1 +80)
r4 = r2
r4 += 8
if r4 > r3 goto out
r1 = *(u64 *)(r2 +{off})
out:
r0 = 0
exit
"""
CAST = """
{arena}
r1 = {start}
r2 = addr_space_cast(r1, 0, 1)
r0 = *(u64 *)(r2 +8)
r0 = 0
exit
"""


@cache
def profile(kernel: str) -> KernelProfile:
    return load_profile(kernel)


def asked(text: str, section: str, kernel: str, flags: int = 0) -> Verdict:
    program = program_from_text(text, section, profile(kernel))
    return verify(replace(program, flags=program.flags | flags))


def sentence(verdict: Verdict) -> str:
    return verdict.sentence if isinstance(verdict, Rejected) else "" if isinstance(verdict, Accepted) else str(verdict)


def nested(depth: int) -> str:
    """Main calls f1, which calls f2 … up to `depth` functions."""
    lines = ["call f1", "exit"]
    for number in range(1, depth):
        lines += [f"f{number}:", f"call f{number + 1}", "exit"]
    return "\n".join([*lines, f"f{depth}:", "r0 = 0", "exit"])


@pytest.mark.parametrize(
    ("off", "kernel", "says"),
    [
        (4, "6.18", ""),
        (0, "6.18", "R0 min value is outside of the allowed memory range"),
        (4, "7.2", "R0 unbounded memory access, make sure to bounds check any such access"),
        (0, "7.2", "R0 min value is negative, either use unsigned index or do a if (index >=0) check."),
    ],
)
def test_a_pointer_below_its_start_is_usable_only_where_offsets_are_kept_apart(
    off: int, kernel: str, says: str
) -> None:
    assert sentence(asked(BEHIND_START.format(off=off), "socket", kernel)) == says


@pytest.mark.parametrize(
    ("off", "kernel", "says"),
    [
        (0, "6.18", ""),
        (0, "7.2", ""),
        (1, "6.18", "R2 offset is outside of the packet"),
        (1, "7.2", "R2 min value is outside of the allowed memory range"),
    ],
)
def test_a_packet_is_read_up_to_the_offset_that_was_compared(off: int, kernel: str, says: str) -> None:
    assert sentence(asked(PACKET.format(off=off), "tc", kernel)) == says


@pytest.mark.parametrize(
    ("section", "kernel", "says"),
    [
        ("raw_tp", "6.18", "dereference of modified ctx ptr R1 off=8 disallowed"),
        ("raw_tp", "7.2", ""),
        ("tc", "7.2", "dereference of modified ctx ptr R1 off=8 disallowed"),
    ],
)
def test_a_moved_context_is_readable_where_the_kernel_rewrites_no_access(section: str, kernel: str, says: str) -> None:
    text = "r1 += 8\nr0 = *(u64 *)(r1 +0)\nr0 = 0\nexit"
    if section == "tc":
        text = text.replace("u64", "u32")
    assert sentence(asked(text, section, kernel)) == says


@pytest.mark.parametrize(
    ("depth", "kernel", "says"),
    [
        (7, "6.18", ""),
        (8, "6.18", "the call stack of 9 frames is too deep"),
        (15, "7.2", ""),
        (16, "7.2", "the call stack of 17 frames is too deep"),
    ],
)
def test_calls_nest_as_deep_as_the_kernel_has_frames(depth: int, kernel: str, says: str) -> None:
    assert sentence(asked(nested(depth), "socket", kernel)) == says


def test_recursion_is_found_before_the_walk_or_by_its_depth() -> None:
    text = "call again\nexit\nagain:\ncall again\nexit"
    early, late = asked(text, "socket", "7.2"), asked(text, "socket", "6.18")
    assert sentence(early).startswith("recursive call from ")
    assert isinstance(early, Rejected) and early.stats.insns_processed == 0
    assert sentence(late) == "the call stack of 9 frames is too deep"


def test_registers_outside_the_set_are_refused_where_they_are_reached_or_before_the_walk() -> None:
    text = "r0 = 0\nr0 = r1\nexit"
    for kernel, processed in (("6.18", 2), ("7.2", 0)):
        program = program_from_text(text, "socket", profile(kernel))
        insns = list(program.insns)
        insns[1] = type(insns[1])(insns[1].op, 0, 15, 0, 0)
        verdict = verify(replace(program, insns=tuple(insns)))
        assert sentence(verdict) == "R15 is invalid"
        assert isinstance(verdict, Rejected) and verdict.stats.insns_processed == processed


def test_any_number_may_be_cast_into_an_arena() -> None:
    text = CAST.format(arena="# map 0: arena 0 0 16", start="map[id:0]")
    assert sentence(asked(text, "syscall", "6.18")) == ""


def test_without_an_arena_nothing_may_be_cast_into_it() -> None:
    says = "addr_space_cast insn can only be used in a program that has an associated arena"
    assert sentence(asked(CAST.format(arena="", start="0"), "syscall", "6.18")) == says


def test_a_loader_may_ask_for_a_checkpoint_wherever_one_is_possible() -> None:
    text = "r0 = 0\nif r1 == 0 goto next\nr0 = 1\nnext:\nr0 = 0\nexit"
    seldom, often = asked(text, "socket", "6.18"), asked(text, "socket", "6.18", TEST_STATE_FREQ)
    assert isinstance(seldom, Accepted) and isinstance(often, Accepted)
    assert seldom.stats.total_states < often.stats.total_states


@pytest.mark.parametrize(("kernel", "shown"), [("6.18", True), ("7.2", False)])
def test_registers_that_nothing_reads_are_forgotten_before_states_are_compared(kernel: str, shown: bool) -> None:
    text = "r0 = 0\nr3 = 7\nloop:\nif r0 == 0 goto loop\nexit"
    verdict = asked(text, "socket", kernel, TEST_STATE_FREQ)
    assert ("R3=7" in sentence(verdict)) is shown
    assert sentence(verdict).startswith("old state:")
