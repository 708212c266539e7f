"""`kverdict log`: the log that a kernel's verifier would print for a program."""

from __future__ import annotations

import click

from kverdict.cli import common
from kverdict.cli.check import DEFAULT_KERNEL, exit_code


@click.command("log")
@click.argument("path", metavar="OBJECT")
@common.kernel_option(DEFAULT_KERNEL)
@common.preset_option()
@common.program_option()
@click.option(
    "-l", "--level", type=click.IntRange(1, 2), default=2, show_default=True, help="as the kernel's log_level"
)
def command(
    path: str, kernels: tuple[str, ...], presets: tuple[str, ...], programs: tuple[str, ...], level: int
) -> int:
    """The verifier's log in the kernel's own format: register states after each instruction, and the closing line."""
    from kverdict.api import check_object, profiles_for
    from kverdict.verify.verdict import Environment, Rejected, Unsupported

    profiles = profiles_for(common.kernel_names_of(kernels, DEFAULT_KERNEL))
    words = []
    results = check_object(path, profiles, common.presets_of(presets), programs, log_level=level)
    for result in results:
        words.append(result.word)
        verdict = result.verdict
        click.echo(f"-- {result.program} ({result.section}) on {result.kernel}: {result.word}", err=True)
        if isinstance(verdict, Environment):
            click.echo(verdict.why, err=True)
            continue
        click.echo(verdict.log, nl=not verdict.log.endswith("\n"))
        if isinstance(verdict, Unsupported):
            click.echo(f"not modelled: {verdict.what}", err=True)
        elif isinstance(verdict, Rejected) and not verdict.log:
            click.echo(verdict.sentence)
    return exit_code(words)
