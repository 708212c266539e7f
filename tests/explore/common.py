"""The shipped examples as scenarios, linked once."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from kverdict.explore.build import Stage
from kverdict.explore.model import KernelSystem
from kverdict.explore.property import DEFAULT, Properties
from kverdict.explore.run import Outcome, explore
from kverdict.explore.scenario import Cpu, Scenario, Stash, Task
from kverdict.kernel.profile import load_profile
from kverdict.machine.code import Code
from kverdict.machine.kernel import Kernel
from kverdict.machine.objects.task_design import TaskDesign
from kverdict.objfile.object import Object
from kverdict.program.link import link

RACES = Path(__file__).resolve().parents[2] / "examples" / "races"
ROLES = ("reader", "writer", "stasher", "keeper", "reader", "writer")


@lru_cache
def codes(name: str, kernel: str = "6.12") -> dict[str, Code]:
    """The programs of an object in examples/races."""
    found = Object.open(str(RACES / f"{name}.bpf.o"))
    profile = load_profile(kernel)
    return {one.name: Code.of(link(found, one.name, profile, {})) for one in found.programs}


def kernel_of(name: str = "6.12", design: TaskDesign | None = None) -> Kernel:
    """A kernel, with another task design if one is given."""
    kernel = Kernel.of(load_profile(name))
    if design is not None:
        kernel.design = design
    return kernel


def lifetime(*programs: str, design: TaskDesign | None = None, properties: tuple[str, ...] = ()) -> KernelSystem:
    """Roles of lifetime.bpf.c beside an exiting task that lies in the slot; memory is freed at once (6.12)."""
    scenario = Scenario(tuple(Cpu(name) for name in programs), (Task(),), (Stash("slots"),))
    stage = Stage(scenario, codes("lifetime"), kernel_of(design=design))
    return KernelSystem(stage, Properties((*DEFAULT, *properties)))


def outcome(*programs: str, design: TaskDesign | None = None) -> Outcome:
    """The same, searched, with its report."""
    scenario = Scenario(tuple(Cpu(name) for name in programs), (Task(),), (Stash("slots"),))
    return explore(scenario, codes("lifetime"), kernel_of(design=design))
