"""Machine and verifier agree: every concrete state lies inside a state that was proved at that instruction."""

from __future__ import annotations

from pathlib import Path

import pytest

from kverdict.kernel.profile import load_profile
from kverdict.machine import packet
from kverdict.machine.code import Code
from kverdict.machine.kernel import Kernel
from kverdict.machine.scenario import PACKET
from kverdict.machine.world import World
from kverdict.objfile.object import Object
from kverdict.program.link import link
from kverdict.verify.verdict import Accepted
from tests.agreement.measure import check
from tests.agreement.observe import follow, prove

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("kernel", ("6.12", "6.18"))
def test_generated_programs(kernel: str) -> None:
    profile = load_profile(kernel)
    found = [check(seed, profile) for seed in range(40)]
    assert [problem for _, problem in found if problem] == []
    assert sum(accepted for accepted, _ in found) >= 30


TASK_PROGRAMS = [
    ("task_kptr/map", "leave_in_map"),
    ("task_kptr/map", "xchg_release"),
    ("task_kptr/map", "map_acquire_release"),
    ("task_kptr/acquire", "current_acquire_release"),
    ("task_kptr/from_pid", "from_pid_argument"),
]


@pytest.mark.parametrize(("source", "name"), TASK_PROGRAMS)
def test_task_examples(source: str, name: str) -> None:
    program = link(Object.open(EXAMPLES / f"{source}.bpf.o"), name, load_profile("6.18"))
    verdict, proof = prove(program, prune=True)
    assert isinstance(verdict, Accepted)
    code = Code.of(program)
    world = World(Kernel.of(program.profile), [code])
    world.deferred = True
    world.globals["watched"] = 1
    child = world.fork("worker")
    run = world.begin(code, [child.address, 0])
    assert follow(world, run.id, proof, scalars=False) == ""


PACKET_PROGRAMS = [
    ("basics/drop_port", "drop_port", packet.XDP),
    ("basics/shared_code", "size_histogram", packet.XDP),
    ("basics/loops", "bounded_loop", packet.SKB),
    ("basics/loops", "loop_by_callback", packet.SKB),
    ("basics/loops", "loop_by_iterator", packet.SKB),
    ("basics/mark_by_port", "mark_by_port", packet.SKB),
]


@pytest.mark.parametrize(("source", "name", "flavour"), PACKET_PROGRAMS)
def test_packet_examples(source: str, name: str, flavour: str) -> None:
    program = link(Object.open(EXAMPLES / f"{source}.bpf.o"), name, load_profile("6.18"))
    verdict, proof = prove(program, prune=True)
    assert isinstance(verdict, Accepted)
    code = Code.of(program)
    world = World(Kernel.of(program.profile), [code])
    run = world.begin(code, packet.make(world, flavour, PACKET))
    assert follow(world, run.id, proof, scalars=False) == ""
