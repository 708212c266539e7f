"""What an atomic instruction returns is as precise as the stack slot it came from, on kernels that know it."""

from __future__ import annotations

import pytest

from kverdict.kernel.profile import load_profile
from kverdict.program.assembled import program_from_text
from kverdict.verify.verdict import Accepted, Rejected
from kverdict.verify.verify import verify

# Two paths meet with 0 and with 1000 in a slot; the number that comes out of it moves a pointer into 64 bytes.
TEXT = """# map 0: array 4 64 4
*(u32 *)(r10 -12) = 0
r1 = map[id:0]
r2 = r10
r2 += -12
call bpf_map_lookup_elem
if r0 == 0 goto out
r6 = r0
call bpf_get_prandom_u32
if r0 == 0 goto far
*(u64 *)(r10 -8) = 0
call bpf_get_prandom_u32
call bpf_get_prandom_u32
r7 = 1
r7 = 1
r7 = 1
r7 = 1
r7 = 1
r7 = 1
goto join
far:
*(u64 *)(r10 -8) = 1000
r7 = 1
join:
r1 = 0
r1 = atomic64_fetch_add((u64 *)(r10 -8), r1)
r6 += r1
r0 = *(u8 *)(r6 +0)
out:
r0 = 0
exit
"""


@pytest.mark.parametrize("kernel", ["6.1", "6.12", "7.2"])
def test_the_path_with_another_number_is_walked(kernel: str) -> None:
    verdict = verify(program_from_text(TEXT, "socket", load_profile(kernel)))
    assert isinstance(verdict, Rejected)
    assert verdict.sentence == "R6 min value is outside of the allowed memory range"
    assert verdict.stats.insns_processed == 31


def test_linux_6_18_takes_it_for_the_first_path() -> None:
    verdict = verify(program_from_text(TEXT, "socket", load_profile("6.18")))
    assert isinstance(verdict, Accepted)
    assert verdict.stats.insns_processed == 28
