"""Instructions as the kernel's verifier log writes them, e.g. "(79) r1 = *(u64 *)(r1 +0)"; kernel/bpf/disasm.c."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from kverdict.isa import opcode as op
from kverdict.isa.insn import Insn

NameOf = Callable[[Insn], str | None]

ALU_SIGN: Final = {
    op.ADD: "+=",
    op.SUB: "-=",
    op.MUL: "*=",
    op.DIV: "/=",
    op.OR: "|=",
    op.AND: "&=",
    op.LSH: "<<=",
    op.RSH: ">>=",
    op.NEG: "neg",
    op.MOD: "%=",
    op.XOR: "^=",
    op.MOV: "=",
    op.ARSH: "s>>=",
    op.END: "endian",
}
JUMP_SIGN: Final = {
    op.JA: "jmp",
    op.JEQ: "==",
    op.JGT: ">",
    op.JGE: ">=",
    op.JSET: "&",
    op.JNE: "!=",
    op.JSGT: "s>",
    op.JSGE: "s>=",
    op.CALL: "call",
    op.EXIT: "exit",
    op.JLT: "<",
    op.JLE: "<=",
    op.JSLT: "s<",
    op.JSLE: "s<=",
}
SIZE_NAME: Final = {op.B: "u8", op.H: "u16", op.W: "u32", op.DW: "u64"}
SIGNED_SIZE_NAME: Final = {op.B: "s8", op.H: "s16", op.W: "s32", op.DW: "s64"}
ATOMIC_NAME: Final = {op.ATOMIC_ADD: "add", op.ATOMIC_OR: "or", op.ATOMIC_AND: "and", op.ATOMIC_XOR: "xor"}
NO_NAME: Final = "(null)"  # what printk makes of a string that the kernel's table does not have
MOV_PERCPU_OFF: Final = -1


def format_insn(insn: Insn, name_of: NameOf | None = None, *, symbolic: bool = False) -> str:
    """One instruction as the verifier log writes it, without line end.

    name_of: name of the helper or kfunc that a CALL calls (without it "unknown" and "kernel-function").
    symbolic: write what an LD_IMM64 loads as bpftool does ("map[id:0]", "map[id:0][0]+8", "subprog[+3]"), which the
    assembler reads back; else its 64-bit constant, as the kernel does. The second slot of LD_IMM64 gives "".
    """
    body = _body(insn, name_of, symbolic)
    return body if not body or body.startswith("BUG_") else f"({insn.op & 0xFF:02x}) {body}"


def format_program(insns: Sequence[Insn], name_of: NameOf | None = None, *, symbolic: bool = False) -> list[str]:
    """All lines of a program as "index: (op) text"; second slots of LD_IMM64 have no line."""
    lines: list[str] = []
    skip = False
    for index, insn in enumerate(insns):
        if skip:
            skip = False
            continue
        lines.append(f"{index}: {format_insn(insn, name_of, symbolic=symbolic)}")
        skip = (insn.op & 0xFF) == op.LD_IMM64
    return lines


def _body(insn: Insn, name_of: NameOf | None, symbolic: bool) -> str:
    insn_class = insn.op & op.CLASS_MASK
    if insn_class in (op.ALU, op.ALU64):
        return _alu(insn, insn_class == op.ALU)
    if insn_class in (op.JMP, op.JMP32):
        return _jump(insn, insn_class == op.JMP32, name_of)
    if insn_class == op.STX:
        return _store_register(insn)
    if insn_class == op.LDX:
        return _load(insn)
    if insn_class == op.ST:
        return _store_constant(insn)
    return _load_constant(insn, symbolic)


def _alu(insn: Insn, narrow: bool) -> str:
    code = insn.op & 0xFF
    operation = code & op.CODE_MASK
    reg = "w" if narrow else "r"
    if operation == op.END:
        swap = ("be" if code & op.X else "le") if narrow else "bswap"
        return f"r{insn.dst} = {swap}{insn.imm} r{insn.dst}"
    if operation == op.NEG:
        return f"{reg}{insn.dst} = -{reg}{insn.dst}"
    if code == (op.ALU64 | op.MOV | op.X) and insn.off == 1:
        spaces = insn.imm & 0xFFFFFFFF
        return f"r{insn.dst} = addr_space_cast(r{insn.src}, {spaces >> 16}, {spaces & 0xFFFF})"
    if code == (op.ALU64 | op.MOV | op.X) and insn.off == MOV_PERCPU_OFF:
        return f"r{insn.dst} = &(void __percpu *)(r{insn.src})"
    sign = ALU_SIGN.get(operation, NO_NAME)
    if operation in (op.DIV, op.MOD) and insn.off == 1:
        sign = "s" + sign
    if not code & op.X:
        return f"{reg}{insn.dst} {sign} {insn.imm}"
    extend = f"(s{insn.off})" if operation == op.MOV and insn.off in (8, 16, 32) else ""
    return f"{reg}{insn.dst} {sign} {extend}{reg}{insn.src}"


def _address(reg: int, off: int) -> str:
    return f"(r{reg} {off:+d})"


def _store_register(insn: Insn) -> str:
    code = insn.op & 0xFF
    size = SIZE_NAME[code & op.SIZE_MASK]
    mode = code & op.MODE_MASK
    if mode == op.MEM:
        return f"*({size} *){_address(insn.dst, insn.off)} = r{insn.src}"
    if mode == op.ATOMIC:
        return _atomic(insn, code, size)
    return f"BUG_{code:02x}"


def _atomic(insn: Insn, code: int, size: str) -> str:
    imm = insn.imm
    place = f"({size} *){_address(insn.dst, insn.off)}"
    wide = "64" if code & op.SIZE_MASK == op.DW else ""
    if imm in ATOMIC_NAME:
        return f"lock *{place} {ALU_SIGN[imm]} r{insn.src}"
    if imm & ~op.FETCH in ATOMIC_NAME:
        return f"r{insn.src} = atomic{wide}_fetch_{ATOMIC_NAME[imm & ~op.FETCH]}({place}, r{insn.src})"
    if imm == op.CMPXCHG:
        return f"r0 = atomic{wide}_cmpxchg({place}, r0, r{insn.src})"
    if imm == op.XCHG:
        return f"r{insn.src} = atomic{wide}_xchg({place}, r{insn.src})"
    if imm == op.LOAD_ACQ:
        return f"r{insn.dst} = load_acquire(({size} *){_address(insn.src, insn.off)})"
    if imm == op.STORE_REL:
        return f"store_release({place}, r{insn.src})"
    return f"BUG_{code:02x}"


def _load(insn: Insn) -> str:
    code = insn.op & 0xFF
    mode = code & op.MODE_MASK
    if mode == op.MEM:
        size = SIZE_NAME[code & op.SIZE_MASK]
    elif mode == op.MEMSX:
        size = SIGNED_SIZE_NAME[code & op.SIZE_MASK]
    else:
        return f"BUG_ldx_{code:02x}"
    return f"r{insn.dst} = *({size} *){_address(insn.src, insn.off)}"


def _store_constant(insn: Insn) -> str:
    code = insn.op & 0xFF
    mode = code & op.MODE_MASK
    if mode == op.MEM:
        return f"*({SIZE_NAME[code & op.SIZE_MASK]} *){_address(insn.dst, insn.off)} = {insn.imm}"
    return "nospec" if mode == op.ATOMIC else f"BUG_st_{code:02x}"


def _load_constant(insn: Insn, symbolic: bool) -> str:
    code = insn.op & 0xFF
    mode = code & op.MODE_MASK
    if mode == op.ABS:
        return f"r0 = *({SIZE_NAME[code & op.SIZE_MASK]} *)skb[{insn.imm}]"
    if mode == op.IND:
        return f"r0 = *({SIZE_NAME[code & op.SIZE_MASK]} *)skb[r{insn.src} + {insn.imm}]"
    if code == op.LD_IMM64:
        return f"r{insn.dst} = {symbol(insn) if symbolic else hex(insn.imm)}"
    return "" if code == 0 else f"BUG_ld_{code:02x}"


def symbol(insn: Insn) -> str:
    """What an LD_IMM64 loads, in bpftool's notation; the constant in hexadecimal where `src` is 0 or unknown."""
    low = insn.imm & 0xFFFFFFFF
    high = insn.imm >> 32
    if insn.src == op.PSEUDO_MAP_FD:
        return f"map[id:{low}]"
    if insn.src == op.PSEUDO_MAP_VALUE:
        return f"map[id:{low}][0]+{high}"
    if insn.src == op.PSEUDO_MAP_IDX:
        return f"map[idx:{low}]"
    if insn.src == op.PSEUDO_MAP_IDX_VALUE:
        return f"map[idx:{low}][0]+{high}"
    if insn.src == op.PSEUDO_BTF_ID:
        return f"btf[id:{insn.imm}]"
    if insn.src == op.PSEUDO_FUNC:
        return f"subprog[{low - (1 << 32) if low >> 31 else low:+d}]"
    return hex(insn.imm)


def _jump(insn: Insn, narrow: bool, name_of: NameOf | None) -> str:
    code = insn.op & 0xFF
    operation = code & op.CODE_MASK
    if operation == op.CALL:
        return _call(insn, name_of)
    if code == (op.JMP | op.JA):
        return f"goto pc{insn.off:+d}"
    if code == (op.JMP | op.JCOND) and insn.src == 0:
        return f"may_goto pc{insn.off:+d}"
    if code == (op.JMP32 | op.JA):
        return f"gotol pc{insn.imm:+d}"
    if code == (op.JMP | op.EXIT):
        return "exit"
    reg = "w" if narrow else "r"
    sign = JUMP_SIGN.get(operation, NO_NAME)
    operand = f"{reg}{insn.src}" if code & op.X else f"0x{insn.imm & 0xFFFFFFFF:x}"
    return f"if {reg}{insn.dst} {sign} {operand} goto pc{insn.off:+d}"


def _call(insn: Insn, name_of: NameOf | None) -> str:
    if insn.src == 1:
        return f"call pc{insn.imm:+d}"
    name = name_of(insn) if name_of is not None else None
    if name is None:
        name = "kernel-function" if insn.src == 2 else "unknown"
    return f"call {name}#{insn.imm}"
