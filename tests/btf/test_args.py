"""Suffixes of parameters and kinds of arguments."""

from __future__ import annotations

import pytest

from kverdict.btf.args import (
    callback_proto,
    func_proto,
    has_suffix,
    is_scalar,
    param_name_suffix,
    pointee,
    scalar_struct,
    struct_pointer,
)
from tests.btf.build import Maker


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("buffer__sz", "__sz"),
        ("buffer__szk", "__szk"),
        ("flags__k", "__k"),
        ("meta__ign", "__ign"),
        ("node__refcounted_kptr", "__refcounted_kptr"),
        ("__sz", ""),
        ("size", ""),
        ("a__b", ""),
        ("", ""),
    ],
)
def test_the_suffix_of_a_parameter(name: str, suffix: str) -> None:
    assert param_name_suffix(name) == suffix
    assert not suffix or has_suffix(name, suffix)


def test_kinds_of_arguments() -> None:
    make = Maker()
    make.integer("int", 4)
    struct = make.struct("s", 4, ("a", 1, 0))
    proto = make.proto(1, ("x", 1))
    func = make.func("f", proto)
    enum = make.typedef("e_t", make.enum("e", 4))
    to_struct = make.const(make.ptr(make.const(struct)))
    callback, nothing = make.ptr(proto), make.ptr(0)
    wide = make.enum64("wide")
    btf = make.btf()
    assert not is_scalar(btf, wide)
    assert is_scalar(btf, enum) and not is_scalar(btf, to_struct)
    assert struct_pointer(btf, to_struct) == pointee(btf, to_struct) == struct
    assert callback_proto(btf, callback) == proto
    assert callback_proto(btf, to_struct) == struct_pointer(btf, callback) == struct_pointer(btf, nothing) == 0
    assert pointee(btf, nothing) == 0 and pointee(btf, 1) == -1
    assert func_proto(btf, func) is func_proto(btf, proto) is btf.type(proto)
    assert func_proto(btf, 1) is None


def test_a_structure_of_scalars_may_nest_four_levels() -> None:
    make = Maker()
    make.integer("int", 4)
    level = [make.struct("leaf", 8, ("a", 1, 0), ("b", make.array(1, 2), 0))]
    for _ in range(4):
        level.append(make.struct("outer", 8, ("in", level[-1], 0)))
    pointer = make.struct("p", 8, ("p", make.ptr(0), 0))
    flexible = make.struct("f", 0, ("rest", make.array(1, 0), 0))
    btf = make.btf()
    assert [scalar_struct(btf, at) for at in level] == [True, True, True, True, None]
    assert scalar_struct(btf, pointer) is scalar_struct(btf, flexible) is scalar_struct(btf, 1) is False
