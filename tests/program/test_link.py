"""link(): what a kernel gets of a program."""

from __future__ import annotations

import pytest

from kverdict.errors import InputError, LinkError, UnsupportedError
from kverdict.isa import opcode as op
from kverdict.kernel.profile import load_profile
from kverdict.objfile.object import Object
from kverdict.program.link import POISONED_KFUNC, link
from kverdict.program.program import Program
from tests.fixtures import FOLDER, opened, raw

EXAMPLES = FOLDER.parent.parent / "examples"


def linked(fixture: str, program: str, kernel: str = "6.12", **presets: str) -> Program:
    return link(opened(fixture), program, load_profile(kernel), presets)


def calls(program: Program, kind: int) -> list[int]:
    return [insn.imm for insn in program.insns if insn.op == kind]


def loads(program: Program, source: int) -> list[int]:
    return [insn.imm for insn in program.insns if insn.op & 0xFF == op.LD_IMM64 and insn.src == source]


def test_a_map_is_loaded_by_its_index() -> None:
    program = linked("maps", "main_program")
    names = [program.maps[imm].name for imm in loads(program, op.PSEUDO_MAP_FD)]
    assert names == ["pairs", "outer", "tails"]


def test_a_global_variable_is_loaded_by_map_and_offset() -> None:
    program = linked("maps", "main_program")
    found = {(program.maps[imm & 0xFFFFFFFF].name, imm >> 32) for imm in loads(program, op.PSEUDO_MAP_VALUE)}
    assert {(".rodata.custom", 0), ("maps.bss", 0)} <= found
    slots = [i for i, insn in enumerate(program.insns) if insn.op & 0xFF == op.LD_IMM64]
    assert all(program.insns[i + 1].imm & 0xFFFFFFFF == program.insns[i].imm >> 32 for i in slots)


def test_maps_carry_what_the_kernel_would_know_of_them() -> None:
    maps = {found.name: found for found in linked("maps", "main_program").maps}
    assert maps["pairs"].btf is not None and maps["pairs"].key_type_id and maps["pairs"].value_type_id
    assert maps["maps.data"].contents == (42).to_bytes(4, "little") + (3).to_bytes(4, "little")
    assert maps["maps.rodata"].read_only and not maps["maps.data"].read_only
    inner = maps["outer"].inner
    assert inner is not None and (inner.map_type, inner.value_size) == (2, 4)
    assert maps["outer"].btf is None and maps["outer"].slots == ((0, "first"), (3, "second"))


def test_the_size_of_a_ring_buffer_is_rounded_up_as_libbpf_does() -> None:
    maps = {found.name: found for found in linked("maps", "not_loaded").maps}
    assert maps["events"].max_entries == 8192


def test_a_kfunc_is_called_by_its_id_in_the_kernel() -> None:
    profile = load_profile("6.12")
    names = [profile.btf.type(imm).name for imm in calls(linked("externs", "acquires"), op.CALL_KFUNC)]
    assert names == ["bpf_task_acquire", "bpf_task_release"]


def test_a_flavoured_kfunc_is_found_by_its_name_without_flavour() -> None:
    program = linked("externs", "asks_weakly")
    profile = program.profile
    asked = [profile.btf.type(imm).name for imm in loads(program, op.PSEUDO_BTF_ID)]
    assert asked == ["bpf_task_acquire"]
    called = [profile.btf.type(imm).name for imm in calls(program, op.CALL_KFUNC)]
    assert called == ["bpf_task_acquire", "bpf_task_release"]


def test_a_weak_kfunc_that_is_missing_or_of_another_shape_becomes_an_invalid_call() -> None:
    program = linked("externs", "asks_weakly")
    names = [opened("externs").externs[imm - POISONED_KFUNC].name for imm in calls(program, op.CALL_HELPER)]
    assert names == ["bpf_no_such_function", "bpf_task_release___other_shape"]
    rows = program.extra["unresolved"]
    assert isinstance(rows, tuple)
    unresolved = [name for _, name in rows]
    assert unresolved == [*["bpf_no_such_function"] * 2, *["bpf_task_release___other_shape"] * 2, "no_such_variable"]


def test_a_strong_kfunc_that_is_missing_refuses_the_program_alone() -> None:
    with pytest.raises(LinkError, match=r"extern \(func ksym\) 'bpf_no_such_function_at_all': not found in kernel"):
        linked("externs", "needs_what_is_missing")
    assert linked("externs", "acquires").insns


def test_kfuncs_come_from_the_profile_and_not_from_the_kernel_whose_types_it_borrows() -> None:
    from_vpid = Object.open(EXAMPLES / "task_kptr" / "from_vpid.bpf.o")
    with pytest.raises(LinkError, match="'bpf_task_from_vpid': not found"):
        link(from_vpid, "from_vpid_argument", load_profile("6.4"), {})


def test_settings_come_from_the_profile() -> None:
    program = linked("externs", "reads_settings")
    contents = next(found.contents for found in program.maps if found.name.endswith(".kconfig"))
    assert contents is not None
    assert int.from_bytes(contents[8:12], "little") == program.profile.version_code
    assert contents[12:14] == b"\1\1"


def test_a_setting_that_the_profile_does_not_know_is_not_guessed() -> None:
    with pytest.raises(UnsupportedError, match="CONFIG_NO_SUCH_SETTING"):
        linked("externs", "reads_unknown_setting", "6.4")


def test_places_follow_the_line_records() -> None:
    program = linked("subprogs", "calls_left")
    assert [place.function for place in program.places] == (
        ["calls_left"] * program.subprogs[1]
        + ["left"] * (program.subprogs[2] - program.subprogs[1])
        + ["leaf"] * (len(program.insns) - program.subprogs[2])
    )
    assert program.place(0).file.endswith("subprogs.bpf.c") and "left((u32)total)" in program.place(0).source


def test_an_object_without_debug_information_still_links() -> None:
    data = bytearray(raw("subprogs"))
    for name in (b".BTF\0", b".BTF.ext\0"):
        at = data.rindex(name)
        data[at : at + 4] = b".XTF"
    program = link(Object.parse(bytes(data), "x.o"), "calls_left", load_profile("6.12"), {})
    assert program.btf is None and not program.func_info and program.places[0].line == 0
    assert program.insns == linked("subprogs", "calls_left").insns


def test_an_unknown_program_is_bad_input() -> None:
    with pytest.raises(InputError, match="has no program 'nope'"):
        linked("maps", "nope")
