"""Fast looks into memory for translated programs: region number → memoryview of 8-, 4-, 2- or 1-byte units."""

from __future__ import annotations

from typing import Any, Final, Literal

from kverdict.machine.fault import READ_ONLY, Fault
from kverdict.machine.memory import Memory, Region

FORMAT: Final[dict[int, Literal["Q", "I", "H", "B"]]] = {8: "Q", 4: "I", 2: "H", 1: "B"}


class Special:
    """Stands in for a view where loads and stores mean more than bytes (contexts, kernel objects)."""

    __slots__ = ("region", "unit")

    def __init__(self, region: Region, unit: int) -> None:
        self.region = region
        self.unit = unit

    def __getitem__(self, index: int) -> int:
        if (index + 1) * self.unit > self.region.size():
            raise IndexError(index)
        return self.region.load(index * self.unit, self.unit)

    def __setitem__(self, index: int, value: int) -> None:
        if (index + 1) * self.unit > self.region.size():
            raise IndexError(index)
        self.region.store(index * self.unit, self.unit, value)


class Views(dict[int, Any]):
    """One unit size, for loads or for stores; filled as regions are touched. Raises Fault for a missing region."""

    __slots__ = ("memory", "unit", "writing")

    def __init__(self, memory: Memory, unit: int, writing: bool) -> None:
        super().__init__()
        self.memory = memory
        self.unit = unit
        self.writing = writing

    def __missing__(self, number: int) -> Any:
        region = self.memory.find(number << 32)
        if self.writing and region.read_only:
            raise Fault(READ_ONLY, f"{region.kind} {region.name} cannot be written", number << 32)
        view = self._make(region)
        self[number] = view
        return view

    def _make(self, region: Region) -> Any:
        if type(region).load is not Region.load:
            return Special(region, self.unit)
        length = len(region.data) // self.unit * self.unit
        return memoryview(region.data)[:length].cast(FORMAT[self.unit])


class AllViews:
    """Loads and stores of the four sizes. Registered with the memory, which takes freed regions out."""

    __slots__ = ("loads", "stores")

    def __init__(self, memory: Memory) -> None:
        self.loads = {unit: Views(memory, unit, False) for unit in FORMAT}
        self.stores = {unit: Views(memory, unit, True) for unit in FORMAT}
        memory.views = [*self.loads.values(), *self.stores.values()]


def stack_views(region: Region) -> tuple[Any, Any, Any, Any]:
    """Views of a stack frame in units of 8, 4, 2 and 1 bytes."""
    view = memoryview(region.data)
    return view.cast("Q"), view.cast("I"), view.cast("H"), view
