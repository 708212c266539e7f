"""The cached index gives the same answers as the BTF itself, and is rebuilt when it is not whole."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import zstandard
from platformdirs import user_cache_dir

from kverdict.btf import cache
from kverdict.btf.btf import Btf
from kverdict.btf.index import bucket_count
from kverdict.btf.types import KIND_FUNC, KIND_STRUCT
from kverdict.errors import InputError
from tests.btf.build import Maker
from tests.btf.kernels import kernel_file, kernel_names, kernel_raw


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    found = cache.cache_directory()
    assert found is not None
    return found


def _some_btf(structs: int = 50) -> bytes:
    make = Maker()
    make.integer("int", 4)
    for number in range(structs):
        make.struct(f"s{number}", 4, ("a", 1, 0))
        make.struct(f"s{number}___old", 4)
    return make.raw()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A packed BTF."""
    path = tmp_path / "btf.zst"
    path.write_bytes(zstandard.ZstdCompressor().compress(_some_btf()))
    return path


def _answers(btf: Btf) -> list[object]:
    names = [f"s{number}" for number in range(50)]
    return [
        len(btf),
        [btf.find(name, KIND_STRUCT) for name in names],
        [btf.find_flavours(name) for name in names],
        btf.find_all("int"),
        btf.data,
    ]


def test_the_second_opening_answers_the_same_from_the_cache(source: Path, directory: Path) -> None:
    first = Btf.open_cached(source, "k")
    assert len(list(directory.iterdir())) == 1
    packed = source.read_bytes()
    second = Btf.open_cached(source, "k")
    assert _answers(first) == _answers(second) == _answers(Btf.parse(_some_btf(), "k"))
    assert source.read_bytes() == packed and len(list(directory.iterdir())) == 1


def test_raw_files_and_bytes_are_cached_too(tmp_path: Path, directory: Path) -> None:
    raw = _some_btf()
    path = tmp_path / "vmlinux"
    path.write_bytes(raw)
    for given in (path, str(path), raw):
        for _ in range(2):
            assert _answers(Btf.open_cached(given, "k")) == _answers(Btf.parse(raw, "k"))
    assert len(list(directory.iterdir())) == 2


def test_a_changed_source_is_read_anew(source: Path) -> None:
    Btf.open_cached(source, "k")
    source.write_bytes(zstandard.ZstdCompressor().compress(_some_btf(3)))
    assert len(Btf.open_cached(source, "k")) == 8


def test_every_truncated_or_flipped_cache_is_rebuilt(source: Path, directory: Path) -> None:
    good = _answers(Btf.open_cached(source, "k"))
    file = next(directory.iterdir())
    whole = file.read_bytes()
    tables = len(whole) - 4 * (2 * 101 + bucket_count(101))
    damaged = [whole[:size] for size in (0, 1, 31, 32, 33, tables - 1, tables, len(whole) - 1)]
    damaged += [whole + b"\0", bytes(len(whole)), whole[:-1] + b"\x01"]
    for at in [*range(32), *range(tables, len(whole), 97)]:
        damaged.append(whole[:at] + bytes([whole[at] ^ 0x41]) + whole[at + 1 :])
    for content in damaged:
        file.write_bytes(content)
        assert _answers(Btf.open_cached(source, "k")) == good
        assert file.read_bytes() == whole


def test_a_page_that_never_reached_the_disk_is_noticed(tmp_path: Path, directory: Path) -> None:
    raw = _some_btf(800)
    good = Btf.open_cached(raw, "k").find("s700", KIND_STRUCT)
    file = next(directory.iterdir())
    whole = file.read_bytes()
    for page in range(0, len(raw), 4096):
        file.write_bytes(whole[:page] + bytes(len(whole[page : page + 4096])) + whole[page + 4096 :])
        assert Btf.open_cached(raw, "k").find("s700", KIND_STRUCT) == good
        assert file.read_bytes() == whole


def test_many_writers_at_once_leave_one_whole_file(source: Path, directory: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: _answers(Btf.open_cached(source, "k")), range(24)))
    assert all(answer == found[0] for answer in found)
    assert [path.suffix for path in directory.iterdir()] == [".btf"]


def test_a_cache_that_cannot_be_written_is_no_error(source: Path, directory: Path) -> None:
    directory.parent.mkdir(parents=True)
    directory.write_text("a file where the directory should be")
    assert len(Btf.open_cached(source, "k")) == 102


def test_a_user_without_a_home_has_no_cache(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    assert cache.cache_directory() is None
    assert len(Btf.open_cached(source, "k")) == 102


@pytest.mark.parametrize("value", [None, "", "/some/where"])
def test_the_directory_is_the_one_that_platformdirs_names(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    if value is not None:
        monkeypatch.setenv("XDG_CACHE_HOME", value)
    assert cache.cache_directory() == Path(user_cache_dir("kverdict"), "btf")


def test_only_the_newest_files_are_kept(directory: Path) -> None:
    directory.mkdir(parents=True)
    for number in range(30):
        old = directory / f"old{number}.btf"
        old.write_bytes(b"x")
        os.utime(old, (number, number))
    Btf.open_cached(_some_btf(), "k")
    left = {path.name for path in directory.iterdir()}
    assert len(left) == 24 and "old0.btf" not in left and "old29.btf" in left


def test_a_split_btf_is_read_with_its_base(source: Path, tmp_path: Path) -> None:
    base = Btf.open_cached(source, "k")
    make = Maker(base)
    make.struct("own", 4, ("a", 1, 0))
    path = tmp_path / "module"
    path.write_bytes(make.raw())
    split = Btf.open_cached(path, "m", base)
    assert split.find("own", KIND_STRUCT) == len(base) and split.find("s7", KIND_STRUCT)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "expected at least 24"),
        (b"\x28\xb5\x2f\xfd", "expected at least 24|zstd frame"),
        (b"\x28\xb5\x2f\xfd" + b"\xff" * 40, "zstd frame"),
        (zstandard.ZstdCompressor().compress(_some_btf())[:-40], "expected|section"),
        (b"\x7fELF" + bytes(60), "magic number"),
    ],
)
def test_a_source_that_is_no_btf_is_bad_input(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "bad"
    path.write_bytes(content)
    with pytest.raises(InputError, match=problem):
        Btf.open_cached(path, "k")


def test_a_missing_source_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        Btf.open_cached(tmp_path / "none", "k")
    with pytest.raises(InputError, match="Is a directory"):
        Btf.open_cached(tmp_path, "k")


@pytest.mark.parametrize("kernel", kernel_names()[:1])
def test_a_real_kernel_answers_the_same_from_the_cache(kernel: str) -> None:
    cold = Btf.open_cached(kernel_file(kernel), kernel)
    warm = Btf.open_cached(kernel_file(kernel), kernel)
    assert len(cold) == len(warm) > 50_000
    for name, kind in (("task_struct", KIND_STRUCT), ("do_exit", KIND_FUNC), ("no_such_name", KIND_FUNC)):
        assert cold.find(name, kind) == warm.find(name, kind)
    assert warm.data == kernel_raw(kernel)
