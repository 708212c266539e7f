"""Map definitions of an object."""

from __future__ import annotations

import pytest

from kverdict.errors import InputError
from kverdict.objfile.elf import Elf
from kverdict.objfile.maps import F_LINK, F_MMAPABLE, F_RDONLY_PROG, MapDef, internal_name
from kverdict.objfile.object import Object
from tests.fixtures import opened, raw


def map_of(fixture: str, name: str) -> MapDef:
    return next(found for found in opened(fixture).maps if found.name == name)


def test_attributes_of_a_map_are_read_from_its_types() -> None:
    pairs = map_of("maps", "pairs")
    assert (pairs.map_type, pairs.key_size, pairs.value_size, pairs.max_entries, pairs.flags) == (1, 8, 8, 16, 1)
    btf = opened("maps").btf
    assert btf is not None and btf.type(pairs.key_type_id).name == "pair"


def test_a_map_of_maps_has_its_inner_definition_and_initial_values() -> None:
    outer = map_of("maps", "outer")
    assert outer.inner is not None and (outer.inner.name, outer.inner.map_type) == ("outer.inner", 2)
    assert outer.slots == {0: "first", 3: "second"} and outer.value_size == 4


def test_a_program_array_has_its_initial_programs() -> None:
    assert map_of("maps", "tails").slots == {1: "target"}


@pytest.mark.parametrize(
    ("name", "size", "flags", "read_only"),
    [
        ("maps.bss", 8, F_MMAPABLE, False),
        ("maps.data", 8, F_MMAPABLE, False),
        ("maps.rodata", 32, F_MMAPABLE | F_RDONLY_PROG, True),
        (".rodata.custom", 4, F_MMAPABLE | F_RDONLY_PROG, True),
    ],
)
def test_global_data_makes_a_map_for_each_section(name: str, size: int, flags: int, read_only: bool) -> None:
    found = map_of("maps", name)
    assert (found.map_type, found.key_size, found.max_entries) == (2, 4, 1)
    assert (found.value_size, found.flags, found.kind == "rodata") == (size, flags, read_only)


def test_hidden_variables_alone_do_not_make_a_map_visible_to_user_space() -> None:
    assert map_of("fields", ".data.locked").flags == 0
    assert map_of("fields", ".data.mapped").flags == F_MMAPABLE


def test_maps_are_numbered_as_libbpf_numbers_them() -> None:
    names = [found.name for found in opened("maps").maps]
    assert names[:6] == ["first", "second", "outer", "tails", "pairs", "events"]
    assert names[6:] == ["maps.rodata", "maps.data", ".rodata.custom", "maps.bss"]


def test_a_struct_ops_variable_is_a_map_with_callbacks() -> None:
    mine = map_of("attach", "mine")
    assert mine.map_type == 26 and mine.flags == F_LINK
    assert mine.callbacks == {"ssthresh": "my_ssthresh", "cong_avoid": "my_cong_avoid"}


@pytest.mark.parametrize(
    ("object_name", "section", "name"),
    [
        ("my_object_name", ".rodata", "my_objec.rodata"),
        ("my_object_name", ".bss", "my_objec.bss"),
        ("my_object_name", ".kconfig", "my_obje.kconfig"),
        ("my_object_name", ".rodata.abracadabra", ".rodata.abracad"),
        ("a-b", ".data", "a_b.data"),
    ],
)
def test_names_of_data_maps_are_cut_as_libbpf_cuts_them(object_name: str, section: str, name: str) -> None:
    assert internal_name(object_name, section) == name


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (b"\0max_entries\0", b"\0max_entriez\0", "unknown attribute 'max_entriez'"),
        (b"\0key_size\0", b"\0pinning_\0", "unknown attribute 'pinning_'"),
        (b"\0.maps\0", b"\0.mops\0", "describes the data section .mops, which the file does not contain"),
    ],
)
def test_a_map_definition_that_makes_no_sense_is_named(old: bytes, new: bytes, problem: str) -> None:
    data = raw("maps")
    at = data.index(b"\x9f\xeb\x01")
    with pytest.raises(InputError) as refused:
        Object.parse(data[:at] + data[at:].replace(old, new, 1), "x.o")
    assert refused.value.source == "x.o" and problem in str(refused.value)


def test_legacy_map_sections_are_refused() -> None:
    data = bytearray(raw("maps"))
    section = Elf(bytes(data), "x.o").section(".maps")
    assert section is not None
    header = int.from_bytes(data[40:48], "little") + 64 * section.number
    data[header] += 1  # the name starts one character later: "maps"
    with pytest.raises(InputError, match=r"section maps: legacy map definitions are not supported since libbpf 1\.0"):
        Object.parse(bytes(data), "x.o")
