"""When a state is taken for one that was walked: links, halves of slots, ends of packets; as the kernels answered."""

from __future__ import annotations

import pytest

from tests.verify.asking import answer

# What each kernel says ("": accepted) and how many instructions it processed.
CASES = (
    (
        "links_that_nothing_shares_are_forgotten_at_checkpoints",
        "socket",
        """call bpf_get_prandom_u32
w0 = w0
r6 = r0
call bpf_get_prandom_u32
w0 = w0
r7 = r0
*(u64 *)(r10 -16) = 0
*(u64 *)(r10 -8) = 0
call bpf_get_prandom_u32
if r0 == 0 goto far
call bpf_get_prandom_u32
call bpf_get_prandom_u32
r1 = 1
r1 = 1
r1 = 1
r1 = 1
r8 = r6
r9 = r7
goto join
far:
r8 = r6
r9 = r6
join:
if r8 > 3 goto out
if r9 > 3 goto out
r1 = r10
r1 += -16
r1 += r8
r0 = *(u8 *)(r1 +0)
r1 = r10
r1 += -16
r1 += r9
r0 = *(u8 *)(r1 +0)
out:
r0 = 0
exit
""",
        {
            "6.1": ("", 36),
            "6.12": ("", 47),
            "6.18": ("", 47),
            "7.2": ("", 36),
        },
    ),
    (
        "links_that_two_share_are_not",
        "socket",
        """call bpf_get_prandom_u32
w0 = w0
r6 = r0
call bpf_get_prandom_u32
w0 = w0
r7 = r0
*(u64 *)(r10 -16) = 0
*(u64 *)(r10 -8) = 0
call bpf_get_prandom_u32
if r0 == 0 goto far
call bpf_get_prandom_u32
call bpf_get_prandom_u32
r1 = 1
r1 = 1
r1 = 1
r1 = 1
r8 = r6
r9 = r6
goto join
far:
r8 = r6
r9 = r7
join:
if r8 > 3 goto out
if r9 > 3 goto out
r1 = r10
r1 += -16
r1 += r8
r0 = *(u8 *)(r1 +0)
r1 = r10
r1 += -16
r1 += r9
r0 = *(u8 *)(r1 +0)
out:
r0 = 0
exit
""",
        {
            "6.1": ("", 35),
            "6.12": ("", 47),
            "6.18": ("", 47),
            "7.2": ("", 47),
        },
    ),
    (
        "half_a_slot_of_plain_bytes_is_an_unknown_number",
        "socket",
        """call bpf_get_prandom_u32
r6 = r0
call bpf_get_prandom_u32
if r0 == 0 goto far
call bpf_get_prandom_u32
call bpf_get_prandom_u32
r1 = 1
r1 = 1
r1 = 1
r1 = 1
*(u64 *)(r10 -8) = r6
*(u16 *)(r10 -4) = r6
*(u16 *)(r10 -2) = r6
*(u32 *)(r10 -8) = r6
goto join
far:
*(u16 *)(r10 -8) = r6
*(u16 *)(r10 -6) = r6
*(u16 *)(r10 -4) = r6
*(u16 *)(r10 -2) = r6
join:
r1 = *(u32 *)(r10 -8)
r0 = 0
exit
""",
        {
            "6.1": ("", 23),
            "6.12": ("", 25),
            "6.18": ("", 25),
            "7.2": ("", 23),
        },
    ),
    (
        "so_it_is_when_the_whole_slot_is_read",
        "socket",
        """call bpf_get_prandom_u32
r6 = r0
call bpf_get_prandom_u32
if r0 == 0 goto far
call bpf_get_prandom_u32
call bpf_get_prandom_u32
r1 = 1
r1 = 1
r1 = 1
r1 = 1
*(u64 *)(r10 -8) = r6
*(u16 *)(r10 -4) = r6
*(u16 *)(r10 -2) = r6
*(u32 *)(r10 -8) = r6
goto join
far:
*(u16 *)(r10 -8) = r6
*(u16 *)(r10 -6) = r6
*(u16 *)(r10 -4) = r6
*(u16 *)(r10 -2) = r6
join:
r1 = *(u64 *)(r10 -8)
r0 = 0
exit
""",
        {
            "6.1": ("", 23),
            "6.12": ("", 25),
            "6.18": ("", 25),
            "7.2": ("", 23),
        },
    ),
    (
        "a_pointer_beyond_the_end_is_no_other_pointer",
        "tc",
        """r6 = r1
r7 = *(u32 *)(r6 +76)
r8 = *(u32 *)(r6 +80)
r7 += 8
if r7 <= r8 goto inside
r1 = 1
r1 = 1
r1 = 1
r1 = 1
r1 = 1
r1 = 1
call bpf_get_prandom_u32
goto join
inside:
r1 = 1
join:
if r7 > r8 goto out
r0 = *(u8 *)(r9 +0)
out:
r0 = 0
exit
""",
        {
            "6.1": ("R9 !read_ok", 19),
            "6.12": ("R9 !read_ok", 19),
            "6.18": ("R9 !read_ok", 19),
            "7.2": ("R9 !read_ok", 19),
        },
    ),
    (
        "a_zero_stored_into_a_kptr_is_relied_on",
        "tp_btf/task_newtask",
        """# map 0: array 4 16 4 kptr_untrusted=task_struct@0
*(u32 *)(r10 -12) = 0
r1 = map[id:0]
r2 = r10
r2 += -12
call bpf_map_lookup_elem
if r0 == 0 goto out
r6 = r0
call bpf_get_prandom_u32
if r0 == 0 goto far
call bpf_get_prandom_u32
call bpf_get_prandom_u32
r8 = 0
r7 = 1
r7 = 1
r7 = 1
r7 = 1
r7 = 1
r7 = 1
goto join
far:
r8 = 7
r7 = 1
join:
*(u64 *)(r6 +0) = r8
out:
r0 = 0
exit
""",
        {
            "6.1": ("", 27),
            "6.12": ("invalid kptr access, R8 type=scalar expected=ptr_task_struct or untrusted_ptr_task_struct", 25),
            "6.18": ("", 25),
            "7.2": ("invalid kptr access, R8 type=scalar expected=ptr_task_struct or untrusted_ptr_task_struct", 25),
        },
    ),
    (
        "another_zero_is_as_good",
        "tp_btf/task_newtask",
        """# map 0: array 4 16 4 kptr_untrusted=task_struct@0
*(u32 *)(r10 -12) = 0
r1 = map[id:0]
r2 = r10
r2 += -12
call bpf_map_lookup_elem
if r0 == 0 goto out
r6 = r0
call bpf_get_prandom_u32
if r0 == 0 goto far
call bpf_get_prandom_u32
call bpf_get_prandom_u32
r8 = 0
r7 = 1
r7 = 1
r7 = 1
r7 = 1
r7 = 1
r7 = 1
goto join
far:
r8 = 0
r7 = 1
join:
*(u64 *)(r6 +0) = r8
out:
r0 = 0
exit
""",
        {
            "6.1": ("", 27),
            "6.12": ("", 27),
            "6.18": ("", 25),
            "7.2": ("", 25),
        },
    ),
    (
        "loops_widen_what_changed_in_value",
        "socket",
        """r1 = r10
r1 += -8
r2 = 0
r3 = 10
call bpf_iter_num_new
*(u64 *)(r10 -16) = 0
call bpf_get_prandom_u32
r6 = r0
r6 &= 7
r8 = 0
r9 = 0
l:
r1 = r10
r1 += -8
call bpf_iter_num_next
if r0 == 0 goto d
call bpf_get_prandom_u32
r0 &= 7
r6 = r0
r8 = r0
r9 = 1
goto l
d:
r1 = r10
r1 += -8
call bpf_iter_num_destroy
if r9 == 0 goto out
r1 = r10
r1 += -16
r1 += r6
r0 = *(u8 *)(r1 +0)
r0 = r8
out:
r0 = 0
exit
""",
        {
            "6.12": ("", 53),
            "6.18": ("", 53),
            "7.2": ("", 53),
        },
    ),
    (
        "slots_first_written_in_the_loop",
        "socket",
        """r1 = r10
r1 += -8
r2 = 0
r3 = 10
call bpf_iter_num_new
r6 = 0
l:
r1 = r10
r1 += -8
call bpf_iter_num_next
if r0 == 0 goto d
r7 = *(u32 *)(r0 +0)
if r7 > 3 goto l
*(u64 *)(r10 -16) = 1
r6 = *(u64 *)(r10 -16)
goto l
d:
r1 = r10
r1 += -8
call bpf_iter_num_destroy
r0 = 0
exit
""",
        {
            "6.12": ("", 59),
            "6.18": ("", 27),
            "7.2": ("", 27),
        },
    ),
    (
        "a_callback_that_comes_back_to_itself",
        "socket",
        """call bpf_get_prandom_u32
r6 = r0
r6 &= 3
*(u64 *)(r10 -8) = r6
r1 = 100
r2 = subprog[cb]
r3 = r10
r3 += -8
r4 = 0
call bpf_loop
r0 = *(u64 *)(r10 -8)
r0 = 0
exit
cb:
r1 = *(u64 *)(r2 +0)
if r1 == 3 goto same
r1 += 1
*(u64 *)(r2 +0) = r1
same:
r0 = 0
exit
""",
        {
            "6.1": ("", 24),
            "6.12": ("", 34),
            "6.18": ("", 34),
            "7.2": ("", 34),
        },
    ),
)


@pytest.mark.parametrize(("name", "section", "text", "expected"), CASES, ids=[case[0] for case in CASES])
def test_kernels_answered(name: str, section: str, text: str, expected: dict[str, tuple[str, int]]) -> None:
    assert {kernel: answer(text, kernel, section) for kernel in expected} == expected, name
