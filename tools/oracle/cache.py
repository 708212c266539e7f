"""Where the kernels that were set up are kept: $BPF_ORACLE_CACHE or ~/.cache/bpf-oracle, about 80 MB each."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

from tools.oracle.answer import OracleError

HERE = Path(__file__).resolve().parent
QEMU = "qemu-system-x86_64"
SUITES = {"6.1": "bookworm", "6.12": "trixie", "7.2": "sid"}  # other versions are looked for in sid


def cache_directory() -> Path:
    """The folder of all kernels."""
    return Path(os.environ.get("BPF_ORACLE_CACHE") or Path.home() / ".cache" / "bpf-oracle")


def output(*command: str, cwd: Path | None = None) -> str:
    """What a command prints. Raises OracleError if it fails."""
    result = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, cwd=cwd)
    if result.returncode:
        raise OracleError(f"{shlex.join(command[:2])} ... failed:\n{result.stdout}{result.stderr}".rstrip())
    return result.stdout


@functools.cache
def agent_hash() -> str:
    """Identifies the program inside the guest: a snapshot belongs to one."""
    return hashlib.sha256((HERE / "agent.c").read_bytes()).hexdigest()


@functools.cache
def qemu_version() -> str:
    """Identifies QEMU: a snapshot belongs to one version."""
    return output(QEMU, "--version").splitlines()[0]


class Files:
    """The cached files of one kernel."""

    def __init__(self, version: str) -> None:
        if not re.fullmatch(r"\d+\.\d+", version):
            raise ValueError(f"not a kernel version: {version!r} (6.12, or host)")
        self.version, root = version, cache_directory()
        self.directory = root / version
        self.vmlinux, self.snapshot = self.directory / "vmlinux", self.directory / "snapshot.zst"
        self.btf, self.config, self._meta = (self.directory / name for name in ("btf", "config", "meta.json"))
        self.initrd = root / f"agent-{agent_hash()[:12]}.cpio"

    def meta(self) -> dict[str, str]:
        """Release, package, and what the snapshot belongs to."""
        found: dict[str, str] = json.loads(self._meta.read_text()) if self._meta.exists() else {}
        return found

    def write_meta(self, **values: str) -> None:
        """Add to meta()."""
        self._meta.write_text(json.dumps(self.meta() | values, indent=1) + "\n")

    def stale(self) -> str:
        """Why the snapshot cannot be used, or an empty string."""
        if not (self.snapshot.exists() and self.vmlinux.exists() and self.initrd.exists()):
            return "not set up"
        if not shutil.which(QEMU):
            return f"{QEMU} is missing"
        meta = self.meta()
        if meta.get("agent") != agent_hash():
            return "the agent has changed"
        if meta.get("qemu") != qemu_version():
            return "QEMU has changed"
        return ""


def set_up_versions() -> list[str]:
    """The kernels that can be asked."""
    root = cache_directory()
    found = [path.name for path in root.glob("*.*") if re.fullmatch(r"\d+\.\d+", path.name)]
    ready = [version for version in found if not Files(version).stale() and Files(version).btf.exists()]
    return sorted(ready, key=lambda version: [int(part) for part in version.split(".")])
