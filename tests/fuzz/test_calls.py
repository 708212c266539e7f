"""Generated calls: the same for the same seed, of every helper and kernel function, and of both verdicts."""

from __future__ import annotations

from collections import Counter

import pytest

from kverdict.errors import LinkError
from kverdict.kernel.profile import load_profile
from kverdict.verify import Accepted, Rejected, verify
from tools.fuzz.calls import Calls
from tools.fuzz.judge import linked


def test_a_seed_always_gives_the_same_call() -> None:
    calls, again = Calls(load_profile("7.2"), False), Calls(load_profile("7.2"), False)
    assert [calls.sample(seed) for seed in range(50)] == [again.sample(seed) for seed in range(50)]


def test_all_helpers_and_kernel_functions_are_called() -> None:
    profile = load_profile("6.12")
    names = {name for name, _ in Calls(profile, False).callees}
    assert {"bpf_map_lookup_elem", "bpf_task_acquire", "bpf_dynptr_from_mem", "bpf_iter_num_new"} <= names
    assert len(names) > 300
    assert "bpf_get_smp_processor_id" not in names


def test_the_running_kernel_is_not_asked_what_it_may_not_answer() -> None:
    calls = Calls(load_profile("6.18"), True)
    assert not any(calls.sample(seed).section.startswith(("lsm", "fentry")) for seed in range(300))


@pytest.mark.parametrize("kernel", ["6.1", "7.2"])
def test_the_calls_are_programs_and_both_verdicts_occur(kernel: str) -> None:
    profile = load_profile(kernel)
    calls = Calls(profile, False)
    kinds: Counter[str] = Counter()
    for seed in range(120):
        try:
            verdict = verify(linked(calls.sample(seed), profile))
        except LinkError:
            kinds["not there"] += 1
            continue
        kinds[type(verdict).__name__] += 1
    assert kinds[Accepted.__name__] >= 5
    assert kinds[Rejected.__name__] >= 40
    assert kinds["not there"] <= 20
