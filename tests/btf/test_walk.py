"""The walk through a structure ends where the kernel's does, with the kernel's refusals, kernel by kernel."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kverdict.btf.btf import Btf
from kverdict.btf.types import KIND_STRUCT
from kverdict.btf.walk import (
    WALK_MEMORY,
    WALK_POINTER,
    WALK_SCALAR,
    WALK_STRUCT,
    Walk,
    WalkRefusal,
    WalkRules,
    struct_access,
    struct_ids_match,
    struct_walk,
    type_ids_nocast_alias,
    types_are_same,
    walk_rules,
)
from kverdict.catalogue import by_id
from kverdict.errors import InputError
from kverdict.kernel.behaviours import behaviours_of
from tests.btf.build import Maker
from tests.btf.kernels import kernel_btf, kernel_names


def _rules(version: str) -> WalkRules:
    return walk_rules(behaviours_of(version).__contains__)


V63, V64, V612, V618 = _rules("6.3"), _rules("6.4"), _rules("6.12"), _rules("6.18")


def _sentence(refusal: Walk | WalkRefusal) -> str:
    assert isinstance(refusal, WalkRefusal)
    message = by_id(refusal.message)
    assert message is not None
    return message.says(lambda _: True, refusal.facts)


@pytest.fixture
def make() -> Maker:
    """1: int, 2: struct inner {int a, b; struct other *p}, 3: struct other, 4: pointer to it."""
    maker = Maker()
    maker.integer("int", 4)
    maker.struct("inner", 16, ("a", 1, 0), ("b", 1, 32), ("p", 4, 64))
    maker.struct("other", 8, ("x", 1, 0))
    maker.ptr(3)
    return maker


def test_a_number_is_a_scalar_also_in_part(make: Maker) -> None:
    btf = make.btf()
    assert struct_access(btf, 2, 4, 4, V618) == Walk(WALK_SCALAR)
    assert struct_access(btf, 2, 5, 1, V618) == Walk(WALK_SCALAR)


def test_a_pointer_gives_its_structure_and_the_members_name(make: Maker) -> None:
    assert struct_access(make.btf(), 2, 8, 8, V618) == Walk(WALK_POINTER, 3, member="p")


@pytest.mark.parametrize(("off", "size"), [(8, 4), (12, 4), (9, 1)])
def test_a_pointer_in_part_is_refused(make: Maker, off: int, size: int) -> None:
    told = _sentence(struct_access(make.btf(), 2, off, size, V618))
    assert told == f"cannot access ptr member p with moff 8 in struct inner with off {off} size {size}"


def test_beyond_the_end_of_a_member_is_refused(make: Maker) -> None:
    told = _sentence(struct_access(make.btf(), 2, 4, 8, V618))
    assert told == "access beyond the end of member b (mend:8) in struct inner with off 4 size 8"


def test_beyond_the_structure_is_refused(make: Maker) -> None:
    assert _sentence(struct_access(make.btf(), 2, 16, 4, V618)) == "access beyond struct inner at off 16 size 4"


def test_a_hole_is_no_field(make: Maker) -> None:
    hole = make.struct("hole", 16, ("a", 1, 0), ("b", 1, 96))
    assert _sentence(struct_access(make.btf(), hole, 4, 4, V618)) == "struct hole doesn't have field at offset 4"


def test_what_is_no_structure_is_refused(make: Maker) -> None:
    assert _sentence(struct_access(make.btf(), 1, 0, 4, V618)) == "Type 'int' is not a struct"


def test_a_member_without_size_is_refused(make: Maker) -> None:
    odd = make.struct("odd", 8, ("f", make.fwd("nothing"), 0))
    assert _sentence(struct_access(make.btf(), odd, 0, 4, V618)) == "field f doesn't have size"


def test_an_embedded_structure_is_entered(make: Maker) -> None:
    outer = make.struct("outer", 24, ("n", 1, 0), ("in", make.const(2), 64))
    btf = make.btf()
    assert struct_walk(btf, outer, 8, 1, V618) == Walk(WALK_STRUCT, 2)
    assert struct_access(btf, outer, 16, 8, V618) == Walk(WALK_POINTER, 3, member="p")
    assert "in struct inner with off 4 size 8" in _sentence(struct_access(btf, outer, 12, 8, V618))


def test_elements_of_an_array_of_structures_are_entered(make: Maker) -> None:
    outer = make.struct("outer", 96, ("in", make.array(make.array(2, 2), 3), 0))
    btf = make.btf()
    assert struct_access(btf, outer, 56, 8, V618) == Walk(WALK_POINTER, 3, member="p")
    assert struct_walk(btf, outer, 64, 1, V618) == Walk(WALK_STRUCT, 2)


def test_an_array_of_numbers_is_a_scratch_space_up_to_its_end(make: Maker) -> None:
    outer = make.struct("outer", 24, ("cb", make.array(1, 5), 0), ("last", 1, 160))
    btf = make.btf()
    assert struct_access(btf, outer, 2, 8, V618) == Walk(WALK_SCALAR)
    assert "(mend:20)" in _sentence(struct_access(btf, outer, 16, 8, V618))


def test_an_array_of_pointers_gives_pointers(make: Maker) -> None:
    outer = make.struct("outer", 32, ("all", make.array(4, 4), 0))
    assert struct_access(make.btf(), outer, 24, 8, V618) == Walk(WALK_POINTER, 3, member="all")


def test_a_flexible_array_of_structures_repeats_its_element(make: Maker) -> None:
    outer = make.struct("outer", 8, ("n", 1, 0), ("rest", make.array(2, 0), 64))
    btf = make.btf()
    assert struct_access(btf, outer, 8 + 5 * 16 + 8, 8, V618) == Walk(WALK_POINTER, 3, member="p")
    assert "access beyond struct outer" in _sentence(struct_access(btf, outer, 6, 8, V618))


def test_a_flexible_array_of_numbers_may_be_read_since_6_4(make: Maker) -> None:
    outer = make.struct("outer", 8, ("n", 1, 0), ("rest", make.array(1, 0), 64))
    btf = make.btf()
    assert struct_access(btf, outer, 80, 4, V64) == Walk(WALK_SCALAR)
    assert _sentence(struct_access(btf, outer, 80, 4, V63)) == "access beyond struct outer at off 80 size 4"


def test_bit_fields_are_read_whole(make: Maker) -> None:
    bits = make.bit_struct("bits", 8, ("a", 1, 0, 3), ("b", 1, 3, 7), ("c", 1, 32, 0))
    btf = make.btf()
    assert struct_access(btf, bits, 0, 4, V618) == Walk(WALK_SCALAR)
    assert _sentence(struct_access(btf, bits, 1, 1, V618)) == "struct bits doesn't have field at offset 1"


def _through_union(maker: Maker) -> tuple[int, int]:
    """A structure with a union of two members in it, and the union."""
    union = maker.union("u", 8, ("p", 4, 0), ("n", 1, 0))
    return maker.struct("outer", 16, ("first", 1, 0), ("u", union, 64)), union


@pytest.mark.parametrize(
    ("rules", "member", "itself"),
    [(V63, False, False), (V64, False, False), (V612, True, True), (V618, True, True)],
)
def test_a_pointer_out_of_a_union_is_untrusted(make: Maker, rules: WalkRules, member: bool, itself: bool) -> None:
    """6.4 forgets the union when the walk stops at it, which it does where the offset is the union's own."""
    outer, union = _through_union(make)
    btf = make.btf()
    assert struct_access(btf, outer, 8, 8, rules) == Walk(WALK_POINTER, 3, untrusted=member, member="p")
    assert struct_access(btf, union, 0, 8, rules) == Walk(WALK_POINTER, 3, untrusted=itself, member="p")


