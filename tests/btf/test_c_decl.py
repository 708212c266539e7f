"""Types as C."""

from __future__ import annotations

from kverdict.btf.c_decl import c_declaration, c_prototype
from tests.btf.build import Maker


def test_declarations() -> None:
    make = Maker()
    make.integer("int", 4)
    struct = make.struct("s", 4)
    to_struct = make.ptr(struct)
    proto = make.proto(1, ("a", to_struct), ("", make.ptr(0)), ("", 0))
    told = {
        1: "int x",
        to_struct: "struct s *x",
        make.ptr(make.const(struct)): "const struct s *x",
        make.const(make.ptr(struct)): "struct s *const x",
        make.ptr(make.type_tag("rcu", struct)): "struct s *x",
        make.array(make.array(1, 3), 2): "int x[2][3]",
        make.ptr(make.array(1, 3)): "int (*x)[3]",
        make.array(to_struct, 0): "struct s *x[]",
        make.ptr(proto): "int (*x)(struct s *a, void *, ...)",
        make.ptr(make.ptr(1)): "int **x",
        make.fwd("f", union=True): "union f x",
        make.enum("e", 4): "enum e x",
        make.typedef("t", 1): "t x",
        make.struct("", 4): "struct (anon) x",
    }
    func = make.func("work", proto)
    empty = make.func("none", make.proto(0))
    btf = make.btf()
    assert {type_id: c_declaration(btf, type_id, "x") for type_id in told} == told
    assert c_declaration(btf, to_struct) == "struct s *"
    assert c_prototype(btf, func) == "int work(struct s *a, void *, ...)"
    assert c_prototype(btf, empty) == "void none(void)"


def test_declarations_without_end_are_cut() -> None:
    make = Maker()
    make.ptr(1)
    make.proto(2, *[("a", 2)] * 30)
    btf = make.btf()
    assert "..." in c_declaration(btf, 1)
    assert len(c_declaration(btf, 2)) < 10_000
