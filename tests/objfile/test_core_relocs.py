"""core_relo records of .BTF.ext are read; what makes no sense is refused with its offset."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kverdict.btf.btf import Btf
from kverdict.errors import InputError
from kverdict.objfile.core_relocs import CORE_KIND_NAMES, CoreReloc, parse_access, parse_core_relocs
from tests.btf.build import Maker


def _btf() -> tuple[Btf, Maker]:
    maker = Maker()
    maker.integer("int", 4)
    for text in ("tp_btf/one", "tp_btf/two", "0:1:2", "0"):
        maker.name(text)
    return maker.btf(), maker


def _ext(*words: int, size: int | None = None) -> bytes:
    body = struct.pack(f"<{len(words)}I", *words)
    length = len(body) if size is None else size
    return struct.pack("<HBBIIIIIII", 0xEB9F, 1, 0, 32, 0, 0, 0, 0, 0, length) + body


def test_records_are_grouped_by_section_in_order() -> None:
    btf, maker = _btf()
    at = maker.at
    ext = _ext(
        *(16, at["tp_btf/one"], 2, 8, 1, at["0:1:2"], 0, 24, 1, at["0"], 8),
        *(at["tp_btf/two"], 1, 0, 1, at["0"], 12),
    )
    assert parse_core_relocs(ext, btf, "x.o") == {
        "tp_btf/one": (CoreReloc(1, 1, (0, 1, 2), 0), CoreReloc(3, 1, (0,), 8)),
        "tp_btf/two": (CoreReloc(0, 1, (0,), 12),),
    }


def test_a_larger_record_of_a_newer_compiler_is_read_up_to_what_is_known() -> None:
    btf, maker = _btf()
    ext = _ext(20, maker.at["tp_btf/one"], 1, 8, 1, maker.at["0"], 8, 77)
    assert parse_core_relocs(ext, btf, "x.o") == {"tp_btf/one": (CoreReloc(1, 1, (0,), 8),)}


def test_a_header_without_core_relo_has_none() -> None:
    btf, _ = _btf()
    assert parse_core_relocs(struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, 0, 0, 0), btf, "x.o") == {}
    assert parse_core_relocs(_ext(), btf, "x.o") == {}


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ((8, 1, 1), "record size 8"),
        ((16, 1, 0), "0 records"),
        ((16, 1, 9), "9 records, room for 0"),
        ((16, 1), "section header"),
        ((16, 0, 1, 0, 1, 0, 0), "name of a section"),
        ((16, 1, 1, 4, 1, 1, 0), "multiple of 8"),
        ((16, 1, 1, 0, 9, 1, 0), "type 9, expected 0 to 1"),
        ((16, 1, 1, 0, 1, 1, 13), "kind 13"),
        ((16, 1, 1, 0, 1, 1, 0), "access string 'int'"),
        ((16, 1, 1, 0, 1, 4096, 0), "string section has"),
    ],
)
def test_a_bad_record_is_refused_with_its_offset(words: tuple[int, ...], problem: str) -> None:
    btf, _ = _btf()
    with pytest.raises(InputError, match=problem) as caught:
        parse_core_relocs(_ext(*words), btf, "x.o")
    assert caught.value.where.startswith((".BTF.ext offset", "BTF string"))


@pytest.mark.parametrize("size", [2, 1 << 20])
def test_a_table_outside_the_section_is_refused(size: int) -> None:
    with pytest.raises(InputError, match="core_relo at"):
        parse_core_relocs(_ext(16, size=size), _btf()[0], "x.o")


@pytest.mark.parametrize("text", ["", ":", "0:", ":0", "a", "0:-1", "0::1", "0 1", "9999999999", "3000000000", "²"])
def test_access_strings_that_are_no_numbers_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="access string"):
        parse_access(text, "x.o", "here")


def test_every_kind_has_libbpfs_name() -> None:
    assert len(CORE_KIND_NAMES) == 13 and CORE_KIND_NAMES[12] == "type_matches"


@given(st.binary(max_size=120), st.integers(0, 40))
def test_any_bytes_end_in_records_or_an_input_error(tail: bytes, keep: int) -> None:
    btf, maker = _btf()
    good = _ext(16, maker.at["tp_btf/one"], 2, 8, 1, maker.at["0:1:2"], 0, 24, 1, maker.at["0"], 8)
    for raw in (tail, good[:keep] + tail, good[: len(good) - keep], good[:-keep] + tail[:keep]):
        try:
            parse_core_relocs(raw, btf, "x.o")
        except InputError as error:
            assert error.problem
