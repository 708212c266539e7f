"""Helpers by attach target, and the sentences for those that a kind of program lacks."""

from __future__ import annotations

import pytest

from kverdict.kernel.kfuncs import Unknown
from kverdict.kernel.profile import load_profile

NOT_IN_PROBE = "helper call is not allowed in probe"


def refused(kernel: str, name: str, variant: str, attach_name: str = "") -> object:
    profile = load_profile(kernel)
    return profile.helper_refused(profile.helper_ids[name], variant, attach_name)


@pytest.mark.parametrize("kernel", ["6.1", "6.3", "6.4", "6.12", "6.18", "7.2"])
def test_d_path_follows_the_lists_of_every_kernel(kernel: str) -> None:
    assert refused(kernel, "bpf_d_path", "fentry", "vfs_truncate") is None
    assert refused(kernel, "bpf_d_path", "fentry", "do_unlinkat") == NOT_IN_PROBE
    assert refused(kernel, "bpf_d_path", "lsm", "file_open") is None
    assert refused(kernel, "bpf_ima_file_hash", "lsm.s", "task_free") == NOT_IN_PROBE


def test_socket_storage_must_not_be_traced_with_itself() -> None:
    assert refused("7.2", "bpf_sk_storage_get", "fentry", "tcp_connect") is None
    assert refused("7.2", "bpf_sk_storage_get", "fentry", "bpf_sk_storage_free") == NOT_IN_PROBE
    assert refused("7.2", "bpf_sk_storage_get", "fmod_ret", "tcp_connect") == NOT_IN_PROBE
    assert refused("7.2", "bpf_sk_storage_get", "tp_btf", "sched_switch") is None


def test_lsm_cgroup_programs_set_options_on_some_hooks() -> None:
    assert refused("7.2", "bpf_setsockopt", "lsm_cgroup", "socket_post_create") is None
    said = "program of this type cannot use helper bpf_setsockopt#49"
    assert refused("7.2", "bpf_setsockopt", "lsm_cgroup", "socket_bind") == said


def test_a_retiring_congestion_control_sets_no_options() -> None:
    assert refused("6.1", "bpf_setsockopt", "struct_ops/tcp_congestion_ops.release") == "unknown func bpf_setsockopt#49"
    assert refused("6.1", "bpf_setsockopt", "struct_ops/tcp_congestion_ops.init") is None


def test_dummy_struct_ops_have_no_helpers_at_all() -> None:
    said = "program of this type cannot use helper bpf_map_lookup_elem#1"
    assert refused("6.18", "bpf_map_lookup_elem", "struct_ops/bpf_dummy_ops.test_1") == said


def test_return_values_are_for_hooks_that_have_one() -> None:
    assert refused("6.18", "bpf_get_retval", "cgroup_sock_addr/inet6_bind") is None
    said = "program of this type cannot use helper bpf_get_retval#186"
    assert refused("6.18", "bpf_get_retval", "cgroup_sock_addr/udp6_recvmsg") == said


@pytest.mark.parametrize(
    ("variant", "name", "allowed"),
    [
        ("fentry", "bpf_get_func_arg", True),
        ("fexit", "bpf_get_func_ret", True),
        ("lsm", "bpf_inode_storage_get", True),
        ("fentry", "bpf_inode_storage_get", False),
        ("fentry", "bpf_probe_write_user", False),  # configured away in this kernel
        ("fentry.s", "bpf_copy_from_user", True),
    ],
)
def test_variants_that_6_18_could_not_load_follow_its_neighbours(variant: str, name: str, allowed: bool) -> None:
    said = refused("6.18", name, variant)
    assert (said is None) == allowed
    assert isinstance(said, str) or said is None


def test_what_no_fact_tells_is_unknown() -> None:
    assert isinstance(refused("6.18", "bpf_skb_load_bytes", "freplace"), Unknown)
    assert isinstance(refused("6.12", "bpf_skb_load_bytes", "struct_ops/hid_bpf_ops.hid_device_event"), Unknown)
