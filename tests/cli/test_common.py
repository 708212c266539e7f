"""How objects, kernels, presets and settings are named on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from kverdict.cli.common import configuration, configured, kernel_names_of, objects_of, presets_of
from kverdict.errors import InputError


def test_kernels_are_split_repeated_and_named_once() -> None:
    assert kernel_names_of(["6.4, 6.18", "6.4"], "7.2") == ["6.4", "6.18"]
    assert kernel_names_of([], "7.2") == ["7.2"]
    assert kernel_names_of(["all"], "7.2")[:2] == ["6.1", "6.3"]


def test_presets_need_a_name_and_a_value() -> None:
    assert presets_of(["enabled = 1", "name=x"]) == {"enabled": "1", "name": "x"}
    for wrong in ("enabled", "= 1", "enabled ="):
        with pytest.raises(InputError, match="expected 'NAME = VALUE'"):
            presets_of([wrong])


def test_objects_are_paths_patterns_and_lists(tmp_path: Path) -> None:
    for name in ("a.o", "b.o"):
        (tmp_path / name).write_bytes(b"")
    names = tmp_path / "names"
    names.write_text(f"# objects\n{tmp_path}/a.o\n\n{tmp_path}/*.o\n")
    a, b = f"{tmp_path}/a.o", f"{tmp_path}/b.o"
    assert objects_of([f"{tmp_path}/*.o"]) == [a, b]
    assert objects_of([f"@{names}"]) == [a, a, b]
    assert objects_of(["-", "no/such/file"]) == ["-", "no/such/file"]
    with pytest.raises(InputError, match="no file matches"):
        objects_of([f"{tmp_path}/*.x"])
    with pytest.raises(InputError, match="cannot be read"):
        objects_of(["@no/such/list"])


def test_the_nearest_configuration_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    (tmp_path / "pyproject.toml").write_text('[tool.kverdict]\nkernels = ["6.12"]\n')
    assert configured([], configuration(), "kernels") == ["6.12"]
    assert configured(["6.4"], configuration(), "kernels") == ["6.4"]
    (below / "kverdict.toml").write_text("kernel = '6.4'\n")
    with pytest.raises(InputError, match="unknown setting"):
        configuration()
    (below / "kverdict.toml").write_text("kernels = 3\n")
    with pytest.raises(InputError, match="expected a string"):
        configured([], configuration(), "kernels")
    (below / "kverdict.toml").write_text("kernels = [")
    with pytest.raises(InputError, match="cannot be read"):
        configuration()
