"""`kverdict helpers`: which helpers a kernel offers, and one of them in detail."""

from __future__ import annotations

import click

from kverdict.cli import common
from kverdict.cli.check import DEFAULT_KERNEL
from kverdict.errors import InputError


@click.command("helpers")
@click.argument("pattern", required=False, default="", metavar="[NAME or part of it]")
@common.kernel_option(DEFAULT_KERNEL)
def command(pattern: str, kernels: tuple[str, ...]) -> int:
    """Lists helpers; a whole name shows its prototype and the programs that may call it, on each kernel named."""
    from kverdict.kernel.profile import load_profile
    from kverdict.report.listing import helper_list, helper_page

    profiles = [load_profile(name) for name in common.kernel_names_of(kernels, DEFAULT_KERNEL)]
    names = sorted({name for profile in profiles for name in profile.helper_ids})
    if pattern in names:
        click.echo(helper_page(pattern, profiles))
    elif any(pattern in name for name in names):
        click.echo(helper_list(profiles[0], pattern))
    else:
        raise InputError("helpers", repr(pattern), f"no such helper in {', '.join(p.name for p in profiles)}")
    return 0
