"""Scenarios: events by text ("fork:pid=42,comm=worker") or from a TOML file, checked before anything happens."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kverdict.errors import InputError
from kverdict.machine import events
from kverdict.machine.objects.task import Task
from kverdict.machine.views import TaskHandle, handle

if TYPE_CHECKING:
    from kverdict.machine.world import World


class Event:
    """One thing that shall happen: its kind, its settings as text, and where it was written (for errors)."""

    __slots__ = ("kind", "settings", "where")

    def __init__(self, kind: str, settings: Mapping[str, str], where: str) -> None:
        self.kind = kind
        self.settings = dict(settings)
        self.where = where

    def number(self, key: str, default: int = 0) -> int:
        """A setting as a number (0x… allowed). Raises InputError."""
        text = self.settings.get(key)
        if text is None:
            return default
        try:
            return int(text, 0)
        except ValueError:
            raise InputError(self.where, key, f"{text!r} is not a number") from None

    def hex(self, key: str) -> bytes:
        """A setting as bytes in hexadecimal. Raises InputError."""
        try:
            return bytes.fromhex(self.settings.get(key, ""))
        except ValueError:
            raise InputError(self.where, key, "expected an even number of hexadecimal digits") from None

    def __repr__(self) -> str:
        return self.kind + ":" + ",".join(f"{key}={value}" for key, value in self.settings.items())


# kind → (settings it must have, settings it may have, what it is)
KINDS: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...], str]]] = {
    "fork": ((), ("pid", "comm", "parent"), "a new task; fires task_newtask, sched_process_fork"),
    "exec": (("pid",), ("comm",), "a task runs another program; fires task_rename, sched_process_exec"),
    "exit": (("pid",), (), "a task dies, is reaped and switched away from; fires sched_process_exit"),
    "zombie": (("pid",), (), "a task dies; nobody reaps it yet"),
    "switch": (("pid",), ("cpu",), "a task runs on a CPU; fires sched_switch"),
    "synchronize": ((), (), "an RCU grace period ends and queued callbacks run"),
    "settle": ((), (), "everything that can happen in the kernel happens"),
    "advance": (("ns",), (), "time passes and timers fire"),
    "packet": (("hex",), ("program",), "a packet for the XDP or tc program"),
    "iter": ((), ("program",), "an iterator is read to its end"),
    "run": (("program",), ("context", "pid", "cpu"), "a program runs with a context in hexadecimal"),
    "hook": (("name",), ("pid", "arg"), "a tracepoint, function or LSM hook is hit; arguments: a task, a number"),
    "destroy-maps": ((), (), "the last reference of each map is dropped"),
}


def parse_event(text: str, where: str = "--event") -> Event:
    """ "fork:pid=42,comm=worker". Raises InputError."""
    kind, _, rest = text.partition(":")
    settings: dict[str, str] = {}
    for part in rest.split(",") if rest else ():
        key, equals, value = part.partition("=")
        if not equals:
            raise InputError(where, repr(text), f"{part!r} is not a setting, expected NAME=VALUE")
        settings[key.strip()] = value.strip()
    return check(Event(kind.strip(), settings, where))


def check(event: Event) -> Event:
    """The event itself. Raises InputError for an unknown kind or setting, or one that is missing."""
    if event.kind not in KINDS:
        raise InputError(event.where, repr(event.kind), f"unknown event, expected one of {', '.join(KINDS)}")
    needed, optional, _ = KINDS[event.kind]
    for key in needed:
        if key not in event.settings:
            raise InputError(event.where, event.kind, f"needs {key}=…")
    for key in event.settings:
        if key not in needed and key not in optional:
            expected = ", ".join((*needed, *optional)) or "none"
            raise InputError(event.where, event.kind, f"has no setting {key!r}, expected one of {expected}")
    return event


def read_scenario(path: str | Path) -> list[Event]:
    """Events of a TOML file: tables [[event]] with `kind` and settings. Raises InputError."""
    try:
        table = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise InputError(str(path), "", f"cannot be read: {problem}") from None
    rows: Any = table.get("event")
    if not isinstance(rows, list) or set(table) != {"event"}:
        raise InputError(str(path), "", "expected tables [[event]] and nothing else")
    found: list[Event] = []
    for number, row in enumerate(rows, 1):
        where = f"{path}: event {number}"
        if not isinstance(row, dict) or not isinstance(row.get("kind"), str):
            raise InputError(where, "", "expected a table with kind = …")
        settings = {key: str(value) for key, value in row.items() if key != "kind"}
        found.append(check(Event(row["kind"], settings, where)))
    return found


def happen(world: World, event: Event) -> None:
    """Let the event happen. Raises InputError where it names a task or program that does not exist, and Fault."""
    if event.kind == "fork":
        pid, comm = event.number("pid"), event.settings.get("comm", "child")
        parent = _task(world, event, "parent").pid if "parent" in event.settings else 0
        events.fork(world, comm, pid, parent)
    elif event.kind in _ON_TASKS:
        _ON_TASKS[event.kind](world, event, _task(world, event, "pid"))
    elif event.kind in _PLAIN:
        _PLAIN[event.kind](world)
    elif event.kind == "advance":
        events.advance(world, event.number("ns"))
    else:
        _ON_PROGRAMS[event.kind](world, event)


def _task(world: World, event: Event, key: str) -> TaskHandle:
    pid = event.number(key)
    number = world.tasks.get(pid)
    if number is None or number not in world.memory.regions:
        raise InputError(event.where, repr(event), f"there is no task {pid}")
    return handle(world, number)


def _switch(world: World, event: Event, task: TaskHandle) -> None:
    cpu = event.number("cpu")
    if not 0 <= cpu < world.cpus:
        raise InputError(event.where, repr(event), f"there are {world.cpus} CPUs, 0 to {world.cpus - 1}")
    events.switch(world, cpu, task.task)


def _exec(world: World, event: Event, task: TaskHandle) -> None:
    task.exec(event.settings.get("comm", "program"))


def _program(world: World, event: Event, kinds: Sequence[str]) -> str:
    """The program that was named, or the only one of these kinds."""
    named = event.settings.get("program")
    fitting = [code.name for code in world.codes if code.kind in kinds] if kinds else []
    if named is None and len(fitting) == 1:
        return fitting[0]
    if named is None:
        raise InputError(event.where, event.kind, f"name a program: program={'|'.join(fitting) or '…'}")
    if named not in [code.name for code in world.codes]:
        raise InputError(event.where, event.kind, f"there is no program {named!r}")
    return named


def _packet(world: World, event: Event) -> None:
    run, changed = events.send(world, _program(world, event, ("xdp", "sched_cls", "sched_act")), event.hex("hex"))
    world.log.append(f"packet: {run.name} returned {run.result}, packet now {changed.hex()}")


def _iter(world: World, event: Event) -> None:
    named = [code.name for code in world.codes if code.variant.startswith("iter")]
    program = event.settings.get("program") or (named[0] if len(named) == 1 else "")
    if program not in named:
        raise InputError(event.where, event.kind, f"name an iterator: program={'|'.join(named) or '…'}")
    events.iterate(world, program)


def _run(world: World, event: Event) -> None:
    name = _program(world, event, ())
    task = _task(world, event, "pid").id if "pid" in event.settings else 0
    world.run(name, event.hex("context"), task=task, cpu=event.number("cpu"))


def _hook(world: World, event: Event) -> None:
    arguments = [_task(world, event, "pid").address] if "pid" in event.settings else []
    arguments.append(event.number("arg"))
    name = event.settings["name"]
    if name not in world.attached:
        raise InputError(event.where, event.kind, f"no program is attached to {name!r}")
    if any(code.kind == "lsm" for code in world.attached[name]):
        world.fire_lsm(name, arguments)
    else:
        world.fire(name, arguments)


_ON_TASKS: Final[dict[str, Callable[[World, Event, TaskHandle], None]]] = {
    "exec": _exec,
    "exit": lambda world, event, task: task.exit(),
    "zombie": lambda world, event, task: task.start_exit(),
    "switch": _switch,
}
_PLAIN: Final[dict[str, Callable[[World], None]]] = {
    "synchronize": lambda world: world.rcu.synchronize(),
    "settle": lambda world: world.settle(),
    "destroy-maps": lambda world: world.destroy_maps(),
}
_ON_PROGRAMS: Final[dict[str, Callable[[World, Event], None]]] = {
    "packet": _packet,
    "iter": _iter,
    "run": _run,
    "hook": _hook,
}


def tasks_of(world: World) -> list[Task]:
    """Live tasks by pid."""
    found = [world.memory.regions.get(number) for _, number in sorted(world.tasks.items())]
    return [task for task in found if isinstance(task, Task)]


def default_events(world: World) -> list[Event]:
    """What happens if nothing was said: what the programs wait for, once."""
    found: list[Event] = []
    kinds = {code.kind for code in world.codes}
    if kinds & {"tracing", "raw_tracepoint", "tracepoint", "lsm", "kprobe"}:
        found += [parse_event("fork:pid=100,comm=worker"), parse_event("exec:pid=100,comm=program")]
        found += [parse_event("exit:pid=100"), parse_event("settle")]
    for code in world.codes:
        if code.variant.startswith("iter/task") or code.variant.startswith("iter.s/task"):
            found.append(parse_event(f"iter:program={code.name}"))
        elif code.kind in ("xdp", "sched_cls"):
            found.append(parse_event(f"packet:program={code.name},hex={PACKET.hex()}"))
    return found


# Ethernet frames with IPv4 from 10.0.0.1:4000 to 10.0.0.2:53: UDP with four bytes of payload, and the start of TCP.
_ETHERNET: Final = "0200000000020200000000010800"
_ADDRESSES: Final = "0a0000010a000002"
PACKET: Final = bytes.fromhex(_ETHERNET + "4500002000010000401166ca" + _ADDRESSES + "0fa00035000c00006b766572")
TCP_PACKET: Final = bytes.fromhex(
    _ETHERNET + "4500002800010000400666cd" + _ADDRESSES + "0fa000350000000100000000500220000000" + "0000"
)
