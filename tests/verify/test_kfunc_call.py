"""Kfunc calls: trusted arguments, references that they take and give, and where they may stand."""

from __future__ import annotations

import pytest

from tests.verify.asking import SLEEPABLE, says

ACQUIRE = "r1 = *(u64 *)(r1 +0)\ncall bpf_task_acquire\n"
NO_STRUCT = "arg#0 pointer type STRUCT task_struct must point to scalar, or struct with scalar"
RELEASE = "r1 = r0\ncall bpf_task_release\nr0 = 0\nexit"


@pytest.mark.parametrize("kernel", ["6.12", "6.18", "7.2"])
def test_what_is_acquired_must_be_compared_with_null_before_its_release(kernel: str) -> None:
    assert says(ACQUIRE + "if r0 == 0 goto +2\nr1 = r0\ncall bpf_task_release\nr0 = 0\nexit", kernel) == ""
    assert says(ACQUIRE + RELEASE, kernel).startswith("Possibly NULL pointer passed to trusted ")


def test_what_is_acquired_must_be_released() -> None:
    text = ACQUIRE + "r0 = 0\nexit"
    assert says(text, "6.12") == "Unreleased reference id=2 alloc_insn=1"
    assert says(text) == "BPF_EXIT instruction in main prog would lead to reference leak"


def test_a_reference_is_gone_on_the_path_where_it_is_null() -> None:
    assert says(ACQUIRE + "if r0 != 0 goto +2\nr0 = 0\nexit\nr1 = r0\ncall bpf_task_release\nr0 = 0\nexit") == ""


def test_a_reference_is_released_once() -> None:
    text = ACQUIRE + "if r0 == 0 goto +5\nr6 = r0\nr1 = r6\ncall bpf_task_release\nr1 = r6\ncall bpf_task_release\n"
    assert says(text + "r0 = 0\nexit") == NO_STRUCT


def test_a_pointer_that_was_walked_to_is_not_trusted() -> None:
    text = "r1 = *(u64 *)(r1 +0)\nr1 = *(u64 *)(r1 +task_struct.parent)\ncall bpf_task_acquire\nr0 = 0\nexit"
    for kernel in ("6.12", "7.2"):
        assert says(text, kernel, SLEEPABLE.replace("file_open", "task_alloc")) == "R1 must be a rcu pointer"


def test_a_number_is_no_pointer() -> None:
    text = "r1 = 7\ncall bpf_task_acquire\nr0 = 0\nexit"
    assert says(text) == NO_STRUCT


def test_the_structure_must_be_the_right_one() -> None:
    text = "r1 = *(u64 *)(r1 +0)\ncall bpf_cgroup_acquire\nr0 = 0\nexit"
    wanted = "expected pointer to STRUCT cgroup but R1 has a pointer to STRUCT task_struct"
    assert says(text) == f"kernel function bpf_cgroup_acquire args#0 {wanted}"
    assert says(text, "7.2") == f"kernel function bpf_cgroup_acquire R1 {wanted}"


def test_a_number_argument_must_be_a_number() -> None:
    text = "r1 = r10\ncall bpf_task_from_pid\nr0 = 0\nexit"
    assert says(text) == "R1 is not a scalar"


def test_a_sleeping_kfunc_needs_a_sleepable_program() -> None:
    text = "r1 = r10\nr1 += -8\nr2 = 8\nr3 = 0\nr4 = 0\ncall bpf_copy_from_user_str\nr0 = 0\nexit"
    assert says(text) == "program must be sleepable to call sleepable kfunc bpf_copy_from_user_str"
    assert says(text, section=SLEEPABLE) == ""
