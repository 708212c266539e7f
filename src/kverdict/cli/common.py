"""What commands share: how objects, kernels and presets are named on the command line, and the user's configuration."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from kverdict.errors import InputError

F = TypeVar("F", bound=Callable[..., Any])
WILD: Final = frozenset("*?[")
KEYS: Final = ("kernels", "presets", "format", "strict", "color")


def kernel_option(default: str | None = None) -> Callable[[F], F]:
    """-k/--kernel: names, comma-separated or repeated, "all", "host", overlay files."""
    return click.option(
        "-k",
        "--kernel",
        "kernels",
        multiple=True,
        metavar="NAMES",
        help="6.4,6.18,host, all, or an overlay file" + (f"  [default: {default}]" if default else ""),
    )


def preset_option() -> Callable[[F], F]:
    """-G/--preset: values of global variables before loading."""
    return click.option(
        "-G", "--preset", "presets", multiple=True, metavar="'NAME = VALUE'", help="set a global variable first"
    )


def program_option() -> Callable[[F], F]:
    """-p/--program: only these programs of an object."""
    return click.option("-p", "--program", "programs", multiple=True, metavar="NAME", help="only this program")


def color_option() -> Callable[[F], F]:
    """--color: auto, always, never."""
    return click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", show_default=True)


def kernel_names_of(values: Sequence[str], default: str) -> list[str]:
    """The kernels that were named, in order, each once; "all" is every kernel of the package."""
    from kverdict.kernel.profile import profile_names

    names: list[str] = []
    for value in values or (default,):
        for name in value.split(","):
            name = name.strip()
            names += profile_names() if name == "all" else [name] if name else []
    return list(dict.fromkeys(names))


def presets_of(values: Iterable[str]) -> dict[str, str]:
    """{"enabled": "1"} of "enabled = 1". Raises InputError for text without "="."""
    found: dict[str, str] = {}
    for value in values:
        name, equals, text = value.partition("=")
        if not equals or not name.strip() or not text.strip():
            raise InputError("-G", repr(value), "expected 'NAME = VALUE'")
        found[name.strip()] = text.strip()
    return found


def objects_of(values: Sequence[str]) -> list[str]:
    """Paths of objects: @FILE is a list of them, one a line; patterns that the shell left alone are expanded."""
    paths: list[str] = []
    for value in values:
        if value.startswith("@") and len(value) > 1:
            paths += objects_of(_listed(value[1:]))
        elif WILD & set(value) and not os.path.exists(value):
            import glob

            found = sorted(glob.glob(value, recursive=True))
            if not found:
                raise InputError(value, "", "no file matches this pattern")
            paths += found
        else:
            paths.append(value)
    return paths


def _listed(path: str) -> list[str]:
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        raise InputError(path, "", f"cannot be read as a list of objects: {problem}") from None
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]


def configuration() -> dict[str, Any]:
    """kverdict.toml, or [tool.kverdict] of pyproject.toml, in this directory or the nearest above; {} without."""
    for folder in (Path.cwd(), *Path.cwd().parents):
        for name, keys in (("kverdict.toml", ()), ("pyproject.toml", ("tool", "kverdict"))):
            path = folder / name
            if path.is_file():
                found = _read_configuration(path, keys)
                if found is not None:
                    return found
    return {}


def _read_configuration(path: Path, keys: Sequence[str]) -> dict[str, Any] | None:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise InputError(str(path), "", f"cannot be read: {problem}") from None
    if keys and keys[-1] not in text:
        return None  # a pyproject.toml that says nothing about kverdict
    import tomllib

    try:
        table: Any = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise InputError(str(path), "", f"cannot be read: {problem}") from None
    for key in keys:
        table = table.get(key) if isinstance(table, dict) else None
    if table is None:
        return None
    if not isinstance(table, dict):
        raise InputError(str(path), ".".join(keys), "expected a table")
    for key in table:
        if key not in KEYS:
            raise InputError(str(path), key, f"unknown setting, expected one of {', '.join(KEYS)}")
    return table


def configured(values: Sequence[str], settings: dict[str, Any], key: str) -> list[str]:
    """What the command line says, else what the configuration says, as a list of strings."""
    if values:
        return list(values)
    found = settings.get(key, [])
    if isinstance(found, str):
        return [found]
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise InputError("configuration", key, "expected a string or a list of strings")
    return found


class Progress:
    """A status line on standard error while something long runs; silent unless that is a terminal."""

    def __init__(self) -> None:
        self.on = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self.shown = False

    def __call__(self, text: str) -> None:
        """Shows the text in place of the last one."""
        if self.on:
            sys.stderr.write(f"\r\x1b[K{text[:100]}")
            sys.stderr.flush()
            self.shown = True

    def done(self) -> None:
        """Takes the line away."""
        if self.shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self.shown = False
