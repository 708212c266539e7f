"""Structures of functions: stubs, marked arguments, places that may be written."""

from __future__ import annotations

import pytest

from kverdict.btf.types import KIND_STRUCT, Struct
from kverdict.kernel.profile import load_profile
from kverdict.kernel.struct_ops import OPERATIONS, extent, is_supported, marked_arguments, member_proto, stub


@pytest.mark.parametrize("structure", sorted(OPERATIONS))
def test_every_stub_has_as_many_arguments_as_its_member(structure: str) -> None:
    btf = load_profile("7.2").btf
    struct_id = btf.find(structure, KIND_STRUCT)
    found = 0
    kind = btf.type(struct_id)
    assert isinstance(kind, Struct)
    for member in kind.members:
        proto, wanted = stub(btf, structure, member.name), member_proto(btf, struct_id, member.name)
        if proto is not None:
            assert wanted is not None
            assert len(proto.params) == len(wanted.params)
            found += 1
    assert found >= 3


def test_stubs_mark_arguments() -> None:
    newest, oldest = load_profile("7.2"), load_profile("6.1")
    assert marked_arguments(newest, "Qdisc_ops", "enqueue", "__ref") == {0}
    assert marked_arguments(newest, "sched_ext_ops_cid", "dispatch", "__nullable") == {1}
    assert marked_arguments(newest, "bpf_dummy_ops", "test_1", "__nullable") == {0}
    assert not marked_arguments(oldest, "bpf_dummy_ops", "test_1", "__nullable")


def test_members_without_a_stub_are_not_supported() -> None:
    for kernel in ("6.1", "6.12", "6.18", "7.2"):
        profile = load_profile(kernel)
        assert is_supported(profile, "tcp_congestion_ops", "init")
        assert not is_supported(profile, "tcp_congestion_ops", "get_info")
    assert not is_supported(load_profile("7.2"), "Qdisc_ops", "peek")


def test_places_lie_in_their_structures() -> None:
    btf = load_profile("7.2").btf
    for rules in OPERATIONS.values():
        for fields in rules.writable.values():
            for field in fields:
                first, end = extent(btf, field.place)
                assert 0 <= first < end
    cb = extent(btf, "sk_buff.cb")
    assert extent(btf, "sk_buff.cb+qdisc_skb_cb.data") == (cb[0] + 8, cb[0] + 28)
    assert extent(btf, "sk_buff.no_such_member") == (-1, -1)
