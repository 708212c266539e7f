"""`kverdict check`: verdicts on objects, for people or for machines."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import click

from kverdict.cli import common
from kverdict.errors import InputError

if TYPE_CHECKING:
    from kverdict.api import Result
    from kverdict.kernel.profile import KernelProfile
    from kverdict.report.color import Palette
    from kverdict.report.story import Story

FORMATS: Final = ("text", "concise", "json", "sarif", "github", "gitlab", "junit", "csv")
MOST_NOTES: Final = 5
MOST_FOR_NOTES: Final = 20_000  # instructions walked over; other kernels are not asked about larger programs
DEFAULT_KERNEL: Final = "6.18"


@click.command("check")
@click.argument("objects", nargs=-1, required=True, metavar="OBJECT...")
@common.kernel_option(DEFAULT_KERNEL)
@common.preset_option()
@common.program_option()
@click.option("-f", "--format", "form", type=click.Choice(FORMATS), help="[default: text]")
@click.option("--strict", is_flag=True, help="what is undecided counts as rejected")
@click.option("--notes/--no-notes", default=None, help="ask the other kernels too, and prove suggestions (text, json)")
@common.color_option()
def command(
    objects: Sequence[str],
    kernels: Sequence[str],
    presets: Sequence[str],
    programs: Sequence[str],
    form: str | None,
    strict: bool,
    notes: bool | None,
    color: str,
) -> int:
    """Verdicts on compiled BPF objects: `-` is standard input, @FILE a list of paths.

    Exit code: 0 all accepted, 1 some rejected, 2 bad input, 3 some undecided, 4 a bug in kverdict.
    """
    settings = common.configuration()
    from kverdict.api import profiles_for

    profiles = profiles_for(common.kernel_names_of(common.configured(kernels, settings, "kernels"), DEFAULT_KERNEL))
    for profile in profiles:
        for note in profile.notes if profile.name == "host" else ():
            click.echo(f"kverdict: {note}", err=True)
    form = form or str(settings.get("format", "text"))
    if form not in FORMATS:
        raise InputError("configuration", "format", f"expected one of {', '.join(FORMATS)}")
    wants_notes = form == "text" if notes is None else notes
    given = common.presets_of(common.configured(presets, settings, "presets"))
    found, bad = collect(common.objects_of(objects), profiles, given, programs)
    if found or not bad:
        print_results(found, form, str(settings.get("color", color)) if color == "auto" else color, wants_notes)
    return 2 if bad else exit_code([result.word for result in found], strict or bool(settings.get("strict")))


def collect(
    paths: Sequence[str], profiles: Sequence[KernelProfile], presets: dict[str, str], programs: Sequence[str]
) -> tuple[list[Result], bool]:
    """All results of all objects. A bad object is complained about in one line and gives no results at all."""
    from kverdict.api import check_object

    progress = common.Progress()
    found: list[Result] = []
    bad = False
    for path in paths:
        try:
            found += list(check_object(path, profiles, presets, programs, progress=progress))
        except InputError as problem:
            progress.done()
            click.echo(f"kverdict: {problem}", err=True)
            bad = True
    progress.done()
    return found, bad


def print_results(found: Sequence[Result], form: str, color: str, notes: bool) -> None:
    """Writes the report to standard output."""
    from kverdict.report.color import Palette, wants_color

    paint = Palette(wants_color(sys.stdout, color))
    if form == "concise":
        from kverdict.report.concise import concise_line

        for result in found:
            click.echo(concise_line(result), color=True)
        return
    told = stories(found, notes)
    if form == "json":
        from kverdict.report.json_report import as_json

        click.echo(as_json(told), nl=False)
    elif form == "text":
        _print_text(told, paint)
    else:
        from kverdict.report.ci import FORMATS as MACHINE

        click.echo(MACHINE[form](told), nl=False)


def _print_text(told: Sequence[tuple[Result, Story | None]], paint: Palette) -> None:
    from kverdict.report.text import group_text, grouped, summary

    previous = False
    for number, (results, story) in enumerate(grouped(told)):
        if number and (story is not None or previous):
            click.echo()
        click.echo(group_text(results, story, paint), color=paint.on)
        previous = story is not None
    if len(told) > 1:
        click.echo()
        click.echo(summary([result for result, _ in told]))


def stories(found: Sequence[Result], notes: bool) -> list[tuple[Result, Story | None]]:
    """Each refusal with its story; for the first few also what other kernels say, and a suggestion that was proved."""
    from kverdict.report.story import tell
    from kverdict.verify.verdict import Rejected

    told: list[tuple[Result, Story | None]] = []
    annotated: set[tuple[str, str, str]] = set()
    for result in found:
        story = tell(result) if isinstance(result.verdict, Rejected) and result.linked is not None else None
        if story is not None and notes and len(annotated) < MOST_NOTES:
            about = (result.object_name, result.program, story.message_id)
            if about not in annotated:
                annotated.add(about)
                story = annotate(result, story)
        told.append((result, story))
    return told


def annotate(result: Result, story: Story) -> Story:
    """The story with notes on other kernels and, where possible, help that was verified."""
    from kverdict.api import profiles_for
    from kverdict.report.compare import kernel_notes, processed
    from kverdict.report.suggest import proved_help

    if processed(result) > MOST_FOR_NOTES:
        return story
    others = profiles_for(MAIN_KERNELS)
    return story._replace(notes=kernel_notes(result, others), help=proved_help(result, story, others))


MAIN_KERNELS: Final = ("6.3", "6.4", "6.12", "6.18", "7.2")


def exit_code(words: Sequence[str], strict: bool = False) -> int:
    """0 accepted, 1 rejected, 3 undecided (1 if strict)."""
    if "rejected" in words:
        return 1
    if "unsupported" in words or "environment" in words:
        return 1 if strict else 3
    return 0
