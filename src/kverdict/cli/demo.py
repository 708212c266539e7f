"""`kverdict demo`: the tour of the shipped examples: verdicts on five kernels, a diagnostic, a patch as an overlay."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from kverdict.cli import common
from kverdict.cli.check import MAIN_KERNELS, annotate, collect
from kverdict.errors import InputError

if TYPE_CHECKING:
    from kverdict.report.color import Palette

FOLDER: Final = "task_kptr"
HEADLINE: Final = "no_null_check.bpf.o"
OVERLAY: Final = "overlays/before_the_patch.toml"


@click.command("demo")
@click.option(
    "--examples", type=click.Path(file_okay=False), help="folder of the examples  [default: the repository's]"
)
@common.color_option()
def command(examples: str | None, color: str) -> int:
    """Runs kverdict on its own examples: what it prints is what the documentation shows."""
    from kverdict.report.color import Palette, wants_color

    paint = Palette(wants_color(sys.stdout, color))
    folder = _folder(examples)
    _verdicts(folder, paint)
    _diagnostic(folder, paint)
    _patch(folder, paint)
    return 0


def _folder(given: str | None) -> Path:
    places = [Path(given)] if given else [Path("examples"), Path(__file__).resolve().parents[3] / "examples"]
    for place in places:
        if any((place / FOLDER).glob("*.bpf.o")):
            return place
    raise InputError("demo", str(places[0]), "no compiled examples here; run it in kverdict's repository")


def _title(text: str, paint: Palette) -> None:
    click.echo(f"\n{paint('bold', text)}\n", color=paint.on)


def _verdicts(folder: Path, paint: Palette) -> None:
    from kverdict.api import profiles_for
    from kverdict.report.table import matrix_text
    from kverdict.report.text import summary

    _title(f"What five kernels say to the programs in {folder / FOLDER}:", paint)
    found, bad = collect(
        [str(path) for path in sorted(folder.glob(f"{FOLDER}/*.bpf.o"))], profiles_for(MAIN_KERNELS), {}, ()
    )
    if bad:
        raise InputError("demo", str(folder), "an example cannot be read")
    click.echo(matrix_text(found, list(MAIN_KERNELS), True, paint), color=paint.on)
    click.echo(f"\n{summary(found)}")


def _diagnostic(folder: Path, paint: Palette) -> None:
    from kverdict.api import check_object, profiles_for
    from kverdict.report.story import tell
    from kverdict.report.text import result_text
    from kverdict.verify.verdict import Rejected

    path = folder / FOLDER / HEADLINE
    _title(f"kverdict {path}", paint)
    for result in check_object(str(path), profiles_for(["6.18"])):
        story = annotate(result, tell(result)) if isinstance(result.verdict, Rejected) and result.linked else None
        click.echo(result_text(result, story, paint), color=paint.on)


def _patch(folder: Path, paint: Palette) -> None:
    from kverdict.api import profiles_for
    from kverdict.report.whatif import changes_text, compare

    overlay = folder / OVERLAY
    _title(f"kverdict whatif --from {overlay} --to 6.4 {folder / FOLDER}/*.bpf.o", paint)
    before, after = profiles_for([str(overlay), "6.4"])
    paths = [str(path) for path in sorted(folder.glob(f"{FOLDER}/*.bpf.o"))]
    left, right = collect(paths, [before], {}, ())[0], collect(paths, [after], {}, ())[0]
    progress = common.Progress()
    changes = compare(left, right, True, progress)
    progress.done()
    click.echo(changes_text(changes, before, after, len(left), paint), color=paint.on)
