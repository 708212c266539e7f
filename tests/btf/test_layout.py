"""Sizes, members, pointers and arrays; what has no size or never ends is bad input."""

from __future__ import annotations

import pytest

from kverdict.btf import layout
from kverdict.btf.types import KIND_STRUCT, Member
from kverdict.errors import InputError
from tests.btf.build import Maker
from tests.btf.kernels import kernel_btf, kernel_names


def test_sizes_of_all_kinds_that_have_one() -> None:
    make = Maker()
    make.integer("int", 4)
    sized = {
        1: 4,
        make.ptr(0): 8,
        make.array(make.array(1, 3), 5): 60,
        make.struct("s", 12): 12,
        make.enum("e", 4, ("A", 1)): 4,
        make.enum64("f"): 8,
        make.typedef("t", make.const(1)): 4,
        make.var("v", 1): 4,
        make.add(16, "double", 8): 8,
    }
    unsized = [0, make.fwd("f"), make.proto(1), make.array(make.fwd("g"), 2)]
    btf = make.btf()
    assert {type_id: layout.size_of(btf, type_id) for type_id in sized} == sized
    for type_id in unsized:
        assert layout.size_or_none(btf, type_id) is None
        with pytest.raises(InputError, match="has no size"):
            layout.size_of(btf, type_id)


def test_members_of_anonymous_structures_are_found_with_their_offset() -> None:
    make = Maker()
    make.integer("int", 4)
    union = make.union("", 8, ("x", 1, 0), ("y", 1, 0))
    inner = make.struct("", 16, ("a", 1, 32), ("", union, 64))
    outer = make.struct("outer", 24, ("first", 1, 0), ("", inner, 64), ("last", 1, 128))
    btf = make.btf()
    assert [(member.name, bits) for member, bits in layout.members(btf, outer)] == [
        ("first", 0),
        ("a", 96),
        ("x", 128),
        ("y", 128),
        ("last", 128),
    ]
    assert layout.member(btf, make.next_id - 1, "y") == (Member("y", 1, 0, 0), 16)
    assert layout.find_member(btf, outer, "none") is None
    assert layout.find_member(btf, 1, "none") is None
    with pytest.raises(InputError, match="has no member none"):
        layout.member(btf, outer, "none")


def test_modifiers_are_skipped_and_typedefs_only_by_modifiers() -> None:
    make = Maker()
    make.integer("int", 4)
    typedef = make.typedef("t", make.const(1))
    tagged = make.type_tag("rcu", make.const(typedef))
    pointer = make.typedef("p", make.ptr(tagged))
    btf = make.btf()
    assert layout.skip_modifiers(btf, tagged) == 1
    assert layout.skip_qualifiers(btf, tagged) == typedef
    assert layout.deref(btf, pointer) == 1
    assert layout.deref(btf, 1) == -1


def test_circles_of_modifiers_are_bad_input() -> None:
    make = Maker()
    make.const(2)
    make.typedef("t", 1)
    btf = make.btf()
    for ask in (layout.skip_modifiers, layout.size_of, layout.deref, layout.resolved, layout.structure):
        with pytest.raises(InputError, match="in a row"):
            ask(btf, 1)


def test_bit_fields_of_both_styles() -> None:
    make = Maker()
    make.integer("int", 4)
    old = make.integer("int", 4, bits=5, offset=2)
    btf = make.btf()
    assert layout.bit_field(btf, Member("new", 1, 35, 3)) == (35, 3)
    assert layout.bit_field(btf, Member("old", old, 32, 0)) == (34, 5)
    assert layout.bit_field(btf, Member("none", 1, 32, 0)) == (32, 0)


def test_an_array_of_arrays_has_one_element_type() -> None:
    make = Maker()
    make.integer("int", 4)
    make.array(make.const(1), 3)
    make.array(make.next_id - 1, 4)
    btf = make.btf()
    assert layout.array_element(btf, make.next_id - 1) == (1, 12)
    assert layout.array_element(btf, 1) == (1, 1)


def test_anonymous_structures_without_end_are_bad_input() -> None:
    make = Maker()
    make.struct("s", 4, ("", 1, 0))
    for level in range(2, 60):
        make.struct("", 4, ("", level + 1, 0), ("", level + 1, 0))
    make.struct("", 4)
    btf = make.btf()
    for type_id in (1, 2):
        with pytest.raises(InputError, match="nested without end"):
            layout.find_member(btf, type_id, "x")


@pytest.mark.parametrize("kernel", kernel_names())
def test_all_members_of_a_real_task_struct_lie_inside_it(kernel: str) -> None:
    btf = kernel_btf(kernel)
    task = btf.find("task_struct", KIND_STRUCT)
    size = layout.size_of(btf, task)
    names = set()
    for member, bits in layout.members(btf, task):
        names.add(member.name)
        assert bits // 8 + (layout.size_or_none(btf, member.type_id) or 0) <= size or member.bitfield_size
    assert {"pid", "tgid", "comm", "group_leader", "rcu_users"} <= names
