"""A pointer has one offset, fixed and variable together, on kernels that fold them: as the kernels answered."""

from __future__ import annotations

import pytest

from tests.verify.asking import answer

# What each kernel says ("": accepted) and how many instructions it processed.
CASES = (
    (
        "a_checked_range_counts_from_the_start_of_the_packet",
        "tc",
        """r6 = r1
r2 = *(u32 *)(r6 +76)
r3 = *(u32 *)(r6 +80)
call bpf_get_prandom_u32
r2 = *(u32 *)(r6 +76)
r3 = *(u32 *)(r6 +80)
r0 &= 15
r2 += r0
r4 = r2
r2 += 8
if r2 > r3 goto out
r0 = *(u64 *)(r4 +0)
r4 += 4
r0 = *(u32 *)(r4 +0)
r0 = *(u8 *)(r4 -5)
out:
r0 = 0
exit
""",
        {
            "6.1": ("R4 offset is outside of the packet", 15),
            "6.12": ("R4 offset is outside of the packet", 15),
            "6.18": ("R4 offset is outside of the packet", 15),
            "7.2": ("R4 min value is outside of the allowed memory range", 15),
        },
    ),
    (
        "below_a_variable_offset_without_constant_nothing_was_checked",
        "tc",
        """r6 = r1
call bpf_get_prandom_u32
r2 = *(u32 *)(r6 +76)
r3 = *(u32 *)(r6 +80)
r0 &= 15
r2 += r0
r4 = r2
if r2 > r3 goto out
r4 -= 4
r0 = *(u8 *)(r4 +0)
out:
r0 = 0
exit
""",
        {
            "6.1": ("R4 offset is outside of the packet", 10),
            "6.12": ("R4 offset is outside of the packet", 10),
            "6.18": ("R4 offset is outside of the packet", 10),
            "7.2": ("R4 min value is negative, either use unsigned index or do a if (index >=0) check.", 10),
        },
    ),
    (
        "behind_a_variable_offset_nothing_is_left_of_the_range",
        "tc",
        """r6 = r1
call bpf_get_prandom_u32
r2 = *(u32 *)(r6 +76)
r3 = *(u32 *)(r6 +80)
r0 &= 15
r2 += 4
r2 += r0
if r2 > r3 goto out
r0 = *(u8 *)(r2 -4)
r0 = *(u8 *)(r2 -1)
r0 = *(u8 *)(r2 +0)
out:
r0 = 0
exit
""",
        {
            "6.1": ("R2 offset is outside of the packet", 11),
            "6.12": ("R2 offset is outside of the packet", 11),
            "6.18": ("R2 offset is outside of the packet", 11),
            "7.2": ("R2 max value is outside of the allowed memory range", 11),
        },
    ),
    (
        "arithmetic_forgets_that_a_pointer_is_beyond_the_end",
        "tc",
        """r6 = r1
r2 = *(u32 *)(r6 +76)
r3 = *(u32 *)(r6 +80)
r2 += 8
if r2 > r3 goto beyond
r0 = 0
exit
beyond:
r2 -= 4
if r2 > r3 goto out
r0 = *(u8 *)(r2 -1)
out:
r0 = 0
exit
""",
        {
            "6.1": ("", 11),
            "6.12": ("", 11),
            "6.18": ("", 11),
            "7.2": ("", 14),
        },
    ),
    (
        "beyond_the_end_nothing_is_read",
        "tc",
        """r6 = r1
r2 = *(u32 *)(r6 +76)
r3 = *(u32 *)(r6 +80)
r2 += 8
if r2 > r3 goto beyond
r0 = 0
exit
beyond:
r0 = *(u8 *)(r2 -1)
out:
r0 = 0
exit
""",
        {
            "6.1": ("R2 offset is outside of the packet", 8),
            "6.12": ("R2 offset is outside of the packet", 8),
            "6.18": ("R2 offset is outside of the packet", 8),
            "7.2": ("R2 offset is outside of the packet", 8),
        },
    ),
    (
        "before_the_start_nothing_is_checked",
        "tc",
        """r6 = r1
r2 = *(u32 *)(r6 +76)
r3 = *(u32 *)(r6 +80)
r2 += -8
if r2 > r3 goto out
r0 = *(u8 *)(r2 +8)
out:
r0 = 0
exit
""",
        {
            "6.1": ("R2 offset is outside of the packet", 6),
            "6.12": ("R2 offset is outside of the packet", 6),
            "6.18": ("R2 offset is outside of the packet", 6),
            "7.2": ("R2 min value is outside of the allowed memory range", 6),
        },
    ),
    (
        "a_constant_offset_is_one_of_the_variable_ones",
        "socket",
        """# map 0: array 4 64 4
*(u32 *)(r10 -12) = 0
r1 = map[id:0]
r2 = r10
r2 += -12
call bpf_map_lookup_elem
if r0 == 0 goto out
r6 = r0
call bpf_get_prandom_u32
r8 = r0
r8 &= 15
call bpf_get_prandom_u32
if r0 == 0 goto far
call bpf_get_prandom_u32
call bpf_get_prandom_u32
r7 = 1
r7 = 1
r7 = 1
r7 = 1
r7 = 1
r7 = 1
r6 += r8
goto join
far:
r6 += 4
r7 = 1
join:
r0 = *(u8 *)(r6 +0)
out:
r0 = 0
exit
""",
        {
            "6.1": ("", 32),
            "6.12": ("", 32),
            "6.18": ("", 30),
            "7.2": ("", 28),
        },
    ),
    (
        "a_constant_offset_outside_of_the_variable_ones_is_walked",
        "socket",
        """# map 0: array 4 64 4
*(u32 *)(r10 -12) = 0
r1 = map[id:0]
r2 = r10
r2 += -12
call bpf_map_lookup_elem
if r0 == 0 goto out
r6 = r0
call bpf_get_prandom_u32
r8 = r0
r8 &= 15
call bpf_get_prandom_u32
if r0 == 0 goto far
call bpf_get_prandom_u32
call bpf_get_prandom_u32
r7 = 1
r7 = 1
r7 = 1
r7 = 1
r7 = 1
r7 = 1
r6 += r8
goto join
far:
r6 += 60
r7 = 1
join:
r0 = *(u64 *)(r6 +0)
out:
r0 = 0
exit
""",
        {
            "6.1": ("R6 min value is outside of the allowed memory range", 28),
            "6.12": ("R6 min value is outside of the allowed memory range", 28),
            "6.18": ("R6 min value is outside of the allowed memory range", 28),
            "7.2": ("R6 min value is outside of the allowed memory range", 28),
        },
    ),
    (
        "bits_of_a_sum_are_as_coarse_as_the_kernels",
        "socket",
        """# map 0: array 4 64 4
*(u32 *)(r10 -12) = 0
r1 = map[id:0]
r2 = r10
r2 += -12
call bpf_map_lookup_elem
if r0 == 0 goto out
r6 = r0
call bpf_get_prandom_u32
r8 = r0
r8 &= 15
r6 += r8
r6 += 48
r0 = *(u8 *)(r6 +0)
r6 += 1
r0 = *(u8 *)(r6 +0)
out:
r0 = 0
exit
""",
        {
            "6.1": ("R6 max value is outside of the allowed memory range", 15),
            "6.12": ("R6 max value is outside of the allowed memory range", 15),
            "6.18": ("R6 max value is outside of the allowed memory range", 15),
            "7.2": ("R6 max value is outside of the allowed memory range", 15),
        },
    ),
    (
        "a_misaligned_constant_offset",
        "socket",
        """*(u64 *)(r10 -16) = 0
r2 = r10
r2 += -12
r0 = *(u64 *)(r2 +2)
r0 = 0
exit
""",
        {
            "6.1": ("misaligned stack access off (0x0; 0x0)+-12+2 size 8", 4),
            "6.12": ("misaligned stack access off 0+-12+2 size 8", 4),
            "6.18": ("misaligned stack access off 0+-12+2 size 8", 4),
            "7.2": ("misaligned stack access off -12+2 size 8", 4),
        },
    ),
    (
        "a_misaligned_variable_offset",
        "socket",
        """*(u64 *)(r10 -16) = 0
*(u64 *)(r10 -8) = 0
call bpf_get_prandom_u32
r0 &= 3
r2 = r10
r2 += -16
r2 += r0
r0 = *(u32 *)(r2 +2)
r0 = 0
exit
""",
        {
            "6.1": ("misaligned stack access off (0x0; 0x3)+-16+2 size 4", 8),
            "6.12": ("misaligned stack access off (0x0; 0x3)+-16+2 size 4", 8),
            "6.18": ("misaligned stack access off (0x0; 0x3)+-16+2 size 4", 8),
            "7.2": ("misaligned stack access off (0xfffffffffffffff0; 0x3)+2 size 4", 8),
        },
    ),
    (
        "a_variable_offset_into_a_structure",
        "tp_btf/task_newtask",
        """r6 = *(u64 *)(r1 +0)
call bpf_get_prandom_u32
r0 &= 3
r6 += 8
r6 += r0
r0 = *(u32 *)(r6 +2)
r0 = 0
exit
""",
        {
            "6.1": ("R6 is ptr_task_struct invalid variable offset: off=10, var_off=(0x0; 0x3)", 6),
            "6.12": ("R6 is ptr_task_struct invalid variable offset: off=10, var_off=(0x0; 0x3)", 6),
            "6.18": ("R6 is ptr_task_struct invalid variable offset: off=10, var_off=(0x0; 0x3)", 6),
            "7.2": ("R6 is ptr_task_struct invalid variable offset: off=2, var_off=(0x8; 0x3)", 6),
        },
    ),
    (
        "a_negative_offset_into_a_structure",
        "tp_btf/task_newtask",
        """r6 = *(u64 *)(r1 +0)
r6 += -8
r0 = *(u32 *)(r6 +2)
r0 = 0
exit
""",
        {
            "6.1": ("R6 is ptr_task_struct invalid negative access: off=-6", 3),
            "6.12": ("R6 is ptr_task_struct invalid negative access: off=-6", 3),
            "6.18": ("R6 is ptr_task_struct invalid negative access: off=-6", 3),
            "7.2": ("R6 is ptr_task_struct invalid negative access: off=-6", 3),
        },
    ),
    (
        "the_lowest_offset_into_a_map_that_may_not_be_written",
        "socket",
        """# map 0: array 4 64 4 rdonly
*(u32 *)(r10 -12) = 0
r1 = map[id:0]
r2 = r10
r2 += -12
call bpf_map_lookup_elem
if r0 == 0 goto out
r6 = r0
call bpf_get_prandom_u32
r0 &= 3
r6 += 8
r6 += r0
*(u32 *)(r6 +2) = 1
out:
r0 = 0
exit
""",
        {
            "6.1": ("write into map forbidden, value_size=64 off=10 size=4", 12),
            "6.12": ("write into map forbidden, value_size=64 off=10 size=4", 12),
            "6.18": ("write into map forbidden, value_size=64 off=10 size=4", 12),
            "7.2": ("write into map forbidden, value_size=64 off=10 size=4", 12),
        },
    ),
)


@pytest.mark.parametrize(("name", "section", "text", "expected"), CASES, ids=[case[0] for case in CASES])
def test_kernels_answered(name: str, section: str, text: str, expected: dict[str, tuple[str, int]]) -> None:
    assert {kernel: answer(text, kernel, section) for kernel in expected} == expected, name
