"""`kverdict selftest --against-kernel`: our verdicts measured by a real kernel's. Needs a source checkout."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Final

import click

from kverdict.cli import common
from kverdict.errors import InputError, KverdictError

if TYPE_CHECKING:
    from kverdict.api import Result
    from kverdict.report.agreement import Cell, Said

_BATCH: Final = 64  # programs asked at once: a guest is restored once for each batch
NEEDS_CHECKOUT: Final = "needs a source checkout of kverdict, with its tools/oracle (see docs/agreement.md)"


@click.command("selftest")
@click.argument("objects", nargs=-1, required=True, metavar="OBJECT...")
@click.option(
    "--against-kernel",
    "kernels",
    multiple=True,
    required=True,
    metavar="NAMES",
    help="host (root), or kernels that `make oracle` set up: 6.1,6.12,7.2",
)
@common.preset_option()
@common.program_option()
@click.option(
    "--first-difference", "differing", metavar="PROGRAM", help="where the level-2 logs of this program part, instead"
)
@click.option(
    "-f", "--format", "form", type=click.Choice(["text", "json", "markdown"]), default="text", show_default=True
)
def command(
    objects: Sequence[str],
    kernels: Sequence[str],
    presets: Sequence[str],
    programs: Sequence[str],
    differing: str | None,
    form: str,
) -> int:
    """Verifies each program here and in a real kernel, and tells how far they agree.

    Exit code: 0 they agree, 1 they differ, 2 bad input or no source checkout, 3 some undecided or no kernel to ask.
    """
    oracle = _oracle()
    names = common.kernel_names_of(kernels, "host")
    for name in names:
        if name not in oracle.PROFILES:
            raise InputError("--against-kernel", name, f"expected one of {', '.join(oracle.PROFILES)}")
    paths = common.objects_of(objects)
    given = common.presets_of(presets)
    if differing is not None:
        return _show_difference(oracle, names, paths, given, differing)
    from kverdict.report import agreement

    progress = common.Progress()
    cells: list[Cell] = []
    try:
        for name in names:
            cells += _measured(oracle, name, paths, given, programs, progress)
    finally:
        progress.done()
    click.echo(agreement.FORMATS[form](cells))
    kinds = {cell.kind for cell in cells}
    if kinds & set(agreement.BAD):
        return 1
    return 3 if agreement.UNSUPPORTED in kinds else 0


def _oracle() -> ModuleType:
    """tools.oracle.load_program of the checkout that this package was installed from. Raises InputError without one."""
    root = Path(__file__).resolve().parents[3]
    if not (root / "tools" / "oracle" / "load_program.py").is_file():
        raise InputError("selftest", "--against-kernel", NEEDS_CHECKOUT)
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    import importlib

    return importlib.import_module("tools.oracle.load_program")


def _results(
    oracle: ModuleType, kernel: str, paths: Sequence[str], presets: dict[str, str], programs: Sequence[str], level: int
) -> list[Result]:
    """Our own results on the profile of a real kernel; of objects that have them, only these programs."""
    from kverdict.api import check_object, open_object, profiles_for

    profiles = profiles_for([oracle.PROFILES[kernel]])
    found: list[Result] = []
    for path in paths:
        thing = open_object(path)
        names = {program.name for program in thing.programs}
        chosen = [name for name in programs if name in names]
        if chosen or not programs:
            found += check_object(thing, profiles, presets, chosen, log_level=level)
    if not found and programs:
        raise InputError("selftest", ", ".join(programs), "no object has such a program")
    return found


def _ask(oracle: ModuleType, kernel: str, results: Sequence[Result], level: int) -> tuple[list[Said], list[str]]:
    """The kernel's answers to programs that could be linked, and its logs. Raises KverdictError if it cannot answer."""
    from kverdict.report.agreement import Said

    try:
        answers = oracle.ask(kernel, [result.linked for result in results], level)
    except (oracle.OracleError, OSError) as problem:
        raise KverdictError(f"kernel {kernel} cannot be asked: {problem}") from None
    said = [
        Said(answer.verdict, answer.message, answer.insns_processed, f"{answer.stage}: {answer}") for answer in answers
    ]
    return said, [answer.log for answer in answers]


def _measured(
    oracle: ModuleType,
    kernel: str,
    paths: Sequence[str],
    presets: dict[str, str],
    programs: Sequence[str],
    progress: common.Progress,
) -> list[Cell]:
    from kverdict.report.agreement import Said, cell

    cells: list[Cell] = []
    progress(f"{kernel}: verifying here")
    results = _results(oracle, kernel, paths, presets, programs, 0)
    linked = [result for result in results if result.linked is not None]
    cells += [cell(kernel, result, Said("none")) for result in results if result.linked is None]
    for start in range(0, len(linked), _BATCH):
        batch = linked[start : start + _BATCH]
        progress(f"{kernel}: asking the kernel about program {start + 1} of {len(linked)}")
        said, _ = _ask(oracle, kernel, batch, 1)
        cells += [cell(kernel, result, answer) for result, answer in zip(batch, said, strict=True)]
    return cells


def _show_difference(
    oracle: ModuleType, kernels: Sequence[str], paths: Sequence[str], presets: dict[str, str], program: str
) -> int:
    """Prints where the two logs part, on each kernel and for each object that has the program."""
    from kverdict.report.log_diff import first_difference, lines_of
    from kverdict.verify.verdict import Environment

    differs = False
    for kernel in kernels:
        for result in _results(oracle, kernel, paths, presets, [program], 2):
            where = f"{result.object_name}: {program} on {kernel}"
            verdict = result.verdict
            if isinstance(verdict, Environment) or result.linked is None:
                click.echo(f"{where}: cannot be loaded there")
                continue
            (said,), (log,) = _ask(oracle, kernel, [result], 2)
            if said.verdict == "none":
                click.echo(f"{where}: no verdict ({said.why})")
                continue
            difference = first_difference(verdict.log, log)
            if difference is None:
                click.echo(f"{where}: the logs are equal ({len(lines_of(log))} lines)")
                continue
            differs = True
            click.echo(f"{where}: the logs part at line {difference.line} (- kernel, + here)\n{difference}")
    return 1 if differs else 0
