"""What registers are known to hold before the walk: numbers, maps, functions; and branches that are decided by it.

Forward over the flow graph to a fixed point, then jumps whose outcome is known become unconditional.
Source: kernel/bpf/const_fold.c of 7.2.
"""

from __future__ import annotations

from typing import Final

from kverdict.isa.insn import Insn
from kverdict.isa.opcode import (
    ABS,
    ADD,
    ALU,
    ALU64,
    AND,
    CALL,
    CLASS_MASK,
    CODE_MASK,
    DW,
    EXIT,
    IMM,
    IND,
    JA,
    JCOND,
    JEQ,
    JGE,
    JGT,
    JLE,
    JLT,
    JMP,
    JMP32,
    JNE,
    JSET,
    JSGE,
    JSGT,
    JSLE,
    JSLT,
    LD,
    LDX,
    MEMSX,
    MODE_MASK,
    MOV,
    PSEUDO_FUNC,
    PSEUDO_MAP_FD,
    PSEUDO_MAP_IDX,
    PSEUDO_MAP_IDX_VALUE,
    PSEUDO_MAP_VALUE,
    SIZE_BYTES,
    SIZE_MASK,
    SUB,
    X,
)
from kverdict.program.program import Map
from kverdict.verify.env import Env
from kverdict.verify.flow import signed32
from kverdict.verify.liveness.transfer import loaded_register

_U32: Final = 0xFFFFFFFF
_U64: Final = 0xFFFFFFFFFFFFFFFF
_UNKNOWN, _NUMBER, _MAP, _MAP_VALUE, _FUNCTION = range(5)
# What a register holds: kind, number (an offset into a map's value, a function's number), number of the map.
# The kernel compares all three where paths meet, also the ones that the kind does not use and that stayed from before.
_Known = tuple[int, int, int]
_NOTHING: Final[_Known] = (_UNKNOWN, 0, 0)
_MAPS: Final = (PSEUDO_MAP_FD, PSEUDO_MAP_IDX)
_MAP_VALUES: Final = (PSEUDO_MAP_VALUE, PSEUDO_MAP_IDX_VALUE)


class Constants:
    """used_maps: in the order in which the program names them. before: by instruction, of registers 0 to 10."""

    def __init__(self, used_maps: list[Map], before: list[list[_Known] | None]) -> None:
        self.used_maps = used_maps
        self.before = before

    def number(self, index: int, reg: int) -> int | None:
        """The number below 2^32 in a register before instruction `index`; None if it is not known, or larger."""
        kind, value, _ = self._known(index, reg)
        return value if kind == _NUMBER and value <= _U32 else None

    def map(self, index: int, reg: int) -> Map | None:
        """The map whose address is in a register, None if it is not known."""
        kind, _, number = self._known(index, reg)
        return self.used_maps[number] if kind == _MAP else None

    def function(self, index: int, reg: int) -> int | None:
        """The number of the subprogram whose address is in a register, None if it is not known."""
        kind, value, _ = self._known(index, reg)
        return value if kind == _FUNCTION else None

    def _known(self, index: int, reg: int) -> _Known:
        before = self.before[index]
        return _NOTHING if before is None else before[reg]


def compute_constants(env: Env, orders: list[list[int]]) -> Constants:
    """The fixed point; kernel: bpf_compute_const_regs()."""
    used: list[Map] = []
    numbers: dict[int, int] = {}  # of the program's map → of the used one
    for insn in env.insns:
        if insn.op & 0xFF == LD | IMM | DW and insn.src in (*_MAPS, *_MAP_VALUES):
            number = insn.imm & _U32
            if number < len(env.program.maps) and number not in numbers:
                numbers[number] = len(used)
                used.append(env.program.maps[number])
    before: list[list[_Known] | None] = [None] * env.count
    for subprog in env.subprogs:
        before[subprog.start] = [_NOTHING] * 11
    order = [index for part in orders for index in part]
    changed = True
    while changed:
        changed = False
        for index in reversed(order):
            now = before[index]
            if now is None:
                continue
            after = now[:]
            _transfer(env, index, env.insns[index], after, numbers, used)
            for target in env.successors[index]:
                known = before[target]
                if known is None:
                    before[target] = after[:]
                    changed = True
                elif known != after:
                    changed |= _join(known, after)
    return Constants(used, before)


def _join(known: list[_Known], other: list[_Known]) -> bool:
    """Forget in `known` what another path knows otherwise; True if something was forgotten."""
    changed = False
    for reg, (mine, new) in enumerate(zip(known, other, strict=True)):
        if mine[0] != _UNKNOWN and mine != new:
            known[reg] = (_UNKNOWN, mine[1], mine[2])
            changed = True
    return changed