def test_6_4_remembers_a_union_that_the_offset_leads_into(make: Maker) -> None:
    pair = make.struct("pair", 16, ("n", 1, 0), ("p", 4, 64))
    union = make.union("u", 16, ("n", 1, 0), ("pair", pair, 0))
    outer = make.struct("outer", 24, ("first", 1, 0), ("u", union, 64))
    btf = make.btf()
    assert struct_access(btf, outer, 16, 8, V64) == Walk(WALK_POINTER, 3, untrusted=True, member="p")
    assert struct_access(btf, union, 8, 8, V618) == Walk(WALK_POINTER, 3, untrusted=True, member="p")


def test_a_union_of_one_member_does_not_count(make: Maker) -> None:
    union = make.union("u", 8, ("p", 4, 0))
    assert struct_access(make.btf(), union, 0, 8, V618) == Walk(WALK_POINTER, 3, member="p")


def test_beyond_a_member_of_a_union_is_no_error_since_6_6(make: Maker) -> None:
    union = make.union("u", 8, ("n", 1, 0), ("p", 4, 0))
    btf = make.btf()
    assert struct_access(btf, union, 0, 8, V612) == Walk(WALK_SCALAR, untrusted=True)
    assert "beyond the end of member n (mend:4)" in _sentence(struct_access(btf, union, 0, 8, V64))


def test_a_pointer_to_no_structure_is_readable_since_6_17_and_a_number_before(make: Maker) -> None:
    outer = make.struct("outer", 8, ("p", make.ptr(1), 0))
    btf = make.btf()
    assert struct_access(btf, outer, 0, 8, V618) == Walk(WALK_MEMORY)
    assert struct_access(btf, outer, 0, 8, V612) == Walk(WALK_SCALAR)


