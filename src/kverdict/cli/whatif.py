"""`kverdict whatif`: what two kernels, or a kernel and an overlay, say differently, and the rule that did it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from kverdict.cli import common
from kverdict.cli.check import collect
from kverdict.errors import InputError

if TYPE_CHECKING:
    from kverdict.kernel.profile import KernelProfile


@click.command("whatif")
@click.argument("objects", nargs=-1, required=True, metavar="OBJECT...")
@click.option("--from", "old", default=None, metavar="KERNEL", help="the kernel or overlay before  [default: 6.18]")
@click.option("--to", "new", default=None, metavar="KERNEL", help="the kernel or overlay after  [default: as --from]")
@click.option("--kfunc", "kfuncs", multiple=True, metavar="NAME=±FLAG,…", help="change flags: bpf_task_acquire=+KF_RCU")
@click.option(
    "--rcu-protected", "types", multiple=True, metavar="±TYPE", help="change RCU-protected types: +task_struct"
)
@click.option("--behaviour", "behaviours", multiple=True, metavar="±NAME", help="change a named behaviour")
@common.preset_option()
@common.program_option()
@click.option("--rules/--no-rules", default=True, help="find the rule behind each change")
@common.color_option()
def command(
    objects: Sequence[str],
    old: str | None,
    new: str | None,
    kfuncs: Sequence[str],
    types: Sequence[str],
    behaviours: Sequence[str],
    presets: Sequence[str],
    programs: Sequence[str],
    rules: bool,
    color: str,
) -> int:
    """Prints only what changes: programs that break, programs that are freed, sentences that become others.

    The changes of --kfunc, --rcu-protected and --behaviour are laid over --to. Exit code 1 if something changes.
    """
    from kverdict.api import profiles_for
    from kverdict.cli.check import DEFAULT_KERNEL
    from kverdict.report.color import Palette, wants_color
    from kverdict.report.whatif import changes_text, compare

    before = old or DEFAULT_KERNEL
    first, second = profiles_for([before, new or before])
    second = _edited(second, kfuncs, types, behaviours)
    if old is None and new is None and second is first:
        raise InputError("whatif", "", "nothing to compare, expected --from, --to or a change such as --kfunc")
    given = common.presets_of(presets)
    paths = common.objects_of(objects)
    left, bad_left = collect(paths, [first], given, programs)
    right, bad_right = collect(paths, [second], given, programs) if not bad_left else ([], True)
    if bad_left or bad_right:
        return 2
    progress = common.Progress()
    changes = compare(left, right, rules, progress)
    progress.done()
    paint = Palette(wants_color(sys.stdout, color))
    click.echo(changes_text(changes, first, second, len(left), paint), color=paint.on)
    return 1 if changes else 0


def _edited(
    profile: KernelProfile, kfuncs: Sequence[str], types: Sequence[str], behaviours: Sequence[str]
) -> KernelProfile:
    """The profile with the changes of the command line laid over it."""
    if not (kfuncs or types or behaviours):
        return profile
    from kverdict.kernel.overlay import Overlay
    from kverdict.kernel.profile import KernelProfile

    changes: dict[str, object] = {}
    if kfuncs:
        changes["kfunc"] = dict(_kfunc_change(text) for text in kfuncs)
    if types:
        changes["types"] = {"rcu_protected": [name for text in types for name in text.split(",")]}
    if behaviours:
        changes["behaviours"] = [name for text in behaviours for name in text.split(",")]
    return KernelProfile(Overlay(f"{profile.name}+changes", profile.source, changes, "command line"))


def _kfunc_change(text: str) -> tuple[str, dict[str, object]]:
    name, equals, flags = text.partition("=")
    if not equals or not name or not flags:
        raise InputError("--kfunc", repr(text), "expected NAME=+FLAG or NAME=-FLAG, e.g. bpf_task_acquire=+KF_RCU")
    return name, {"absent": True} if flags == "absent" else {"flags": flags.split(",")}
