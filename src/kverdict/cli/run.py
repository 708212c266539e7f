"""`kverdict run`: run the programs of an object on a simulated kernel and tell what happened."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from kverdict.cli import common
from kverdict.errors import InputError

if TYPE_CHECKING:
    from kverdict.api import Result
    from kverdict.machine.scenario import Event
    from kverdict.machine.world import World

DEFAULT_KERNEL = "6.18"


@click.command("run")
@click.argument("path", metavar="OBJECT")
@common.kernel_option(DEFAULT_KERNEL)
@common.preset_option()
@common.program_option()
@click.option("-e", "--event", "event_texts", multiple=True, metavar="EVENT", help="e.g. fork:pid=42,comm=worker")
@click.option("--scenario", metavar="FILE", help="events from a TOML file, before those of --event")
@click.option("--pcap", metavar="FILE", help="packets for the XDP or tc program, from a capture file")
@click.option("--set", "variables", multiple=True, metavar="'NAME = NUMBER'", help="set a global variable at run time")
@click.option("--cpus", type=click.IntRange(1, 64), default=2, show_default=True, help="CPUs of the simulated kernel")
@click.option("--unverified", is_flag=True, help="also run programs that the kernel would reject")
@click.option("--trace", is_flag=True, help="print every instruction with the registers that it changes")
@click.option("--list-events", is_flag=True, help="the kinds of events and their settings")
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(path: str, event_texts: tuple[str, ...], scenario: str | None, **options: Any) -> int:
    """Run the programs of OBJECT on a simulated kernel.

    Without events, what the programs wait for happens once. Exit code 1 if a program is rejected, faults or leaks.
    """
    if options["list_events"]:
        return _list_events()
    from kverdict.machine.scenario import default_events, parse_event, read_scenario

    events = (read_scenario(scenario) if scenario else []) + [parse_event(text) for text in event_texts]
    if options["pcap"]:
        from kverdict.machine.pcap import packet_events

        events += packet_events(options["pcap"])
    names = common.kernel_names_of(options["kernels"], DEFAULT_KERNEL)
    if len(names) != 1:
        raise InputError("-k", ",".join(names), "a program runs on one kernel at a time")
    results = _verdicts(path, names[0], options)
    world = _world(results, options)
    for variable, value in common.presets_of(options["variables"]).items():
        _set(world, variable, value)
    broken = _play(world, events or default_events(world), options["trace"])
    return _tell(world, results, broken, options["style"])


def _list_events() -> int:
    from kverdict.machine.scenario import KINDS

    for kind, (needed, optional, meaning) in KINDS.items():
        settings = ",".join([f"{key}=…" for key in needed] + [f"[{key}=…]" for key in optional])
        click.echo(f"{kind + (':' + settings if settings else ''):<40} {meaning}")
    return 0


def _verdicts(path: str, kernel: str, options: dict[str, Any]) -> list[Result]:
    from kverdict.api import check_object, profiles_for

    presets = common.presets_of(options["presets"])
    progress = common.Progress()
    found = list(check_object(path, profiles_for([kernel]), presets, options["programs"], progress=progress))
    progress.done()
    return found


def _world(results: list[Result], options: dict[str, Any]) -> World:
    """A world with the programs that may run. Raises UnsupportedError naming functions that the machine lacks."""
    from kverdict.machine.code import Code
    from kverdict.machine.kernel import Kernel
    from kverdict.machine.world import World
    from kverdict.verify.verdict import Accepted

    codes = []
    for result in results:
        if result.linked is None:
            click.echo(f"kverdict: {result.program} is left out: it cannot be linked", err=True)
        elif result.word != "accepted" and not options["unverified"]:
            click.echo(f"kverdict: {result.program} is left out: {result.word} by {result.kernel}", err=True)
        else:
            if result.word != "accepted":
                click.echo(f"kverdict: {result.program} runs although it is {result.word} by {result.kernel}", err=True)
            code = Code.of(result.linked)
            if isinstance(result.verdict, Accepted):
                code.probes = result.verdict.probe_loads
            codes.append(code)
    return World(Kernel.of(results[0].profile) if results else None, codes, cpus=options["cpus"])


def _set(world: World, variable: str, value: str) -> None:
    view = world.globals
    if variable not in view:
        raise InputError("--set", variable, f"there is no such variable, expected one of {', '.join(view) or 'none'}")
    try:
        view[variable] = int(value, 0)
    except ValueError:
        raise InputError("--set", variable, f"{value!r} is not a number") from None


def _play(world: World, events: list[Event], trace: bool) -> bool:
    """Let the events happen; True if a program faulted (the rest does not happen then)."""
    from kverdict.machine.fault import Fault
    from kverdict.machine.scenario import happen

    progress = common.Progress()
    if trace:
        from kverdict.machine.trace import watch

        watch(world, click.echo)
    for number, event in enumerate(events, 1):
        progress(f"event {number} of {len(events)}: {event!r}")
        try:
            happen(world, event)
        except Fault:
            progress.done()
            return True
    progress.done()
    return False


def _tell(world: World, results: list[Result], broken: bool, style: str) -> int:
    from kverdict.machine.summary import summary

    told = summary(world)
    told["verdicts"] = {result.program: result.word for result in results}
    told["kernel"] = results[0].kernel if results else ""
    if style == "json":
        click.echo(json.dumps(told, indent=1))
    else:
        _print(told)
    words = set(told["verdicts"].values())
    if broken or told["findings"] or told["leaks"] or "rejected" in words:
        return 1
    return 3 if words - {"accepted"} else 0


def _print(told: dict[str, Any]) -> None:
    for run in told["runs"]:
        click.echo(f"{run['program']}: {run['status']}, returned {run['result']} after {run['executed']} instructions")
    for title, rows in (("printed", told["log"]), ("callbacks that wait", told["callbacks"])):
        if rows:
            click.echo(f"\n{title}:\n" + "\n".join(f"  {row}" for row in rows))
    for name, records in told["output"].items():
        click.echo(f"\noutput of {name}:\n" + "\n".join(f"  {line}" for r in records for line in r.splitlines()))
    for title in ("globals", "maps"):
        if told[title]:
            click.echo(f"\n{title}:\n" + "\n".join(f"  {key} = {value!r}" for key, value in told[title].items()))
    click.echo("\ntasks:")
    for task in told["tasks"]:
        counts = f"usage {task['usage']}, rcu_users {task['rcu_users']}"
        click.echo(f"  {task['pid']:>6} {task['comm']:<15} {task['phase']:<8} {counts}")
    if told["ledger"]:
        click.echo("\nledger:")
    for entry in told["ledger"]:
        change = f"{entry['count']} {entry['change']:+d} -> {entry['after']}"
        click.echo(f"  {entry['object']:<12} {change:<24} {entry['why']} ({entry['who']})")
    for title in ("leaks", "findings"):
        if told[title]:
            click.echo(f"\n{title}:")
    for leak in told["leaks"]:
        click.echo("  " + leak.replace("\n", "\n    "))
    for finding in told["findings"]:
        click.echo(f"  {finding['kind']}: {finding['text']}\n    at {finding['where']}")
