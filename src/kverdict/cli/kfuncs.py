"""`kverdict kfuncs`: the kernel functions of a kernel, one of them in detail, what changed between kernels."""

from __future__ import annotations

import click

from kverdict.cli import common
from kverdict.cli.check import DEFAULT_KERNEL
from kverdict.errors import InputError


@click.command("kfuncs")
@click.argument("pattern", required=False, default="", metavar="[NAME or part of it]")
@common.kernel_option(DEFAULT_KERNEL)
@click.option("--changed", is_flag=True, help="only what differs between the kernels that were named")
def command(pattern: str, kernels: tuple[str, ...], changed: bool) -> int:
    """Lists kfuncs with flags and program types; a whole name shows its prototype, on each kernel that was named."""
    from kverdict.kernel.profile import load_profile
    from kverdict.report.listing import kfunc_changes, kfunc_list, kfunc_page

    profiles = [load_profile(name) for name in common.kernel_names_of(kernels, "all" if changed else DEFAULT_KERNEL)]
    names = sorted({name for profile in profiles for name in profile.kfunc_names})
    if changed:
        click.echo(kfunc_changes(profiles, pattern))
    elif pattern in names:
        click.echo(kfunc_page(pattern, profiles))
    elif any(pattern in name for name in names):
        click.echo(kfunc_list(profiles[0], pattern))
    else:
        raise InputError("kfuncs", repr(pattern), f"no such kfunc in {', '.join(p.name for p in profiles)}")
    return 0
