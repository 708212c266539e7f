"""Dynptrs: made in two stack slots, used while they last, and given back if they own memory."""

from __future__ import annotations

import pytest

from tests.verify.asking import says

RESERVE = """
# map 0: ringbuf 0 0 4096
r1 = map[id:0]
r2 = 8
r3 = 0
r4 = r10
r4 += -16
call bpf_ringbuf_reserve_dynptr
"""
SUBMIT = "r1 = r10\nr1 += -16\nr2 = 0\ncall bpf_ringbuf_submit_dynptr\n"
DATA = "r1 = r10\nr1 += -16\nr2 = 0\nr3 = 8\ncall bpf_dynptr_data\n"
END = "r0 = 0\nexit"
KERNELS = ("6.1", "6.12", "6.18", "7.2")


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_reserved_dynptr_must_be_submitted(kernel: str) -> None:
    assert says(RESERVE + SUBMIT + END, kernel) == ""
    assert says(RESERVE + END, kernel) != ""


@pytest.mark.parametrize("kernel", KERNELS)
def test_it_is_submitted_once(kernel: str) -> None:
    assert says(RESERVE + SUBMIT + SUBMIT + END, kernel) in (
        "arg 1 is an unacquired reference",
        "Expected an initialized dynptr as R1",
    )


@pytest.mark.parametrize("kernel", KERNELS)
def test_its_memory_is_void_after_that(kernel: str) -> None:
    use = "if r0 == 0 goto +1\n*(u64 *)(r0 +0) = 1\n"
    assert says(RESERVE + DATA + use + SUBMIT + END, kernel) == ""
    later = "r6 = r0\n" + SUBMIT + "if r6 == 0 goto +1\n*(u64 *)(r6 +0) = 1\n"
    assert says(RESERVE + DATA + later + END, kernel) == "R6 invalid mem access 'scalar'"


@pytest.mark.parametrize("kernel", KERNELS)
def test_its_slots_cannot_be_read(kernel: str) -> None:
    assert says(RESERVE + "r6 = *(u64 *)(r10 -16)\n" + SUBMIT + END, kernel).startswith(
        "invalid read from stack off -16"
    )


def test_a_write_would_lose_the_reference() -> None:
    text = RESERVE + "*(u64 *)(r10 -16) = 0\n" + SUBMIT + END
    assert says(text) == "cannot overwrite referenced dynptr"
    assert says(text, "6.1") == "Expected an initialized dynptr as arg #1"


def test_a_dynptr_must_exist() -> None:
    assert says(DATA + END) == "Expected an initialized dynptr as arg #0"
    assert says(DATA + END, "6.1") == "Expected an initialized dynptr as arg #1"
    assert says(DATA + END, "7.2") == "Expected an initialized dynptr as R1"
