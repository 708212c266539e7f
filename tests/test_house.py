"""The rules of the house: floors, sizes, words, and that the documentation names only what exists."""

from __future__ import annotations

import ast
import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Final

import click
import pytest

from kverdict.cli import COMMANDS
from kverdict.cli.group import group

ROOT: Final = Path(__file__).resolve().parents[1]
SOURCE: Final = ROOT / "src" / "kverdict"
MOST_LINES: Final = 500
MOST_LINES_OF_A_FUNCTION: Final = 60
# The floors, lowest first: an import may only go to the same room or to a lower floor.
FLOORS: Final = {
    room: level
    for level, rooms in enumerate(
        (
            ("errors", "diagnostic"),
            ("isa",),
            ("btf",),
            ("objfile",),
            ("kernel",),
            ("program",),
            ("catalogue", "machine"),
            ("domain", "explore"),
            ("verify",),
            ("api",),
            ("report",),
            ("cli",),
            ("pytest_plugin", "__main__", "__init__"),  # __init__ loads what it offers when it is asked for
        )
    )
    for room in rooms
}
# The machine is the witness against the verifier: shared code would share bugs.
STRANGERS: Final = {room: {"domain", "verify", "catalogue", "api"} for room in ("machine", "explore")} | {
    room: {"machine", "explore"} for room in ("domain", "verify", "catalogue")
}
DOCUMENTS: Final = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])


