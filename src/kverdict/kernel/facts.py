"""One kernel's folder of facts: tables read when they are first asked for. Written by tools/pack_kernels.py."""

from __future__ import annotations

import json
import zlib
from functools import cache
from pathlib import Path
from typing import Any, Final, Protocol

from kverdict.errors import InputError, InternalError

DATA: Final = Path(__file__).resolve().parent / "data"
TABLES: Final = ("config", "enums", "helpers", "helper_protos", "kfuncs", "kfunc_answers", "sets")
_GZIP: Final = 16 + zlib.MAX_WBITS

Table = dict[str, Any]


class Source(Protocol):
    """Where a profile reads its tables: a folder of facts, or an overlay on another source."""

    @property
    def name(self) -> str:
        """What the user calls it: "6.4", "before_the_patch"."""

    def meta(self) -> Table:
        """The kernel's release, configuration and provenance."""

    def table(self, name: str) -> Table:
        """One of TABLES; not to be changed."""

    def btf_path(self) -> Path:
        """The kernel's BTF, raw or zstd."""


class Facts:
    """The tables of one kernel of the package's data."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name: Final = name
        self.folder: Final = folder
        self._tables: dict[str, Table] = {}
        self._meta: Table | None = None

    def meta(self) -> Table:
        """The content of meta.json."""
        if self._meta is None:
            loaded: Table = json.loads((self.folder / "meta.json").read_bytes())
            self._meta = loaded
        return self._meta

    def table(self, name: str) -> Table:
        """One of TABLES, read on the first call (about a millisecond)."""
        found = self._tables.get(name)
        if found is None:
            packed = (self.folder / f"{name}.json.gz").read_bytes()
            try:
                found = json.loads(zlib.decompress(packed, _GZIP))
            except (zlib.error, ValueError) as error:
                raise InternalError(f"{self.name}: damaged facts {name}.json.gz: {error}") from error
            self._tables[name] = found
        return found

    def btf_path(self) -> Path:
        """The kernel's BTF (zstd), or that of the kernel whose types it takes."""
        types_from = self.meta().get("types_from")
        return (DATA / types_from if types_from else self.folder) / "btf.zst"


@cache
def facts(name: str) -> Facts:
    """The facts of a kernel by name ("6.4"). Raises InputError if the package has none."""
    folder = DATA / name
    if name not in kernel_names():
        raise InputError("kernel", name, f"no such kernel, expected one of {', '.join(kernel_names())}")
    return Facts(name, folder)


@cache
def kernel_names() -> tuple[str, ...]:
    """The kernels that have a folder of facts, oldest first."""
    found = [path.parent.name for path in DATA.glob("*/meta.json")]
    return tuple(sorted(found, key=lambda name: [int(part) for part in name.split(".")]))


@cache
def overlay_names() -> tuple[str, ...]:
    """Kernels of the package that are overlays on others ("6.3-clang")."""
    return tuple(sorted(path.stem for path in DATA.glob("*.toml")))
