"""Which kinds of programs may call a kfunc: measured answers, and derived ones where a kernel could not be asked."""

from __future__ import annotations

import pytest

from kverdict.kernel.kfuncs import Kfunc
from kverdict.kernel.profile import KernelProfile, load_profile


def refused(kernel: str, name: str, variant: str) -> object:
    profile = load_profile(kernel)
    return profile.kfunc_call_refused(known(profile, name), variant)


def known(profile: KernelProfile, name: str) -> Kfunc:
    kfunc = profile.kfunc(name)
    assert kfunc is not None
    return kfunc


def no(name: str) -> str:
    return f"calling kernel function {name} is not allowed"


@pytest.mark.parametrize("kernel", ["6.3", "6.4", "6.12", "6.18", "7.2"])
def test_task_acquire_is_for_tracing_but_never_for_kprobes(kernel: str) -> None:
    assert refused(kernel, "bpf_task_acquire", "tp_btf") is None
    assert refused(kernel, "bpf_task_acquire", "lsm") is None
    assert refused(kernel, "bpf_task_acquire", "kprobe") == no("bpf_task_acquire")


# Kind of program, kfunc, allowed; the kernel 6.18 could not be asked about any of these variants.
DERIVED = [
    ("fentry", "bpf_task_acquire", True),
    ("fexit.s", "bpf_task_acquire", True),
    ("fentry", "bpf_get_file_xattr", False),
    ("lsm.s", "bpf_get_file_xattr", True),
    ("fentry", "bpf_sock_destroy", False),
    ("fmod_ret", "bpf_session_cookie", False),
    ("fentry", "bbr_init", False),
    ("lsm", "bpf_dynptr_from_skb", True),
    ("fentry", "bpf_cast_to_kern_ctx", True),
]


@pytest.mark.parametrize(("variant", "name", "allowed"), DERIVED)
def test_variants_that_6_18_could_not_load_follow_hooks_and_filters(variant: str, name: str, allowed: bool) -> None:
    assert refused("6.18", name, variant) == (None if allowed else no(name))


@pytest.mark.parametrize("kernel", ["6.1", "6.12", "7.2"])
def test_derived_answers_are_the_measured_ones_where_a_kernel_was_asked(kernel: str) -> None:
    """The rule that fills gaps (hooks and filters) agrees with every answer that a kernel gave."""
    profile = load_profile(kernel)
    for name in profile.kfunc_names:
        kfunc = known(profile, name)
        for variant in profile.variants:
            if variant.startswith("struct_ops/") or name.startswith("bpf_xdp_metadata_"):
                continue
            measured = profile._availability.refused(name, kfunc.hooks, variant, True)
            derived = profile._availability.refused(name, kfunc.hooks, variant, False)
            assert derived == measured, (name, variant)


def test_a_profile_tells_which_answers_are_the_kernels_own() -> None:
    assert load_profile("7.2").was_asked("fentry")
    assert not load_profile("6.18").was_asked("fentry")


def test_css_task_iterators_are_for_iterators_lsm_and_sleepable_programs() -> None:
    sentence = "css_task_iter is only allowed in bpf_lsm, bpf_iter and sleepable progs"
    assert refused("6.18", "bpf_iter_css_task_new", "fentry") == sentence
    assert refused("6.18", "bpf_iter_css_task_new", "fentry.s") is None
    assert refused("6.18", "bpf_iter_css_task_new", "lsm") is None


def test_the_compiler_of_6_3_decides_about_rcu_read_lock() -> None:
    sentence = "no vmlinux btf rcu tag support for kfunc bpf_rcu_read_lock"
    assert refused("6.3", "bpf_rcu_read_lock", "tp_btf") == sentence
    assert refused("6.3-clang", "bpf_rcu_read_lock", "tp_btf") is None
    assert refused("6.4", "bpf_rcu_read_lock", "tp_btf") is None


def test_sleepable_kfuncs_are_left_to_the_verifier() -> None:
    assert refused("6.18", "bpf_arena_alloc_pages", "xdp") is None


def test_uprobe_sessions_are_unknown_to_6_12() -> None:
    assert refused("6.12", "bpf_session_cookie", "uprobe.session") == no("bpf_session_cookie")
    assert refused("6.18", "bpf_session_cookie", "uprobe.session") is None
    assert refused("6.12", "bpf_session_cookie", "kprobe.session") is None


def test_raw_tracepoints_joined_the_tracing_hook_in_7() -> None:
    assert refused("6.18", "bpf_task_acquire", "raw_tracepoint") == no("bpf_task_acquire")
    assert refused("7.2", "bpf_task_acquire", "raw_tracepoint") is None
