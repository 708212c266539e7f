"""`kverdict doctor`: what kverdict finds on this machine, for bug reports and first steps."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from pathlib import Path

import click

from kverdict import __version__


@click.command("doctor")
def command() -> int:
    """Versions, caches, the running kernel, compilers: what works here and what is missing."""
    from kverdict.kernel.profile import profile_names
    from kverdict.report.columns import columns

    rows = [
        ("kverdict", __version__),
        ("python", f"{platform.python_version()} ({platform.python_implementation()})"),
        ("kernels", " ".join(profile_names())),
        ("cache", _cache()),
        ("running kernel", _host()),
        ("compiler", _compiler()),
        ("terminal", "yes" if sys.stdout.isatty() else "no"),
    ]
    click.echo(columns(rows))
    return 0


def _cache() -> str:
    from platformdirs import user_cache_path

    folder = Path(user_cache_path("kverdict"))
    nearest = next(one for one in (folder, *folder.parents) if one.exists())
    return f"{folder} ({'writable' if os.access(nearest, os.W_OK) else 'not writable: kernels open more slowly'})"


def _host() -> str:
    from kverdict.errors import InputError
    from kverdict.kernel.profile import load_profile

    try:
        return load_profile("host").title
    except InputError as problem:
        return f"{platform.release()}: {problem}"


def _compiler() -> str:
    for name in ("clang", *(f"clang-{number}" for number in range(22, 14, -1))):
        if shutil.which(name):
            return f"{name} (not needed to check objects)"
    return "no clang (not needed to check objects)"
