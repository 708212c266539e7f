"""Debian's kernel packages, fetched with an apt of our own, and the vmlinux inside them. Nothing is installed."""

from __future__ import annotations

import ctypes
import functools
import gzip
import lzma
import os
import re
import shutil
import struct
import subprocess
import tempfile
from pathlib import Path

from tools.oracle.answer import OracleError
from tools.oracle.cache import SUITES, Files, cache_directory, output


class Apt:
    """A private apt for one suite: own lists and cache, this machine's mirror, keys and proxy settings."""

    def __init__(self, suite: str) -> None:
        directory = cache_directory() / "apt" / suite
        for part in ("state/lists/partial", "cache/archives/partial"):
            (directory / part).mkdir(parents=True, exist_ok=True)
        (directory / "status").touch()
        suites = {"debian": [suite], "debian-security": []}
        if suite != "sid":
            suites = {"debian": [suite, f"{suite}-updates"], "debian-security": [f"{suite}-security"]}
        lines = [
            f"deb [arch=amd64{' signed-by=' + key if key else ''}] {uri} {name} main\n"
            for archive, (uri, key) in mirrors().items()
            for name in suites[archive]
        ]
        (directory / "sources.list").write_text("".join(lines))
        settings = {
            "Dir::State": directory / "state",
            "Dir::State::status": directory / "status",
            "Dir::Cache": directory / "cache",
            "Dir::Etc::SourceList": directory / "sources.list",
            "Dir::Etc::SourceParts": "/dev/null",
            "Acquire::Languages": "none",
            "APT::Architecture": "amd64",
        }
        if os.geteuid() == 0:
            settings["APT::Sandbox::User"] = "root"
        self._options = [f"-o{name}={value}" for name, value in settings.items()]

    def update(self) -> None:
        """Fetch the lists of packages."""
        output("apt-get", *self._options, "-qq", "update")

    def newest_kernel(self, version: str) -> str:
        """The newest cloud kernel of a version; where the packages are split, the image is in linux-binary-*."""
        pattern = re.compile(rf"linux-(image|binary)-({re.escape(version)}[-.+~][\w.+~-]*)-cloud-amd64")
        listed = output("apt-cache", *self._options, "search", "--names-only", "^linux-(image|binary)-.*-cloud-amd64$")
        names = [line.split()[0] for line in listed.splitlines()]
        matches = [found for found in map(pattern.fullmatch, names) if found]
        if not matches:
            raise OracleError(f"no cloud kernel {version} in this suite, only: {' '.join(sorted(names)) or 'none'}")
        return max(matches, key=functools.cmp_to_key(_compare_packages))[0]

    def download(self, package: str, directory: Path) -> Path:
        """The package's file."""
        output("apt-get", *self._options, "-qq", "download", package, cwd=directory)
        return next(directory.glob(f"{package}_*.deb"))


def _compare_packages(a: re.Match[str], b: re.Match[str]) -> int:
    if a[2] == b[2]:
        return (a[1] == "binary") - (b[1] == "binary")
    newer = subprocess.run(["dpkg", "--compare-versions", a[2], "gt", b[2]], check=False).returncode == 0
    return 1 if newer else -1


def mirrors() -> dict[str, tuple[str, str]]:
    """The Debian mirrors in this machine's apt sources: archive -> address, key file named beside it."""
    etc = Path("/etc/apt")
    found: dict[str, tuple[str, str]] = {}
    for path in [etc / "sources.list", *sorted((etc / "sources.list.d").glob("*"))]:
        text = path.read_text() if path.suffix in (".list", ".sources") and path.exists() else ""
        for entry in text.split("\n\n") if path.suffix == ".sources" else text.splitlines():
            entry = re.sub(r"^#.*\n?", "", entry, flags=re.M)
            uri = re.search(r"\b[a-z+]+:/\S*/(debian|debian-security)/?(?=\s|$)", entry)
            key = re.search(r"signed-by[:=]\s*(/[^\s\]]+)", entry, re.I)
            if uri:
                found.setdefault(uri[1], (uri[0], key[1] if key else ""))
    if "debian" not in found:
        raise OracleError("no Debian mirror in /etc/apt/sources.list or /etc/apt/sources.list.d")
    return found


def get_kernel(files: Files) -> None:
    """Download the Debian package and keep its vmlinux and configuration."""
    apt = Apt(SUITES.get(files.version, "sid"))
    apt.update()
    package = apt.newest_kernel(files.version)
    with tempfile.TemporaryDirectory(dir=files.directory) as directory:
        unpacked = Path(directory) / "unpacked"
        names = [package]
        if package.startswith("linux-binary-"):
            names.append(package.replace("-binary-", "-base-", 1))  # the configuration
        for name in names:
            output("dpkg-deb", "-x", str(apt.download(name, Path(directory))), str(unpacked))
        image = next(path for path in sorted(unpacked.rglob("vmlinuz*")) if path.is_file())
        for config in [*unpacked.glob("boot/config-*"), *unpacked.glob("usr/lib/modules/*/config")]:
            shutil.copyfile(config, files.config)
        files.vmlinux.write_bytes(extract_vmlinux(image.read_bytes()))
    files.write_meta(package=package)


def extract_vmlinux(image: bytes) -> bytes:
    """The ELF file inside a bzImage; the boot header says where it is."""
    if image[0x202:0x206] != b"HdrS":
        raise OracleError("not a bzImage")
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = ((image[0x1F1] or 4) + 1) * 512 + offset
    payload = image[start : start + length]
    if payload.startswith(b"\x1f\x8b"):
        return gzip.decompress(payload[:-4])
    if payload.startswith(b"\xfd7zXZ\0"):
        return lzma.LZMADecompressor().decompress(payload)
    if payload.startswith(b"\x28\xb5\x2f\xfd"):  # the image ends with its unpacked size, which zstd complains about
        return subprocess.run(["zstd", "-qdc"], input=payload[:-4], stdout=subprocess.PIPE, check=True).stdout
    if payload.startswith(b"\x02\x21\x4c\x18"):
        return _lz4(payload[4:-4])
    raise OracleError(f"unknown kernel compression {payload[:4].hex()}")


def _lz4(blocks: bytes) -> bytes:
    """The legacy LZ4 format: sized blocks that unpack to at most 8 MiB. apt depends on the library."""
    unpack = ctypes.CDLL("liblz4.so.1").LZ4_decompress_safe
    buffer, out, at = ctypes.create_string_buffer(8 << 20), [], 0
    while at < len(blocks):
        (size,) = struct.unpack_from("<I", blocks, at)
        got = unpack(blocks[at + 4 : at + 4 + size], buffer, size, len(buffer))
        if got < 0:
            raise OracleError("corrupt LZ4 data")
        out.append(buffer.raw[:got])
        at += 4 + size
    return b"".join(out)
