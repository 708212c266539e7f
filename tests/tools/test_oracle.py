"""The parts of the oracle that need no kernel: answers, plans, a program's BTF, the tables."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from kverdict.btf.btf import Btf as TypeInfo
from kverdict.btf.types import KIND_DATASEC, KIND_VAR, Datasec, Var
from kverdict.objfile.externs import kconfig_size
from kverdict.objfile.object import Object
from tests.fixtures import opened
from tools.oracle.answer import Answer
from tools.oracle.calls import FIX_FD, MAP_FREEZE, MAP_UPDATE, PROG_LOAD, Call, Out, Read, Reply
from tools.oracle.items import Btf, Load, Map, insn
from tools.oracle.names import BTF_FUNC, Names
from tools.oracle.plan import Plan
from tools.oracle.program_btf import loadable_btf
from tools.oracle.record import read, write

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
END = "processed 7 insns (limit 1000000) max_states_per_insn 1 total_states 3 peak_states 2 mark_read 1\n"


class FewNames(Names):
    """The names of a kernel that knows two functions."""

    def __init__(self) -> None:
        self._at = {(BTF_FUNC, "bpf_task_acquire"): (77, 0)}


def plan_of(*items: Load | Map | Btf) -> Plan:
    plan = Plan(FewNames())
    for item in items:
        plan.add(item)
    return plan


def test_the_message_is_the_last_line_that_is_no_statistic() -> None:
    answer = Answer(False, 13, "0: (85) call x#1\nR1 !read_ok\nverification time 3 usec\nstack depth 0\n" + END)
    assert (answer.verdict, answer.message) == ("refused", "R1 !read_ok")
    assert (answer.insns_processed, answer.total_states, answer.peak_states) == (7, 3, 2)


def test_an_accepted_program_has_counts_and_no_message() -> None:
    answer = Answer(True, 0, "0: (95) exit\n" + END)
    assert (answer.verdict, answer.message, str(answer)) == ("accepted", "", "accepted")


@pytest.mark.parametrize(
    "answer",
    [
        Answer(False, 1, ""),
        Answer(False, 22, "", stage="map_create"),
        Answer(False, 0, "this kernel has no x", stage="link"),
    ],
)
def test_what_the_verifier_never_saw_is_no_verdict(answer: Answer) -> None:
    assert answer.verdict == "none"


def test_a_plan_makes_maps_before_the_program_that_needs_them_and_each_once() -> None:
    table = Map(2, 4, 8, contents=bytes(8), frozen=True)
    code = insn(0x18, 1) + insn(0) + insn(0x95)
    plan = plan_of(*(Load(code, "xdp", maps={0: table}) for _ in range(2)))
    commands = [call.command for call in plan.calls if isinstance(call, Call)]
    assert commands == [0, MAP_UPDATE, MAP_FREEZE, PROG_LOAD, PROG_LOAD]
    load = plan.calls[3]
    assert isinstance(load, Call)
    assert (FIX_FD, 0, 4, 0) in load.fixes
    assert load.blobs[0] == insn(0x18, 1, src=1) + insn(0) + insn(0x95)


def test_a_refused_map_decides_for_its_program() -> None:
    table = Map(2, 4, 8, contents=bytes(8))
    load = Load(insn(0x18, 1) + insn(0), "xdp", maps={0: table})
    plan = plan_of(load)
    replies = [Reply(3, 0, 0, []), Reply(-1, 7, 0, []), Reply(-1, 13, 0, [b"log"])]
    assert (plan.answer(load, replies).stage, plan.answer(load, replies).errno) == ("map_update", 7)


def test_kfuncs_are_called_by_the_number_that_the_asked_kernel_has() -> None:
    plan = plan_of(Load(insn(0x85), "xdp", kfuncs={0: "bpf_task_acquire"}))
    load = plan.calls[0]
    assert isinstance(load, Call)
    assert load.blobs[0] == insn(0x85, src=2, imm=77)


def test_a_packed_call_tells_its_length() -> None:
    call = Call(PROG_LOAD, bytearray(8))
    call.pointer(0, b"abc")
    call.pointer(4, Out(16))
    for packed in (call.pack(), Read("/proc/version").pack()):
        assert struct.unpack_from("<I", packed, 4)[0] == len(packed) - 8


def test_extern_functions_become_dummy_variables_in_the_kernels_eyes() -> None:
    example = Object.open(EXAMPLES / "task_kptr" / "map.bpf.o")
    assert example.btf is not None
    mended = TypeInfo.parse(loadable_btf(example.btf), "mended")
    section = mended.type(mended.find(".ksyms", KIND_DATASEC))
    assert isinstance(section, Datasec)
    assert len(mended) == len(example.btf) + 1
    for number, entry in enumerate(section.entries):
        variable = mended.type(entry.type_id)
        assert isinstance(variable, Var)
        assert (variable.kind, variable.name, variable.linkage) == (KIND_VAR, "dummy_ksym", 1)
        assert (entry.offset, entry.size) == (4 * number, 4)


def test_a_sentence_without_line_end_is_told_from_the_statistics() -> None:
    said = "5: (85) call bpf_tail_call#12\nexpected prog array map for tail call"
    answer = Answer(
        False, 22, said + "processed 5 insns (limit 1000000) max_states_per_insn 0 total_states 1 peak_states 2 x\n"
    )
    assert answer.message == "expected prog array map for tail call"
    assert (answer.insns_processed, answer.total_states, answer.peak_states) == (5, 1, 2)


def test_settings_become_variables_at_their_places_in_the_map() -> None:
    found = opened("externs")
    assert found.btf is not None
    mended = TypeInfo.parse(loadable_btf(found.btf), "mended")
    section = mended.type(mended.find(".kconfig", KIND_DATASEC))
    assert isinstance(section, Datasec)
    names = []
    for entry in section.entries:
        variable = mended.type(entry.type_id)
        assert isinstance(variable, Var)
        assert variable.linkage == 1
        names.append((variable.name, entry.offset, entry.size))
    assert names == [
        ("CONFIG_NO_SUCH_SETTING", 0, 8),
        ("LINUX_KERNEL_VERSION", 8, 4),
        ("CONFIG_BPF_SYSCALL", 12, 1),
        ("LINUX_HAS_BPF_COOKIE", 13, 1),
    ]
    assert section.size == kconfig_size(found.externs) == 14


def test_a_table_of_recordings_is_read_as_it_was_written(tmp_path: Path) -> None:
    table = read(tmp_path / "none.json")
    table["kernels"] = {"6.12": {"release": "6.12.1"}}
    table["programs"] = {
        "a:b": {"object": "a", "kernels": {"6.12": {"verdict": "accepted"}, "7.2": {}}},
        "a:c": {"object": "c", "kernels": {}},
    }
    write(tmp_path / "some.json", table)
    assert read(tmp_path / "some.json") == table
