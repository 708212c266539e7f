"""Sentences about instructions that are malformed or unknown, before anything is known about their operands."""

from __future__ import annotations

from errno import EINVAL
from typing import Final

from kverdict.diagnostic import Message

UNKNOWN_OPCODE: Final = Message(
    "unknown-opcode", EINVAL, "unknown opcode {opcode}", "this kernel does not know the instruction"
)
UNKNOWN_INSN_CLASS: Final = Message("unknown-insn-class", EINVAL, "unknown insn class {insn_class}")
ALU_RESERVED_FIELDS: Final = Message("alu-reserved-fields", EINVAL, "BPF_ALU uses reserved fields")
NEG_RESERVED_FIELDS: Final = Message("neg-reserved-fields", EINVAL, "BPF_NEG uses reserved fields")
END_RESERVED_FIELDS: Final = Message("end-reserved-fields", EINVAL, "BPF_END uses reserved fields")
MOV_RESERVED_FIELDS: Final = Message("mov-reserved-fields", EINVAL, "BPF_MOV uses reserved fields")
LDX_RESERVED_FIELDS: Final = Message("ldx-reserved-fields", EINVAL, "BPF_LDX uses reserved fields")
STX_RESERVED_FIELDS: Final = Message("stx-reserved-fields", EINVAL, "BPF_STX uses reserved fields")
ST_RESERVED_FIELDS: Final = Message("st-reserved-fields", EINVAL, "BPF_ST uses reserved fields")
CALL_RESERVED_FIELDS: Final = Message("call-reserved-fields", EINVAL, "BPF_CALL uses reserved fields")
JA_RESERVED_FIELDS: Final = Message("ja-reserved-fields", EINVAL, "BPF_JA uses reserved fields")
JMP_RESERVED_FIELDS: Final = Message("jmp-reserved-fields", EINVAL, "BPF_JMP/JMP32 uses reserved fields")
EXIT_RESERVED_FIELDS: Final = Message("exit-reserved-fields", EINVAL, "BPF_EXIT uses reserved fields")
LD_IMM64_RESERVED_FIELDS: Final = Message("ld-imm64-reserved-fields", EINVAL, "BPF_LD_IMM64 uses reserved fields")
LD_ABS_RESERVED_FIELDS: Final = Message("ld-abs-reserved-fields", EINVAL, "BPF_LD_[ABS|IND] uses reserved fields")
INVALID_LD_IMM_INSN: Final = Message("invalid-ld-imm-insn", EINVAL, "invalid BPF_LD_IMM insn")
INVALID_LD_IMM64_INSN: Final = Message("invalid-ld-imm64-insn", EINVAL, "invalid bpf_ld_imm64 insn")
UNRECOGNIZED_LD_IMM64: Final = Message("unrecognized-ld-imm64", EINVAL, "unrecognized bpf_ld_imm64 insn")
INVALID_LD_MODE: Final = Message("invalid-ld-mode", EINVAL, "invalid BPF_LD mode")
INVALID_ALU_OPCODE: Final = Message("invalid-alu-opcode", EINVAL, "invalid BPF_ALU opcode {opcode}")
INVALID_JMP_OPCODE: Final = Message(
    "invalid-jmp-opcode",
    EINVAL,
    "invalid BPF_JMP/JMP32 opcode {opcode}",
)
INVALID_ATOMIC_OPCODE: Final = Message(
    "invalid-atomic-opcode",
    EINVAL,
    "BPF_ATOMIC uses invalid atomic opcode {opcode}",
    "this kernel does not know the atomic operation",
)
INVALID_ATOMIC_SIZE: Final = Message("invalid-atomic-size", EINVAL, "invalid atomic operand size")
INVALID_MAY_GOTO_IMM: Final = Message("invalid-may-goto-imm", EINVAL, "invalid may_goto imm {imm}")
INVALID_MAY_GOTO: Final = Message("invalid-may-goto", EINVAL, "invalid may_goto off {off} imm {imm}")
DIV_BY_ZERO: Final = Message("div-by-zero", EINVAL, "div by zero", "the program divides by the constant zero")
INVALID_SHIFT: Final = Message(
    "invalid-shift", EINVAL, "invalid shift {amount}", "the shift amount {amount} is not smaller than the width"
)
CAST_WITHOUT_ARENA: Final = Message(
    "cast-without-arena", EINVAL, "addr_space_cast insn can only be used in a program that has an associated arena"
)
INVALID_REGISTER: Final = Message("invalid-register", EINVAL, "R{reg} is invalid", "there is no register R{reg}")
JUMP_OUT_OF_RANGE: Final = Message(
    "jump-out-of-range",
    EINVAL,
    "jump out of range from insn {source} to {target}",
    "a jump leaves the function that it stands in",
)
BACK_EDGE: Final = Message("back-edge", EINVAL, "back-edge from insn {source} to {target}", "the program has a loop")
UNREACHABLE_INSN: Final = Message(
    "unreachable-insn", EINVAL, "unreachable insn {at}", "no path leads to instruction {at}"
)
JUMP_INTO_LD_IMM64: Final = Message(
    "jump-into-ld-imm64",
    EINVAL,
    "jump into the middle of ldimm64 insn {at}",
    "a jump lands inside a 16-byte instruction",
)
LAST_INSN_NOT_EXIT: Final = Message(
    "last-insn-not-exit",
    EINVAL,
    "last insn is not an exit or jmp",
    "execution can run past the end of a function",
)
LD_IMM64_BAD_BTF_ID: Final = Message("ld-imm64-bad-btf-id", 2, "ldimm64 insn specifies invalid btf_id {btf_id}.")
LD_IMM64_NOT_VAR: Final = Message(
    "ld-imm64-not-var", EINVAL, "pseudo btf_id {btf_id} in ldimm64 isn't KIND_VAR or KIND_FUNC"
)
LD_IMM64_NO_SYMBOL: Final = Message(
    "ld-imm64-no-symbol",
    2,
    "ldimm64 failed to find the address for kernel symbol '{symbol}'.",
    "this kernel has no variable `{symbol}`",
)
