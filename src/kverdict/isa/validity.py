"""Which encodings the kernel's verifier refuses, with its sentences, whatever the program does.

The kernel looks in two places. Before it walks, once over all instructions (resolve_pseudo_ldimm64()): static_check().
During the walk, only where an instruction is reached (do_check()): fields_check(), whose checks come before any look
at registers, and register_check() for each register in the order in which the kernel looks at them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from kverdict.isa import opcode as op
from kverdict.isa.insn import Insn

EINVAL: Final = 22

# Behaviours of kernel/behaviours.py that decide which instructions exist.
CPU_V4: Final = "CPU_V4"
GOTOL: Final = "GOTOL"
FIELDS_FIRST: Final = "FIELDS_CHECKED_FIRST"
MAY_GOTO: Final = "MAY_GOTO"
MAY_GOTO_NOWHERE: Final = "MAY_GOTO_NOWHERE"
ADDR_SPACE_CAST: Final = "ADDR_SPACE_CAST"
LOAD_ACQUIRE: Final = "LOAD_ACQUIRE"

ARGUMENTS: Final = 11  # stands for the arguments on the stack, on kernels with STACK_ARGUMENTS
STORED: Final = 0
LOADED: Final = 1

Does = Callable[[str], bool]


class Violation:
    """One objection to an encoding: `id` never changes, `errno` is positive, `text` is the kernel's sentence."""

    __slots__ = ("errno", "id", "text")

    def __init__(self, id: str, text: str, errno: int = EINVAL) -> None:
        self.id = id
        self.text = text
        self.errno = errno

    def __repr__(self) -> str:
        return f"Violation({self.id!r}, {self.text!r}, {self.errno})"


def _codes(classes: Sequence[int], operations: Sequence[int], operands: Sequence[int]) -> set[int]:
    return {c | o | x for c in classes for o in operations for x in operands}


_BINARY: Final = (
    op.ADD,
    op.SUB,
    op.MUL,
    op.DIV,
    op.OR,
    op.AND,
    op.LSH,
    op.RSH,
    op.MOD,
    op.XOR,
    op.MOV,
    op.ARSH,
)
_COMPARE: Final = (
    op.JEQ,
    op.JGT,
    op.JGE,
    op.JSET,
    op.JNE,
    op.JSGT,
    op.JSGE,
    op.JLT,
    op.JLE,
    op.JSLT,
    op.JSLE,
)
_SIZES: Final = (op.B, op.H, op.W, op.DW)

# Opcode bytes that every kernel knows (bpf_opcode_in_insntable()).
KNOWN: Final = frozenset(
    _codes((op.ALU, op.ALU64), _BINARY, (op.K, op.X))
    | _codes((op.ALU, op.ALU64), (op.NEG,), (op.K,))
    | _codes((op.ALU,), (op.END,), (op.K, op.X))
    | _codes((op.JMP, op.JMP32), _COMPARE, (op.K, op.X))
    | {op.JMP | op.JA, op.JMP | op.CALL, op.JMP | op.EXIT}
    | _codes((op.LDX, op.STX, op.ST), (op.MEM,), _SIZES)
    | _codes((op.LD,), (op.ABS, op.IND), (op.B, op.H, op.W))
    | {op.STX | op.ATOMIC | op.W, op.STX | op.ATOMIC | op.DW, op.LD_IMM64}
)

# Opcode bytes that only some kernels know, by the behaviour that brought them.
LATER: Final = (
    (CPU_V4, frozenset({op.ALU64 | op.END} | _codes((op.LDX,), (op.MEMSX,), (op.B, op.H, op.W)))),
    (GOTOL, frozenset({op.JMP32 | op.JA})),
    (MAY_GOTO, frozenset({op.JMP | op.JCOND})),
    (LOAD_ACQUIRE, frozenset({op.STX | op.ATOMIC | op.B, op.STX | op.ATOMIC | op.H})),
)

RESERVED: Final = {
    op.LDX: Violation("reserved-fields-ldx", "BPF_LDX uses reserved fields"),
    op.STX: Violation("reserved-fields-stx", "BPF_STX uses reserved fields"),
    op.ST: Violation("reserved-fields-st", "BPF_ST uses reserved fields"),
    op.ALU: Violation("reserved-fields-alu", "BPF_ALU uses reserved fields"),
    op.JMP: Violation("reserved-fields-jmp", "BPF_JMP/JMP32 uses reserved fields"),
}
RESERVED_NEG: Final = Violation("reserved-fields-neg", "BPF_NEG uses reserved fields")
RESERVED_END: Final = Violation("reserved-fields-end", "BPF_END uses reserved fields")
RESERVED_MOV: Final = Violation("reserved-fields-mov", "BPF_MOV uses reserved fields")
RESERVED_CALL: Final = Violation("reserved-fields-call", "BPF_CALL uses reserved fields")
RESERVED_JA: Final = Violation("reserved-fields-ja", "BPF_JA uses reserved fields")
RESERVED_EXIT: Final = Violation("reserved-fields-exit", "BPF_EXIT uses reserved fields")
RESERVED_LD_ABS: Final = Violation("reserved-fields-ld-abs", "BPF_LD_[ABS|IND] uses reserved fields")
RESERVED_LD_IMM64: Final = Violation("reserved-fields-ld-imm64", "BPF_LD_IMM64 uses reserved fields")
HALF_LD_IMM64: Final = Violation("invalid-ld-imm64", "invalid bpf_ld_imm64 insn")
UNKNOWN_LD_IMM64: Final = Violation("unrecognized-ld-imm64", "unrecognized bpf_ld_imm64 insn")
BAD_LD_IMM: Final = Violation("invalid-ld-imm", "invalid BPF_LD_IMM insn")
BAD_LD_MODE: Final = Violation("invalid-ld-mode", "invalid BPF_LD mode")
BAD_CAST: Final = Violation(
    "invalid-addr-space-cast", "addr_space_cast insn can only convert between address space 1 and 0"
)
ATOMIC_SIZE: Final = Violation("invalid-atomic-size", "invalid atomic operand size")
DIVISION_BY_ZERO: Final = Violation("division-by-zero", "div by zero")

