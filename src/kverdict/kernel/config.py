"""A kernel's configuration: the file it was built from, as name and value.

A table "config" of a source of facts has `settings` (CONFIG_NAME -> "y", "m", a number or a string without quotes) and
`complete`: whether a name that is not there is not set.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Final

from kverdict.kernel.facts import Table

# What tells of the build and the machine, not of the kernel; such a setting is never known.
LEFT_OUT: Final = frozenset(
    (
        "CONFIG_BUILD_SALT",
        "CONFIG_CC_VERSION_TEXT",
        "CONFIG_CMDLINE",
        "CONFIG_DEFAULT_HOSTNAME",
        "CONFIG_LOCALVERSION",
        "CONFIG_RUSTC_VERSION_TEXT",
    )
)
UNKNOWN: Final[Table] = {"complete": False, "settings": {}}


def setting_in(table: Table, name: str) -> str | None:
    """The value of a setting, "n" if it is not set, None if that is not known."""
    unset = "n" if table["complete"] and name not in LEFT_OUT else None
    value: str | None = table["settings"].get(name, unset)
    return value


def parse_config(text: str) -> dict[str, str]:
    """CONFIG_NAME -> value of everything that is set, quotes kept off."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals and name.startswith("CONFIG_"):
            found[name] = value.strip().strip('"')
    return found


def read_config(path: Path) -> Table:
    """The table of a gzipped configuration (/proc/config.gz); UNKNOWN if it cannot be read."""
    try:
        text = zlib.decompress(path.read_bytes(), 16 + zlib.MAX_WBITS).decode("utf-8", "replace")
    except (OSError, zlib.error):
        return UNKNOWN
    return {"complete": True, "settings": parse_config(text)}
