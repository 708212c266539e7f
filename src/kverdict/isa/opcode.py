"""Numbers of the instruction set (RFC 9669 and the kernel's additions), and the variants that `Insn.op` carries."""

from typing import Final

# Instruction classes: op & CLASS_MASK.
CLASS_MASK: Final = 0x07
LD: Final = 0x00
LDX: Final = 0x01
ST: Final = 0x02
STX: Final = 0x03
ALU: Final = 0x04
JMP: Final = 0x05
JMP32: Final = 0x06
ALU64: Final = 0x07

# Loads and stores: size (op & SIZE_MASK) and mode (op & MODE_MASK).
SIZE_MASK: Final = 0x18
W: Final = 0x00
H: Final = 0x08
B: Final = 0x10
DW: Final = 0x18
SIZE_BYTES: Final = {W: 4, H: 2, B: 1, DW: 8}

MODE_MASK: Final = 0xE0
IMM: Final = 0x00
ABS: Final = 0x20
IND: Final = 0x40
MEM: Final = 0x60
MEMSX: Final = 0x80
ATOMIC: Final = 0xC0

# Arithmetic and jumps: operation (op & CODE_MASK) and operand (op & X: register, else immediate).
CODE_MASK: Final = 0xF0
K: Final = 0x00
X: Final = 0x08
ADD: Final = 0x00
SUB: Final = 0x10
MUL: Final = 0x20
DIV: Final = 0x30
OR: Final = 0x40
AND: Final = 0x50
LSH: Final = 0x60
RSH: Final = 0x70
NEG: Final = 0x80
MOD: Final = 0x90
XOR: Final = 0xA0
MOV: Final = 0xB0
ARSH: Final = 0xC0
END: Final = 0xD0  # ALU: to little (K) or big (X) endian; ALU64: unconditional swap

JA: Final = 0x00
JEQ: Final = 0x10
JGT: Final = 0x20
JGE: Final = 0x30
JSET: Final = 0x40
JNE: Final = 0x50
JSGT: Final = 0x60
JSGE: Final = 0x70
CALL: Final = 0x80
EXIT: Final = 0x90
JLT: Final = 0xA0
JLE: Final = 0xB0
JSLT: Final = 0xC0
JSLE: Final = 0xD0
JCOND: Final = 0xE0  # may_goto

# Variants: op >> VARIANT_SHIFT.
VARIANT_SHIFT: Final = 8
SIGNED: Final = 1 << VARIANT_SHIFT  # DIV, MOD with off 1
SX8: Final = 8 << VARIANT_SHIFT  # MOV (register) with off 8, 16, 32
SX16: Final = 16 << VARIANT_SHIFT
SX32: Final = 32 << VARIANT_SHIFT
ADDR_SPACE_CAST: Final = 1 << VARIANT_SHIFT  # MOV64 (register) with off 1

# Variant of an ATOMIC is its imm.
FETCH: Final = 0x01
ATOMIC_ADD: Final = ADD
ATOMIC_OR: Final = OR
ATOMIC_AND: Final = AND
ATOMIC_XOR: Final = XOR
XCHG: Final = 0xE0 | FETCH
CMPXCHG: Final = 0xF0 | FETCH
LOAD_ACQ: Final = 0x100
STORE_REL: Final = 0x110

# Variant of JMP|CALL is its src.
CALL_HELPER: Final = (JMP | CALL) | 0 << VARIANT_SHIFT
CALL_SUBPROG: Final = (JMP | CALL) | 1 << VARIANT_SHIFT  # PSEUDO_CALL: imm is relative to the next instruction
CALL_KFUNC: Final = (JMP | CALL) | 2 << VARIANT_SHIFT  # imm is a BTF id, off the module (0: vmlinux)

# Variant of LD|IMM|DW is its src.
LD_IMM64: Final = LD | IMM | DW
PSEUDO_MAP_FD: Final = 1  # imm: index into Program.maps
PSEUDO_MAP_VALUE: Final = 2  # imm: offset << 32 | index into Program.maps
PSEUDO_BTF_ID: Final = 3  # imm: BTF id of a kernel variable (module index << 32)
PSEUDO_FUNC: Final = 4  # imm: instruction offset of a subprogram, relative to the next instruction (low 32, signed)
PSEUDO_MAP_IDX: Final = 5
PSEUDO_MAP_IDX_VALUE: Final = 6

REGISTERS: Final = 11  # r0..r10
FP: Final = 10
STACK_SIZE: Final = 512
