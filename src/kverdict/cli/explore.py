"""`kverdict explore`: all interleavings of programs with dying tasks: a proof, or the shortest schedule that breaks."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from kverdict.cli import common
from kverdict.errors import InputError

if TYPE_CHECKING:
    from kverdict.explore.run import Options, Outcome
    from kverdict.explore.scenario import Scenario
    from kverdict.explore.search import Figures
    from kverdict.machine.code import Code
    from kverdict.machine.kernel import Kernel
    from kverdict.report.color import Palette

DEFAULT_KERNEL: Final = "6.18"


@click.command("explore")
@click.argument("path", metavar="[OBJECT]", required=False)
@click.option(
    "--cpu", "cpus", multiple=True, metavar="PROGRAM", help="a program on a CPU: reader, reader@0, f(task:100)"
)
@click.option("--task", "tasks", multiple=True, metavar="FATE", help="a task: exits, '100 exits', lives")
@click.option(
    "--stash", "stashes", multiple=True, metavar="MAP", help="the task lies in this map at first: MAP or MAP[KEY]"
)
@click.option("--assert", "assertions", multiple=True, metavar="TEXT", help="must hold at the end: 'globals.err == 0'")
@click.option("--scenario", "scenario_file", metavar="FILE", help="all of that from a TOML file")
@common.kernel_option(DEFAULT_KERNEL)
@common.preset_option()
@click.option(
    "--design", type=click.Choice(["a", "b", "c", "d"]), help="how the kernel counts tasks  [default: its own]"
)
@click.option("--matrix", is_flag=True, help="the nine interleavings that tell the four designs apart; needs no OBJECT")
@click.option("--property", "properties", multiple=True, metavar="NAME", help="look at this property only; see docs")
@click.option("--states", type=click.IntRange(1), default=5_000_000, show_default=True, help="most states to visit")
@click.option(
    "--seconds", type=click.FloatRange(0), default=60.0, show_default=True, help="for each search; 0: no limit"
)
@click.option("--memory", type=click.IntRange(0), default=2048, show_default=True, metavar="MIB", help="0: no limit")
@click.option(
    "--preemptions", type=click.IntRange(0, 9), default=3, show_default=True, help="bound, when all is too much"
)
@click.option("--samples", type=click.IntRange(1), default=2000, show_default=True, help="random schedules after that")
@click.option("--seed", type=int, default=1, show_default=True, help="of the random schedules")
@click.option("--schedule", metavar="TEXT", help="replay this schedule instead of searching")
@click.option("--unverified", is_flag=True, help="also run programs that the kernel would reject")
@click.option("--html", "page", metavar="FILE", help="write the report of the witness as a page with its timeline")
@click.option("--promela", metavar="FILE", help="write the scenario for the model checker spin, and stop")
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True)
@common.color_option()
def command(path: str | None, **options: Any) -> int:
    """Run programs of OBJECT on several CPUs with the kernel's reaper, scheduler and callbacks, in every order.

    Without --cpu and --scenario, each pair of programs runs against an exiting task. Exit code 0: proved; 1: a witness
    was found; 3: the search was bounded, sampled or interrupted and found nothing.
    """
    from kverdict.report.color import Palette, wants_color

    paint = Palette(options["style"] == "text" and wants_color(sys.stdout, options["color"]))
    if options["matrix"]:
        return _matrix(paint, options["style"])
    if path is None:
        raise InputError("explore", "OBJECT", "expected an object, or --matrix")
    scenario = _scenario(options)
    kernels = [scenario.kernel] if scenario and scenario.kernel and not options["kernels"] else options["kernels"]
    codes, kernel, notes = _programs(path, common.kernel_names_of(kernels, DEFAULT_KERNEL), scenario, options)
    scenarios = [_with_task(scenario, codes)] if scenario else _derived(codes)
    if options["schedule"]:
        return _replay(scenarios[0], codes, kernel, options["schedule"], paint)
    if options["promela"]:
        return _promela(scenarios[0], codes, kernel, options["promela"])
    outcomes = []
    for one in scenarios:
        outcome = _explore(one, codes, kernel, options)
        outcome.notes += notes
        outcomes.append(outcome)
        if options["style"] == "text":
            _print(outcome, paint)
    if options["page"]:
        _write_page(outcomes, options["page"])
    if options["style"] == "json":
        from kverdict.explore.as_json import document

        click.echo(json.dumps(document(outcomes), indent=2))
    worst = {outcome.exit_code for outcome in outcomes}
    return 1 if 1 in worst else 3 if 3 in worst else 0


def _scenario(options: dict[str, Any]) -> Scenario | None:
    """What the options describe; None if it is to be derived from the object."""
    from dataclasses import replace

    from kverdict.explore.assertion import parse
    from kverdict.explore.scenario import Scenario, load_scenario, parse_cpu, parse_task

    if options["scenario_file"]:
        if options["cpus"]:
            raise InputError("--scenario", options["scenario_file"], "cannot be combined with --cpu")
        found = load_scenario(options["scenario_file"])
    elif options["cpus"]:
        tasks = tuple(parse_task(text) for text in options["tasks"])
        found = Scenario(tuple(parse_cpu(text) for text in options["cpus"]), tasks)
    else:
        for name in ("tasks", "stashes", "assertions"):
            if options[name]:
                raise InputError(
                    "explore", f"--{name.removesuffix('s').removesuffix('e')}", "needs --cpu or --scenario"
                )
        return None
    if not found.cpus:
        raise InputError("explore", "scenario", "names no program")
    for text in options["assertions"]:
        parse(text)
    stashes = found.stashes + tuple(_stash(text) for text in options["stashes"])
    return replace(found, assertions=found.assertions + tuple(options["assertions"]), stashes=stashes)


def _with_task(scenario: Scenario, codes: dict[str, Code]) -> Scenario:
    """Programs that deal with tasks run beside one that exits, unless the scenario has tasks of its own."""
    from dataclasses import replace

    from kverdict.explore.run import deals_with_tasks
    from kverdict.explore.scenario import Task

    if scenario.tasks or not (scenario.stashes or any(deals_with_tasks(code) for code in codes.values())):
        return scenario
    return replace(scenario, tasks=(Task(),))


def _stash(text: str) -> Any:
    from kverdict.explore.scenario import Stash

    name, bracket, rest = text.partition("[")
    if bracket and not (rest.endswith("]") and rest[:-1].isdigit()):
        raise InputError("--stash", repr(text), "expected MAP or MAP[KEY]")
    return Stash(name, key=int(rest[:-1]) if bracket else -1)


def _programs(
    path: str, kernels: list[str], scenario: Scenario | None, options: dict[str, Any]
) -> tuple[dict[str, Code], Kernel, list[str]]:
    """The programs that take part, verified first; the kernel; notes on what runs though it would not be loaded."""
    from kverdict.api import check_object, profiles_for
    from kverdict.explore.designs import DESIGNS
    from kverdict.machine.code import Code
    from kverdict.machine.kernel import Kernel

    if len(kernels) != 1:
        raise InputError("-k", ",".join(kernels), "programs run on one kernel at a time")
    profiles = profiles_for(kernels)
    names = tuple(dict.fromkeys(cpu.program for cpu in scenario.cpus)) if scenario else ()
    codes: dict[str, Code] = {}
    notes = []
    for result in check_object(path, profiles, common.presets_of(options["presets"]), names):
        if result.word != "accepted" and (result.linked is None or not options["unverified"]):
            problem = f"{result.word} by {result.kernel}; see `kverdict check -k {result.kernel} {path}`"
            if scenario or result.linked is None:
                raise InputError(path, result.program, f"does not run: {problem}, or --unverified")
            notes.append(f"{result.program} is left out: {problem}")
            continue
        if result.word != "accepted":
            notes.append(f"{result.program} runs although it is {result.word} by {result.kernel}")
        assert result.linked is not None
        codes[result.program] = Code.of(result.linked)
    kernel = Kernel.of(profiles[0])
    design = options["design"] or (scenario.design if scenario else "")
    if design:
        if design not in DESIGNS:
            raise InputError("design", design, f"expected one of {', '.join(DESIGNS)}")
        kernel.design = DESIGNS[design].with_free(kernel.design.delayed_free)
        notes.append(f"the task design {design} ({kernel.design.name}) takes the place of the kernel's own")
    return codes, kernel, notes


def _derived(codes: dict[str, Code]) -> list[Scenario]:
    from kverdict.explore.run import derived

    found = derived(list(codes.values()))
    if not found:
        raise InputError("explore", "OBJECT", "has no program that could run")
    return found


def _explore(scenario: Scenario, codes: dict[str, Code], kernel: Kernel, options: dict[str, Any]) -> Outcome:
    from kverdict.explore.run import explore

    progress = common.Progress()
    title = scenario.title()

    def show(figures: Figures) -> None:
        progress(f"{title}: {figures.states:,} states, {figures.rate:,.0f}/s, frontier {figures.frontier:,}")

    try:
        return explore(scenario, codes, kernel, _options(options), show)
    finally:
        progress.done()


def _options(options: dict[str, Any]) -> Options:
    from kverdict.explore.property import Properties
    from kverdict.explore.run import Options
    from kverdict.explore.search import Budget

    return Options(
        Budget(options["states"], options["seconds"], options["memory"] << 20),
        tuple(range(1, options["preemptions"] + 1)),
        options["seed"],
        options["samples"],
        Properties(options["properties"]) if options["properties"] else None,
    )


def _print(outcome: Outcome, paint: Palette) -> None:
    import shutil

    from kverdict.explore.text import outcome_text

    width = max(60, min(shutil.get_terminal_size((100, 40)).columns, 120))
    click.echo(outcome_text(outcome, paint, width), color=paint.on)
    click.echo()


def _write_page(outcomes: list[Outcome], path: str) -> None:
    from kverdict.explore.page import page

    try:
        Path(path).write_text(page(outcomes), encoding="utf-8")
    except OSError as problem:
        raise InputError(path, "", f"cannot be written: {problem}") from None


def _replay(scenario: Scenario, codes: dict[str, Code], kernel: Kernel, text: str, paint: Palette) -> int:
    """Show what one schedule does. Exit code 1 if it breaks something."""
    from kverdict.explore.build import Stage
    from kverdict.explore.replay import replay
    from kverdict.explore.schedule import from_text
    from kverdict.explore.text import report_lines
    from kverdict.explore.timeline import timeline
    from kverdict.explore.witness import report_of

    found = replay(Stage(scenario, codes, kernel), from_text(text))
    if not found.problems:
        click.echo("\n".join(timeline(found)))
        click.echo("\nnothing was broken")
        return 0
    click.echo("\n".join(report_lines(report_of(found, found.problems[-1], text), paint)), color=paint.on)
    return 1


def _promela(scenario: Scenario, codes: dict[str, Code], kernel: Kernel, path: str) -> int:
    from kverdict.explore.build import Stage
    from kverdict.explore.model import KernelSystem
    from kverdict.explore.promela import promela
    from kverdict.explore.property import Properties

    text = promela(KernelSystem(Stage(scenario, codes, kernel), Properties()))
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as problem:
        raise InputError(path, "", f"cannot be written: {problem}") from None
    return 0


def _matrix(paint: Palette, style: str) -> int:
    """Exit code 1 if a cell is not as the design says."""
    from kverdict.explore.as_json import matrix_document
    from kverdict.explore.designs import matrix
    from kverdict.explore.matrix_text import matrix_lines

    cells = matrix()
    if style == "json":
        click.echo(json.dumps(matrix_document(cells), indent=2))
    else:
        click.echo("\n".join(matrix_lines(cells, paint)), color=paint.on)
    return 0 if all(cell.agrees for cell in cells) else 1
