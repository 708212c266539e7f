"""`kverdict completion`: the script that makes a shell complete kverdict's commands."""

from __future__ import annotations

import click


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> int:
    """Prints the completion script: `eval "$(kverdict completion bash)"` in the shell's start file."""
    from click.shell_completion import get_completion_class

    from kverdict.cli.group import group

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"no completion for {shell}")
    click.echo(kind(group, {}, "kverdict", "_KVERDICT_COMPLETE").source())
    return 0
