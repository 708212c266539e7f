"""Btf: every kind is read back, look-up by name, split BTF, and refusal of bytes that make no sense."""

from __future__ import annotations

import struct

import pytest

from kverdict.btf.btf import Btf
from kverdict.btf.types import (
    KIND_FUNC,
    KIND_INT,
    KIND_STRUCT,
    KIND_TYPEDEF,
    Array,
    Datasec,
    DeclTag,
    Enum,
    Float,
    Func,
    FuncProto,
    Fwd,
    Int,
    Ptr,
    Struct,
    Typedef,
    TypeTag,
    Var,
)
from kverdict.errors import InputError
from tests.btf.build import Maker


def test_every_kind_is_read_back() -> None:
    make = Maker()
    int_id = make.integer("int", 4, encoding=1)
    ids = {
        "ptr": make.ptr(int_id),
        "array": make.array(int_id, 7, int_id),
        "struct": make.bit_struct("s", 8, ("a", int_id, 0, 3), ("b", int_id, 32, 0)),
        "union": make.union("u", 4, ("x", int_id, 0)),
        "enum": make.enum("e", 4, ("MINUS", -1), ("ONE", 1), signed=True),
        "enum64": make.enum64("big", ("HUGE", 1 << 63)),
        "fwd": make.fwd("f", union=True),
        "typedef": make.typedef("int_t", int_id),
        "tag": make.type_tag("rcu", int_id),
        "proto": make.proto(int_id, ("task", int_id), ("", 0)),
        "float": make.add(16, "double", 8),
    }
    ids["func"] = make.func("work", ids["proto"], linkage=2)
    ids["decl"] = make.decl_tag("user", ids["func"], 1)
    ids["whole"] = make.decl_tag("all", ids["func"])
    ids["var"] = make.var("v", int_id, 1)
    ids["datasec"] = make.datasec(".data", 4, (ids["var"], 0, 4))
    btf = make.btf()
    of = {key: btf.type(type_id) for key, type_id in ids.items()}
    first = btf.type(int_id)
    assert isinstance(first, Int) and (first.name, first.size, first.encoding, first.bits) == ("int", 4, 1, 32)
    assert isinstance(of["ptr"], Ptr) and of["ptr"].type_id == int_id
    assert isinstance(of["array"], Array) and of["array"].count == 7
    assert isinstance(of["struct"], Struct) and of["struct"].members == (("a", 1, 0, 3), ("b", 1, 32, 0))
    assert isinstance(of["union"], Struct) and of["union"].is_union
    assert isinstance(of["enum"], Enum) and of["enum"].values == (("MINUS", -1), ("ONE", 1))
    assert isinstance(of["enum64"], Enum) and of["enum64"].values == (("HUGE", 1 << 63),)
    assert isinstance(of["fwd"], Fwd) and of["fwd"].is_union
    assert isinstance(of["typedef"], Typedef) and of["typedef"].name == "int_t"
    assert isinstance(of["tag"], TypeTag) and of["tag"].name == "rcu"
    assert isinstance(of["proto"], FuncProto) and of["proto"].params == (("task", 1), ("", 0))
    assert isinstance(of["float"], Float) and of["float"].size == 8
    assert isinstance(of["func"], Func) and of["func"].linkage == 2
    assert isinstance(of["decl"], DeclTag) and of["decl"].component_idx == 1
    assert isinstance(of["whole"], DeclTag) and of["whole"].component_idx == -1
    assert isinstance(of["var"], Var) and of["var"].linkage == 1
    assert isinstance(of["datasec"], Datasec) and of["datasec"].entries == ((ids["var"], 0, 4),)
    assert len(btf) == len(ids) + 2


def test_find_gives_the_first_of_the_kind_and_find_all_gives_every_kind() -> None:
    make = Maker()
    make.integer("int", 4)
    struct_id = make.struct("name", 0)
    typedef_id = make.typedef("name", struct_id)
    make.struct("name", 4)
    btf = make.btf()
    assert btf.find("name", KIND_STRUCT) == struct_id
    assert btf.find("name", KIND_TYPEDEF) == typedef_id
    assert btf.find("name", KIND_FUNC) == 0
    assert btf.find("", KIND_STRUCT) == 0
    assert btf.find_all("name") == [2, 3, 4]


def test_find_flavours_ignores_flavours_on_both_sides() -> None:
    make = Maker()
    ids = [make.struct(name, 0) for name in ("task", "task___v2", "task___x", "taskx", "task____y", "___task")]
    btf = make.btf()
    assert btf.find_flavours("task___mine") == ids[:3]
    assert btf.find_all("task___v2") == [ids[1]]


