"""Helpers of the simulated kernel, by subject; each module has a TABLE of name, function and doc."""

from __future__ import annotations

from kverdict.machine.code import Implementation
from kverdict.machine.helpers import dynptr, locks, loops, maps, memory, output, packet, strings, task, tracing

MODULES = (maps, task, memory, strings, output, loops, locks, packet, dynptr, tracing)


def all_implementations() -> list[Implementation]:
    """Every helper that the machine has."""
    return [Implementation(name, function, doc) for module in MODULES for name, function, doc in module.TABLE]
