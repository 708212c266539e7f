"""Whatever bytes a BTF has, it ends in answers or InputError, in bounded time."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kverdict.btf import layout, tags
from kverdict.btf.args import callback_proto, scalar_struct, struct_pointer
from kverdict.btf.btf import Btf
from kverdict.btf.c_decl import c_declaration, c_prototype
from kverdict.btf.path import path_at
from kverdict.btf.types import KIND_STRUCT
from kverdict.btf.walk import WalkRules, struct_access, struct_ids_match
from kverdict.errors import InputError
from tests.btf.build import Maker

OLD, NEW = WalkRules(*[False] * 6), WalkRules(*[True] * 6)


def _seed() -> bytes:
    """A bit of everything."""
    make = Maker()
    number = make.integer("int", 4, 1)
    pointer = make.ptr(make.type_tag("rcu", make.next_id + 6))
    array = make.array(number, 3)
    inner = make.struct("", 16, ("x", number, 0), ("", make.next_id + 1, 64))
    make.union("u", 8, ("p", pointer, 0), ("n", number, 0))
    make.bit_struct("s___v2", 32, ("b", number, 0, 3), ("", inner, 64, 0), ("a", array, 192, 0))
    make.struct("s", 24, ("n", make.typedef("t", make.const(number)), 0), ("in", inner, 64), ("rest", array, 192))
    make.func("f", make.proto(number, ("p", pointer), ("n__sz", number)))
    make.decl_tag("tag", make.next_id - 1, 0)
    make.datasec(".data", 4, (make.var("v", number), 0, 4))
    make.enum("e", 4, ("A", -1), ("B", 2), signed=True)
    make.enum64("e64", ("C", 1 << 40))
    make.fwd("s")
    return make.raw()


SEED = _seed()
TYPES_END = 24 + struct.unpack_from("<I", SEED, 12)[0]


def _ask(question: Callable[..., object], *of: object) -> None:
    """InputError is an answer."""
    try:
        question(*of)
    except InputError as error:
        assert error.source == "fuzz" and error.where and error.problem


ABOUT_A_TYPE: tuple[Callable[..., object], ...] = (
    layout.size_or_none,
    layout.skip_modifiers,
    layout.deref,
    layout.array_element,
    scalar_struct,
    struct_pointer,
    callback_proto,
    c_declaration,
    c_prototype,
    tags.type_tags,
    tags.decl_tags,
)


def _ask_everything(btf: Btf) -> None:
    """Every question about every type."""
    for type_id in range(len(btf)):
        for question in ABOUT_A_TYPE:
            _ask(question, btf, type_id)
        _ask(layout.find_member, btf, type_id, "nothing")
        _ask(path_at, btf, type_id, 9, 4)
        for off in (0, 4, 8, 20, 24, 200):
            _ask(struct_access, btf, type_id, off, 4, OLD)
            _ask(struct_access, btf, type_id, off, 4, NEW)
        _ask(struct_ids_match, btf, type_id, 8, btf, 1, False, NEW)
    for name in ("s", "int", "f", "", "nothing"):
        _ask(btf.find, name, KIND_STRUCT)
        _ask(btf.find_all, name)
        _ask(btf.find_flavours, name)


def _survives(raw: bytes) -> None:
    start = time.process_time()
    for parse in (Btf.parse, Btf.parse_lazily):
        try:
            btf = parse(raw, "fuzz")
        except InputError as error:
            assert error.source == "fuzz" and error.where and error.problem
        else:
            _ask_everything(btf)
    assert time.process_time() - start < 10


def test_the_seed_itself_is_accepted() -> None:
    _ask_everything(Btf.parse(SEED, "fuzz"))


def test_every_word_of_the_types_may_be_anything() -> None:
    for at in range(0, TYPES_END, 4):
        for value in (0, 1, 7, 0x0400FFFF, 0x84000002, 0x7FFFFFFF, 0xFFFFFFFF):
            _survives(SEED[:at] + struct.pack("<I", value) + SEED[at + 4 :])


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.integers(0, len(SEED) - 1), st.integers(0, 255)), max_size=12))
def test_mutated_bytes_end_well(changes: list[tuple[int, int]]) -> None:
    raw = bytearray(SEED)
    for at, value in changes:
        raw[at] = value
    _survives(bytes(raw))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.integers(6, TYPES_END // 4 - 1), st.integers(0, 24)), max_size=10))
def test_mutated_references_end_well(changes: list[tuple[int, int]]) -> None:
    """Small numbers in place of any word: mostly type ids, so circles and odd kinds behind each other."""
    raw = bytearray(SEED)
    for word, value in changes:
        struct.pack_into("<I", raw, 4 * word, value)
    _survives(bytes(raw))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_end_well(raw: bytes) -> None:
    _survives(raw)
    _survives(SEED[:24] + raw)
