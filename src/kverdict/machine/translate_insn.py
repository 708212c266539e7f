"""One instruction as a line of Python, for translate.py. Registers are locals r0..r9; fp is the frame pointer."""

from __future__ import annotations

from typing import Final

from kverdict.errors import UnsupportedError
from kverdict.isa import opcode as op
from kverdict.isa.insn import Insn
from kverdict.isa.text import format_insn

U64: Final = (1 << 64) - 1
U32: Final = (1 << 32) - 1
_PLAIN: Final = {op.AND: "&", op.OR: "|", op.XOR: "^"}
_WRAPS: Final = {op.ADD: "+", op.SUB: "-", op.MUL: "*"}
_UNSIGNED: Final = {op.JEQ: "==", op.JNE: "!=", op.JGT: ">", op.JGE: ">=", op.JLT: "<", op.JLE: "<="}
_SIGNED: Final = {op.JSGT: ">", op.JSGE: ">=", op.JSLT: "<", op.JSLE: "<="}


def reg(number: int) -> str:
    return "fp" if number == op.FP else f"r{number}"


def alu(insn: Insn) -> list[str]:
    """Lines for an ALU or ALU64 instruction. Raises UnsupportedError."""
    code = insn.op & 0xFF
    wide = code & op.CLASS_MASK == op.ALU64
    operation = code & op.CODE_MASK
    variant = insn.op >> op.VARIANT_SHIFT
    dst = reg(insn.dst)
    mask = U64 if wide else U32
    if operation == op.NEG:
        return [f"{dst} = -{dst} & {mask}"]
    if operation == op.END:
        if wide or code & op.X:
            return [f"{dst} = swap({dst}, {insn.imm})"]
        return [] if insn.imm == 64 else [f"{dst} &= {(1 << insn.imm) - 1}"]
    src = reg(insn.src) if code & op.X else str(insn.imm & mask)
    if operation == op.MOV:
        return _mov(insn, dst, src, wide, variant)
    if variant not in (0, 1) or operation > op.END:
        raise UnsupportedError(f"instruction {format_insn(insn)}")
    if variant or operation in (op.DIV, op.MOD):
        name = "compute64" if wide else "compute32"
        return [f"{dst} = {name}({operation | variant << op.VARIANT_SHIFT}, {dst}, {src})"]
    return [_binary(operation, dst, src, mask, wide, bool(code & op.X), insn.imm)]


def _mov(insn: Insn, dst: str, src: str, wide: bool, variant: int) -> list[str]:
    if variant in (8, 16, 32):
        extended = f"sign_extend({src}, {variant})"
        return [f"{dst} = {extended}" if wide else f"{dst} = {extended} & {U32}"]
    if variant:
        raise UnsupportedError(f"instruction {format_insn(insn)}")
    return [f"{dst} = {src}" if wide or not insn.op & op.X else f"{dst} = {src} & {U32}"]


def _binary(operation: int, dst: str, src: str, mask: int, wide: bool, by_register: bool, imm: int) -> str:
    if operation in _WRAPS:
        if wide and not by_register and operation == op.ADD and imm < 0:
            return f"{dst} = {dst} - {-imm} & {mask}"
        return f"{dst} = {dst} {_WRAPS[operation]} {src} & {mask}"
    if operation in _PLAIN:
        if wide or (operation == op.AND and not by_register):
            return f"{dst} = {dst} {_PLAIN[operation]} {src}"
        return f"{dst} = ({dst} {_PLAIN[operation]} {src}) & {mask}"
    bits = 63 if wide else 31
    amount = f"({src} & {bits})" if by_register else str(imm & bits)
    if operation == op.LSH:
        return f"{dst} = {dst} << {amount} & {mask}"
    if operation == op.RSH:
        return f"{dst} = {dst} >> {amount}" if wide else f"{dst} = ({dst} & {U32}) >> {amount}"
    signed = "signed64" if wide else "signed32"
    return f"{dst} = {signed}({dst}) >> {amount} & {mask}"


def condition(insn: Insn) -> str:
    """The Python condition of a conditional jump."""
    code = insn.op & 0xFF
    narrow = code & op.CLASS_MASK == op.JMP32
    operation = code & op.CODE_MASK
    left = reg(insn.dst)
    mask = U32 if narrow else U64
    if narrow:
        left = f"({left} & {U32})"
    by_register = f"({reg(insn.src)} & {U32})" if narrow else reg(insn.src)
    right = by_register if code & op.X else str(insn.imm & mask)
    if operation in _UNSIGNED:
        return f"{left} {_UNSIGNED[operation]} {right}"
    if operation == op.JSET:
        return f"{left} & {right}"
    if operation not in _SIGNED:
        raise UnsupportedError(f"instruction {format_insn(insn)}")
    sign = 1 << (31 if narrow else 63)
    other = f"({right} ^ {sign})" if code & op.X else str((insn.imm & mask) ^ sign)
    return f"({left} ^ {sign}) {_SIGNED[operation]} {other}"


