"""A scenario: which programs run on which CPUs beside which tasks, what lies in maps at first, what must hold."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from kverdict.errors import InputError

EXITS: Final = "exits"
LIVES: Final = "lives"
FATES: Final = (EXITS, LIVES)
KEYS: Final = ("cpu", "task", "stash", "assert", "kernel", "design", "destroy_maps", "element")


@dataclass(frozen=True, slots=True)
class Cpu:
    """One run of a program. cpu: number of the CPU, -1 for one of its own; arguments: words of its context, either
    numbers or "task:PID"; a task that is an argument is held by the caller (its `usage`) while the program runs.
    """

    program: str
    cpu: int = -1
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Task:
    """A task. fate: "exits" (a zombie whose reaper and scheduler have still to drop theirs) or "lives"."""

    pid: int = 100
    fate: str = EXITS
    comm: str = "worker"


@dataclass(frozen=True, slots=True)
class Stash:
    """A task that lies in a kptr field of a map at first. key: -1 means the task's pid in a hash, else 0."""

    map: str
    pid: int = 100
    key: int = -1
    field: int = 0


@dataclass(frozen=True, slots=True)
class Element:
    """An element of a map before anything runs: key and value as numbers (little endian, zero-extended)."""

    map: str
    key: int
    value: int


@dataclass(frozen=True, slots=True)
class Scenario:
    """Everything that is explored together. destroy_maps: dropping the maps is an actor of its own."""

    cpus: tuple[Cpu, ...]
    tasks: tuple[Task, ...] = ()
    stashes: tuple[Stash, ...] = ()
    elements: tuple[Element, ...] = ()
    assertions: tuple[str, ...] = ()
    destroy_maps: bool = False
    name: str = ""
    kernel: str = ""
    design: str = ""
    extra: Mapping[str, str] = field(default_factory=dict)

    def title(self) -> str:
        """For people: "reader ∥ writer, task 100 exits"."""
        if self.name:
            return self.name
        programs = " ∥ ".join(cpu.program for cpu in self.cpus)
        tasks = ", ".join(f"task {task.pid} {task.fate}" for task in self.tasks)
        return f"{programs}, {tasks}" if tasks else programs


def parse_cpu(text: str) -> Cpu:
    """ "reader", "reader@0" (on CPU 0), "on_fork(task:100, 0)". Raises InputError."""
    name, bracket, rest = text.strip().partition("(")
    arguments: tuple[str, ...] = ()
    if bracket:
        inside, closing, after = rest.partition(")")
        if not closing:
            raise InputError("--cpu", repr(text), "expected PROGRAM, PROGRAM@CPU or PROGRAM(ARGUMENT, ...)")
        arguments = tuple(part.strip() for part in inside.split(",") if part.strip())
        name += after
    name, at, number = name.partition("@")
    if not name.strip() or (at and not number.strip().isdigit()):
        raise InputError("--cpu", repr(text), "expected PROGRAM, PROGRAM@CPU or PROGRAM(ARGUMENT, ...)")
    for argument in arguments:
        check_argument(argument)
    return Cpu(name.strip(), int(number) if at else -1, arguments)


def check_argument(text: str) -> None:
    """Raises InputError if this is no argument of a program."""
    kind, colon, number = text.partition(":")
    if colon and kind == "task" and number.isdigit():
        return
    try:
        int(text, 0)
    except ValueError:
        raise InputError("argument", repr(text), "expected a number or task:PID") from None


def parse_task(text: str) -> Task:
    """ "exits", "100 exits", "lives". Raises InputError."""
    words = text.replace(":", " ").split()
    pid = 100
    if words and words[0].isdigit():
        pid = int(words.pop(0))
    if len(words) != 1 or words[0] not in FATES or not 1 < pid < 1 << 22:
        raise InputError("--task", repr(text), "expected '[PID] exits' or '[PID] lives'")
    return Task(pid, words[0])


