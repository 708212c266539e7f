"""The group of commands, each loaded when it is called, and the place where errors become exit codes."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

import click

from kverdict.cli import BUG, COMMANDS
from kverdict.errors import InputError, InternalError, KverdictError


class Commands(click.Group):
    """Commands by name, imported on demand; the list in the help needs no import."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the documentation."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, None if there is none of this name."""
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"kverdict.cli.{cmd_name}").command
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands with what they are for, without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]}, invoke_without_command=True)
@click.version_option(package_name="kverdict", message="kverdict %(version)s")
@click.pass_context
def group(ctx: click.Context) -> None:
    """What the Linux kernel will say to a BPF program, and why.

    `kverdict prog.bpf.o` is short for `kverdict check prog.bpf.o`.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def run(args: Sequence[str]) -> int:
    """Runs the command line and gives its exit code."""
    try:
        code = group.main(args=list(args), prog_name="kverdict", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as problem:
        problem.show()
        return 2
    except click.Abort:
        return 130
    except InternalError as problem:
        return _say(f"{problem}\nkverdict: {BUG}", 4)
    except InputError as problem:
        return _say(str(problem), 2)
    except KverdictError as problem:
        return _say(str(problem), 3)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    return code if isinstance(code, int) else 0


def _say(text: str, code: int) -> int:
    click.echo(f"kverdict: {text}", err=True)
    return code
