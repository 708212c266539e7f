"""Objects that programs allocate live in trees and lists, and go when these go."""

from __future__ import annotations

from pathlib import Path

import pytest

from kverdict.machine import packet
from kverdict.machine.scenario import PACKET
from kverdict.machine.start import load
from kverdict.machine.world import World

FIXTURE = Path(__file__).parents[1] / "fixtures/objects.bpf.o"
ENGINES = pytest.mark.parametrize("fast", (False, True), ids=("steps", "fast"))


def run(world: World, program: str, fast: bool) -> int:
    return world.run(program, packet.make(world, packet.SKB, PACKET), fast=fast).result


def put(world: World, program: str, fast: bool, *keys: int) -> None:
    for key in keys:
        world.globals["key"] = key
        assert run(world, program, fast) == 0


def taken(world: World, program: str, fast: bool) -> list[int]:
    found = []
    while run(world, program, fast) == 0:
        found.append(world.globals["found"])
    return found


@ENGINES
def test_tree_gives_the_least_first(fast: bool) -> None:
    world = load(FIXTURE).start()
    put(world, "insert", fast, 5, 1, 9, 3)
    assert taken(world, "take_least", fast) == [1, 3, 5, 9]
    assert world.allocated == {}
    world.assert_no_leaks()


@ENGINES
def test_list_gives_the_oldest_first(fast: bool) -> None:
    world = load(FIXTURE).start()
    put(world, "push", fast, 5, 1, 9)
    assert taken(world, "pop", fast) == [5, 1, 9]
    world.assert_no_leaks()


def test_objects_go_with_their_map() -> None:
    world = load(FIXTURE).start()
    put(world, "insert", False, 1, 2)
    put(world, "push", False, 3)
    world.assert_no_leaks()
    assert len(world.allocated) == 3
    world.destroy_maps()
    world.settle()
    assert world.allocated == {}
    world.assert_no_leaks()


def test_object_that_belongs_to_nobody_is_a_leak() -> None:
    world = load(FIXTURE).start()
    put(world, "push", False, 3)
    world.collections.members.clear()
    with pytest.raises(AssertionError, match="allocated object link belongs to nobody"):
        world.assert_no_leaks()
