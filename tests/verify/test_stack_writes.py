"""What a write to the stack leaves of the spills that it hits."""

from __future__ import annotations

import pytest

from tests.verify.asking import says

# One byte of four is written, of a slot in which a number is spilled; the four beside it are read.
HIT = """
r6 = r1
r3 = 5
*(u64 *)(r10 -64) = r3
r2 = *(u32 *)(r6 +0)
r2 &= 3
r4 = r10
r4 += -60
r4 += r2
*(u8 *)(r4 +0) = 7
r5 = *(u32 *)(r10 -64)
r0 = 0
exit
"""


@pytest.mark.parametrize(
    ("kernel", "sentence"),
    [("6.1", "invalid size of register fill"), ("6.12", ""), ("6.18", ""), ("7.2", "")],
)
def test_a_write_at_a_variable_offset_breaks_the_whole_spill(kernel: str, sentence: str) -> None:
    assert says(HIT, kernel, "socket") == sentence
