"""Contexts as memory, packet loads in callbacks, chains of functions, on newer and older kernels: as they answered."""

from __future__ import annotations

import pytest

from kverdict.program.assembled import program_from_text
from kverdict.verify.verdict import Unsupported
from kverdict.verify.verify import verify
from tests.verify.asking import answer, profile

# What each kernel says ("": accepted) and how many instructions it processed.
CASES = (
    (
        "the_context_of_a_system_call_is_memory",
        "syscall",
        """r2 = 8
r1 += 4
r3 = r10
call bpf_probe_read_kernel
r0 = 0
exit
""",
        {
            "6.1": ("R1 type=ctx expected=fp, pkt, pkt_meta, map_key, map_value, mem, alloc_mem, buf", 4),
            "6.12": (
                "R1 type=ctx expected=fp, pkt, pkt_meta, map_key, map_value, mem, ringbuf_mem, buf, trusted_ptr_",
                4,
            ),
            "6.18": (
                "R1 type=ctx expected=fp, pkt, pkt_meta, map_key, map_value, mem, ringbuf_mem, buf, trusted_ptr_",
                4,
            ),
            "7.2": ("", 6),
        },
    ),
    (
        "not_before_its_start",
        "syscall",
        """r2 = 8
r1 += -4
r3 = r10
call bpf_probe_read_kernel
r0 = 0
exit
""",
        {
            "6.1": ("R1 type=ctx expected=fp, pkt, pkt_meta, map_key, map_value, mem, alloc_mem, buf", 4),
            "6.12": (
                "R1 type=ctx expected=fp, pkt, pkt_meta, map_key, map_value, mem, ringbuf_mem, buf, trusted_ptr_",
                4,
            ),
            "6.18": (
                "R1 type=ctx expected=fp, pkt, pkt_meta, map_key, map_value, mem, ringbuf_mem, buf, trusted_ptr_",
                4,
            ),
            "7.2": ("R1 min value is negative, either use unsigned index or do a if (index >=0) check.", 4),
        },
    ),
    (
        "not_beyond_its_end",
        "syscall",
        """r2 = 8
r1 += 65530
r3 = r10
call bpf_probe_read_kernel
r0 = 0
exit
""",
        {
            "6.1": ("R1 type=ctx expected=fp, pkt, pkt_meta, map_key, map_value, mem, alloc_mem, buf", 4),
            "6.12": (
                "R1 type=ctx expected=fp, pkt, pkt_meta, map_key, map_value, mem, ringbuf_mem, buf, trusted_ptr_",
                4,
            ),
            "6.18": (
                "R1 type=ctx expected=fp, pkt, pkt_meta, map_key, map_value, mem, ringbuf_mem, buf, trusted_ptr_",
                4,
            ),
            "7.2": ("R1 min value is outside of the allowed memory range", 4),
        },
    ),
    (
        "it_is_read_at_any_offset",
        "syscall",
        """r6 = r1
call bpf_get_prandom_u32
r0 &= 255
r6 += r0
r1 = r6
r2 = 8
r3 = r10
call bpf_probe_read_kernel
r0 = *(u32 *)(r6 +8)
r0 = 0
exit
""",
        {
            "6.1": ("R1 type=ctx expected=fp, pkt, pkt_meta, map_key, map_value, mem, alloc_mem, buf", 8),
            "6.12": (
                "R1 type=ctx expected=fp, pkt, pkt_meta, map_key, map_value, mem, ringbuf_mem, buf, trusted_ptr_",
                8,
            ),
            "6.18": (
                "R1 type=ctx expected=fp, pkt, pkt_meta, map_key, map_value, mem, ringbuf_mem, buf, trusted_ptr_",
                8,
            ),
            "7.2": ("", 11),
        },
    ),
    (
        "and_unaligned",
        "syscall",
        """r0 = *(u32 *)(r1 +2)
r0 = 0
exit
""",
        {
            "6.1": ("invalid bpf_context access off=2 size=4", 1),
            "6.12": ("invalid bpf_context access off=2 size=4", 1),
            "6.18": ("invalid bpf_context access off=2 size=4", 1),
            "7.2": ("", 3),
        },
    ),
    (
        "no_packet_load_in_a_callback",
        "tc",
        """*(u64 *)(r10 -8) = r1
r1 = 10
r2 = subprog[cb]
r3 = r10
r3 += -8
r4 = 0
call bpf_loop
r0 = 0
exit
cb:
r6 = *(u64 *)(r2 +0)
r0 = *(u8 *)skb[14]
r0 = 0
exit
""",
        {
            "6.1": ("", 15),
            "6.12": ("cannot use BPF_LD_[ABS|IND] within callback", 11),
            "7.2": ("cannot use BPF_LD_[ABS|IND] within callback", 11),
        },
    ),
    (
        "not_even_where_it_is_never_reached",
        "tc",
        """r6 = r1
r1 = 10
r2 = subprog[cb]
r3 = 0
r4 = 0
call bpf_loop
r0 = 0
exit
cb:
r0 = 0
if r0 == 0 goto o
r0 = *(u8 *)skb[14]
r0 = 0
o:
exit
""",
        {
            "6.1": ("", 11),
            "6.12": ("cannot use BPF_LD_[ABS|IND] within callback", 12),
            "6.18": ("", 12),
            "7.2": ("cannot use BPF_LD_[ABS|IND] within callback", 12),
        },
    ),
    (
        "fifteen_functions_below_each_other",
        "socket",
        """r1 = 1
if r1 == 1 goto o
call g1
o:
r0 = 0
exit
g1:
call g2
r0 = 0
exit
g2:
call g3
r0 = 0
exit
g3:
call g4
r0 = 0
exit
g4:
call g5
r0 = 0
exit
g5:
call g6
r0 = 0
exit
g6:
call g7
r0 = 0
exit
g7:
call g8
r0 = 0
exit
g8:
call g9
r0 = 0
exit
g9:
call g10
r0 = 0
exit
g10:
call g11
r0 = 0
exit
g11:
call g12
r0 = 0
exit
g12:
call g13
r0 = 0
exit
g13:
call g14
r0 = 0
exit
g14:
call g15
r0 = 0
exit
g15:
r0 = 0
exit
""",
        {
            "6.12": ("the call stack of 8 frames is too deep !", 4),
            "6.18": ("the call stack of 8 frames is too deep !", 4),
            "7.2": ("", 4),
        },
    ),
    (
        "sixteen_functions_below_each_other",
        "socket",
        """r1 = 1
if r1 == 1 goto o
call g1
o:
r0 = 0
exit
g1:
call g2
r0 = 0
exit
g2:
call g3
r0 = 0
exit
g3:
call g4
r0 = 0
exit
g4:
call g5
r0 = 0
exit
g5:
call g6
r0 = 0
exit
g6:
call g7
r0 = 0
exit
g7:
call g8
r0 = 0
exit
g8:
call g9
r0 = 0
exit
g9:
call g10
r0 = 0
exit
g10:
call g11
r0 = 0
exit
g11:
call g12
r0 = 0
exit
g12:
call g13
r0 = 0
exit
g13:
call g14
r0 = 0
exit
g14:
call g15
r0 = 0
exit
g15:
call g16
r0 = 0
exit
g16:
r0 = 0
exit
""",
        {
            "6.12": ("the call stack of 8 frames is too deep !", 4),
            "6.18": ("the call stack of 8 frames is too deep !", 4),
            "7.2": ("the call stack of 16 frames is too deep !", 4),
        },
    ),
    (
        "a_structure_is_no_plain_memory",
        "tc",
        """r6 = r1
call bpf_get_current_task_btf
r7 = r0
r1 = r6
r2 = 0
r3 = r10
r3 += -16
call bpf_dynptr_from_skb
r1 = r10
r1 += -16
r2 = 0
r3 = r7
r4 = 8
call bpf_dynptr_slice
r0 = 0
exit
""",
        {
            "6.12": ("kernel function bpf_dynptr_slice args#2 pointer type UNKNOWN  is not supported", 14),
            "6.18": ("kernel function bpf_dynptr_slice args#2 pointer type UNKNOWN  is not supported", 14),
            "7.2": ("kernel function bpf_dynptr_slice R3 pointer type UNKNOWN  is not supported", 14),
        },
    ),
    (
        "the_stack_is",
        "tc",
        """r6 = r1
*(u64 *)(r10 -24) = 0
r7 = r10
r7 += -24
r1 = r6
r2 = 0
r3 = r10
r3 += -16
call bpf_dynptr_from_skb
r1 = r10
r1 += -16
r2 = 0
r3 = r7
r4 = 8
call bpf_dynptr_slice
r0 = 0
exit
""",
        {
            "6.12": ("", 17),
            "6.18": ("", 17),
            "7.2": ("", 17),
        },
    ),
)


@pytest.mark.parametrize(("name", "section", "text", "expected"), CASES, ids=[case[0] for case in CASES])
def test_kernels_answered(name: str, section: str, text: str, expected: dict[str, tuple[str, int]]) -> None:
    assert {kernel: answer(text, kernel, section) for kernel in expected} == expected, name


def test_arguments_on_the_stack_are_not_modelled() -> None:
    """On 7.2; all other uses of r11, and all of them on other kernels, are refused."""
    text = "*(u64 *)(r11 -8) = 1\nr0 = 0\nexit\n"
    assert isinstance(verify(program_from_text(text, "socket", profile("7.2"))), Unsupported)
    assert answer(text, "6.18", "socket") == ("R11 is invalid", 1)
    assert answer(text.replace("-8", "+8"), "7.2", "socket") == ("R11 is invalid", 0)
