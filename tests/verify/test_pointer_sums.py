"""A pointer moved by a number that is linked to another one, a constant apart."""

from __future__ import annotations

import pytest

from tests.verify.asking import says

# r9 is another number plus a constant, and known to be small; it moves a pointer into a map's value.
SUM = """# map 0: hash 8 48 16
*(u64 *)(r10 -8) = 0
call bpf_ktime_get_ns
r9 = r0
r9 += NUMBER
r1 = map[id:0]
r2 = r10
r2 += -8
call bpf_map_lookup_elem
if r0 == 0 goto out
if r9 > 15 goto out
r0 += r9
*(u16 *)(r0 +8) = 0
out:
r0 = 0
exit
"""
LARGE = {"6.12": (536870912, 1823849397), "6.18": (536870912, 1823849397, -536870912)}


@pytest.mark.parametrize("kernel", ["6.1", "6.12", "6.18", "7.2"])
@pytest.mark.parametrize("number", [100, 536870911, 536870912, 1823849397, -536870912])
def test_the_constant_of_a_linked_sum_counts_as_an_offset_where_the_kernel_keeps_it_as_one(
    kernel: str, number: int
) -> None:
    refused = f"map_value pointer offset {number} is not allowed" if number in LARGE.get(kernel, ()) else ""
    assert says(SUM.replace("NUMBER", str(number)), kernel, "tc") == refused
