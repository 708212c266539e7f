"""Random programs that the kernel should accept: numbers of all kinds, branches, stack, map values, calls."""

from __future__ import annotations

from random import Random

SCALARS = ("r0", "r6", "r7", "r8", "r9")
OPERATORS = ("+=", "-=", "*=", "|=", "&=", "^=", "<<=", ">>=", "s>>=", "/=", "%=", "s/=", "s%=")
COMPARISONS = ("==", "!=", ">", ">=", "<", "<=", "s>", "s>=", "s<", "s<=", "&")
NUMBERS = (
    0,
    1,
    2,
    3,
    7,
    8,
    15,
    16,
    31,
    63,
    64,
    127,
    255,
    256,
    4095,
    65535,
    -1,
    -2,
    -8,
    -128,
    (1 << 31) - 1,
    -(1 << 31),
)
SLOTS = (8, 16, 24, 32, 40)

MIX = ["r0 ^= r6", "r0 *= 31", "r0 ^= r7", "r0 *= 31", "r0 ^= r8", "r0 *= 31", "r0 ^= r9"]
MIX += [line for slot in SLOTS for line in (f"r1 = *(u64 *)(r10 -{slot})", "r0 *= 31", "r0 ^= r1")]
MIX += ["r1 = r0", "r1 >>= 32", "w0 ^= w1", "exit"]


