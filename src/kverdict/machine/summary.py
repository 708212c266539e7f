"""What there is to tell after a scenario, as plain data: results, output, maps, globals, counts, leaks, findings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kverdict.machine import leaks
from kverdict.machine.maps.array import ArrayMap
from kverdict.machine.maps.base import BpfMap
from kverdict.machine.maps.hash import HashMap
from kverdict.machine.maps.ringbuf import RingBuffer
from kverdict.machine.scenario import tasks_of
from kverdict.machine.views import MapView, TaskHandle

if TYPE_CHECKING:
    from kverdict.machine.world import World


def summary(world: World) -> dict[str, Any]:
    """Everything as numbers, strings, lists and dicts, so that it can become JSON."""
    return {
        "runs": [
            {"program": run.name, "status": run.status, "result": _signed32(run.result), "executed": run.executed}
            for run in world.runs.values()
        ],
        "log": list(world.log),
        "output": {
            world.map_table[number].name if number >= 0 else "iterator": [_text(raw) for raw in records]
            for number, records in world.output.items()
        },
        "globals": {name: _plain(value) for name, value in world.globals.items()},
        "maps": {bpf_map.name: contents(world, bpf_map) for bpf_map in world.map_table if not _is_section(bpf_map)},
        "tasks": [
            {"pid": task.pid, "comm": task.comm, "phase": task.phase, "usage": task.usage, "rcu_users": task.rcu_users}
            for task in tasks_of(world)
        ],
        "ledger": [
            {
                "time": entry.time,
                "object": _name(world, entry.subject),
                "count": entry.count,
                "change": entry.change,
                "after": entry.after,
                "why": entry.why,
                "who": entry.who,
            }
            for entry in world.ledger.entries
        ],
        "callbacks": [repr(callback) for callback in world.rcu.callbacks],
        "leaks": leaks.problems(world),
        "findings": [
            {
                "kind": finding.kind,
                "text": finding.text,
                "where": _where(world, finding.run, finding.insn, finding.step),
            }
            for finding in world.findings
        ],
    }


def contents(world: World, bpf_map: BpfMap) -> Any:
    """Key → value, decoded; records that wait in a ring buffer."""
    view = MapView(world, bpf_map)
    if isinstance(bpf_map, RingBuffer):
        return [bytes(world.memory.regions[number].data).hex() for number, _, _ in bpf_map.records]
    if isinstance(bpf_map, ArrayMap):
        used = sorted({place for place, _ in bpf_map.elements})
        return {str(place): _plain(view[place]) for place in used}
    if isinstance(bpf_map, HashMap):
        return {_key(key): _plain(view[key]) for key in list(bpf_map.keys())}
    return [list(part) if isinstance(part, tuple) else _plain(part) for part in bpf_map.canonical()]


def _is_section(bpf_map: BpfMap) -> bool:
    return bpf_map.spec.contents is not None


def _key(key: bytes) -> str:
    return str(int.from_bytes(key, "little")) if len(key) in (1, 2, 4, 8) else key.hex()


def _signed32(value: int) -> int:
    value &= 0xFFFFFFFF
    return value - (1 << 32) if value >> 31 else value


def _plain(value: Any) -> Any:
    if isinstance(value, TaskHandle):
        return f"task {value.pid}"
    if isinstance(value, bytes):
        return _text(value)
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return value


def _text(raw: bytes) -> str:
    """As text if it is a zero-ended string, else in hexadecimal."""
    head = raw.rstrip(b"\0")
    if head and all(32 <= byte < 127 or byte in (9, 10) for byte in head):
        return head.decode("ascii")
    return raw.hex()


def _name(world: World, subject: int) -> str:
    region = world.memory.regions.get(subject)
    if region is not None:
        return region.name
    grave = world.memory.graves.get(subject)
    return grave.name if grave is not None else f"{subject:#x}"


def _where(world: World, run: int, insn: int, step: str) -> str:
    found = world.runs.get(run)
    if found is None:
        return step
    program = found.code.program
    if program is None:
        return f"{found.name} instruction {insn}"
    place = program.place(insn)
    source = f" ({place.file}:{place.line}: {place.source.strip()})" if place.line else ""
    return f"{found.name} instruction {insn}{source}"
