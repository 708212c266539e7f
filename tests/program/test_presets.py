"""Presets: -G 'enabled = 1'."""

from __future__ import annotations

import pytest

from kverdict.errors import InputError
from kverdict.kernel.profile import load_profile
from kverdict.program.link import link
from kverdict.program.presets import preset_contents
from tests.fixtures import opened


def bytes_at(path: str, value: str, section: str, offset: int, size: int) -> bytes:
    obj = opened("maps")
    contents = preset_contents(obj, {path: value})
    index = next(i for i, found in enumerate(obj.maps) if found.section_name == section)
    return contents[index][offset : offset + size]


def offset_of(name: str) -> int:
    btf = opened("maps").btf
    assert btf is not None
    for definition in opened("maps").maps:
        for entry in getattr(btf.type(definition.value_type_id), "entries", ()):
            if btf.type(entry.type_id).name == name:
                found: int = entry.offset
                return found
    raise AssertionError(name)


@pytest.mark.parametrize(
    ("path", "value", "section", "variable", "skip", "expected"),
    [
        ("enabled", "1", ".rodata", "enabled", 0, b"\1"),
        ("enabled", "true", ".rodata", "enabled", 0, b"\1"),
        ("mode", "FAST", ".rodata", "mode", 0, b"\7\0\0\0"),
        ("mode", "3", ".rodata", "mode", 0, b"\3\0\0\0"),
        ("limits[1]", "-2", ".rodata", "limits", 4, b"\xfe\xff\xff\xff"),
        ("config.pair.right", "0x10", ".rodata", "config", 4, b"\x10\0\0\0"),
        ("config.step", "'A'", ".rodata", "config", 8, b"A"),
        ("start", "0b11", ".data", "start", 0, b"\3\0\0\0"),
        ("counter", "18446744073709551615", ".bss", "counter", 0, b"\xff" * 8),
        ("custom", "5", ".rodata.custom", "custom", 0, b"\5\0\0\0"),
    ],
)
def test_a_value_is_written_in_the_type_of_its_variable(
    path: str, value: str, section: str, variable: str, skip: int, expected: bytes
) -> None:
    assert bytes_at(path, value, section, offset_of(variable) + skip, len(expected)) == expected


def test_presets_reach_the_maps_of_the_program() -> None:
    program = link(opened("maps"), "main_program", load_profile("6.12"), {"start": "7"})
    contents = next(found.contents for found in program.maps if found.name == "maps.data")
    assert contents is not None and contents[offset_of("start")] == 7
    assert opened("maps").program("main_program").code  # the object itself is as it was
    unchanged = link(opened("maps"), "main_program", load_profile("6.12"), {}).maps
    assert next(found.contents for found in unchanged if found.name == "maps.data") != contents


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("nothing", "1", "maps.bpf.o has no global variable 'nothing', it has: config, counter, custom, enabled, "),
        ("enabled", "2", "expected true, false, 0 or 1"),
        ("enabled", "maybe", "expected true, false, 0 or 1 after '='"),
        ("mode", "MEDIUM", "expected a number or one of SLOW, FAST after '='"),
        ("start", "1.5", "expected an integer after '='"),
        ("start", "3000000000", "expected -2147483648 to 2147483647"),
        ("counter", "-1", "expected 0 to 18446744073709551615"),
        ("limits[3]", "1", "index 3 of an array of 3"),
        ("limits", "1", "array cannot be preset"),
        ("start[0]", "1", "int int is no array"),
        ("config.nope", "1", "has no member 'nope'"),
        ("a b", "1", "expected NAME, NAME.MEMBER or NAME[INDEX] before '='"),
    ],
)
def test_a_wrong_preset_is_told_with_what_was_expected(path: str, value: str, problem: str) -> None:
    with pytest.raises(InputError) as refused:
        preset_contents(opened("maps"), {path: value})
    assert refused.value.source == f"-G '{path} = {value}'" and problem in refused.value.problem
