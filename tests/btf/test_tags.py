"""Tags on pointees and on declarations."""

from __future__ import annotations

from kverdict.btf.tags import decl_tags, type_tags
from tests.btf.build import Maker


def test_tags_in_front_of_a_pointee_outermost_first() -> None:
    make = Maker()
    make.struct("s", 4)
    inner = make.type_tag("kptr", make.const(1))
    pointer = make.typedef("p", make.ptr(make.type_tag("user", inner)))
    attribute = make.ptr(make.add(18, "address_space(1)", 1, kflag=True))
    btf = make.btf()
    assert type_tags(btf, pointer) == ("user", "kptr")
    assert type_tags(btf, attribute) == type_tags(btf, 1) == ()


def test_declaration_tags_of_functions_parameters_and_bases() -> None:
    base = Maker()
    func = base.func("f", base.proto(0, ("a", 0)))
    base.decl_tag("bpf_kfunc", func)
    shared = base.btf("vmlinux")
    make = Maker(shared)
    make.decl_tag("arg:nonnull", func, 0)
    make.decl_tag("arg:ctx", func, 0)
    btf = make.btf()
    assert decl_tags(btf, func) == ("bpf_kfunc",)
    assert decl_tags(btf, func, 0) == ("arg:nonnull", "arg:ctx")
    assert decl_tags(shared, func, 0) == ()
