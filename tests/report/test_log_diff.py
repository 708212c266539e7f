"""Two logs: what counts as equal, and where they part."""

from __future__ import annotations

import pytest

from kverdict.report.log_diff import CONTEXT, first_difference, lines_of


def test_equal_logs_have_no_difference() -> None:
    assert first_difference("a\nb\n", "a\nb\n") is None


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (
            "7: (18) r1 = 0x2                      ; R1=map_ptr()",
            "7: (18) r1 = 0xffff888104389000       ; R1=map_ptr()",
        ),
        ("      7: .2........ (18) r1 = 0x0", "      7: .2........ (18) r1 = 0xffff888104389000"),
        ("1: (85) call bpf_task_acquire#71234", "1: (85) call bpf_task_acquire#66990"),
        ("func 'f' arg0 has btf_id 116 type STRUCT 's'", "func 'f' arg0 has btf_id 99 type STRUCT 's'"),
        ("R1=map_value(map=x.rodata,ks=4,vs=8)", "R1=map_value(map=x_rodata,ks=4,vs=8)"),
        ("a", "a\nverification time 99 usec\n"),
        ("(0) frame 0 insn 9 +live -8", "(0) frame 0 insn 9 +live -8 "),
    ],
)
def test_what_differs_from_boot_to_boot_is_no_difference(ours: str, theirs: str) -> None:
    assert first_difference(ours, theirs) is None


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("0: (18) r1 = 0x2", "0: (18) r1 = 0x3"),
        ("1: (85) call bpf_map_lookup_elem#1", "1: (85) call bpf_map_update_elem#2"),
        ("1: (18) r2 = 0x2 ; R2=map_ptr()", "1: (18) r1 = 0xffff888104389000 ; R1=map_ptr()"),
        ("R1=1", "R1_w=1"),
    ],
)
def test_everything_else_is(ours: str, theirs: str) -> None:
    assert first_difference(ours, theirs) is not None


def test_a_difference_names_the_line_and_shows_what_stands_around_it() -> None:
    before = [f"line {number}" for number in range(9)]
    found = first_difference("\n".join([*before, "ours", "next"]), "\n".join([*before, "theirs"]))
    assert found is not None and found.line == 10
    assert found.before == tuple(before[-CONTEXT:])
    assert str(found).splitlines()[-3:] == ["  - theirs", "  + ours", "  + next"]


def test_a_log_that_ends_early_differs_there() -> None:
    found = first_difference("a", "a\nb")
    assert found is not None and found.ours is None and found.theirs == "b"
    assert "(end of our log)" in str(found)


def test_blank_lines_at_the_end_say_nothing() -> None:
    assert lines_of("a\n\n\n") == ["a"]
