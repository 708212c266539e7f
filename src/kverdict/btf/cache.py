"""A kernel's BTF opened quickly: its raw bytes and index lie ready in one file in the user's cache directory.

The file is a header, the raw BTF, then three tables of 32-bit words (places, buckets, chain; see index.py). It is
written under another name and renamed, so a reader sees a whole file or none; whatever does not check out is rebuilt.
"""

from __future__ import annotations

import mmap
import os
import struct
import sys
from array import array
from contextlib import suppress
from pathlib import Path
from typing import Final
from zlib import crc32

from kverdict.btf import index
from kverdict.btf.btf import Btf
from kverdict.errors import InputError

_MAGIC: Final = b"kvbtf\x00\x00\x02" if sys.byteorder == "little" else b"kvbtf\x00\x01\x02"
# magic, raw size, types, buckets, checksum of the tables, checksum of a sample of the raw bytes, of the header so far.
_HEADER: Final = struct.Struct("<8sIIIIII")
_SAMPLE: Final = 512  # every 512th byte: a page that never reached the disk is noticed
_KEPT: Final = 24  # files in the directory; the oldest go
_ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
_LARGEST: Final = 256 << 20  # bytes of a BTF after decompression


def open_cached(source: Path | str | bytes, name: str, base: Btf | None = None) -> Btf:
    """The BTF in a file (raw or zstd) or in bytes. Raises InputError if it cannot be read or is none.

    A cache that cannot be written or read costs time, never an error. A file is known by its path, size, times and
    inode, bytes by their contents.
    """
    if base is not None:  # small, and worth nothing without its base
        return Btf.parse_lazily(_raw(source, name), name, base)
    key, directory = _key(source, name), cache_directory()
    file = directory / f"{key}.btf" if directory else None
    cached = _read(file, name) if file else None
    if cached is not None:
        return cached
    raw = _raw(source, name)
    fresh = Btf.parse_lazily(raw, name)
    if file:
        _write(file, raw, fresh)
    return fresh


def cache_directory() -> Path | None:
    """Where the files lie (need not exist); None if the user has no home."""
    if sys.platform == "linux":  # the same answer as platformdirs, without the time that importing it takes
        root = os.environ.get("XDG_CACHE_HOME", "").strip() or os.path.expanduser("~/.cache")
        return Path(root, "kverdict", "btf") if os.path.isabs(root) else None
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("kverdict"), "btf")


def _key(source: Path | str | bytes, name: str) -> str:
    """A file name that tells one source from another."""
    if isinstance(source, bytes):
        import hashlib  # heavy, and rarely wanted

        return hashlib.sha1(source, usedforsecurity=False).hexdigest()
    try:
        at = os.stat(source)
    except OSError as error:
        raise InputError(name, str(source), error.strerror or "cannot be read") from None
    path = crc32(os.fsencode(os.path.abspath(source)))
    facts = (path, at.st_size, at.st_mtime_ns, at.st_ctime_ns, at.st_ino, at.st_dev)
    return "-".join([f"{fact:x}" for fact in facts])


def _raw(source: Path | str | bytes, name: str) -> bytes:
    if not isinstance(source, bytes):
        try:
            source = Path(source).read_bytes()
        except OSError as error:
            raise InputError(name, str(source), error.strerror or "cannot be read") from None
    if not source.startswith(_ZSTD_MAGIC):
        return source
    import zstandard

    try:
        raw = zstandard.ZstdDecompressor().stream_reader(source).read(_LARGEST + 1)
    except zstandard.ZstdError as error:
        raise InputError(name, "zstd frame", str(error)) from None
    if len(raw) > _LARGEST:
        raise InputError(name, "zstd frame", f"more than {_LARGEST} bytes, expected a kernel's BTF")
    return raw


def _read(file: Path, name: str) -> Btf | None:
    """The cached BTF if the file is there and whole."""
    try:
        with open(file, "rb") as stream:
            mapped = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError):  # ValueError: an empty file
        return None
    view = memoryview(mapped)
    if len(view) < _HEADER.size:
        return None
    magic, raw_size, types, buckets, tables_sum, sample_sum, header_sum = _HEADER.unpack_from(view)
    tables_at = _aligned(_HEADER.size + raw_size)
    tables = view[tables_at:]
    if (
        magic != _MAGIC
        or header_sum != crc32(view[: _HEADER.size - 4])
        or len(tables) != 4 * (2 * types + buckets)
        or sample_sum != crc32(view[_HEADER.size : tables_at : _SAMPLE].tobytes())
        or tables_sum != crc32(tables)
    ):
        return None
    places, slots, chain = (
        tables[: 4 * types].cast("I"),
        tables[4 * types : 4 * (types + buckets)].cast("I"),
        tables[4 * (types + buckets) :].cast("I"),
    )
    layout = index.Layout(mapped, name, _HEADER.size, raw_size)
    return Btf(name, mapped, layout, places, (slots, chain), None, _HEADER.size, raw_size)


def _write(file: Path, raw: bytes, fresh: Btf) -> None:
    """Puts the file in place, or leaves everything as it was if that is not possible."""
    import tempfile  # heavy, and rarely wanted

    places, slots, chain = fresh.tables()
    tables = b"".join(array("I", table).tobytes() for table in (places, slots, chain))
    padded = raw + bytes(_aligned(_HEADER.size + len(raw)) - _HEADER.size - len(raw))
    counts = (_MAGIC, len(raw), len(places), len(slots), crc32(tables), crc32(padded[::_SAMPLE]))
    header = struct.pack("<8sIIIII", *counts)
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        number, other = tempfile.mkstemp(prefix="new-", dir=file.parent)
        try:
            with open(number, "wb") as stream:
                stream.write(header + struct.pack("<I", crc32(header)))
                stream.write(padded)
                stream.write(tables)
            os.replace(other, file)
        except OSError:
            os.unlink(other)
            raise
        _forget_the_oldest(file.parent)


def _forget_the_oldest(directory: Path) -> None:
    names = os.listdir(directory)
    if len(names) <= _KEPT:
        return
    paths = [directory / name for name in names]
    for path in sorted(paths, key=lambda path: path.stat().st_mtime_ns)[:-_KEPT]:
        path.unlink(missing_ok=True)


def _aligned(size: int) -> int:
    return (size + 7) & ~7
