"""Callbacks: walked like a loop, with arguments of the kernel's choosing and a limited result."""

from __future__ import annotations

import pytest

from tests.verify.asking import says

CALL = "r1 = 10\nr2 = subprog[callback]\nr3 = 0\nr4 = 0\ncall bpf_loop\nr0 = 0\nexit\ncallback: "
KERNELS = ("6.1", "6.12", "6.18", "7.2")


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_callback_returns_0_or_1(kernel: str) -> None:
    assert says(CALL + "r0 = 1\nexit", kernel, described=True) == ""
    assert says(CALL + "r0 = 2\nexit", kernel, described=True).startswith("At callback return the register R0 has ")


def test_its_first_argument_is_an_unknown_number() -> None:
    assert says(CALL + "r0 = *(u64 *)(r1 +0)\nexit", described=True) == "R1 invalid mem access 'scalar'"


def test_only_its_own_arguments_can_be_read() -> None:
    assert says(CALL + "r0 = r3\nexit", described=True) == "R3 !read_ok"


def test_a_callback_returns_no_pointer() -> None:
    text = CALL.replace("r3 = 0", "r3 = r10\nr3 += -8") + "r0 = r2\nexit"
    assert says(text, described=True) == "cannot return stack pointer to the caller"


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_address_of_a_function_needs_func_info(kernel: str) -> None:
    assert says(CALL + "r0 = 1\nexit", kernel) == "missing btf func_info"