_RMW: Final = frozenset(
    {base | fetch for base in (op.ATOMIC_ADD, op.ATOMIC_OR, op.ATOMIC_AND, op.ATOMIC_XOR) for fetch in (0, op.FETCH)}
    | {op.XCHG, op.CMPXCHG}
)


def known_opcode(code: int, does: Does) -> bool:
    """True if this kernel has the opcode byte; kernel: bpf_opcode_in_insntable()."""
    if code in KNOWN:
        return True
    return any(code in codes and does(behaviour) for behaviour, codes in LATER)


def static_check(insns: Sequence[Insn], index: int, does: Does) -> Violation | None:
    """What the kernel says of the slot at `index` before the walk, reached or not; kernel: resolve_pseudo_ldimm64().

    The caller skips the second slot of each LD_IMM64, and does its own checks of maps and BTF ids in between, because
    the kernel goes instruction by instruction.
    """
    insn = insns[index]
    code = insn.op & 0xFF
    if code & op.CLASS_MASK == op.LDX and (not does(FIELDS_FIRST) or known_opcode(code, does)):
        mode = code & op.MODE_MASK
        if (mode != op.MEM and (mode != op.MEMSX or not does(CPU_V4))) or insn.imm:
            return RESERVED[op.LDX]
    if code == op.LD_IMM64:
        return _static_ld_imm64(insns, index, does)
    if not known_opcode(code, does):
        return Violation("unknown-opcode", f"unknown opcode {code:02x}")
    return None


def _static_ld_imm64(insns: Sequence[Insn], index: int, does: Does) -> Violation | None:
    if index + 1 >= len(insns):
        return HALF_LD_IMM64
    second = insns[index + 1]
    if second.op or second.dst or second.src or second.off:
        return HALF_LD_IMM64
    if insns[index].off and does(FIELDS_FIRST):
        return RESERVED_LD_IMM64
    source = insns[index].src
    if source > op.PSEUDO_MAP_IDX_VALUE or (source in (op.PSEUDO_MAP_FD, op.PSEUDO_MAP_IDX) and second.imm):
        return UNKNOWN_LD_IMM64
    return None


def stack_argument(insn: Insn) -> int:
    """STORED or LOADED if this is an access to an argument past the fifth, through the register r11; else -1.

    Outgoing arguments lie below r11, incoming ones above; kernel: is_stack_arg_st(), _stx(), _ldx().
    """
    if insn.off % 8 or not insn.off:
        return -1
    code = insn.op & 0xFF
    if insn.dst == ARGUMENTS and insn.off < 0 and code in (op.ST | op.MEM | op.DW, op.STX | op.MEM | op.DW):
        return STORED
    if insn.src == ARGUMENTS and insn.off > 0 and code == op.LDX | op.MEM | op.DW:
        return LOADED
    return -1


def register_check(number: int) -> Violation | None:
    """R11..R15 can be encoded but do not exist; kernel: check_reg_arg(), where the register is looked at."""
    if number < op.REGISTERS:
        return None
    return Violation("invalid-register", f"R{number} is invalid")


def fields_check(insn: Insn, does: Does) -> Violation | None:
    """What the kernel says of the fields of a reached instruction before it looks at any register; do_check().

    Three checks come later, after the registers were looked at: late_check(). For LD_ABS and LD_IND the kernel first
    asks whether the program type may use them.
    """
    code = insn.op & 0xFF
    insn_class = code & op.CLASS_MASK
    if insn_class in (op.ALU, op.ALU64):
        return _alu(insn, code, insn_class, does)
    if insn_class in (op.JMP, op.JMP32):
        return _jump(insn, code, insn_class, does)
    if insn_class == op.STX:
        return _stx(insn, code, does)
    if insn_class == op.ST:
        return RESERVED[op.ST] if code & op.MODE_MASK != op.MEM or insn.src else None
    if insn_class == op.LD:
        return _ld(insn, code)
    return None


