"""CPU time and memory of the explorer on the published scenario; time to find the known bugs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from kverdict.explore import search
from kverdict.explore.build import Stage
from kverdict.explore.designs import DESIGNS, INTERLEAVINGS, explore_cell
from kverdict.explore.model import KernelSystem
from kverdict.explore.property import Properties
from kverdict.explore.scenario import Cpu, Scenario, Stash, Task
from kverdict.kernel.profile import load_profile
from kverdict.machine.code import Code
from kverdict.machine.kernel import Kernel
from kverdict.objfile.object import Object
from kverdict.program.link import link

OBJECT: Final = Path(__file__).resolve().parents[1] / "examples" / "races" / "lifetime.bpf.o"
ROLES: Final = ("reader", "writer", "stasher", "keeper", "reader", "writer")
KERNEL: Final = "6.12"  # frees a task's memory at once, as the published counts do


def rows() -> Iterator[str]:
    """One line a measurement."""
    profile = load_profile(KERNEL)
    found = Object.open(str(OBJECT))
    codes = {one.name: Code.of(link(found, one.name, profile, {})) for one in found.programs}
    for programs in range(2, len(ROLES) + 1):
        cpus = tuple(Cpu(name) for name in ROLES[:programs])
        before, start = search.memory_used(), time.process_time()
        stage = Stage(Scenario(cpus, (Task(),), (Stash("slots"),)), codes, Kernel.of(profile))
        system = KernelSystem(stage, Properties())
        figures = search.breadth_first(system).figures
        seconds = time.process_time() - start
        memory = max(search.memory_used() - before, 0) // figures.states
        yield (
            f"explore, {programs} CPUs: {figures.states:,} states, {figures.transitions:,} transitions, "
            f"{seconds:.2f} s, {figures.states / seconds:,.0f} states/s, {memory:,} bytes a state, "
            f"{system.executed:,} steps executed"
        )
    slowest = 0.0
    for interleaving in INTERLEAVINGS:
        for letter in DESIGNS:
            start = time.process_time()
            explore_cell(interleaving, letter)
            slowest = max(slowest, time.process_time() - start)
    yield f"explore, nine interleavings × four designs: the slowest cell takes {slowest:.2f} s"


def main() -> None:
    """Print the measurements."""
    for row in rows():
        print(row, flush=True)


if __name__ == "__main__":
    main()
