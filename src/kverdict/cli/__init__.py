"""The command line. This file imports nothing heavy: `kverdict --version` answers before click is even loaded."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from kverdict import __version__

COMMANDS = {
    "check": "verdicts on objects (the default command)",
    "matrix": "programs × kernels",
    "whatif": "what changes between two kernels or overlays, and which rule did it",
    "run": "run programs on a simulated kernel",
    "explore": "every interleaving of programs and dying tasks: a proof or the shortest witness",
    "explain": "a message id, a kernel's sentence, a log",
    "log": "the verifier log of a kernel",
    "kfuncs": "kernel functions: list, show, compare",
    "helpers": "helpers: list, show",
    "profiles": "the kernels that kverdict knows",
    "demo": "the tour of the shipped examples",
    "selftest": "verdicts measured by those of real kernels",
    "doctor": "what kverdict finds on this machine",
    "completion": "shell completion",
}
BUG = "this is a bug in kverdict, please report it with the object that caused it"


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs a command and ends the process: 0 accepted, 1 rejected, 2 bad input, 3 undecided, 4 a bug in kverdict."""
    args = list(sys.argv[1:] if arguments is None else arguments)
    if args == ["--version"]:
        print(f"kverdict {__version__}")
        sys.exit(0)
    if args and args[0] not in COMMANDS and args[0] not in ("-h", "--help", "--version"):
        args.insert(0, "check")
    sys.excepthook = _bug
    from kverdict.cli.group import run

    sys.exit(run(args))


def _bug(kind: type[BaseException], problem: BaseException, trace: object) -> None:
    """An exception that nobody expected: exit code 4, the traceback only on request."""
    if issubclass(kind, KeyboardInterrupt):
        os._exit(130)
    if os.environ.get("KVERDICT_TRACEBACK"):
        sys.__excepthook__(kind, problem, problem.__traceback__)
    text = f"{kind.__name__}: {problem}".replace("\n", " ")
    sys.stderr.write(f"kverdict: {text}\nkverdict: {BUG} (KVERDICT_TRACEBACK=1 shows where)\n")
    sys.stderr.flush()
    os._exit(4)