@pytest.mark.parametrize(("tag", "heeded"), [("rcu", "rcu"), ("user", "user"), ("percpu", "percpu"), ("kptr", "")])
def test_tags_in_front_of_the_pointee_are_told(make: Maker, tag: str, heeded: str) -> None:
    outer = make.struct("outer", 8, ("p", make.ptr(make.type_tag(tag, 3)), 0))
    assert struct_access(make.btf(), outer, 0, 8, V618) == Walk(WALK_POINTER, 3, heeded, member="p")


def test_a_tag_behind_another_modifier_is_not_heeded(make: Maker) -> None:
    outer = make.struct("outer", 8, ("p", make.ptr(make.const(make.type_tag("rcu", 3))), 0))
    assert struct_access(make.btf(), outer, 0, 8, V618) == Walk(WALK_POINTER, 3, member="p")


def test_an_array_of_a_typedef_of_structures_may_be_walked_only_lately(make: Maker) -> None:
    outer = make.struct("outer", 32, ("all", make.array(make.typedef("inner_t", 2), 2), 0))
    btf = make.btf()
    assert struct_access(btf, outer, 16, 4, V618) == Walk(WALK_SCALAR)
    assert _sentence(struct_access(btf, outer, 16, 4, V64)) == "Type 'inner_t' is not a struct"


def test_types_match_at_the_offset_of_an_embedded_structure(make: Maker) -> None:
    wrapped = make.struct("wrapped", 16, ("in", 2, 0))
    outer = make.struct("outer", 24, ("n", 1, 0), ("w", wrapped, 64))
    btf = make.btf()
    match: Callable[..., bool] = struct_ids_match
    assert match(btf, outer, 8, btf, wrapped, False, V618)
    assert match(btf, outer, 8, btf, 2, False, V618)
    assert not match(btf, outer, 0, btf, 2, False, V618)
    assert not match(btf, outer, 8, btf, 3, False, V618)
    assert not match(btf, outer, 8, btf, 2, True, V618)
    assert match(btf, 2, 0, btf, 2, True, V618)


def test_types_of_a_common_base_are_the_same() -> None:
    base = Maker()
    base.struct("s", 8)
    shared = base.btf("vmlinux")
    first, second = Maker(shared), Maker(shared)
    assert first.struct("t", 4) == second.struct("t", 4) == 2
    one, other = first.btf("a"), second.btf("b")
    assert types_are_same(one, 1, other, 1) and types_are_same(one, 1, shared, 1)
    assert not types_are_same(one, 2, other, 2)
    assert not types_are_same(one, 1, one, 2)


@pytest.mark.parametrize(
    ("first", "second", "alias"),
    [
        ("nf_conn", "nf_conn___init", True),
        ("nf_conn___init", "nf_conn", True),
        ("nf_conn", "nf_conn", False),
        ("nf_conn___init", "nf_conn___init", False),
        ("nf_conn", "nf_xonn___init", False),
        ("nf_conn", "nf_conn___2", False),
        ("a___init", "a___init___init", False),
    ],
)
def test_nocast_aliases_differ_by_init_at_the_end(first: str, second: str, alias: bool) -> None:
    maker = Maker()
    ids = maker.struct(first, 4), maker.struct(second, 4)
    btf = maker.btf()
    assert type_ids_nocast_alias(btf, ids[0], btf, ids[1]) is alias


def test_a_structure_that_contains_itself_is_bad_input() -> None:
    maker = Maker()
    maker.struct("s", 8, ("s", 1, 0))
    btf = maker.btf()
    with pytest.raises(InputError, match="nested more than"):
        struct_access(btf, 1, 0, 1, V618)
    with pytest.raises(InputError, match="nested more than"):
        struct_access(btf, 1, 4, 1, V618)
    with pytest.raises(InputError, match="nested more than"):
        struct_ids_match(btf, 1, 0, btf, 0, False, V618)


def _offset(btf: Btf, name: str, member: str) -> tuple[int, int]:
    from kverdict.btf.layout import member as find

    type_id = btf.find(name, KIND_STRUCT)
    return type_id, find(btf, type_id, member).offset


@pytest.mark.parametrize("kernel", kernel_names())
def test_a_real_task_struct(kernel: str) -> None:
    btf, rules = kernel_btf(kernel), _rules(kernel)
    task, leader = _offset(btf, "task_struct", "group_leader")
    assert struct_access(btf, task, leader, 8, rules) == Walk(WALK_POINTER, task, member="group_leader")
    _, comm = _offset(btf, "task_struct", "comm")
    assert struct_access(btf, task, comm + 8, 8, rules) == Walk(WALK_SCALAR)
    told = _sentence(struct_access(btf, task, comm + 12, 8, rules))
    assert told == (
        f"access beyond the end of member comm (mend:{comm + 16}) in struct task_struct with off {comm + 12} size 8"
    )
    _, last_wakee = _offset(btf, "task_struct", "last_wakee")
    found = struct_access(btf, task, last_wakee, 8, rules)
    assert isinstance(found, Walk) and found.type_id == task
