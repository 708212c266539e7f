"""Do all counts stand where the kernel's own references put them, once programs and maps are accounted for?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kverdict.machine.objects import task as life
from kverdict.machine.objects.cgroup import Cgroup
from kverdict.machine.objects.task import Task
from kverdict.machine.objects.task_design import USAGE
from kverdict.machine.run import RUNNING

if TYPE_CHECKING:
    from kverdict.machine.world import World


def held_by_maps(world: World) -> dict[int, int]:
    """Region number → how many kptr fields of live map values and allocated objects point to it."""
    found: dict[int, int] = {}
    for bpf_map in world.map_table:
        fields = [field for field in bpf_map.spec.fields if field.kind == "kptr_ref"]
        for number in bpf_map.values() if fields else ():
            _count(world, number, [field.offset for field in fields], found)
    for number, info in world.allocated.items():
        _count(world, number, [field.offset for field in info.fields if field.kind == "kptr_ref"], found)
    return found


def _count(world: World, number: int, offsets: list[int], found: dict[int, int]) -> None:
    region = world.memory.regions.get(number)
    if region is None:
        return
    for offset in offsets:
        target = region.load(offset, 8) >> 32
        if target:
            found[target] = found.get(target, 0) + 1


def held_by_runs(world: World) -> dict[int, int]:
    """Region number → references that programs hold that have not ended."""
    found: dict[int, int] = {}
    for run in world.runs.values():
        if run.status == RUNNING:
            for address in run.held:
                found[address >> 32] = found.get(address >> 32, 0) + 1
    return found


def problems(world: World) -> list[str]:
    """One paragraph for each count that is off, with its ledger; empty if all is well."""
    maps, runs = held_by_maps(world), held_by_runs(world)
    found: list[str] = []
    for number, region in world.memory.regions.items():
        extra = maps.get(number, 0) + runs.get(number, 0)
        if isinstance(region, Task):
            usage, rcu_users = life.expected_counts(region)
            if world.design.count == USAGE:
                usage += extra
            else:
                rcu_users += extra
            if not region.clobbered and (region.usage, region.rcu_users) != (usage, rcu_users):
                have = f"usage {region.usage}, rcu_users {region.rcu_users}"
                found.append(_story(world, number, f"{region.name}: {have}; expected {usage}, {rcu_users}"))
        elif isinstance(region, Cgroup):
            expected = extra + (0 if region.atomic else 1)
            if region.refs != expected:
                found.append(_story(world, number, f"{region.name}: {region.refs} references, expected {expected}"))
        elif number in world.allocated and not extra and not _collected(world, number):
            found.append(_story(world, number, f"{region.kind} {region.name} belongs to nobody"))
    return found


def _collected(world: World, number: int) -> bool:
    return any(node >> 32 == number for nodes in world.collections.members.values() for node in nodes)


def _story(world: World, number: int, headline: str) -> str:
    return headline + "\n" + world.ledger.table(number)


def check(world: World) -> None:
    """Raise AssertionError if a count is off or a finding was made."""
    found = [repr(finding) for finding in world.findings] + problems(world)
    if found:
        raise AssertionError("\n".join(found))
