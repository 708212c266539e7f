"""What each function reads and writes of the stack, once for each call site that hands it pointers into the stack.

Masks of half slots (accesses.py) by frame and instruction, and the fixed point that says which are alive.
Source: struct func_instance, update_instance(), merge_instances() in kernel/bpf/liveness.c of 7.2.
"""

from __future__ import annotations

from kverdict.verify.env import Env, Subprog
from kverdict.verify.liveness.accesses import ALL


class Masks:
    """Of one frame, by instruction of the function (relative to its start)."""

    __slots__ = ("live_before", "may_read", "must_write")

    def __init__(self, count: int) -> None:
        self.may_read = [0] * count
        self.must_write = [0] * count
        self.live_before = [0] * count


class Instance:
    """A function called from `callsite` at this depth; the outermost has its own start for a call site.

    frames: by depth of the frame, None while nothing of it is accessed. finished: it was analysed at least once.
    """

    __slots__ = ("callsite", "depth", "finished", "frames", "number", "subprog")

    def __init__(self, callsite: int, depth: int, number: int, subprog: Subprog) -> None:
        self.callsite = callsite
        self.depth = depth
        self.number = number
        self.subprog = subprog
        self.frames: list[Masks | None] = [None] * (depth + 1)
        self.finished = False

    def empty_twin(self) -> Instance:
        """The same place with nothing recorded."""
        return Instance(self.callsite, self.depth, self.number, self.subprog)

    def _masks(self, frame: int) -> Masks:
        masks = self.frames[frame]
        if masks is None:
            masks = self.frames[frame] = Masks(self.subprog.end - self.subprog.start)
        return masks

    def reads(self, frame: int, insn: int, mask: int) -> None:
        """Instruction `insn` may read these half slots of a frame."""
        self._masks(frame).may_read[insn - self.subprog.start] |= mask

    def reads_everything(self, insn: int) -> None:
        """Instruction `insn` may read all of every frame."""
        for frame in range(self.depth + 1):
            self.reads(frame, insn, ALL)

    def writes(self, frame: int, insn: int, mask: int) -> None:
        """Instruction `insn` writes these half slots whenever it runs."""
        self._masks(frame).must_write[insn - self.subprog.start] |= mask

    def alive(self, frame: int, insn: int) -> int:
        """Half slots of a frame that are read at `insn` or behind it, in this function and what it calls."""
        masks = self.frames[frame]
        return 0 if masks is None else masks.live_before[insn - self.subprog.start]

    def merge(self, other: Instance) -> None:
        """Another analysis of the same place: reads of both, writes that both have."""
        for frame, (mine, theirs) in enumerate(zip(self.frames, other.frames, strict=True)):
            if theirs is None or mine is None:
                masks = self.frames[frame] = mine if theirs is None else theirs
                if masks is not None:
                    masks.must_write = [0] * len(masks.must_write)
                continue
            mine.may_read = [a | b for a, b in zip(mine.may_read, theirs.may_read, strict=True)]
            mine.must_write = [a & b for a, b in zip(mine.must_write, theirs.must_write, strict=True)]

    def update(self, env: Env, order: list[int]) -> None:
        """The fixed point. order: the function's instructions in postorder."""
        self.finished = True
        start = self.subprog.start
        successors = env.successors
        for masks in self.frames:
            if masks is None:
                continue
            live, reads, writes = masks.live_before, masks.may_read, masks.must_write
            changed = True
            while changed:
                changed = False
                for insn in order:
                    nexts = successors[insn]
                    if not nexts:
                        continue
                    after = 0
                    for target in nexts:
                        after |= live[target - start]
                    index = insn - start
                    before = after & ~writes[index] | reads[index]
                    if before != live[index]:
                        live[index] = before
                        changed = True
