"""Helper calls: who may call what, what the arguments must be, what r0 holds then."""

from __future__ import annotations

from tests.verify.asking import says

LOOKUP = """
# map 0: hash 4 8 16
*(u32 *)(r10 -4) = 0
r2 = r10
r2 += -4
r1 = map[id:0]
call bpf_map_lookup_elem
"""


def test_a_value_must_be_compared_with_null_before_it_is_read() -> None:
    assert says(LOOKUP + "r0 = *(u64 *)(r0 +0)\nr0 = 0\nexit") == "R0 invalid mem access 'map_value_or_null'"
    assert says(LOOKUP + "if r0 == 0 goto +1\nr0 = *(u64 *)(r0 +0)\nr0 = 0\nexit") == ""


def test_a_key_must_be_as_long_as_the_maps() -> None:
    assert says(LOOKUP.replace("-4\nr1", "-3\nr1") + "r0 = 0\nexit") == "invalid read from stack R2 off=-3 size=4"


def test_r1_to_r5_are_gone_after_a_call() -> None:
    assert says("call bpf_get_smp_processor_id\nr0 = r1\nexit") == "R1 !read_ok"


def test_a_map_argument_must_be_a_map() -> None:
    text = LOOKUP.replace("r1 = map[id:0]", "r1 = 1") + "r0 = 0\nexit"
    assert says(text) == "R1 type=scalar expected=map_ptr"


def test_programs_of_some_types_may_not_call_some_helpers() -> None:
    text = "r1 = 0\nr2 = 0\ncall bpf_redirect\nr0 = 0\nexit"
    assert says(text) == "program of this type cannot use helper bpf_redirect#23"
    assert says(text, "6.1") == "unknown func bpf_redirect#23"
    assert says(text, section="tc") == ""


def test_memory_and_its_size_must_fit() -> None:
    text = "r1 = r10\nr1 += -16\nr2 = {}\ncall bpf_get_current_comm\nr0 = 0\nexit"
    assert says(text.format(16)) == ""
    assert says(text.format(17)) == "invalid write to stack R1 off=-16 size=17"


def test_the_map_of_a_helper_must_be_of_its_kind() -> None:
    text = "# map 0: hash 4 8 16\nr2 = map[id:0]\nr3 = 0\ncall bpf_tail_call\nr0 = 0\nexit"
    assert says(text) == "expected prog array map for tail call"