def _transfer(env: Env, index: int, insn: Insn, regs: list[_Known], numbers: dict[int, int], used: list[Map]) -> None:
    """Change `regs` from before to behind one instruction; kernel: const_reg_xfer()."""
    cls = insn.op & CLASS_MASK
    if cls in (ALU, ALU64):
        found = _arithmetic(insn, regs)
        if cls == ALU:
            found = (_NUMBER, found[1] & _U32, found[2]) if found[0] == _NUMBER else found
            found = _NOTHING if found[0] not in (_NUMBER, _UNKNOWN) else found
        regs[insn.dst] = found
    elif cls == LD:
        if insn.op & MODE_MASK in (ABS, IND):
            regs[:6] = [_NOTHING] * 6
        elif insn.op & (MODE_MASK | SIZE_MASK) == IMM | DW:
            regs[insn.dst] = _immediate(env, index, insn, regs[insn.dst], numbers)
    elif cls == LDX:
        regs[insn.dst] = _loaded(env, insn, regs, used)
    elif cls == JMP and insn.op & (CODE_MASK | X) == CALL:
        regs[:6] = [_NOTHING] * 6
    loaded = loaded_register(insn)
    if loaded >= 0:
        regs[loaded] = _NOTHING


def _arithmetic(insn: Insn, regs: list[_Known]) -> _Known:
    kind, value, map = dst = regs[insn.dst]
    code = insn.op & (CODE_MASK | X)
    if code == MOV:
        return _NUMBER, insn.imm & _U64, map
    if code == MOV | X:
        return _moved(insn, regs[insn.src])
    if code in (ADD, SUB) and kind in (_NUMBER, _MAP_VALUE):
        return kind, value + (insn.imm if code == ADD else -insn.imm) & _U64, map
    if code == AND:
        if kind == _NUMBER:
            return kind, value & insn.imm & _U64, map
        return _NOTHING if insn.imm else (_NUMBER, 0, map)
    if code == AND | X:
        other = regs[insn.src]
        if kind == _NUMBER and not value:
            return dst
        if other[0] == _NUMBER and not other[1]:
            return _NUMBER, 0, map
        if kind == other[0] == _NUMBER:
            return kind, value & other[1], map
    return _NOTHING


def _moved(insn: Insn, source: _Known) -> _Known:
    if not insn.off:
        return source
    if source[0] != _NUMBER or insn.off not in (8, 16, 32):
        return _NOTHING
    bits = insn.off
    value = source[1] & (1 << bits) - 1
    return _NUMBER, (value - (value >> bits - 1 << bits)) & _U64, source[2]


def _immediate(env: Env, index: int, insn: Insn, old: _Known, numbers: dict[int, int]) -> _Known:
    if insn.src == 0:
        return _NUMBER, insn.imm & _U64, old[2]
    if insn.src == PSEUDO_FUNC:
        number = env.subprog_at.get(index + signed32(insn.imm) + 1)
        return _NOTHING if number is None else (_FUNCTION, number, old[2])
    map = numbers.get(insn.imm & _U32, 0)
    if insn.src in _MAP_VALUES:
        return _MAP_VALUE, insn.imm >> 32, map
    return (_MAP, old[1], map) if insn.src in _MAPS else _NOTHING


def _loaded(env: Env, insn: Insn, regs: list[_Known], used: list[Map]) -> _Known:
    """A number out of a map that nobody can change; kernel: bpf_map_direct_read()."""
    kind, value, number = regs[insn.src]
    if kind != _MAP_VALUE or number >= len(used):
        return _NOTHING
    map = used[number]
    size = SIZE_BYTES[insn.op & SIZE_MASK]
    at = signed32(value + insn.off)
    if not map.read_only or map.contents is None or map.map_type != env.profile.map_types.get("array"):
        return _NOTHING
    if at < 0 or at + size > map.value_size:
        return _NOTHING
    signed = insn.op & MODE_MASK == MEMSX
    return _NUMBER, int.from_bytes(map.contents[at : at + size], "little", signed=signed) & _U64, regs[insn.dst][2]


def fold_branches(env: Env) -> bool:
    """Make jumps whose outcome is known unconditional; True if there were any. Kernel: bpf_prune_dead_branches()."""
    folded = list(env.insns)
    for index, insn in enumerate(env.insns):
        cls = insn.op & CLASS_MASK
        if cls not in (JMP, JMP32) or insn.op & CODE_MASK in (JA, CALL, EXIT, JCOND):
            continue
        left = env.constants.number(index, insn.dst)
        right = env.constants.number(index, insn.src) if insn.op & X else insn.imm & _U64
        if left is None or right is None:
            continue
        if cls == JMP32:
            left, right = signed32(left) & _U64, signed32(right) & _U64
        folded[index] = Insn(JMP | JA, 0, 0, insn.off if _holds(insn.op & CODE_MASK, left, right) else 0, 0)
    changed = folded != list(env.insns)
    if changed:
        env.insns = tuple(folded)
    return changed


def _holds(code: int, left: int, right: int) -> bool:
    """Whether a comparison of two unsigned 64-bit numbers is true; kernel: eval_const_branch()."""
    if code in (JSGT, JSGE, JSLT, JSLE):
        left, right = left ^ 1 << 63, right ^ 1 << 63
    if code == JSET:
        return bool(left & right)
    if code in (JEQ, JNE):
        return (left == right) == (code == JEQ)
    if code in (JGT, JSGT):
        return left > right
    if code in (JGE, JSGE):
        return left >= right
    if code in (JLT, JSLT):
        return left < right
    assert code in (JLE, JSLE), code
    return left <= right
