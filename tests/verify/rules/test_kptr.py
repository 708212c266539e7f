"""Kptrs in map values: exchanged with the right structure and with references only."""

from __future__ import annotations

from tests.verify.asking import says

VALUE = """
# map 0: hash 4 16 1 kptr=task_struct@8
r6 = *(u64 *)(r1 +0)
*(u32 *)(r10 -4) = 0
r2 = r10
r2 += -4
r1 = map[id:0]
call bpf_map_lookup_elem
if r0 == 0 goto out
r7 = r0
"""
TAKE = "r1 = r7\nr1 += 8\nr2 = 0\ncall bpf_kptr_xchg\nif r0 == 0 goto out\n"
RELEASE = "r1 = r0\ncall bpf_task_release\n"
END = "out: r0 = 0\nexit"


def test_what_is_taken_out_must_be_released() -> None:
    assert says(VALUE + TAKE + RELEASE + END) == ""
    assert says(VALUE + TAKE + END) == "BPF_EXIT instruction in main prog would lead to reference leak"


def test_only_a_reference_is_put_in() -> None:
    text = VALUE + "r1 = r7\nr1 += 8\nr2 = r6\ncall bpf_kptr_xchg\nif r0 == 0 goto out\n" + RELEASE + END
    assert says(text) == "R2 must be referenced when passed to release function"


def test_there_must_be_a_kptr() -> None:
    assert says(VALUE + TAKE.replace("+= 8", "+= 4") + RELEASE + END) == "off=4 doesn't point to kptr"


def test_a_store_would_bypass_the_exchange() -> None:
    assert says(VALUE + "*(u64 *)(r7 +8) = r6\n" + END) == "store to referenced kptr disallowed"
