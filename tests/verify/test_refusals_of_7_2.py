"""What newer kernels and their stable branches refuse, or allow, that older ones do not: as the kernels answered."""

from __future__ import annotations

import pytest

from tests.verify.asking import answer

# What each kernel says ("": accepted) and how many instructions it processed.
CASES = (
    (
        "a_load_that_extends_a_sign_makes_no_copy",
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
w8 = w8
*(u32 *)(r10 -8) = r8
r7 = *(s32 *)(r10 -8)
if r7 > 3 goto out
r6 += r8
r0 = *(u8 *)(r6 +0)
out:
r0 = 0
exit
""",
        {
            "6.1": ("BPF_LDX uses reserved fields", 0),
            "6.12": ("", 20),
            "6.18": ("", 19),
            "7.2": ("R6 unbounded memory access, make sure to bounds check any such access", 15),
        },
    ),
    (
        "nor_is_it_one_of_the_other",
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
w8 = w8
*(u32 *)(r10 -8) = r8
r7 = *(s32 *)(r10 -8)
if r8 > 3 goto out
r6 += r7
r0 = *(u8 *)(r6 +0)
out:
r0 = 0
exit
""",
        {
            "6.1": ("BPF_LDX uses reserved fields", 0),
            "6.12": ("", 20),
            "6.18": ("", 19),
            "7.2": ("value -2147483648 makes map_value pointer be out of bounds", 14),
        },
    ),
    (
        "a_load_that_cannot_extend_a_sign_makes_one",
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
r8 &= 255
*(u32 *)(r10 -8) = r8
r7 = *(s32 *)(r10 -8)
if r8 > 3 goto out
r6 += r7
r0 = *(u8 *)(r6 +0)
out:
r0 = 0
exit
""",
        {
            "6.1": ("BPF_LDX uses reserved fields", 0),
            "6.12": ("", 20),
            "6.18": ("", 19),
            "7.2": ("", 19),
        },
    ),
    (
        "load_acquire_through_a_trusted_pointer",
        "tp_btf/task_newtask",
        """r1 = *(u64 *)(r1 +0)
r0 = load_acquire((u32 *)(r1 +task_struct.pid))
r0 = 0
exit
""",
        {
            "6.1": ("BPF_ATOMIC uses invalid atomic opcode 100", 2),
            "6.12": ("BPF_ATOMIC uses invalid atomic opcode 100", 2),
            "6.18": ("", 4),
            "7.2": ("", 4),
        },
    ),
    (
        "load_acquire_through_a_pointer_that_may_fault",
        "tp_btf/task_newtask",
        """r1 = *(u64 *)(r1 +0)
r1 = *(u64 *)(r1 +task_struct.parent)
r0 = load_acquire((u32 *)(r1 +task_struct.pid))
r0 = 0
exit
""",
        {
            "6.1": ("BPF_ATOMIC uses invalid atomic opcode 100", 3),
            "6.12": ("BPF_ATOMIC uses invalid atomic opcode 100", 3),
            "6.18": ("", 5),
            "7.2": ("BPF_ATOMIC loads from R1 ptr_ is not allowed", 3),
        },
    ),
    (
        "load_acquire_over_its_own_address",
        "tc",
        """r1 = load_acquire((u32 *)(r1 +0))
r0 = 0
exit
""",
        {
            "6.1": ("BPF_ATOMIC uses invalid atomic opcode 100", 1),
            "6.12": ("BPF_ATOMIC uses invalid atomic opcode 100", 1),
            "6.18": ("", 3),
            "7.2": ("BPF_ATOMIC loads from R1 ctx is not allowed", 1),
        },
    ),
    (
        "load_acquire_from_the_context",
        "tc",
        """r2 = load_acquire((u32 *)(r1 +1))
r0 = 0
exit
""",
        {
            "6.1": ("BPF_ATOMIC uses invalid atomic opcode 100", 1),
            "6.12": ("BPF_ATOMIC uses invalid atomic opcode 100", 1),
            "6.18": ("misaligned context access off 0+0+1 size 4", 1),
            "7.2": ("BPF_ATOMIC loads from R1 ctx is not allowed", 1),
        },
    ),
    (
        "an_atomic_instruction_sees_one_kind_of_pointer",
        "tp_btf/task_newtask",
        """# map 0: hash 4 64 4
r7 = *(u64 *)(r1 +0)
*(u32 *)(r10 -12) = 0
r1 = map[id:0]
r2 = r10
r2 += -12
call bpf_map_lookup_elem
if r0 == 0 goto other
r7 = r0
other:
r1 = 1
lock *(u64 *)(r7 +8) += r1
r0 = 0
exit
""",
        {
            "6.1": ("only read is supported", 14),
            "6.12": ("same insn cannot be used with different pointers", 14),
            "6.18": ("only read is supported", 14),
            "7.2": ("same insn cannot be used with different pointers", 14),
        },
    ),
    (
        "a_pointer_with_a_bounded_offset_is_not_null",
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
r0 &= 0xffff
r6 += r0
if r6 != 0 goto out
r0 = *(u8 *)(r7 +0)
out:
r0 = 0
exit
""",
        {
            "6.1": ("", 15),
            "6.12": ("", 15),
            "6.18": ("", 13),
            "7.2": ("", 13),
        },
    ),
    (
        "a_pointer_with_an_unbounded_offset_may_be",
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
w0 = w0
r6 += r0
if r6 != 0 goto out
r0 = *(u8 *)(r7 +0)
out:
r0 = 0
exit
""",
        {
            "6.1": ("", 15),
            "6.12": ("R7 !read_ok", 12),
            "6.18": ("", 13),
            "7.2": ("R7 !read_ok", 12),
        },
    ),
    (
        "a_pointer_to_memory_is_not_null",
        "socket",
        """# map 0: ringbuf 0 0 4096
r1 = map[id:0]
r2 = 8
r3 = 0
call bpf_ringbuf_reserve
if r0 == 0 goto out
r6 = r0
if r6 == 0 goto bad
r1 = r6
r2 = 0
call bpf_ringbuf_discard
out:
r0 = 0
exit
bad:
r0 = *(u8 *)(r7 +0)
exit
""",
        {
            "6.1": ("R7 !read_ok", 13),
            "6.12": ("", 13),
            "6.18": ("", 13),
            "7.2": ("", 13),
        },
    ),
    (
        "unlocking_ends_what_the_lock_protected",
        "lsm.s/file_open",
        """# map 0: hash 4 16 4 lock@0
*(u32 *)(r10 -12) = 0
r1 = map[id:0]
r2 = r10
r2 += -12
call bpf_map_lookup_elem
if r0 == 0 goto out
r6 = r0
call bpf_get_current_task_btf
r7 = r0
r1 = r6
call bpf_spin_lock
r7 = *(u64 *)(r7 +task_struct.real_parent)
r1 = r6
call bpf_spin_unlock
r1 = r7
call bpf_task_acquire
if r0 == 0 goto out
r1 = r0
call bpf_task_release
out:
r0 = 0
exit
""",
        {
            "6.12": ("", 25),
            "7.2": ("R1 must be a rcu pointer", 16),
        },
    ),
    (
        "not_inside_of_a_section",
        "lsm.s/file_open",
        """# map 0: hash 4 16 4 lock@0
*(u32 *)(r10 -12) = 0
r1 = map[id:0]
r2 = r10
r2 += -12
call bpf_map_lookup_elem
if r0 == 0 goto out
r6 = r0
call bpf_get_current_task_btf
r7 = r0
call bpf_rcu_read_lock
r1 = r6
call bpf_spin_lock
r7 = *(u64 *)(r7 +task_struct.real_parent)
r1 = r6
call bpf_spin_unlock
r1 = r7
call bpf_task_acquire
r8 = r0
call bpf_rcu_read_unlock
if r8 == 0 goto out
r1 = r8
call bpf_task_release
out:
r0 = 0
exit
""",
        {
            "6.12": ("", 28),
            "7.2": ("", 28),
        },
    ),
    (
        "a_clone_in_another_frame_goes_with_the_object",
        "tc",
        """# map 0: ringbuf 0 0 4096
r1 = map[id:0]
r2 = 16
r3 = 0
r4 = r10
r4 += -16
call bpf_ringbuf_reserve_dynptr
r1 = r10
r1 += -16
call f
r0 = 0
exit
f:
r6 = r1
r2 = r10
r2 += -16
call bpf_dynptr_clone
r1 = r6
r2 = 0
call bpf_ringbuf_discard_dynptr
r1 = r10
r1 += -16
r2 = 0
r3 = 8
call bpf_dynptr_data
r0 = 0
exit
""",
        {
            "6.12": ("", 25),
            "6.18": ("", 25),
            "7.2": ("Expected an initialized dynptr as R1", 21),
        },
    ),
    (
        "so_do_its_slices",
        "tc",
        """# map 0: ringbuf 0 0 4096
r1 = map[id:0]
r2 = 16
r3 = 0
r4 = r10
r4 += -16
call bpf_ringbuf_reserve_dynptr
r1 = r10
r1 += -16
call f
r0 = 0
exit
f:
r6 = r1
r2 = r10
r2 += -16
call bpf_dynptr_clone
r1 = r10
r1 += -16
r2 = 0
r3 = 8
call bpf_dynptr_data
r7 = r0
r1 = r6
r2 = 0
call bpf_ringbuf_discard_dynptr
if r7 == 0 goto z
r0 = *(u8 *)(r7 +0)
z:
r0 = 0
exit
""",
        {
            "6.12": ("R7 invalid mem access 'scalar'", 24),
            "6.18": ("R7 invalid mem access 'scalar'", 24),
            "7.2": ("R7 invalid mem access 'scalar'", 24),
        },
    ),
    (
        "a_clone_may_be_overwritten",
        "tc",
        """# map 0: ringbuf 0 0 4096
r1 = map[id:0]
r2 = 16
r3 = 0
r4 = r10
r4 += -16
call bpf_ringbuf_reserve_dynptr
r1 = r10
r1 += -16
r2 = r10
r2 += -32
call bpf_dynptr_clone
*(u64 *)(r10 -16) = 0
r1 = r10
r1 += -32
r2 = 0
call bpf_ringbuf_discard_dynptr
r0 = 0
exit
""",
        {
            "6.12": ("cannot overwrite referenced dynptr", 12),
            "6.18": ("cannot overwrite referenced dynptr", 12),
            "7.2": ("", 18),
        },
    ),
)


@pytest.mark.parametrize(("name", "section", "text", "expected"), CASES, ids=[case[0] for case in CASES])
def test_kernels_answered(name: str, section: str, text: str, expected: dict[str, tuple[str, int]]) -> None:
    assert {kernel: answer(text, kernel, section) for kernel in expected} == expected, name
