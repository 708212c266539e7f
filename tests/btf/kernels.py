"""The BTFs of real kernels that the package ships, for tests that want a whole kernel's types."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import zstandard

import kverdict
from kverdict.btf.btf import Btf

_DATA = Path(kverdict.__file__).parent / "kernel" / "data"


def kernel_file(name: str) -> Path:
    """The packed BTF of a kernel."""
    return _DATA / name / "btf.zst"


def kernel_names() -> list[str]:
    """Kernels whose types are there."""
    return sorted(path.parent.name for path in _DATA.glob("*/btf.zst"))


def kernel_raw(name: str) -> bytes:
    """The raw BTF of a kernel."""
    return zstandard.ZstdDecompressor().stream_reader(kernel_file(name).read_bytes()).read()


@cache
def kernel_btf(name: str) -> Btf:
    """The types of a kernel, opened once for all tests."""
    return Btf.parse_lazily(kernel_raw(name), f"kernel {name}")
