"""`kverdict matrix`: programs × kernels at a glance, with the sentence where a kernel refuses."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from kverdict.cli import common
from kverdict.cli.check import collect, exit_code

if TYPE_CHECKING:
    from kverdict.api import Result


@click.command("matrix")
@click.argument("objects", nargs=-1, required=True, metavar="OBJECT...")
@common.kernel_option("all")
@common.preset_option()
@common.program_option()
@click.option("--strict", is_flag=True, help="what is undecided counts as rejected")
@click.option("--messages/--no-messages", default=True, help="list the kernels' sentences below the table")
@common.color_option()
def command(
    objects: Sequence[str],
    kernels: Sequence[str],
    presets: Sequence[str],
    programs: Sequence[str],
    strict: bool,
    messages: bool,
    color: str,
) -> int:
    """Programs × kernels: yes (accepted), NO (rejected), ? (not modelled), - (cannot be loaded there at all)."""
    from kverdict.api import profiles_for
    from kverdict.report.color import Palette, wants_color
    from kverdict.report.table import matrix_text

    profiles = profiles_for(common.kernel_names_of(kernels, "all"))
    found, bad = collect(common.objects_of(objects), profiles, common.presets_of(presets), programs)
    paint = Palette(wants_color(sys.stdout, color))
    if found:
        click.echo(matrix_text(found, [profile.name for profile in profiles], messages, paint), color=paint.on)
    return 2 if bad else exit_code(_words(found), strict)


def _words(found: Sequence[Result]) -> list[str]:
    return [result.word for result in found]
