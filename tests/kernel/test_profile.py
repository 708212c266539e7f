"""Profiles: what each kernel of the package says about kfuncs, helpers, lists and numbers."""

from __future__ import annotations

import pytest

from kverdict.btf.types import KIND_FUNC, FuncProto
from kverdict.errors import InputError
from kverdict.kernel import proto
from kverdict.kernel.profile import KernelProfile, load_profile, profile_names

ALL = ("6.1", "6.3", "6.3-clang", "6.4", "6.12", "6.18", "7.2")


def test_the_package_has_these_kernels_oldest_first() -> None:
    assert profile_names() == ALL


def test_a_packaged_profile_is_loaded_once() -> None:
    assert load_profile("6.18") is load_profile("6.18")


def test_an_unknown_kernel_is_bad_input_and_says_what_there_is() -> None:
    with pytest.raises(InputError, match=r"5\.4: no such kernel, expected one of 6\.1, 6\.3, 6\.3-clang"):
        load_profile("5.4")


@pytest.mark.parametrize(
    ("kernel", "flags"),
    [
        ("6.3", proto.KF_ACQUIRE | proto.KF_TRUSTED_ARGS),
        ("6.3-clang", proto.KF_ACQUIRE | proto.KF_TRUSTED_ARGS),
        ("6.4", proto.KF_ACQUIRE | proto.KF_RCU | proto.KF_RET_NULL),
        ("6.12", proto.KF_ACQUIRE | proto.KF_RCU | proto.KF_RET_NULL),
        ("6.18", proto.KF_ACQUIRE | proto.KF_RCU | proto.KF_RET_NULL),
        ("7.2", proto.KF_ACQUIRE | proto.KF_RCU | proto.KF_RET_NULL),
    ],
)
def test_task_acquire_has_the_flags_of_its_kernel(kernel: str, flags: int) -> None:
    kfunc = load_profile(kernel).kfunc("bpf_task_acquire")
    assert kfunc is not None
    assert kfunc.flags == flags
    assert [param.name for param in kfunc.params] == ["p"]


def test_6_1_has_no_task_acquire() -> None:
    assert load_profile("6.1").kfunc("bpf_task_acquire") is None


@pytest.mark.parametrize("kernel", ALL)
def test_every_kfunc_has_a_function_and_a_prototype_in_the_types(kernel: str) -> None:
    profile = load_profile(kernel)
    for name in profile.kfunc_names:
        kfunc = profile.kfunc(name)
        assert kfunc is not None, name
        assert profile.btf.kind(kfunc.btf_id) == KIND_FUNC
        assert isinstance(profile.btf.type(kfunc.proto_id), FuncProto)
        assert profile.kfunc_by_id(kfunc.btf_id) is kfunc


def test_a_btf_id_that_is_no_kfunc_gives_none() -> None:
    profile = load_profile("6.18")
    assert profile.kfunc_by_id(0) is None
    assert profile.kfunc_by_id(1) is None
    assert profile.kfunc_by_id(1 << 30) is None


@pytest.mark.parametrize("kernel", ["6.3", "6.4"])
def test_kernels_without_types_of_their_own_have_their_own_prototypes(kernel: str) -> None:
    profile = load_profile(kernel)
    kfunc = profile.kfunc("bpf_task_kptr_get" if kernel == "6.3" else "bpf_rbtree_add_impl")
    assert kfunc is not None
    assert [p.name for p in kfunc.params] == (
        ["pp"] if kernel == "6.3" else ["root", "node", "less", "meta__ign", "off"]
    )


@pytest.mark.parametrize("kernel", ALL)
def test_every_helper_that_a_variant_may_call_has_a_prototype(kernel: str) -> None:
    profile = load_profile(kernel)
    for number in profile.helper_ids.values():
        for variant in profile.variants:
            if profile.helper_refused(number, variant) is None:
                assert profile.helper_proto(number, variant) is not None, (number, variant)


def helper_args(profile: KernelProfile, name: str, variant: str) -> tuple[int, ...]:
    helper = profile.helper_proto(profile.helper_ids[name], variant)
    assert helper is not None
    return helper.args


def test_a_helper_has_the_prototype_of_the_kind_of_program() -> None:
    profile = load_profile("6.18")
    assert helper_args(profile, "bpf_get_socket_cookie", "sched_cls") == (proto.ARG_PTR_TO_CTX,)
    tracing = (proto.ARG_PTR_TO_BTF_ID_SOCK_COMMON | proto.PTR_MAYBE_NULL,)
    assert helper_args(profile, "bpf_get_socket_cookie", "fentry") == tracing
    symbols = {
        variant: profile.helper_proto(profile.helper_ids["bpf_perf_event_output"], variant)
        for variant in ("kprobe", "tracepoint", "tp_btf", "xdp", "sched_cls", "sk_msg")
    }
    assert {variant: helper.symbol for variant, helper in symbols.items() if helper} == {
        "kprobe": "bpf_perf_event_output_proto",
        "tracepoint": "bpf_perf_event_output_proto_tp",
        "tp_btf": "bpf_perf_event_output_proto_raw_tp",
        "xdp": "bpf_xdp_event_output_proto",
        "sched_cls": "bpf_skb_event_output_proto",
        "sk_msg": "bpf_event_output_data_proto",
    }