def load_scenario(path: str) -> Scenario:
    """A scenario file; docs/explore.md describes it. Raises InputError."""
    try:
        table = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise InputError(path, "", f"cannot be read: {problem}") from None
    return from_table(table, path)


def from_table(table: Mapping[str, Any], path: str) -> Scenario:
    """The scenario that a parsed file describes. Raises InputError."""
    for key in table:
        if key not in KEYS:
            raise InputError(path, key, f"unknown key, expected one of {', '.join(KEYS)}")
    cpus = tuple(_cpu(entry, path) for entry in _list(table, "cpu", path))
    tasks = tuple(_task(entry, path) for entry in _list(table, "task", path))
    _unique([str(task.pid) for task in tasks], path)
    stashes = tuple(
        Stash(_text(e, "map", path), _number(e, "task", path, 100), _number(e, "key", path, -1))
        for e in _tables(table, "stash", path)
    )
    elements = tuple(
        Element(_text(e, "map", path), _number(e, "key", path, 0), _number(e, "value", path, 0))
        for e in _tables(table, "element", path)
    )
    assertions = tuple(_assertion(entry, path) for entry in _list(table, "assert", path))
    destroy = table.get("destroy_maps", False)
    if not isinstance(destroy, bool):
        raise InputError(path, "destroy_maps", "expected true or false")
    found = Scenario(cpus, tasks, stashes, elements, assertions, destroy)
    return replace(found, kernel=_optional(table, "kernel", path), design=_optional(table, "design", path))


def _list(table: Mapping[str, Any], key: str, path: str) -> Sequence[Any]:
    found = table.get(key, [])
    if isinstance(found, str):
        return [found]
    if not isinstance(found, list):
        raise InputError(path, key, "expected a list")
    return found


def _tables(table: Mapping[str, Any], key: str, path: str) -> Sequence[Mapping[str, Any]]:
    found = _list(table, key, path)
    for entry in found:
        if not isinstance(entry, dict):
            raise InputError(path, key, f"expected [[{key}]] tables")
    return found


def _cpu(entry: Any, path: str) -> Cpu:
    if isinstance(entry, str):
        return parse_cpu(entry)
    if not isinstance(entry, dict):
        raise InputError(path, "cpu", "expected a program's name or a table")
    arguments = tuple(str(one) for one in _list(entry, "arguments", path))
    for argument in arguments:
        check_argument(argument)
    return Cpu(_text(entry, "program", path), _number(entry, "cpu", path, -1), arguments)


def _task(entry: Any, path: str) -> Task:
    if isinstance(entry, str):
        return parse_task(entry)
    if not isinstance(entry, dict):
        raise InputError(path, "task", "expected '[PID] exits', '[PID] lives' or a table")
    fate = entry.get("fate", EXITS)
    if fate not in FATES:
        raise InputError(path, "task.fate", f"expected one of {', '.join(FATES)}")
    return Task(_number(entry, "pid", path, 100), fate, _text(entry, "comm", path, "worker"))


def _assertion(entry: Any, path: str) -> str:
    from kverdict.explore.assertion import parse

    if not isinstance(entry, str):
        raise InputError(path, "assert", "expected a string")
    parse(entry)
    return entry


def _text(table: Mapping[str, Any], key: str, path: str, default: str | None = None) -> str:
    found = table.get(key, default)
    if not isinstance(found, str):
        raise InputError(path, key, "expected a string")
    return found


def _number(table: Mapping[str, Any], key: str, path: str, default: int) -> int:
    found = table.get(key, default)
    if not isinstance(found, int) or isinstance(found, bool):
        raise InputError(path, key, "expected a whole number")
    return found


def _optional(table: Mapping[str, Any], key: str, path: str) -> str:
    return _text(table, key, path, "")


def _unique(names: Sequence[str], path: str) -> None:
    for name in names:
        if names.count(name) > 1:
            raise InputError(path, "task", f"pid {name} is given twice")