def load(insn: Insn, known: int | None, value: int | None) -> list[str]:
    """A load. known: offset from the start of the stack frame if the address is known to lie there.

    value: offset from the start of its region, if the address is known to be in one that starts at offset 0.
    """
    size = op.SIZE_BYTES[insn.op & op.SIZE_MASK]
    dst = reg(insn.dst)
    if known is not None and known % size == 0 and 0 <= known < op.STACK_SIZE:
        lines = [f"{dst} = s{size}[{known // size}]"]
    elif value is not None and value >= 0 and value % size == 0:
        lines = [f"{dst} = L{size}[{reg(insn.src)} >> 32][{value // size}]"]
    else:
        lines = [_address(insn.src, insn.off), f"{dst} = {_at('L', size)} if not a & {size - 1} else load(a, {size})"]
        if size == 1:
            lines[1] = f"{dst} = {_at('L', 1)}"
    if insn.op & op.MODE_MASK == op.MEMSX:
        lines.append(f"{dst} = sign_extend({dst}, {size * 8})")
    return lines


def probe(insn: Insn) -> list[str]:
    """A load that never faults."""
    size = op.SIZE_BYTES[insn.op & op.SIZE_MASK]
    value = f"probe({reg(insn.src)} + {insn.off} & {U64}, {size})"
    if insn.op & op.MODE_MASK == op.MEMSX:
        value = f"sign_extend({value}, {size * 8})"
    return [f"{reg(insn.dst)} = {value}"]


def _address(base: int, off: int) -> str:
    name = reg(base)
    if off == 0:
        return f"a = {name}"
    return f"a = {name} + {off} & {U64}" if off < 0 else f"a = {name} + {off}"


def _at(kind: str, size: int) -> str:
    shift = {8: " >> 3", 4: " >> 2", 2: " >> 1", 1: ""}[size]
    return f"{kind}{size}[a >> 32][(a & {U32}){shift}]"


def store(insn: Insn, known: int | None, value_offset: int | None) -> list[str]:
    """A store of a register or constant; known, value_offset: as in load()."""
    size = op.SIZE_BYTES[insn.op & op.SIZE_MASK]
    mask = (1 << size * 8) - 1
    if insn.op & op.CLASS_MASK == op.ST:
        value = str(insn.imm & mask)
    else:
        value = reg(insn.src) if size == 8 else f"{reg(insn.src)} & {mask}"
    if known is not None and known % size == 0 and 0 <= known < op.STACK_SIZE:
        return [f"s{size}[{known // size}] = {value}"]
    if value_offset is not None and value_offset >= 0 and value_offset % size == 0:
        return [f"S{size}[{reg(insn.dst)} >> 32][{value_offset // size}] = {value}"]
    if size == 1:
        return [_address(insn.dst, insn.off), f"{_at('S', 1)} = {value}"]
    return [
        _address(insn.dst, insn.off),
        f"if a & {size - 1}: store(a, {size}, {value})",
        f"else: {_at('S', size)} = {value}",
    ]


def atomic(insn: Insn) -> list[str]:
    """An atomic operation, through functions of the interpreter's memory."""
    size = op.SIZE_BYTES[insn.op & op.SIZE_MASK]
    mask = (1 << size * 8) - 1
    src, dst = reg(insn.src), reg(insn.dst)
    if insn.imm == op.LOAD_ACQ:
        return [f"{dst} = load({src} + {insn.off} & {U64}, {size})"]
    lines = [f"a = {dst} + {insn.off} & {U64}"]
    if insn.imm == op.STORE_REL:
        return [*lines, f"store(a, {size}, {src})"]
    lines.append(f"o = load(a, {size})")
    if insn.imm == op.CMPXCHG:
        return [*lines, f"if o == r0 & {mask}: store(a, {size}, {src} & {mask})", "r0 = o"]
    if insn.imm == op.XCHG:
        return [*lines, f"store(a, {size}, {src} & {mask})", f"{src} = o"]
    lines.append(f"store(a, {size}, combine({insn.imm & ~op.FETCH}, o, {src} & {mask}, {mask}))")
    return [*lines, f"{src} = o"] if insn.imm & op.FETCH else lines
