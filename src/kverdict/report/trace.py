"""Where a value came from: walks the path that led to a refusal backwards, through moves, spills and calls."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from kverdict.isa import opcode as op
from kverdict.isa.insn import Insn

STACK: Final = "stack"


class Origin(NamedTuple):
    """What made a value. step: index into the path (-1: before the program began).

    kind: "call" (a helper or kfunc returned it), "argument" (a register at entry: `reg`), "load" (read from memory
    through `base`), "constant", "address" (of a map, variable or function), "arithmetic", "atomic", "clobbered" (a
    call destroyed the register), "unknown". names: steps between producer and use at which the value was only moved.
    """

    kind: str
    step: int
    insn: int = -1
    reg: int = -1
    base: Origin | None = None
    offset: int = 0
    moves: tuple[int, ...] = ()


class Path:
    """A path of instruction indexes in execution order, with the call depth at each step."""

    def __init__(self, insns: Sequence[Insn], path: Sequence[int]) -> None:
        self.insns = insns
        self.steps = tuple(path)
        self.depths = self._depths()

    def _depths(self) -> list[int]:
        depths, depth = [], 0
        for place, index in enumerate(self.steps):
            depths.append(depth)
            if place + 1 == len(self.steps):
                break
            insn, following = self.insns[index], self.steps[place + 1]
            if insn.op == op.JMP | op.EXIT:
                depth = max(depth - 1, 0)
            elif insn.op & 0xFF == op.JMP | op.CALL and following != index + 1:
                depth += 1
        return depths

    def insn(self, step: int) -> Insn:
        """The instruction executed at a step."""
        return self.insns[self.steps[step]]

    def origin(self, reg: int, before: int | None = None) -> Origin:
        """Where register `reg` got its value from, as seen at step `before` (default: the last) of the path."""
        at = len(self.steps) - 1 if before is None else before
        depth = self.depths[at] if self.steps else 0
        where: tuple[int, str | int, int] = (depth, reg, 0)
        moves: list[int] = []
        for step in range(at - 1, -1, -1):
            found = self._step_back(step, where, moves)
            if isinstance(found, Origin):
                return found
            where = found
        if where[1] == STACK:
            return Origin("unknown", -1, moves=tuple(moves))
        return Origin("argument", -1, reg=int(where[1]), moves=tuple(moves))

    def _step_back(
        self, step: int, where: tuple[int, str | int, int], moves: list[int]
    ) -> Origin | tuple[int, str | int, int]:
        depth, what, off = where
        insn, here = self.insn(step), self.depths[step]
        if what == 0 and insn.op == op.JMP | op.EXIT and here == depth + 1:
            return (here, 0, 0)
        if here == depth - 1 and insn.op & 0xFF == op.JMP | op.CALL and isinstance(what, int) and what <= 5:
            return (here, what, 0)
        if here != depth:
            return where
        if what == STACK:
            return self._store_back(step, insn, where, moves)
        return self._define_back(step, insn, where, int(what), off, moves)

    def _store_back(
        self, step: int, insn: Insn, where: tuple[int, str | int, int], moves: list[int]
    ) -> Origin | tuple[int, str | int, int]:
        kind = insn.op & op.CLASS_MASK
        if kind not in (op.ST, op.STX) or insn.dst != op.FP or insn.off != where[2]:
            return where
        if insn.op & op.MODE_MASK != op.MEM:
            return Origin("atomic", step, self.steps[step], moves=tuple(moves))
        if kind == op.ST:
            return Origin("constant", step, self.steps[step], offset=insn.imm, moves=tuple(moves))
        moves.append(step)
        return (where[0], insn.src, 0)

    def _define_back(
        self, step: int, insn: Insn, where: tuple[int, str | int, int], reg: int, off: int, moves: list[int]
    ) -> Origin | tuple[int, str | int, int]:
        code, kind, index = insn.op & 0xFF, insn.op & op.CLASS_MASK, self.steps[step]
        if code == op.JMP | op.CALL:
            if reg == 0:
                return Origin("call", step, index, moves=tuple(moves))
            return Origin("clobbered", step, index, reg=reg, moves=tuple(moves)) if reg <= 5 else where
        if kind in (op.ALU, op.ALU64) and insn.dst == reg:
            return self._alu_back(step, insn, where, reg, off, moves)
        if kind == op.LDX and insn.dst == reg:
            if insn.src == op.FP and code & op.MODE_MASK == op.MEM:
                moves.append(step)
                return (where[0], STACK, insn.off)
            base = self.origin(insn.src, step)
            return Origin("load", step, index, reg=insn.src, base=base, offset=insn.off, moves=tuple(moves))
        if code == op.LD_IMM64 and insn.dst == reg:
            made = "address" if insn.op >> op.VARIANT_SHIFT else "constant"
            return Origin(made, step, index, offset=insn.imm, moves=tuple(moves))
        if kind == op.STX and code & op.MODE_MASK == op.ATOMIC and insn.imm & op.FETCH and insn.src == reg:
            return Origin("atomic", step, index, moves=tuple(moves))
        return where

    def _alu_back(
        self, step: int, insn: Insn, where: tuple[int, str | int, int], reg: int, off: int, moves: list[int]
    ) -> Origin | tuple[int, str | int, int]:
        operation, wide = insn.op & op.CODE_MASK, insn.op & op.CLASS_MASK == op.ALU64
        if operation == op.MOV:
            if not insn.op & op.X:
                return Origin("constant", step, self.steps[step], offset=insn.imm, moves=tuple(moves))
            moves.append(step)
            return (where[0], insn.src, 0) if insn.src != op.FP else Origin("address", step, self.steps[step])
        if operation in (op.ADD, op.SUB) and wide:
            if insn.op & op.X and self.origin(insn.src, step).kind != "constant":
                return Origin("arithmetic", step, self.steps[step], base=self.origin(reg, step), moves=tuple(moves))
            return (where[0], reg, off)
        return Origin("arithmetic", step, self.steps[step], moves=tuple(moves))

    def tested(self, origin: Origin) -> list[int]:
        """Steps after the producer at which a conditional jump compares the value, in any register that holds it."""
        found = []
        for step, holders in self._held(origin):
            insn, depth = self.insn(step), self.depths[step]
            if _is_test(insn) and ((depth, insn.dst) in holders or (insn.op & op.X and (depth, insn.src) in holders)):
                found.append(step)
        return found

    def passed(self, origin: Origin) -> list[tuple[int, int]]:
        """Calls after the producer that get the value, as (step, register), without the last step."""
        found = []
        for step, holders in self._held(origin):
            if self.insn(step).op & 0xFF == op.JMP | op.CALL and step + 1 < len(self.steps):
                found += [(step, reg) for reg in range(1, 6) if (self.depths[step], reg) in holders]
        return found

    def _held(self, origin: Origin) -> Iterator[tuple[int, set[tuple[int, str | int]]]]:
        """Steps after the producer, each with the registers and stack slots that hold its value before that step."""
        if origin.step < 0:
            holders: set[tuple[int, str | int]] = {(0, origin.reg)}
        else:
            first = self.insn(origin.step)
            holders = {(self.depths[origin.step], 0 if origin.kind == "call" else first.dst)}
        for step in range(origin.step + 1, len(self.steps)):
            yield step, holders
            self._move_forward(self.insn(step), self.depths[step], step, holders)

    def _move_forward(self, insn: Insn, depth: int, step: int, holders: set[tuple[int, str | int]]) -> None:
        code, kind = insn.op & 0xFF, insn.op & op.CLASS_MASK
        if code == op.JMP | op.CALL:
            descends = step + 1 < len(self.steps) and self.depths[step + 1] > depth
            if descends:
                holders |= {(depth + 1, reg) for reg in range(1, 6) if (depth, reg) in holders}
            for reg in range(6):
                holders.discard((depth, reg))
        elif code == op.JMP | op.EXIT:
            if (depth, 0) in holders and depth:
                holders.add((depth - 1, 0))
        elif kind in (op.ALU, op.ALU64, op.LDX) or code == op.LD_IMM64:
            self._copy(insn, depth, code, kind, holders)
        elif kind == op.STX and insn.dst == op.FP and (depth, insn.src) in holders:
            holders.add((depth, f"{STACK}{insn.off}"))
        elif kind in (op.ST, op.STX) and insn.dst == op.FP:
            holders.discard((depth, f"{STACK}{insn.off}"))

    def _copy(self, insn: Insn, depth: int, code: int, kind: int, holders: set[tuple[int, str | int]]) -> None:
        source: tuple[int, str | int] = (depth, -1)
        if kind == op.LDX and insn.src == op.FP:
            source = (depth, f"{STACK}{insn.off}")
        elif kind == op.ALU64 and code & op.CODE_MASK == op.MOV and code & op.X:
            source = (depth, insn.src)
        if source in holders:
            holders.add((depth, insn.dst))
        else:
            holders.discard((depth, insn.dst))

    def branches(self, first: int, last: int | None = None) -> list[tuple[int, bool]]:
        """Conditional jumps between two steps, as (step, taken)."""
        end = len(self.steps) - 1 if last is None else last
        found = []
        for step in range(max(first, 0), end):
            if _is_test(self.insn(step)):
                found.append((step, self.steps[step + 1] != self.steps[step] + 1))
        return found


def _is_test(insn: Insn) -> bool:
    if insn.op & op.CLASS_MASK not in (op.JMP, op.JMP32):
        return False
    return insn.op & op.CODE_MASK not in (op.JA, op.CALL, op.EXIT)
