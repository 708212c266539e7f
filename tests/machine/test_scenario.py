"""Scenarios are checked before anything happens, and say in one line what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from kverdict.errors import InputError
from kverdict.machine.pcap import read
from kverdict.machine.scenario import KINDS, happen, parse_event, read_scenario
from kverdict.machine.summary import summary
from kverdict.machine.world import World
from tests.machine.programs import STASH, program


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("explode", "unknown event"),
        ("fork:pid", "expected NAME=VALUE"),
        ("exit", "needs pid="),
        ("fork:colour=red", "has no setting 'colour'"),
    ],
)
def test_bad_events_are_refused_when_read(text: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        parse_event(text)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("exit:pid=77", "there is no task 77"),
        ("fork:pid=x", "'x' is not a number"),
        ("switch:pid=1,cpu=9", "there are 2 CPUs"),
        ("packet:hex=00", "name a program"),
        ("run:program=nothing", "there is no program 'nothing'"),
        ("hook:name=nothing", "no program is attached"),
        ("run:program=stash,context=0", "even number of hexadecimal digits"),
    ],
)
def test_events_about_things_that_do_not_exist_are_refused(text: str, problem: str) -> None:
    world = World(codes=[program("stash", STASH)])
    with pytest.raises(InputError, match=problem):
        happen(world, parse_event(text))


def test_a_life_by_events() -> None:
    world = World()
    for text in ("fork:pid=42,comm=worker", "exec:pid=42,comm=other", "switch:pid=42,cpu=1", "switch:pid=1,cpu=1"):
        happen(world, parse_event(text))
    assert [task["comm"] for task in summary(world)["tasks"]] == ["init", "other"]
    for text in ("zombie:pid=42", "settle"):
        happen(world, parse_event(text))
    assert [task["pid"] for task in summary(world)["tasks"]] == [1]


def test_scenario_file(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text('[[event]]\nkind = "fork"\npid = 7\n[[event]]\nkind = "exit"\npid = 7\n')
    assert [repr(event) for event in read_scenario(path)] == ["fork:pid=7", "exit:pid=7"]
    path.write_text('[[event]]\nkind = "fork"\nsize = 7\n')
    with pytest.raises(InputError, match="event 1"):
        read_scenario(path)
    path.write_text("event = 3")
    with pytest.raises(InputError, match=r"expected tables \[\[event\]\]"):
        read_scenario(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_scenario(tmp_path / "none.toml")


def test_every_kind_says_what_it_is() -> None:
    assert all(meaning for _, _, meaning in KINDS.values())


def test_captures_are_read_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "one.pcap"
    header = bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000")
    path.write_bytes(header + bytes(8) + (4).to_bytes(4, "little") * 2 + b"abcd")
    assert read(path) == [b"abcd"]
    path.write_bytes(b"nonsense")
    with pytest.raises(InputError, match="cannot be read as a capture"):
        read(path)
    with pytest.raises(InputError, match="no such file"):
        read(tmp_path / "none.pcap")