@cache
def tracked() -> tuple[Path, ...]:
    """Files that git knows, or would know; all files where there is no git (a source archive)."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):
        return tuple(path for path in ROOT.rglob("*") if path.is_file() and ".venv" not in path.parts)
    return tuple(ROOT / name for name in listed if (ROOT / name).is_file())


def python_files(*folders: str) -> list[Path]:
    return [path for path in tracked() if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in folders]


ALL_PYTHON = python_files("src", "tests", "tools", "bench")


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imported(path: Path) -> set[str]:
    """Rooms of kverdict that a file imports, also inside functions."""
    found = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "kverdict":
            parts = node.module.split(".")
            found |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("kverdict.")}
    return {room for room in found if room in FLOORS}  # `from kverdict import __version__` names no room


def room_of(path: Path) -> str:
    part = path.relative_to(SOURCE).parts[0]
    return part.removesuffix(".py")


def test_every_room_has_a_floor() -> None:
    rooms = {room_of(path) for path in python_files("src")}
    assert rooms - set(FLOORS) == set()


def test_imports_go_down_only() -> None:
    wrong = [
        f"{name(path)} imports {room}"
        for path in python_files("src")
        for room in sorted(imported(path))
        if room != room_of(path) and FLOORS[room] >= FLOORS[room_of(path)]
    ]
    assert wrong == []


def test_machine_and_verify_never_import_each_other() -> None:
    wrong = [
        f"{name(path)} imports {room}"
        for path in python_files("src")
        for room in sorted(imported(path) & STRANGERS.get(room_of(path), set()))
    ]
    assert wrong == []


def test_files_stay_short() -> None:
    lengths = {name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in ALL_PYTHON}
    assert {path: lines for path, lines in lengths.items() if lines > MOST_LINES} == {}


def test_functions_stay_short() -> None:
    long = [
        f"{name(path)}:{node.lineno} {node.name}: {(node.end_lineno or 0) - node.lineno + 1} lines"
        for path in ALL_PYTHON
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno + 1 > MOST_LINES_OF_A_FUNCTION
    ]
    assert long == []


def test_every_file_says_what_it_is_for() -> None:
    silent = [
        name(path) for path in ALL_PYTHON if path.read_text(encoding="utf-8") and not ast.get_docstring(tree(path))
    ]
    assert silent == []


def test_no_path_of_a_machine_is_in_the_repository() -> None:
    machine = re.compile(r"/(?:tmp|work|root|home)/[A-Za-z]")
    found = []
    for path in tracked():
        if path.suffix in (".zst", ".gz", ".json", ".png") or path == Path(__file__):
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if machine.search(line):
                found.append(f"{name(path)}:{number}: {line.strip()[:80]}")
    assert found == []


def test_nothing_is_left_for_later_or_swept_under_the_carpet() -> None:
    words = re.compile(
        r"\bTODO\b|\bFIXME\b|\bXXX\b|NotImplementedError|pytest\.skip\b|xfail\(|except Exception|except:"
    )
    found = [
        f"{name(path)}:{number}: {line.strip()}"
        for path in ALL_PYTHON
        if path != Path(__file__)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if words.search(line)
    ]
    assert found == []


def test_each_exception_for_a_checker_has_a_reason() -> None:
    exception = re.compile(r"# (?:noqa|type: ignore)(?::? ?\[?[\w, -]*\]?)(?P<reason>.*)")
    found = [
        f"{name(path)}:{number}: {line.strip()}"
        for path in ALL_PYTHON
        if path != Path(__file__)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if (hit := exception.search(line)) and len(hit["reason"].strip(" #")) < 8
    ]
    assert found == []


def test_no_rule_asks_for_a_version() -> None:
    versions = re.compile(r"\bif\b.*version\w*\s*(?:[<>]=?|==)\s*[(\d]")
    found = [
        f"{name(path)}:{number}: {line.strip()}"
        for path in python_files("src")
        if room_of(path) not in ("kernel", "objfile")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if versions.search(line)
    ]
    assert found == []


# Documentation


def document_id(path: Path) -> str:
    return name(path)


@pytest.mark.parametrize("path", DOCUMENTS, ids=document_id)
def test_paths_in_the_documentation_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text) if "://" not in link]
    named = re.findall(r"`((?:src|tests|docs|examples|tools|bench|\.ci)/[\w./*-]*)`", text)
    missing = [link for link in links if not (path.parent / link).exists()]
    missing += [one for one in named if not list(ROOT.glob(one.rstrip("/") or "*"))]
    assert missing == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=document_id)
def test_make_targets_in_the_documentation_exist(path: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"(?:^|[\s`|])make ([a-z][a-z-]+)\b(?=[\s`&|]|$)", _code(path)))
    assert named - targets == set()


@pytest.mark.parametrize("path", DOCUMENTS, ids=document_id)
def test_commands_and_options_in_the_documentation_exist(path: Path) -> None:
    wrong = []
    for line in re.findall(r"^(?:\$ |.*\| )?kverdict( [^`\n|;#]+)", _code(path), re.MULTILINE):
        words = line.split()
        command = words[0] if words[0] in COMMANDS else "check"
        known = _options(command)
        given = [word.split("=")[0] for word in words if re.fullmatch(r"--?[a-zA-Z][\w-]*(=.*)?", word)]
        wrong += [f"kverdict {command}: {option}" for option in given if option not in known]
        if words[0] not in COMMANDS and not re.search(r"^[-@]|[./]", words[0]):
            wrong.append(f"kverdict {words[0]}: no such command")
    assert wrong == []


def _code(path: Path) -> str:
    """What is set as code: fenced, indented or between backticks, a piece a line."""
    text = path.read_text(encoding="utf-8")
    fenced = re.findall(r"```\w*\n(.*?)```", text, re.DOTALL)
    rest = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    indented = re.findall(r"^    (.*)$", rest, re.MULTILINE)
    return "\n".join([*fenced, *indented, *re.findall(r"`([^`\n]+)`", rest)])


def _options(command: str) -> set[str]:
    context = click.Context(group)
    found = group.get_command(context, command)
    assert found is not None
    options = {option for parameter in found.params for option in (*parameter.opts, *parameter.secondary_opts)}
    return options | {"-h", "--help", "--version"}


def test_every_command_is_documented() -> None:
    text = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    assert [command for command in COMMANDS if f"kverdict {command}" not in text] == []
