"""Objects as a whole: functions, externs, relocations, lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from kverdict.btf.types import LINKAGE_GLOBAL, LINKAGE_STATIC, Func
from kverdict.errors import InputError
from kverdict.objfile.elf import Elf
from kverdict.objfile.object import Object
from tests.fixtures import opened, raw


def section_at(name: str, section: str) -> tuple[int, int]:
    found = Elf(raw(name), name).section(section)
    assert found is not None
    return found.offset, found.size


def patched(name: str, offset: int, new: bytes) -> bytes:
    data = raw(name)
    return data[:offset] + new + data[offset + len(new) :]


def test_programs_and_subprograms_are_told_apart() -> None:
    obj = opened("subprogs")
    programs = [program.name for program in obj.programs]
    assert programs == ["calls_left", "calls_right_and_left", "calls_back", "calls_nothing"]
    assert {f.name for f in obj.functions if f.is_subprogram} == {"leaf", "left", "right", "each"}
    assert obj.license == "GPL" and obj.base_name == "subprogs"


def test_a_question_mark_before_the_section_means_not_loaded() -> None:
    program = opened("maps").program("not_loaded")
    assert program.section == "socket" and not program.autoload


def test_hidden_functions_become_static_in_btf() -> None:
    btf = opened("subprogs").btf
    assert btf is not None
    linkage = {f.name: f.linkage for f in map(btf.type, range(1, len(btf))) if isinstance(f, Func)}
    assert (linkage["leaf"], linkage["right"], linkage["left"]) == (LINKAGE_GLOBAL, LINKAGE_STATIC, LINKAGE_STATIC)


def test_externs_stand_in_libbpf_order_and_settings_are_aligned() -> None:
    externs = opened("externs").externs
    settings = [(e.name, e.shape, e.size, e.offset) for e in externs if e.kind == "kconfig"]
    assert settings == [
        ("CONFIG_NO_SUCH_SETTING", "int", 8, 0),
        ("LINUX_KERNEL_VERSION", "int", 4, 8),
        ("CONFIG_BPF_SYSCALL", "bool", 1, 12),
        ("LINUX_HAS_BPF_COOKIE", "bool", 1, 13),
    ]
    symbols = [e.name for e in externs if e.kind != "kconfig"]
    assert symbols == sorted(symbols)
    flavoured = next(e for e in externs if e.name == "bpf_task_acquire___flavoured")
    assert flavoured.weak and flavoured.kernel_name == "bpf_task_acquire"


def test_relocations_say_what_an_instruction_refers_to() -> None:
    obj = opened("maps")
    program = obj.program("main_program")
    targets = {obj.maps[r.target].name for r in program.relocs if r.kind == "map"}
    assert targets == {"pairs", "outer", "tails"}
    data = {(obj.maps[r.target].name, r.offset) for r in program.relocs if r.kind == "data"}
    assert (".rodata.custom", 0) in data and ("maps.bss", 0) in data


def test_an_unknown_program_is_answered_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="has no program 'x', its programs: calls_left, "):
        opened("subprogs").program("x")


def test_a_file_that_cannot_be_read_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file"):
        Object.open(tmp_path / "missing.o")


@pytest.mark.parametrize(
    ("section", "offset", "new", "problem"),
    [
        (".relsocket", 8 + 4, b"\xff\xff\0\0", "section .relsocket, relocation 0: symbol 65535, expected less than"),
        (".relsocket", 0, b"\xff\xff\xff\0", "offset 16777215 is no instruction of section socket"),
        (".relsocket", 0, b"\x04", "is no instruction of section socket"),
        (".BTF", 0, b"\0\0", "BTF"),
        (".BTF.ext", 0, b"\0\0", "section .BTF.ext, offset 0: magic 0x0 version 1"),
        (".BTF.ext", 4, b"\xff\xff", "section .BTF.ext, offset 4: header of 65535 bytes"),
        (".BTF.ext", 12, b"\xff\xff\xff", "ends at"),
    ],
)
def test_corrupt_sections_are_named_with_their_place(section: str, offset: int, new: bytes, problem: str) -> None:
    at, _ = section_at("maps", section)
    with pytest.raises(InputError) as refused:
        Object.parse(patched("maps", at + offset, new), "x.o")
    assert problem in str(refused.value)


def test_a_relocation_of_an_instruction_that_takes_none_is_refused() -> None:
    relocs, _ = section_at("maps", ".relsocket")
    code, _ = section_at("maps", "socket")
    first = int.from_bytes(raw("maps")[relocs : relocs + 8], "little")
    with pytest.raises(
        InputError, match=r"\.relsocket, relocation 0: instruction 0xb7 cannot refer to '\w+', expected"
    ):
        Object.parse(patched("maps", code + first, b"\xb7"), "x.o")


def test_lines_name_file_line_and_column() -> None:
    obj = opened("subprogs")
    assert obj.btf is not None
    first = obj.ext.lines["tc"][0]
    assert obj.btf.string(first.file).endswith("subprogs.bpf.c") and first.line > 1 and first.column > 0
    assert [record.offset for record in obj.ext.functions["tc"]] == [8 * p.start for p in obj.programs]