def test_types_of_arguments_are_counted_from_0() -> None:
    helper = load_profile("6.18").helper("bpf_get_task_stack")
    assert helper is not None
    assert helper.arg_btf == {0: "task_struct"}
    strtol = load_profile("6.18").helper("bpf_strtol")
    assert strtol is not None
    assert strtol.arg_size == {3: 8}


def test_old_names_of_types_mean_the_same() -> None:
    old, new = (load_profile(kernel).helper("bpf_ringbuf_reserve") for kernel in ("6.1", "6.18"))
    assert old is not None
    assert new is not None
    assert old.ret == new.ret == proto.RET_PTR_TO_MEM | proto.PTR_MAYBE_NULL | proto.MEM_RINGBUF


@pytest.mark.parametrize(
    ("kernel", "variant", "sentence"),
    [
        ("6.1", "xdp", "unknown func bpf_get_current_comm#16"),
        ("6.4", "xdp", "unknown func bpf_get_current_comm#16"),
        ("6.18", "xdp", None),
    ],
)
def test_current_comm_is_for_xdp_in_newer_kernels_only(kernel: str, variant: str, sentence: str | None) -> None:
    assert load_profile(kernel).helper_refused(16, variant) == sentence


def test_newer_kernels_say_it_otherwise() -> None:
    number = load_profile("6.18").helper_ids["bpf_get_retval"]
    said = "program of this type cannot use helper bpf_get_retval#186"
    assert load_profile("6.18").helper_refused(number, "xdp") == said
    assert load_profile("6.1").helper_refused(number, "xdp") == "unknown func bpf_get_retval#186"


def test_a_number_without_a_helper_is_invalid() -> None:
    assert load_profile("6.18").helper_refused(1000, "xdp") == "invalid func unknown#1000"


@pytest.mark.parametrize(
    ("variant", "attach_name", "allowed"),
    [
        ("fentry", "vfs_truncate", True),
        ("fentry", "do_unlinkat", False),
        ("iter/task", "", True),
        ("lsm", "file_open", True),
        ("lsm", "task_free", False),
        ("syscall", "", False),
    ],
)
def test_d_path_looks_at_the_attach_target(variant: str, attach_name: str, allowed: bool) -> None:
    profile = load_profile("7.2")
    said = profile.helper_refused(profile.helper_ids["bpf_d_path"], variant, attach_name)
    assert said == (None if allowed else "helper call is not allowed in probe")


def test_numbers_have_short_names() -> None:
    profile = load_profile("6.18")
    assert profile.map_types["hash"] == 1
    assert profile.prog_types["tracing"] == 26
    assert profile.attach_types["trace_raw_tp"] == 23


@pytest.mark.parametrize(
    ("kernel", "code"),
    [
        ("6.1", 0x0601C0),
        ("6.3", 0x060308),
        ("6.4", 0x060406),
        ("6.12", 0x060C75),
        ("6.18", 0x06122C),
        ("7.2", 0x07020D),
    ],
)
def test_the_version_code_is_that_of_the_release(kernel: str, code: int) -> None:
    assert load_profile(kernel).version_code == code


def test_lists_are_those_of_the_kernel() -> None:
    new, old = load_profile("6.18"), load_profile("6.3")
    assert "task_struct" in new.rcu_protected_types
    assert old.rcu_protected_types == frozenset()
    assert "real_parent" in new.safe_fields["safe_rcu"]["task_struct"]
    assert old.safe_fields == {"safe_fields": {"task_struct": ("cpus_ptr",)}}
    assert "task_struct" in old.kptr_destructors
    assert "task_struct" not in load_profile("6.1").kptr_destructors
    assert "bpf_lsm_file_open" in new.sets["sleepable_lsm_hooks"]


def test_configuration_is_known_where_it_was_recorded() -> None:
    assert load_profile("6.12").setting("CONFIG_BPF_LSM") == "y"
    assert load_profile("7.2").setting("CONFIG_HZ") == "250"
    assert load_profile("7.2").setting("CONFIG_NO_SUCH_THING") == "n"
    assert load_profile("6.18").setting("CONFIG_MODULES") == "n"
    assert load_profile("6.4").setting("CONFIG_PREEMPT_NONE") == "y"
    assert load_profile("6.4").setting("CONFIG_HZ") is None


def test_only_a_kernel_built_with_clang_has_tags_on_fields() -> None:
    clang, gcc = load_profile("6.3-clang"), load_profile("6.3")
    assert clang.field_tag("task_struct", "real_parent") == "rcu"
    assert clang.field_tag("task_struct", "robust_list") == "user"
    assert clang.field_tag("task_struct", "last_wakee") == ""
    assert gcc.field_tag("task_struct", "real_parent") == ""
    assert clang.does("BTF_HAS_TYPE_TAGS")
    assert not gcc.does("BTF_HAS_TYPE_TAGS")
