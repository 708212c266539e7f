"""`kverdict profiles`: the kernels that kverdict knows, and where the facts about each come from."""

from __future__ import annotations

import click

from kverdict.errors import InputError


@click.command("profiles")
@click.argument("name", required=False, default="", metavar="[NAME]")
def command(name: str) -> int:
    """Lists the kernel profiles; a name (or "host", or an overlay file) shows one with its provenance."""
    from kverdict.kernel.profile import load_profile, profile_names
    from kverdict.report.listing import profile_list, profile_page

    if not name:
        click.echo(profile_list([load_profile(known) for known in profile_names()]))
        return 0
    if name == "all":
        raise InputError("profiles", name, "expected the name of one kernel")
    click.echo(profile_page(load_profile(name)))
    return 0
