"""Command line of the oracle: python -m tools.oracle setup | selftest | load | object | record."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from tools.oracle.answer import OracleError, UnknownName
from tools.oracle.cache import SUITES, set_up_versions
from tools.oracle.selftest import selftest
from tools.oracle.setup import setup


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.oracle", description="verdicts of real kernels")
    commands = parser.add_subparsers(dest="command", required=True)
    add = commands.add_parser("setup", help="download kernels and make snapshots")
    add.add_argument("versions", nargs="*", default=list(SUITES))
    add.add_argument("--force", action="store_true", help="fetch the newest package again")
    add = commands.add_parser("selftest", help="ask every kernel that is set up, and the running one if root")
    add.add_argument("versions", nargs="*")
    add = commands.add_parser("load", help="link programs with kverdict and ask a kernel about them")
    add.add_argument("object", type=Path)
    add.add_argument("--kernel", required=True, help="a version that is set up, or host")
    add.add_argument("--program", help="only this one")
    add.add_argument("--log-level", type=int, default=1)
    add = commands.add_parser("object", help="load programs of an object through libbpf on the running kernel")
    add.add_argument("object", type=Path)
    add.add_argument("--program", help="only this one")
    add.add_argument("--log-level", type=int, default=1)
    add = commands.add_parser("record", help="ask about the examples and rewrite tests/oracle")
    add.add_argument("kernels", nargs="*", help="default: all that can be asked")
    add.add_argument("--facts", type=Path, help="also take 6.3 and 6.4 from a file of recorded rows")
    add.add_argument("--logs", type=Path, help="also write every program's level-2 log into this folder")
    return parser.parse_args()


def _run(arguments: argparse.Namespace) -> int:
    if arguments.command == "setup":
        for version in arguments.versions:
            print(setup(version, arguments.force), flush=True)
        return 0
    every = set_up_versions() + (["host"] if os.geteuid() == 0 else [])
    if arguments.command == "selftest":
        return 0 if selftest(arguments.versions or every) else 1
    if arguments.command == "record":
        from tools.oracle.record import import_earlier, record

        record(arguments.kernels or every, arguments.logs)
        if arguments.facts:
            import_earlier(arguments.facts)
        return 0
    if arguments.command == "object":
        from tools.oracle.whole_object import ask_about, program_names

        names = [arguments.program] if arguments.program else program_names(arguments.object)
        answers = {name: ask_about(arguments.object, name, arguments.log_level) for name in names}
    else:
        from tools.oracle.load_program import ask_about_object

        answers = ask_about_object(arguments.kernel, arguments.object, arguments.program, arguments.log_level)
    for name, answer in answers.items():
        print(answer.log, end="")
        print(f"{name}: {answer} ({answer.insns_processed} instructions, {answer.ns / 1e6:.2f} ms)")
    return 0 if all(answer.accepted for answer in answers.values()) else 1


def main() -> int:
    """Run one command. Exit status: 0 all accepted, 1 something refused, 2 no verdict."""
    try:
        return _run(_arguments())
    except (OracleError, UnknownName, ValueError) as error:
        print(f"oracle: {type(error).__name__}: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
