"""Every instruction that runs, with the registers that it changes and the source line, while it happens."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from kverdict.isa.text import format_insn

if TYPE_CHECKING:
    from kverdict.machine.run import Run
    from kverdict.machine.world import World


def watch(world: World, show: Callable[[str], None]) -> None:
    """Call show() with a line for each step from now on."""
    world.watcher = Watcher(show)


class Watcher:
    """Compares registers before and after each step."""

    __slots__ = ("before", "line", "registers", "show")

    def __init__(self, show: Callable[[str], None]) -> None:
        self.show = show
        self.before = ""
        self.line = 0
        self.registers: list[int] = []

    def about_to(self, run: Run) -> None:
        frame = run.frames[-1]
        if run.pending is not None:
            self.before = f"      ... {run.pending.name}"
        else:
            insn = run.code.insns[frame.pc]
            text = format_insn(insn, lambda _: run.code.names.get(frame.pc), symbolic=True)
            self.before = f"{run.name}[{run.id}] {frame.pc:>4}: {text}"
            self._source(run, frame.pc)
        self.registers = list(frame.regs)

    def _source(self, run: Run, pc: int) -> None:
        program = run.code.program
        place = program.place(pc) if program is not None else None
        if place is not None and place.line and place.line != self.line:
            self.line = place.line
            self.show(f"; {place.source.strip()} @ {place.file}:{place.line}")

    def did(self, run: Run) -> None:
        changed = ""
        if run.frames and len(run.frames[-1].regs) == len(self.registers):
            pairs = enumerate(zip(self.registers, run.frames[-1].regs, strict=True))
            changed = " ".join(f"r{number}={new:#x}" for number, (old, new) in pairs if old != new)
        self.show(f"{self.before:<60} {changed}".rstrip())
