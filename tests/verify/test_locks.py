"""Spin locks of map values: taken once, of the right map, nothing called meanwhile, released on every path."""

from __future__ import annotations

import pytest

from tests.verify.asking import says

VALUE = """
# map 0: hash 4 16 1 lock@0
*(u32 *)(r10 -4) = 0
r2 = r10
r2 += -4
r1 = map[id:0]
call bpf_map_lookup_elem
if r0 == 0 goto out
r6 = r0
"""
LOCK, UNLOCK = "r1 = r6\ncall bpf_spin_lock\n", "r1 = r6\ncall bpf_spin_unlock\n"
END = "out: r0 = 0\nexit"
KERNELS = ("6.1", "6.12", "6.18", "7.2")


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_lock_is_released(kernel: str) -> None:
    assert says(VALUE + LOCK + "r0 = *(u64 *)(r6 +8)\n" + UNLOCK + END, kernel, "tc") == ""
    assert says(VALUE + LOCK + END, kernel, "tc") != ""


@pytest.mark.parametrize("kernel", KERNELS)
def test_nothing_is_called_under_a_lock(kernel: str) -> None:
    text = VALUE + LOCK + "call bpf_get_smp_processor_id\n" + UNLOCK + END
    assert says(text, kernel, "tc") == "function calls are not allowed while holding a lock"


@pytest.mark.parametrize("kernel", KERNELS)
def test_an_unlock_needs_a_lock(kernel: str) -> None:
    assert says(VALUE + UNLOCK + END, kernel, "tc") == "bpf_spin_unlock without taking a lock"


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_lock_is_where_the_value_has_it(kernel: str) -> None:
    text = VALUE + "r1 = r6\nr1 += 4\ncall bpf_spin_lock\n" + UNLOCK + END
    known = "" if kernel == "6.1" else " that is at 0"
    assert says(text, kernel, "tc") == f"off 4 doesn't point to 'struct bpf_spin_lock'{known}"
