"""python -m tools.fuzz: differential fuzzing of kverdict against a real kernel."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from kverdict.kernel.profile import KernelProfile, load_profile
from tools.fuzz.calls import Calls
from tools.fuzz.generate import Sample, sample
from tools.fuzz.judge import UNWANTED, Judgement, judge
from tools.fuzz.minimise import minimise
from tools.oracle.oracle import Oracle

PROFILE_OF = {"host": "6.18"}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-k", "--kernel", default="host", show_default=True, help="host, 6.1, 6.12 or 7.2")
@click.option(
    "--about",
    type=click.Choice(["programs", "calls"]),
    default="programs",
    show_default=True,
    help="long programs of few constructs, or one call of any helper or kernel function",
)
@click.option("--profile", "profile_name", default=None, help="the profile to judge with [default: the kernel's]")
@click.option("-s", "--seed", default=1, show_default=True, help="seed of the first program; each has its own")
@click.option("-n", "--count", default=1000, show_default=True, help="how many programs")
@click.option("--minutes", type=float, default=None, help="stop after this time, even if --count is not reached")
@click.option("--batch", default=100, show_default=True, help="programs the kernel is asked about at once")
@click.option("--keep", type=click.Path(path_type=Path), default=None, help="write disagreements here, one JSON a line")
@click.option("--show", is_flag=True, help="print the program of each --seed instead of judging it")
def main(
    kernel: str,
    about: str,
    profile_name: str | None,
    seed: int,
    count: int,
    minutes: float | None,
    batch: int,
    keep: Path | None,
    show: bool,
) -> None:
    """Generate programs, ask kverdict and the kernel, keep what they disagree about, made as small as it gets.

    Example: python -m tools.fuzz -k host -s 1 -n 10000 --minutes 60 --keep found.jsonl
    """
    profile = load_profile(profile_name or PROFILE_OF.get(kernel, kernel))
    make = Calls(profile, kernel == "host").sample if about == "calls" else sample
    if show:
        for number in range(seed, seed + count):
            made = make(number)
            click.echo(f"; seed {number}, {made.section}\n{made.text}")
        return
    start = time.monotonic()
    counts = _run(profile, Oracle(kernel, timeout=60), make, seed, count, start, minutes, batch, keep)
    total = sum(counts.values())
    click.echo(f"{about}, kernel {kernel}, profile {profile.name}, seeds {seed} to {seed + total - 1}")
    for kind, number in counts.most_common():
        click.echo(f"{number:7d}  {kind}")
    sys.exit(1 if any(counts[kind] for kind in UNWANTED) else 0)


def _run(
    profile: KernelProfile,
    oracle: Oracle,
    make: Callable[[int], Sample],
    seed: int,
    count: int,
    start: float,
    minutes: float | None,
    batch: int,
    keep: Path | None,
) -> Counter[str]:
    counts: Counter[str] = Counter()
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("judging", total=count)
        for first in range(seed, seed + count, batch):
            if minutes is not None and time.monotonic() - start > minutes * 60:
                break
            samples = [make(number) for number in range(first, min(first + batch, seed + count))]
            for judgement in judge(samples, profile, oracle):
                counts[judgement.kind] += 1
                if judgement.kind in UNWANTED:
                    _report(minimise(judgement, profile, oracle), keep)
            progress.update(task, advance=len(samples))
            wrong = sum(counts[kind] for kind in UNWANTED)
            progress.update(task, description=f"judging ({wrong} disagree)")
    return counts


def _report(found: Judgement, keep: Path | None) -> None:
    """One disagreement, on standard output and in the file."""
    made: Sample = found.sample
    click.echo(f"{found.kind}: seed {made.seed} ({made.section})")
    click.echo(f"  ours:   {found.ours or 'accepted'} ({found.our_count})")
    click.echo(f"  kernel: {found.theirs or 'accepted'} ({found.their_count})")
    if keep is None:
        return
    row = {
        "seed": made.seed,
        "section": made.section,
        "kind": found.kind,
        "ours": found.ours,
        "theirs": found.theirs,
        "counts": [found.our_count, found.their_count],
        "text": made.text,
    }
    with keep.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
