"""C prototypes become functions of a split BTF."""

from __future__ import annotations

import pytest

from kverdict.btf.btf import Btf
from kverdict.btf.layout import resolved, skip_modifiers
from kverdict.btf.types import KIND_FUNC, KIND_FWD, Const, Enum, Func, FuncProto, Fwd, Int, Ptr, Struct, Type, Typedef
from kverdict.errors import InputError
from kverdict.kernel.facts import facts
from kverdict.kernel.profile import load_profile
from kverdict.kernel.synthetic import build


def base() -> Btf:
    return load_profile("6.12").btf


def prototype(text: str) -> tuple[Btf, FuncProto]:
    btf = Btf.parse(build(base(), [text]), "test", base())
    function = next(t for i in range(len(base()), len(btf)) if isinstance(t := btf.type(i), Func))
    proto = btf.type(function.type_id)
    assert isinstance(proto, FuncProto)
    return btf, proto


def kinds(btf: Btf, type_id: int) -> list[Type]:
    """The chain of types from this one down to the first that points nowhere."""
    found = [btf.type(type_id)]
    while isinstance(found[-1], Ptr | Const | Typedef):
        found.append(btf.type(found[-1].type_id))
    return found


def test_names_pointers_and_qualifiers_are_kept() -> None:
    btf, proto = prototype("struct task_struct *f(const struct cpumask *src, u32 cpu, void *p__sz)")
    assert [name for name, _ in proto.params] == ["src", "cpu", "p__sz"]
    assert [type(t) for t in kinds(btf, proto.return_id)] == [Ptr, Struct]
    assert [type(t) for t in kinds(btf, proto.params[0][1])] == [Ptr, Const, Struct]
    assert kinds(btf, proto.params[1][1])[0].name == "u32"
    assert proto.params[2][1] > 0


@pytest.mark.parametrize(
    ("spelled", "name"),
    [
        ("int", "int"),
        ("long int", "long int"),
        ("long unsigned int", "long unsigned int"),
        ("unsigned long", "long unsigned int"),
        ("signed char", "signed char"),
        ("bool", "_Bool"),
    ],
)
def test_integers_are_those_of_the_base(spelled: str, name: str) -> None:
    btf, proto = prototype(f"{spelled} f(void)")
    found = resolved(btf, proto.return_id)
    assert isinstance(found, Int)
    assert found.name == name
    assert proto.params == ()


def test_function_pointers_arrays_and_enumerations() -> None:
    btf, proto = prototype(
        "void f(bool (*less)(struct rb_node *, const struct rb_node *), enum tcp_ca_event e, int a[4])"
    )
    less = kinds(btf, proto.params[0][1])
    assert [type(t) for t in less] == [Ptr, FuncProto]
    assert isinstance(resolved(btf, proto.params[1][1]), Enum)
    assert proto.params[0][0] == "less"


def test_a_structure_that_the_base_lacks_is_declared_only() -> None:
    btf, proto = prototype("void f(struct nobody_has_this *p)")
    pointee = kinds(btf, proto.params[0][1])[-1]
    assert isinstance(pointee, Fwd)
    assert pointee.kind == KIND_FWD


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("void f(", "expected a type"),
        ("void f", "expected a function declaration"),
        ("void f(nothing_like_this x)", "no such type"),
        ("void f(int x) int", "expected a function declaration"),
        ("void f(int; x)", "unexpected character"),
        ("", "expected a type"),
        ("struct", "expected"),
    ],
)
def test_what_is_no_prototype_is_bad_input(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        build(base(), [text])


def test_prototypes_of_6_12_come_out_as_they_are_in_its_types() -> None:
    """The reader of C agrees with the kernel's own BTF for every kfunc of 6.12."""
    rows = facts("6.12").table("kfuncs")
    btf = Btf.parse(build(base(), [row["proto"] for row in rows.values()]), "test", base())

    def shape(type_id: int) -> str:
        found = btf.type(skip_modifiers(btf, type_id))
        return f"*{shape(found.type_id)}" if isinstance(found, Ptr) else f"{type(found).__name__} {found.name}"

    for name in rows:
        ids = [i for i in btf.find_all(name) if btf.kind(i) == KIND_FUNC]
        real, ours = (btf.type(f.type_id) for f in map(btf.type, (ids[0], ids[-1])) if isinstance(f, Func))
        assert isinstance(real, FuncProto)
        assert isinstance(ours, FuncProto)
        assert ids[0] != ids[-1]
        assert [n for n, _ in real.params] == [n for n, _ in ours.params], name
        assert [shape(t) for _, t in real.params] == [shape(t) for _, t in ours.params], name
        assert shape(real.return_id) == shape(ours.return_id), name