def test_split_btf_continues_ids_and_strings_of_its_base() -> None:
    base = Maker()
    base.integer("int", 4)
    base.struct("shared", 4, ("a", 1, 0))
    base_btf = base.btf("vmlinux")
    make = Maker(base_btf)
    own = make.struct("own", 4, ("b", 1, 0))
    again = make.struct("shared", 8)
    make.integer("renamed", 4)
    btf = make.btf("module")
    assert own == 3 and len(btf) == 6
    assert btf.type(1) is base_btf.type(1)
    assert btf.find("own", KIND_STRUCT) == own and base_btf.find("own", KIND_STRUCT) == 0
    assert btf.find("int", KIND_INT) == 1
    assert btf.find_all("shared") == [2, again]
    assert btf.type(own).name == "own"


def test_a_name_inside_another_string_is_found() -> None:
    make = Maker()
    make.integer("unsigned int", 4)
    raw = bytearray(make.raw())
    struct.pack_into("<I", raw, 24, 1 + len("unsigned "))
    assert Btf.parse(bytes(raw), "x").find("int", KIND_INT) == 1


def test_an_enumeration_without_sign_has_no_negative_values() -> None:
    make = Maker()
    enum_id = make.enum("e", 4, ("BIG", 0xFFFFFFFF))
    found = make.btf().type(enum_id)
    assert isinstance(found, Enum) and found.values[0].value == 0xFFFFFFFF


@pytest.mark.parametrize(
    ("at", "value", "problem"),
    [
        (0, 0x9FEB, "big-endian BTF"),
        (0, 0x1234, "magic number"),
        (4, 7, "header length"),
        (8, 2, "multiples of 4"),
        (12, 4096, "type section"),
        (20, 4096, "string section"),
        (20, 0, "string section"),
        (24, 4096, "string section has"),
        (28, 31 << 24, "expected a kind"),
        (28, 0, "expected a kind"),
        (28, 1 << 24 | 1 << 16, "expected a kind"),
        (28, 4 << 24 | 9, "beyond the type section"),
    ],
)
def test_a_bad_word_is_named_with_its_offset(at: int, value: int, problem: str) -> None:
    make = Maker()
    make.integer("int", 4)
    raw = bytearray(make.raw())
    struct.pack_into("<I" if at >= 4 else "<H", raw, at, value)
    with pytest.raises(InputError, match=problem) as caught:
        Btf.parse(bytes(raw), "some.o")
    assert caught.value.source == "some.o" and caught.value.where.startswith("BTF ")


def test_a_reference_to_a_type_that_is_not_there_is_refused() -> None:
    make = Maker()
    make.ptr(5)
    with pytest.raises(InputError, match="refers to type 5, expected 0 to 1"):
        make.btf()


def test_a_string_section_without_end_is_refused() -> None:
    make = Maker()
    make.integer("int", 4)
    with pytest.raises(InputError, match="must end with NUL"):
        Btf.parse(make.raw()[:-1] + b"x", "x")


def test_every_truncation_is_an_input_error() -> None:
    make = Maker()
    make.struct("s", 4, ("a", 2, 0))
    make.integer("int", 4)
    raw = make.raw()
    for size in range(len(raw)):
        with pytest.raises(InputError):
            Btf.parse(raw[:size], "x")


def test_strings_that_overlap_without_measure_are_refused() -> None:
    """A type for each end of one long string: spelled out they would fill the memory."""
    make = Maker()
    make.name("x" * 20_000)
    for _ in range(20_000):
        make.typedef("", 0)
    raw = bytearray(make.raw())
    for number in range(20_000):
        struct.pack_into("<I", raw, 24 + 12 * number, 1 + number)
    with pytest.raises(InputError, match="strings overlap"):
        Btf.parse(bytes(raw), "x")
    assert Btf.parse_lazily(bytes(raw), "x").find("x" * 19_999, KIND_TYPEDEF) == 2


def test_long_names_and_their_flavours_are_found() -> None:
    make = Maker()
    names = ["n" * 300, "n" * 300 + "m", "n" * 200 + "___v" + "2" * 100]
    ids = [make.struct(name, 0) for name in names]
    btf = make.btf()
    assert [btf.find(name, KIND_STRUCT) for name in names] == ids
    assert btf.find_flavours("n" * 200) == ids[2:]
