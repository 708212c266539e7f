"""The running kernel: its own types and configuration, with the rules of the nearest kernel that kverdict knows."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from kverdict.errors import InputError
from kverdict.kernel.behaviours import version_numbers
from kverdict.kernel.config import read_config
from kverdict.kernel.facts import Facts, Table, facts, kernel_names

BTF: Final = Path("/sys/kernel/btf/vmlinux")
CONFIG: Final = Path("/proc/config.gz")


class Host:
    """A source of facts: types and release of the running kernel, everything else from `base`."""

    def __init__(self, release: str, base: Facts, btf: Path, config: Table) -> None:
        self.name: Final = "host"
        self._config: Final = config
        self.base: Final = base
        self._btf: Final = btf
        notes = [
            f"running kernel {release}: types are its own, rules are those of {base.meta()['release']}, the nearest"
        ]
        if not config["complete"]:
            notes.append("configuration of the running kernel is not readable")
        meta = {key: value for key, value in base.meta().items() if key not in ("types_from", "config", "version")}
        self._meta: Final[Table] = meta | {
            "release": release,
            "title": f"running kernel {release} (rules of {base.name})",
            "notes": notes,
        }

    def meta(self) -> Table:
        """The release and configuration of the running kernel."""
        return self._meta

    def table(self, name: str) -> Table:
        """The rules of the nearest kernel, and the running kernel's own configuration."""
        return self._config if name == "config" else self.base.table(name)

    def btf_path(self) -> Path:
        """The running kernel's types."""
        return self._btf


def host_source() -> Host:
    """The running kernel. Raises InputError if it has no BTF."""
    if not BTF.exists():
        raise InputError(str(BTF), "", "the running kernel has no BTF here (CONFIG_DEBUG_INFO_BTF)")
    release = os.uname().release
    return Host(release, facts(nearest_kernel(release)), BTF, read_config(CONFIG))


def nearest_kernel(release: str) -> str:
    """The newest known kernel that is not newer than this release, else the oldest known.

    Kernels without types of their own are left out: their configuration is too small to stand for a machine.
    """
    at = version_numbers(release)[:2]
    known = [name for name in kernel_names() if "types_from" not in facts(name).meta()]
    older = [name for name in known if version_numbers(name) <= at]
    return older[-1] if older else known[0]
