"""Which registers can still matter at an instruction: the others are left out of canonical states."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kverdict.isa import opcode as op
from kverdict.isa.insn import Insn

if TYPE_CHECKING:
    from kverdict.machine.code import Code

_ARGUMENTS: Final = 0b111110
_CACHE: Final[dict[int, tuple[Code, list[int]]]] = {}


def live_registers(code: Code, pc: int, *, after_call: bool) -> tuple[int, ...]:
    """Numbers of the registers that are live before instruction pc.

    after_call: the frame waits for a call to return: at a helper call (pc is the CALL) or behind a call of a
    subprogram (pc is the next instruction); r0..r5 do not count then.
    """
    live = _table(code)
    insn = code.insns[pc] if pc < len(code.insns) else None
    if after_call and insn is not None and insn.op in (op.CALL_HELPER, op.CALL_KFUNC):
        mask = live[pc + 1] & ~0b111111 if pc + 1 < len(live) else 0
    else:
        mask = live[pc] if pc < len(live) else 0
        if after_call:
            mask &= ~0b111111
    return tuple(number for number in range(op.REGISTERS) if mask >> number & 1)


def _table(code: Code) -> list[int]:
    found = _CACHE.get(id(code))
    if found is None or found[0] is not code:
        found = _CACHE[id(code)] = (code, compute(code.insns))
    return found[1]


def compute(insns: tuple[Insn, ...]) -> list[int]:
    """A bit mask of live registers before each instruction: the usual backward fixed point."""
    live = [0] * (len(insns) + 1)
    changed = True
    while changed:
        changed = False
        for at in range(len(insns) - 1, -1, -1):
            out = 0
            for target in successors(insns[at], at):
                out |= live[target] if 0 <= target < len(insns) else 0
            uses, defines = effects(insns[at])
            now = uses | out & ~defines
            if now != live[at]:
                live[at] = now
                changed = True
    return live


def successors(insn: Insn, at: int) -> tuple[int, ...]:
    """Instructions that may come next in the same function."""
    code = insn.op & 0xFF
    insn_class = code & op.CLASS_MASK
    if code == op.LD_IMM64:
        return (at + 2,)
    if insn_class not in (op.JMP, op.JMP32) or code & op.CODE_MASK == op.CALL:
        return (at + 1,)
    if code == op.JMP | op.EXIT:
        return ()
    if code == op.JMP | op.JA:
        return (at + 1 + insn.off,)
    if code == op.JMP32 | op.JA:
        return (at + 1 + insn.imm,)
    return at + 1, at + 1 + insn.off


def effects(insn: Insn) -> tuple[int, int]:
    """(registers read, registers written) as bit masks."""
    code = insn.op & 0xFF
    insn_class = code & op.CLASS_MASK
    dst, src = 1 << insn.dst, 1 << insn.src
    if insn_class in (op.ALU, op.ALU64):
        operation = code & op.CODE_MASK
        if operation in (op.NEG, op.END):
            return dst, dst
        uses = src if code & op.X else 0
        return (uses, dst) if operation == op.MOV else (uses | dst, dst)
    if insn_class in (op.JMP, op.JMP32):
        return _jump(code, dst, src)
    if insn_class == op.LDX:
        return src, dst
    if insn_class == op.ST:
        return dst, 0
    if insn_class == op.STX:
        return _store(insn, code, dst, src)
    if code == op.LD_IMM64:
        return 0, dst
    return 1 << 6 | (src if code & op.MODE_MASK == op.IND else 0), 0b111111


def _jump(code: int, dst: int, src: int) -> tuple[int, int]:
    operation = code & op.CODE_MASK
    if operation == op.CALL:
        return _ARGUMENTS, 0b111111
    if operation == op.EXIT:
        return 1, 0
    if operation in (op.JA, op.JCOND):
        return 0, 0
    return dst | (src if code & op.X else 0), 0


def _store(insn: Insn, code: int, dst: int, src: int) -> tuple[int, int]:
    if code & op.MODE_MASK != op.ATOMIC:
        return dst | src, 0
    if insn.imm == op.LOAD_ACQ:
        return src, dst
    if insn.imm == op.CMPXCHG:
        return dst | src | 1, 1
    return dst | src, src if insn.imm & op.FETCH and insn.imm != op.STORE_REL else 0
