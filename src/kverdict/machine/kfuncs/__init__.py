"""Kfuncs of the simulated kernel, by subject; each module has a TABLE of name, function and doc."""

from __future__ import annotations

from kverdict.machine.code import Implementation
from kverdict.machine.kfuncs import cgroup, control, cpumask, dynptr, iterators, objects, sections, strings, task

MODULES = (task, cgroup, cpumask, sections, objects, iterators, dynptr, strings, control)


def all_implementations() -> list[Implementation]:
    """Every kfunc that the machine has."""
    return [Implementation(name, function, doc) for module in MODULES for name, function, doc in module.TABLE]