class Generator:
    """Builds one program from a seed.

    repeatable: numbers that the verifier cannot know come from the length of the packet instead of from chance, and r0
    depends on all registers, so that two runs can be compared.
    """

    def __init__(self, seed: int, *, repeatable: bool = False) -> None:
        self.random = Random(seed)
        self.repeatable = repeatable
        self.lines: list[str] = ["# map 0: array 4 64 4"]
        if repeatable:
            self.lines += ["r1 = *(u32 *)(r1 +0)", "*(u64 *)(r10 -48) = r1"]
        self.open: list[str] = []
        self.labels = 0

    def text(self) -> str:
        """The program for program_from_text(); needs no context."""
        pick = self.random.choice
        for register in SCALARS[1:]:
            self.lines += self.number(register)
        self.lines.append("r0 = 0")
        self.lines += [f"*(u64 *)(r10 -{slot}) = {pick(SCALARS[1:])}" for slot in SLOTS]
        pieces = (
            self.alu,
            self.unary,
            self.branch,
            self.stack,
            self.variable_stack,
            self.map_value,
            self.atomic,
            self.call,
        )
        for _ in range(self.random.randrange(4, 24)):
            self.lines += self.random.choices(pieces, (6, 2, 5, 4, 1, 2, 1, 1))[0]()
            if self.open and self.random.random() < 0.4:
                self.lines.append(self.open.pop(self.random.randrange(len(self.open))) + ":")
        self.lines += [label + ":" for label in self.open]
        self.lines += MIX if self.repeatable else ["r0 = r6", "r0 &= 1", "exit"]
        if "call sub" in self.lines:
            self.lines += ["sub:", "r0 = r1", "r0 += r2", "if r1 s> r2 goto pc+1", "r0 ^= r1", "exit"]
        return "\n".join(self.lines)

    def number(self, register: str) -> list[str]:
        """Give the register a constant, or a number that the verifier cannot know."""
        kind = self.random.randrange(4)
        if kind == 0:
            return [f"{register} = {self.random.choice(NUMBERS)}"]
        if kind == 1:
            return [f"{register} = {self.random.getrandbits(64):#x} ll"]
        narrow = [f"{register} &= {self.random.choice((1, 7, 15, 255, 4095))}"] if kind == 2 else []
        unknown = ["call bpf_get_prandom_u32", f"{register} = r0"]
        if self.repeatable:
            unknown = ["r0 = *(u64 *)(r10 -48)", f"r0 *= {self.random.getrandbits(31) | 1}", f"{register} = r0"]
        return [*unknown, *narrow] if self.random.random() < 0.5 else [*unknown, f"{register} <<= 32", *narrow]

    def operand(self, wide: bool) -> str:
        if self.random.random() < 0.5:
            return str(self.random.choice(NUMBERS))
        register = self.random.choice(SCALARS)
        return register if wide else "w" + register[1:]

    def alu(self) -> list[str]:
        wide = self.random.random() < 0.6
        sign = self.random.choice(OPERATORS)
        operand = self.operand(wide)
        if not operand.startswith(("r", "w")):
            if "<<" in sign or ">>" in sign:
                operand = str(self.random.randrange(64 if wide else 32))
            elif sign.endswith(("/=", "%=")) and operand == "0":
                operand = "3"
        register = self.random.choice(SCALARS)
        return [f"{register if wide else 'w' + register[1:]} {sign} {operand}"]

    def unary(self) -> list[str]:
        to, of = self.random.choice(SCALARS), self.random.choice(SCALARS)
        narrow_to, narrow_of = "w" + to[1:], "w" + of[1:]
        return [
            self.random.choice(
                (
                    f"{to} = -{to}",
                    f"{narrow_to} = -{narrow_to}",
                    f"{to} = {of}",
                    f"{narrow_to} = {narrow_of}",
                    f"{to} = (s{self.random.choice((8, 16, 32))}){of}",
                    f"{narrow_to} = (s{self.random.choice((8, 16))}){narrow_of}",
                    f"{to} = {self.random.choice(('be', 'le', 'bswap'))}{self.random.choice((16, 32, 64))} {to}",
                )
            )
        ]

    def branch(self) -> list[str]:
        wide = self.random.random() < 0.6
        self.labels += 1
        label = f"L{self.labels}"
        self.open.append(label)
        left = self.random.choice(SCALARS)
        sign = self.random.choice(COMPARISONS)
        return [f"if {left if wide else 'w' + left[1:]} {sign} {self.operand(wide)} goto {label}"]

    def stack(self) -> list[str]:
        slot, register = self.random.choice(SLOTS), self.random.choice(SCALARS)
        size = self.random.choice((1, 2, 4, 8, 8))
        at = slot - self.random.randrange(0, 8, size)
        kind = self.random.randrange(4)
        if kind == 0:
            return [f"*(u{size * 8} *)(r10 -{at}) = {register}"]
        if kind == 1:
            return [f"*(u{size * 8} *)(r10 -{at}) = {self.random.choice(NUMBERS)}"]
        sign = "s" if kind == 2 and size < 8 else "u"
        return [f"{register} = *({sign}{size * 8} *)(r10 -{at})"]

    def variable_stack(self) -> list[str]:
        register = self.random.choice(SCALARS)
        access = self.random.choice((f"*(u8 *)(r2 -40) = {register}", f"{register} = *(u8 *)(r2 -40)"))
        return [f"r1 = {register}", "r1 &= 31", "r2 = r10", "r2 += r1", access]

    def map_value(self) -> list[str]:
        register, other = self.random.choice(SCALARS[1:]), self.random.choice(SCALARS)
        access = self.random.choice(
            (f"*(u64 *)(r0 +{self.random.randrange(0, 25)}) = {register}", f"{register} = *(u32 *)(r0 +7)")
        )
        self.labels += 1
        return [
            f"*(u32 *)(r10 -4) = {self.random.randrange(0, 6)}",
            f"*(u32 *)(r10 -8) = {self.random.choice(NUMBERS)}",
            *(["r1 = " + other, "*(u64 *)(r10 -16) = r1"] if other != "r0" else []),
            "r1 = map[id:0]",
            "r2 = r10",
            "r2 += -4",
            "call bpf_map_lookup_elem",
            f"if r0 == 0x0 goto M{self.labels}",
            f"r1 = {register}",
            "r1 &= 31",
            "r0 += r1",
            access,
            f"M{self.labels}:",
            "r0 = 5",
        ]

    def atomic(self) -> list[str]:
        slot, register = self.random.choice(SLOTS), self.random.choice(SCALARS)
        wide = self.random.random() < 0.5
        unit, name = ("u64", "atomic64") if wide else ("u32", "atomic")
        place = f"({unit} *)(r10 -{slot})"
        forms = [f"lock *{place} {sign} {register}" for sign in ("+=", "|=", "&=", "^=")]
        forms += [f"{register} = {name}_fetch_{word}({place}, {register})" for word in ("add", "or", "and", "xor")]
        forms += [f"{register} = {name}_xchg({place}, {register})", f"r0 = {name}_cmpxchg({place}, r0, {register})"]
        return [self.random.choice(forms)]

    def call(self) -> list[str]:
        if self.random.random() < 0.5:
            return self.number(self.random.choice(SCALARS[1:]))
        return [f"r1 = {self.random.choice(SCALARS)}", f"r2 = {self.random.choice(SCALARS[1:])}", "call sub"]
