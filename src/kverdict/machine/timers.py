"""BPF timers and work queues: which are initialised, armed, and what they call."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kverdict.machine.code import Code


class Timer:
    """One bpf_timer (or bpf_wq) by the address of its field. due: clock in ns, -1 if not armed."""

    __slots__ = ("callback", "code", "due", "key", "map_index", "work")

    def __init__(self, map_index: int, work: bool) -> None:
        self.map_index = map_index
        self.work = work
        self.callback = -1
        self.code: Code | None = None
        self.due = -1
        self.key = b""

    def clone(self) -> Timer:
        other = Timer(self.map_index, self.work)
        other.callback = self.callback
        other.code = self.code
        other.due = self.due
        other.key = self.key
        return other


class Timers:
    """All timers that exist, by address."""

    __slots__ = ("known",)

    def __init__(self) -> None:
        self.known: dict[int, Timer] = {}

    def cancel(self, address: int) -> bool:
        """Forget the timer; True if it was armed."""
        timer = self.known.pop(address, None)
        return timer is not None and timer.due >= 0

    def due(self, clock: int) -> list[int]:
        """Addresses of timers that should fire now, earliest first."""
        ready = [(timer.due, address) for address, timer in self.known.items() if 0 <= timer.due <= clock]
        return [address for _, address in sorted(ready)]

    def clone(self) -> Timers:
        other = Timers()
        other.known = {address: timer.clone() for address, timer in self.known.items()}
        return other
