"""`kverdict demo`: the tour of the shipped examples: verdicts, a diagnostic, a patch as an overlay, runs, a proof."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from kverdict.cli import common
from kverdict.cli.check import MAIN_KERNELS, annotate, collect
from kverdict.errors import InputError

if TYPE_CHECKING:
    from kverdict.kernel.profile import KernelProfile
    from kverdict.machine.code import Code
    from kverdict.report.color import Palette

FOLDER: Final = "task_kptr"
HEADLINE: Final = "no_null_check.bpf.o"
OVERLAY: Final = "overlays/before_the_patch.toml"
RACES: Final = "races/lifetime.bpf.o"
THREE_CPUS: Final = ("reader", "writer", "stasher")


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
    _ledgers(folder, paint)
    _lifetimes(folder, paint)
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


def _ledgers(folder: Path, paint: Palette) -> None:
    """Each accepted program of the patch runs once, alone; its maps are destroyed and every reference must be back."""
    from kverdict.api import check_object, profiles_for
    from kverdict.machine.code import Code

    _title(
        "The accepted programs run on a simulated 6.18, each when task 42 is born; who took and dropped what:", paint
    )
    # guarded.bpf.o only acquires where a test module is loaded; its twin in unguarded/ always does.
    paths = [path for path in sorted(folder.glob(f"{FOLDER}/*.bpf.o")) if path.name != "guarded.bpf.o"]
    for path in (*paths, *sorted(folder.glob(f"{FOLDER}/unguarded/*.bpf.o"))):
        for result in check_object(str(path), profiles_for(["6.18"])):
            if result.word == "accepted" and result.linked is not None and "task_newtask" in result.section:
                click.echo(_run_once(Code.of(result.linked), result.profile))


def _run_once(code: Code, profile: KernelProfile) -> str:
    """What the program returned into `error`, and the ledger from the first event to the last destructor."""
    from kverdict.machine.fault import Fault
    from kverdict.machine.kernel import Kernel
    from kverdict.machine.scenario import happen, parse_event
    from kverdict.machine.summary import summary
    from kverdict.machine.world import World

    world = World(Kernel.of(profile), [code])
    if "watched" in world.globals:
        world.globals["watched"] = 1
    try:
        happen(world, parse_event("fork:pid=42,comm=worker"))
        told = summary(world)
        world.destroy_maps()
        world.rcu.synchronize()
        world.assert_no_leaks()
    except Fault as fault:
        return f"{code.name}: {fault}"
    result = "the result is right" if not told["globals"].get("error") else "error is set"
    lines = [f"{code.name}: {result}, every reference came back"]
    for entry in world.ledger.entries:
        if not entry.why.startswith("fork"):
            lines.append(f"    {entry.count:<9} {entry.change:+d} -> {entry.after}   {entry.why}")
    return "\n".join(lines)


def _lifetimes(folder: Path, paint: Palette) -> None:
    """The patch's invariant for three CPUs, proved; and the shortest schedule that breaks the naive design."""
    from kverdict.cli.explore import command as explore

    path = str(folder / RACES)
    color = "always" if paint.on else "never"
    cpus = [word for name in THREE_CPUS for word in ("--cpu", name)]
    for arguments in (cpus, ["--cpu", "reader", "--cpu", "writer", "--stash", "slots", "--design", "d"]):
        _title(f"kverdict explore {path} {' '.join(arguments)} --task '100 exits'", paint)
        explore.main(
            [path, *arguments, "--task", "100 exits", "--color", color], prog_name="explore", standalone_mode=False
        )