def _alu(insn: Insn, code: int, insn_class: int, does: Does) -> Violation | None:
    operation = code & op.CODE_MASK
    if operation == op.NEG:
        return RESERVED_NEG if code & op.X or insn.src or insn.off or insn.imm else None
    if operation == op.END:
        bad_width = insn.imm not in (16, 32, 64)
        swap_of_x = insn_class == op.ALU64 and code & op.X
        return RESERVED_END if insn.src or insn.off or bad_width or swap_of_x else None
    if operation == op.MOV:
        return _mov(insn, code, insn_class, does)
    if operation > op.END:
        return Violation("invalid-alu-opcode", f"invalid BPF_ALU opcode {operation:x}")
    may_sign = operation in (op.DIV, op.MOD) and does(CPU_V4)
    bad_off = insn.off != 0 and not (insn.off == 1 and may_sign)
    unused = insn.imm if code & op.X else insn.src
    return RESERVED[op.ALU] if unused or bad_off else None


def _mov(insn: Insn, code: int, insn_class: int, does: Does) -> Violation | None:
    if not code & op.X:
        return RESERVED_MOV if insn.src or insn.off else None
    if insn_class == op.ALU64 and insn.off == 1 and does(ADDR_SPACE_CAST):
        return None if insn.imm in (1, 1 << 16) else BAD_CAST
    if insn.imm:
        return RESERVED_MOV
    widths = (8, 16) if insn_class == op.ALU else (8, 16, 32)
    if insn.off and (insn.off not in widths or not does(CPU_V4)):
        return RESERVED_MOV
    return None


def _jump(insn: Insn, code: int, insn_class: int, does: Does) -> Violation | None:
    operation = code & op.CODE_MASK
    by_register = bool(code & op.X)
    narrow = insn_class == op.JMP32
    if operation == op.CALL:
        off_not_kfunc = insn.off and insn.src != 2
        bad = by_register or off_not_kfunc or insn.src > 2 or insn.dst or narrow
        return RESERVED_CALL if bad else None
    if operation == op.JA:
        unused = insn.off if narrow else insn.imm
        return RESERVED_JA if by_register or insn.src or insn.dst or unused else None
    if operation == op.EXIT:
        bad = by_register or insn.imm or insn.src or insn.dst or narrow
        return RESERVED_EXIT if bad else None
    if operation == op.JCOND:
        bad = narrow or by_register or insn.src or insn.dst or insn.imm
        if does(MAY_GOTO_NOWHERE):
            return Violation("invalid-may-goto", f"invalid may_goto imm {insn.imm}") if bad else None
        text = f"invalid may_goto off {insn.off} imm {insn.imm}"
        return Violation("invalid-may-goto", text) if bad or not insn.off else None
    return None


def _stx(insn: Insn, code: int, does: Does) -> Violation | None:
    if code & op.MODE_MASK != op.ATOMIC:
        return RESERVED[op.STX] if code & op.MODE_MASK != op.MEM or insn.imm else None
    if insn.imm in (op.LOAD_ACQ, op.STORE_REL) and does(LOAD_ACQUIRE):
        return None
    if insn.imm not in _RMW:
        return Violation("invalid-atomic", f"BPF_ATOMIC uses invalid atomic opcode {insn.imm & 0xFFFFFFFF:02x}")
    return ATOMIC_SIZE if code & op.SIZE_MASK not in (op.W, op.DW) else None


def _ld(insn: Insn, code: int) -> Violation | None:
    mode = code & op.MODE_MASK
    if mode in (op.ABS, op.IND):
        bad = insn.dst or insn.off or code & op.SIZE_MASK == op.DW or (mode == op.ABS and insn.src)
        return RESERVED_LD_ABS if bad else None
    if mode != op.IMM:
        return BAD_LD_MODE
    if code & op.SIZE_MASK != op.DW:
        return BAD_LD_IMM
    return RESERVED_LD_IMM64 if insn.off else None


def late_check(insn: Insn) -> Violation | None:
    """Checks of fields that the kernel makes only after it looked at the registers (those it reads).

    Arithmetic: a constant zero divisor and a constant shift out of range, before the destination is written
    (check_alu_op()). Conditional jumps: see jump_fields(), which belongs between the two registers.
    """
    code = insn.op & 0xFF
    if code & op.CLASS_MASK not in (op.ALU, op.ALU64) or code & op.X:
        return None
    operation = code & op.CODE_MASK
    if operation in (op.DIV, op.MOD) and insn.imm == 0:
        return DIVISION_BY_ZERO
    if operation in (op.LSH, op.RSH, op.ARSH):
        bits = 64 if code & op.CLASS_MASK == op.ALU64 else 32
        if not 0 <= insn.imm < bits:
            return Violation("invalid-shift", f"invalid shift {insn.imm}")
    return None


def jump_fields(insn: Insn) -> Violation | None:
    """Reserved fields of a conditional jump: imm with a register operand, src with a constant; check_cond_jmp_op().

    6.3 and 6.4 look here first, then at the source register, then at the destination; 6.18 looks at the destination
    register first, then here, then at the source register.
    """
    unused = insn.imm if insn.op & op.X else insn.src
    return RESERVED[op.JMP] if unused else None
