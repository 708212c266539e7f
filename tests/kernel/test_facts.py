"""Packed facts: one spelling for all kernels, the same bytes from the same facts, and damage is noticed."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

from kverdict.errors import InputError, InternalError
from kverdict.kernel import proto
from kverdict.kernel.facts import DATA, TABLES, Facts, facts, kernel_names

TOOL = Path(__file__).resolve().parents[2] / "tools" / "pack_kernels.py"


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("pack_kernels", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def source(folder: Path) -> Path:
    """A kernel of one kfunc and one helper, as an older collector wrote it."""
    folder.mkdir()
    content = {
        "meta": {"release": "6.3.8"},
        "enums": {"helper_ids": {"bpf_strtol": 105}},
        "kfuncs": {"f": {"flags": [], "hooks": ["tracing"], "proto": "void f(void)"}},
        "kfunc_availability": {"not_probed": {"syscall": "?"}, "kfuncs": {"f": {"yes": ["tracing/iter_task.s"]}}},
        "helpers": {"not_probed": {}, "everywhere": ["bpf_strtol"], "also": {"kprobe/multi": []}},
        "helper_protos": {
            "bpf_strtol_proto": {"func": "bpf_strtol", "ret": "RET_INTEGER", "args": ["ARG_PTR_TO_LONG"], "gpl_only": 1}
        },
        "btf_sets": {"rcu_protected_types": [], "safe_fields": {}, "kptr_destructors": {}},
    }
    for name, table in content.items():
        (folder / f"{name}.json").write_text(json.dumps(table))
    return folder


def test_the_same_facts_give_the_same_bytes_in_one_spelling(tool: ModuleType, tmp_path: Path) -> None:
    folder = source(tmp_path / "6.3")
    for output in ("a", "b"):
        tool.pack(folder.parent, "6.3", tmp_path / output)
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files == sorted([*(f"{name}.json.gz" for name in TABLES if name != "config"), "meta.json"])
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in files)
    packed = Facts("6.3", tmp_path / "a")
    assert packed.table("kfunc_answers")["classes"] == [["iter.s/task"]]
    assert "kprobe.multi" in packed.table("helpers")["also"]
    row = packed.table("helper_protos")["bpf_strtol_proto"]
    assert row["args"] == ["ARG_PTR_TO_MEM|MEM_FIXED_SIZE|MEM_ALIGNED"]
    assert row["arg1_size"] == 8
    assert row["gpl_only"] is True
    assert "sleepable_lsm_hooks" in packed.table("sets")["sets"]
    assert packed.meta()["types_from"] == "6.12"


def test_every_word_of_the_packed_prototypes_is_known() -> None:
    known = {*proto.ARG_NAMES, *proto.RET_NAMES, *proto.FLAG_NAMES}
    for kernel in kernel_names():
        for symbol, row in facts(kernel).table("helper_protos").items():
            words = {word for text in (row["ret"], *row["args"]) for word in text.split("|")}
            assert words <= known, (kernel, symbol)


def test_every_kernel_has_all_tables_and_its_provenance() -> None:
    for kernel in kernel_names():
        assert all(facts(kernel).table(name) for name in TABLES)
        assert facts(kernel).meta()["provenance"]
        assert facts(kernel).btf_path().exists()


def test_damaged_facts_are_noticed(tmp_path: Path) -> None:
    (tmp_path / "kfuncs.json.gz").write_bytes((DATA / "6.4" / "kfuncs.json.gz").read_bytes()[:-20])
    with pytest.raises(InternalError, match=r"damaged facts kfuncs\.json\.gz"):
        Facts("6.4", tmp_path).table("kfuncs")


def test_an_unknown_kernel_has_no_facts() -> None:
    with pytest.raises(InputError, match="no such kernel"):
        facts("5.4")


def test_the_tool_wants_a_folder_of_facts(tool: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tool.main([]) == 2
    assert tool.main([str(tmp_path), str(tmp_path / "out")]) == 2
    assert "no facts (meta.json expected)" in capsys.readouterr().err
