"""Which helper takes which kind of map."""

from __future__ import annotations

from tests.verify.asking import says

UPDATE = """
# map 0: {kind} 0 8 {entries}
*(u64 *)(r10 -8) = 0
r2 = r10
r2 += -8
r3 = 0
r1 = map[id:0]
call {helper}
r0 = 0
exit
"""


def test_a_queue_is_pushed_to_and_a_hash_is_not() -> None:
    assert says(UPDATE.format(kind="queue", entries=4, helper="bpf_map_push_elem"), section="tc") == ""
    text = UPDATE.replace("{kind} 0", "hash 4").format(entries=4, helper="bpf_map_push_elem")
    assert says(text, section="tc") == "cannot pass map_type 1 into func bpf_map_push_elem#87"


def test_a_ring_buffer_is_reserved_from_and_not_looked_up() -> None:
    text = "# map 0: ringbuf 0 0 4096\nr1 = map[id:0]\nr2 = r10\nr2 += -4\ncall bpf_map_lookup_elem\nr0 = 0\nexit"
    assert says(text) != ""
    reserve = "# map 0: ringbuf 0 0 4096\nr1 = map[id:0]\nr2 = 8\nr3 = 0\ncall bpf_ringbuf_reserve\n"
    submit = "if r0 == 0 goto +3\nr1 = r0\nr2 = 0\ncall bpf_ringbuf_submit\nr0 = 0\nexit"
    assert says(reserve + submit) == ""
