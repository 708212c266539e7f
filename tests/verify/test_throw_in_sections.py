"""bpf_throw() inside a section that somebody has to end, in the words of each kernel."""

from __future__ import annotations

import pytest

from tests.verify.asking import says

THROW = "r1 = 0\ncall bpf_throw\nr0 = 0\nexit"


@pytest.mark.parametrize("kernel", ["6.12", "6.18", "7.2"])
@pytest.mark.parametrize(
    ("enter", "region"), [("bpf_rcu_read_lock", "bpf_rcu_read_lock"), ("bpf_preempt_disable", "bpf_preempt_disable")]
)
def test_an_exception_may_not_leave_a_section(kernel: str, enter: str, region: str) -> None:
    assert says(THROW, kernel, "tc") == ""
    text = f"call {enter}\n{THROW}"
    assert says(text, kernel, "tc") == f"bpf_throw cannot be used inside {region}-ed region"
