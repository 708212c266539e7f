"""What depends on the type of program: who may hand packet bytes to helpers."""

from __future__ import annotations

from tests.verify.asking import says

PACKET = """
r6 = *(u32 *)(r1 +{data})
r7 = *(u32 *)(r1 +{end})
r2 = r6
r2 += 8
if r2 > r7 goto out
r1 = r6
r2 = 8
r3 = 0
r4 = 0
r5 = 0
call bpf_csum_diff
out: r0 = 0
exit
"""


def test_a_helper_may_read_the_packet_after_the_check_of_its_length() -> None:
    tc = PACKET.format(data=76, end=80)
    assert says(tc, section="tc") == ""
    unchecked = tc.replace("if r2 > r7 goto out\n", "")
    assert says(unchecked, section="tc") == "R1 offset is outside of the packet"
    assert says(unchecked, "7.2", "tc") == "R1 min value is outside of the allowed memory range"


def test_xdp_sees_its_packet_at_other_offsets() -> None:
    assert says(PACKET.format(data=0, end=4), section="xdp") == ""
