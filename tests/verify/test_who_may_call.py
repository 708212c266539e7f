"""Calls and maps that a program may or may not use, and prototypes that stable kernels mended: as kernels answered."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest

from kverdict.program.assembled import program_from_text
from kverdict.verify.verdict import Unsupported
from kverdict.verify.verify import verify
from tests.verify.asking import profile
from tests.verify.described import Outcome, outcome

DEAD: Final = "r0 = 0\nif r0 == 0 goto end\ncall bpf_rcu_read_lock\nend:\nexit\n"


@pytest.mark.parametrize("kernel", ["6.12", "6.18", "7.2"])
def test_kfuncs_are_for_programs_with_a_free_licence(kernel: str) -> None:
    program = program_from_text(DEAD, "tc", profile(kernel))
    refused = ("cannot call kernel function from non-GPL compatible program", 0)
    assert outcome(replace(program, license="MIT")) == refused
    assert outcome(replace(program, license="Dual BSD/GPL")) == ("", 3)


@pytest.mark.parametrize("kernel", ["6.12", "6.18", "7.2"])
def test_packet_metadata_is_for_programs_of_one_device(kernel: str) -> None:
    text = DEAD.replace("bpf_rcu_read_lock", "bpf_xdp_metadata_rx_timestamp")
    expected = ("metadata kfuncs require device-bound program", 0)
    assert outcome(program_from_text(text, "xdp", profile(kernel))) == expected


SLEEPABLE: Final = ("Sleepable programs can only use array, hash, ringbuf and local storage maps", 0)
SLEEPABLE_6_1: Final = ("Sleepable programs can only use array, hash, and ringbuf maps", 0)
USED: Final = ("", 3)


@pytest.mark.parametrize(
    ("map", "expected"),
    [
        ("queue 0 8 4", {"6.1": SLEEPABLE_6_1, "6.12": USED, "6.18": USED, "7.2": USED}),
        ("prog_array 4 4 4", {"6.1": SLEEPABLE_6_1, "6.12": SLEEPABLE, "6.18": SLEEPABLE, "7.2": USED}),
        ("sockmap 4 4 4", {"6.12": SLEEPABLE, "6.18": SLEEPABLE, "7.2": SLEEPABLE}),
        ("lru_hash 4 8 4", {"6.1": USED, "6.12": USED, "6.18": USED, "7.2": USED}),
    ],
)
def test_maps_of_programs_that_may_sleep(map: str, expected: dict[str, Outcome]) -> None:
    for kernel, said in expected.items():
        text = f"# map 0: {map}\nr1 = map[id:0]\nr0 = 0\nexit\n"
        assert outcome(program_from_text(text, "syscall", profile(kernel))) == said, kernel


@pytest.mark.parametrize("kernel", ["6.1", "6.12", "6.18", "7.2"])
@pytest.mark.parametrize(
    ("entries", "off", "expected"),
    [
        (1, 60, ("", 3)),
        (1, 64, ("invalid access to map value pointer, value_size=64 off=64", 0)),
        (2, 0, ("invalid access to map value pointer, value_size=64 off=0", 0)),
    ],
)
def test_only_the_value_of_an_array_of_one_has_an_address(
    kernel: str, entries: int, off: int, expected: Outcome
) -> None:
    text = f"# map 0: array 4 64 {entries}\nr1 = map[id:0][0]+{off}\nr0 = 0\nexit\n"
    assert outcome(program_from_text(text, "socket", profile(kernel))) == expected


TRAMPOLINES: Final = {"7.2": "fentry/fexit/fsession/fmod_ret"}


@pytest.mark.parametrize("kernel", ["6.1", "6.12", "6.18", "7.2"])
def test_address_of_the_traced_function(kernel: str) -> None:
    name = "func bpf_get_func_ip#173"
    where = TRAMPOLINES.get(kernel, "fentry/fexit/fmod_ret")
    for section, sentence in (
        ("tp_btf/task_newtask", f"{name} supported only for {where} programs"),
        ("iter/task", f"{name} supported only for {where} programs"),
        ("syscall", f"{name} not supported for program type 31"),
        ("perf_event", f"{name} not supported for program type 7"),
    ):
        assert outcome(program_from_text("call bpf_get_func_ip\nr0 = 0\nexit\n", section, profile(kernel))) == (
            sentence,
            1,
        )
    assert outcome(program_from_text("call bpf_get_func_ip\nr0 = 0\nexit\n", "kprobe/x", profile(kernel))) == ("", 3)


READ_ONLY: Final = """# map 0: array 4 64 1 rdonly
r9 = r1
*(u64 *)(r10 -8) = 0
*(u64 *)(r10 -16) = 0
{call}
r0 = 0
exit
"""
WRITES: Final = {
    "get_stack": ("raw_tp/x", "r2 = map[id:0][0]+0\nr3 = 16\nr4 = 0\ncall bpf_get_stack", 16, 7),
    "branches": ("perf_event", "r2 = map[id:0][0]+0\nr3 = 16\nr4 = 0\ncall bpf_read_branch_records", 16, 7),
    "lookup": ("tc", "r2 = map[id:0][0]+0\nr3 = 64\nr4 = 0\ncall bpf_fib_lookup", 64, 7),
    "print": (
        "tp_btf/task_newtask",
        "r1 = map[id:0][0]+0\nr2 = 16\nr3 = r10\nr3 += -16\nr4 = 16\nr5 = 0\ncall bpf_snprintf_btf",
        16,
        10,
    ),
}


@pytest.mark.parametrize("kernel", ["6.18", "7.2"])
@pytest.mark.parametrize("case", sorted(WRITES))
def test_helpers_do_not_write_into_read_only_maps(kernel: str, case: str) -> None:
    section, call, size, insns = WRITES[case]
    text = READ_ONLY.format(call=call)
    expected = f"write into map forbidden, value_size=64 off=0 size={size}"
    assert outcome(program_from_text(text, section, profile(kernel))) == (expected, insns)
    writable = text.replace(" rdonly", "")
    assert outcome(program_from_text(writable, section, profile(kernel))) == ("", insns + 2)


@pytest.mark.parametrize("kernel", ["6.18", "7.2"])
def test_system_calls_sleep(kernel: str) -> None:
    text = "call bpf_preempt_disable\nr1 = 0\ncall bpf_sys_close\ncall bpf_preempt_enable\nr0 = 0\nexit\n"
    expected = ("sleepable helper bpf_sys_close#168 in non-preemptible region", 3)
    assert outcome(program_from_text(text, "syscall", profile(kernel))) == expected
    alone = "r1 = 0\ncall bpf_sys_close\nr0 = 0\nexit\n"
    assert outcome(program_from_text(alone, "syscall", profile(kernel))) == ("", 4)


SLICE: Final = """# map 0: array 4 64 1
r1 = map[id:0][0]+0
r2 = 16
r3 = 0
r4 = r10
r4 += -16
call bpf_dynptr_from_mem
r1 = r10
r1 += -16
r2 = 0
r3 = 0
r4 = 8
call bpf_dynptr_slice
r0 = 0
exit
"""


@pytest.mark.parametrize("kernel", ["6.12", "6.18", "7.2"])
def test_only_optional_memory_of_a_kfunc_may_be_null(kernel: str) -> None:
    assert outcome(program_from_text(SLICE, "tc", profile(kernel))) == ("", 14)
    sentence = {
        "6.12": "arg#0 expected pointer to an iterator on stack",
        "6.18": "Possibly NULL pointer passed to trusted arg0",
        "7.2": "Possibly NULL pointer passed to trusted R1",
    }[kernel]
    text = "r1 = 0\ncall bpf_iter_num_next\nr0 = 0\nexit\n"
    assert outcome(program_from_text(text, "tc", profile(kernel))) == (sentence, 2)


@pytest.mark.parametrize(
    ("kernel", "suffix", "sentence"),
    [
        ("7.2", "", "R1 is neither owning or non-owning ref"),
        ("6.18", "_impl", "arg#0 is neither owning or non-owning ref"),
    ],
)
def test_reference_of_what_is_no_object(kernel: str, suffix: str, sentence: str) -> None:
    text = f"r1 = r10\nr1 += -8\nr2 = 0\ncall bpf_refcount_acquire{suffix}\nr0 = 0\nexit\n"
    assert outcome(program_from_text(text, "tc", profile(kernel))) == (sentence, 4)


QUEUE: Final = """# map 0: array 4 16 4 lock@0
*(u32 *)(r10 -4) = 0
r1 = map[id:0]
r2 = r10
r2 += -4
call bpf_map_lookup_elem
if r0 == 0 goto out
r1 = r0
r2 = 0
call bpf_wq_start
out:
r0 = 0
exit
"""


@pytest.mark.parametrize(
    ("kernel", "sentence"),
    [
        ("6.12", "off 0 doesn't point to 'struct bpf_wq' that is at -22"),
        ("6.18", "map 'map0' has no valid bpf_wq"),
        ("7.2", "map 'map0' has no valid bpf_wq"),
    ],
)
def test_work_queue_in_a_map_that_has_none(kernel: str, sentence: str) -> None:
    assert outcome(program_from_text(QUEUE, "tc", profile(kernel))) == (sentence, 9)


def test_work_queue_in_a_map_without_fields() -> None:
    """Linux 6.12.117 dies of a NULL pointer in its verifier there."""
    text = "# map 0: array 4 64 1\nr1 = map[id:0][0]+0\nr2 = 0\ncall bpf_wq_start\nr0 = 0\nexit\n"
    assert isinstance(verify(program_from_text(text, "tc", profile("6.12"))), Unsupported)
    expected = ("map 'map0' has to have BTF in order to use bpf_wq", 3)
    assert outcome(program_from_text(text, "tc", profile("7.2"))) == expected
