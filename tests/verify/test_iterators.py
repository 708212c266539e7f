"""Iterators: a new one in its slots, next until NULL, and destroyed on every path."""

from __future__ import annotations

import pytest

from tests.verify.asking import says

NEW = "r1 = r10\nr1 += -8\nr2 = 0\nr3 = 10\ncall bpf_iter_num_new\n"
NEXT = "r1 = r10\nr1 += -8\ncall bpf_iter_num_next\n"
DESTROY = "r1 = r10\nr1 += -8\ncall bpf_iter_num_destroy\n"
END = "r0 = 0\nexit"
KERNELS = ("6.12", "6.18", "7.2")


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_loop_over_an_iterator_ends(kernel: str) -> None:
    loop = "again: r1 = r10\nr1 += -8\ncall bpf_iter_num_next\nif r0 != 0 goto again\n"
    assert says(NEW + loop + DESTROY + END, kernel) == ""


@pytest.mark.parametrize("kernel", KERNELS)
def test_it_must_be_destroyed(kernel: str) -> None:
    assert "eference" in says(NEW + END, kernel)


@pytest.mark.parametrize("kernel", KERNELS)
def test_next_needs_a_new_one(kernel: str) -> None:
    assert says(NEXT + END, kernel).startswith("expected an initialized iter_num as ")


@pytest.mark.parametrize("kernel", KERNELS)
def test_one_place_holds_one_iterator(kernel: str) -> None:
    assert says(NEW + NEW + DESTROY + END, kernel).startswith("expected uninitialized iter_num as ")


def test_its_number_is_read_only_where_it_is_not_null() -> None:
    assert says(NEW + NEXT + "r6 = *(u32 *)(r0 +0)\n" + DESTROY + END) == "R0 invalid mem access 'scalar'"
    assert says(NEW + NEXT + "if r0 == 0 goto +1\nr6 = *(u32 *)(r0 +0)\n" + DESTROY + END) == ""


@pytest.mark.parametrize(
    ("kernel", "sentence"),
    [
        ("6.12", "invalid write to stack R1 off=0 size=8"),
        ("6.18", "invalid write to stack R1 off=0 size=8"),
        ("7.2", "expected uninitialized iter_num as R1"),
    ],
)
def test_an_iterator_at_the_frame_pointer_lies_outside_of_the_stack(kernel: str, sentence: str) -> None:
    text = "r1 = r10\nr1 += {0}\nr2 = 0\nr3 = 5\ncall bpf_iter_num_new\n"
    destroyed = text.format(-8) + "r1 = r10\nr1 += -8\ncall bpf_iter_num_destroy\nr0 = 0\nexit\n"
    assert says(destroyed, kernel, "tc") == ""
    assert says(text.format(0) + "r0 = 0\nexit\n", kernel, "tc") == sentence
