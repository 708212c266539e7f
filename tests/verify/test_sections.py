"""RCU and preemption sections: they balance, nothing in them sleeps, and their end takes trust away."""

from __future__ import annotations

from tests.verify.asking import SLEEPABLE, says

HOOK = SLEEPABLE.replace("file_open", "task_alloc")
LOCK, UNLOCK, END = "call bpf_rcu_read_lock\n", "call bpf_rcu_read_unlock\n", "r0 = 0\nexit"


def test_a_section_must_end_before_the_program() -> None:
    assert says(LOCK + UNLOCK + END) == ""
    wanted = "BPF_EXIT instruction in main prog cannot be used inside bpf_rcu_read_lock-ed region"
    assert says(LOCK + END) == wanted
    assert says(LOCK + END, "6.12") == "bpf_rcu_read_unlock is missing"


def test_an_end_needs_a_beginning() -> None:
    assert says(UNLOCK + END) == "unmatched rcu read unlock (kernel function bpf_rcu_read_unlock)"


def test_sections_nest_since_7() -> None:
    text = LOCK + LOCK + UNLOCK + UNLOCK + END
    assert says(text) == "nested rcu read lock (kernel function bpf_rcu_read_lock)"
    assert says(text, "7.2") == ""


def test_a_pointer_of_the_section_is_untrusted_after_it() -> None:
    read = "r6 = *(u64 *)(r1 +0)\n" + LOCK + "r6 = *(u64 *)(r6 +task_struct.real_parent)\n"
    acquire = "r1 = r6\ncall bpf_task_acquire\n"
    release = "if r0 == 0 goto +2\nr1 = r0\ncall bpf_task_release\n"
    for kernel in ("6.12", "7.2"):
        assert says(read + acquire + release + UNLOCK + END, kernel, HOOK) == ""
        assert says(read + UNLOCK + acquire + release + END, kernel, HOOK) == "R1 must be a rcu pointer"


def test_nothing_sleeps_in_a_section() -> None:
    call = "r1 = r10\nr1 += -8\nr2 = 8\nr3 = 0\ncall bpf_copy_from_user\n"
    wanted = "sleepable helper bpf_copy_from_user#148 in rcu_read_lock region"
    for kernel in ("6.12", "7.2"):
        assert says(call + END, kernel, HOOK) == ""
        assert says(LOCK + call + UNLOCK + END, kernel, HOOK) == wanted


def test_preemption_is_enabled_again() -> None:
    off, on = "call bpf_preempt_disable\n", "call bpf_preempt_enable\n"
    assert says(off + off + on + on + END) == ""
    wanted = "BPF_EXIT instruction in main prog cannot be used inside bpf_preempt_disable-ed region"
    assert says(off + off + on + END) == wanted
    assert says(on + END) == "unmatched attempt to enable preemption (kernel function bpf_preempt_enable)"
