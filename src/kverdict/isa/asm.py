"""Assembler: the syntax of the kernel's verifier log (see text.py), with labels, comments and names of calls."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from kverdict.errors import InputError
from kverdict.isa import opcode as op
from kverdict.isa.decode import ld_imm64, make
from kverdict.isa.insn import Insn
from kverdict.isa.text import ALU_SIGN, ATOMIC_NAME, JUMP_SIGN, MOV_PERCPU_OFF, SIGNED_SIZE_NAME, SIZE_NAME

_NUMBER: Final = r"[+-]?(?:0x[0-9a-fA-F]+|\d+)"
_REG: Final = r"[rw](?:1[0-5]|\d)"
_MEM: Final = r"\((?P<size>[us]\d+) \*\)\(r(?P<base>\d+) ?(?P<off>[+-] ?(?:0x[0-9a-fA-F]+|\d+))\)"
_TARGET: Final = r"(?P<target>(?:pc)?[+-]\d+|[A-Za-z_.$][\w.$]*)"
_SIZE_CODE: Final = {name: code for code, name in SIZE_NAME.items()}
_SIGNED_SIZE_CODE: Final = {name: code for code, name in SIGNED_SIZE_NAME.items()}
_ALU_CODE: Final = {sign: code for code, sign in ALU_SIGN.items() if code not in (op.NEG, op.END)}
_JUMP_CODE: Final = {sign: code for code, sign in JUMP_SIGN.items() if code not in (op.JA, op.CALL, op.EXIT)}
_ATOMIC_CODE: Final = {name: code for code, name in ATOMIC_NAME.items()}
_LABEL: Final = re.compile(r"^([A-Za-z_.$][\w.$]*):\s*")
_INDEX: Final = re.compile(r"^\d+:\s*")
_CODE_PREFIX: Final = re.compile(r"^\(([0-9a-f]{2})\)\s*")
_COMMENT: Final = re.compile(r"(?:;|//|#(?!\d)).*")
_S32_MIN: Final = -(1 << 31)
_U32_MAX: Final = (1 << 32) - 1


class _Line:
    """One line that makes instructions: its number, text, forced opcode byte (or -1) and index of its first slot."""

    __slots__ = ("code", "index", "number", "text")

    def __init__(self, number: int, text: str, code: int, index: int) -> None:
        self.number = number
        self.text = text
        self.code = code
        self.index = index


class _Assembler:
    """One run over a text: first the lines and labels, then the instructions."""

    def __init__(self, text: str, kfuncs: Mapping[str, int], helpers: Mapping[str, int], source: str) -> None:
        self.source = source
        self.kfuncs = kfuncs
        self.helpers = helpers
        self.labels: dict[str, int] = {}
        self.lines: list[_Line] = []
        self.line = _Line(0, "", -1, 0)
        self._read(text)

    def _read(self, text: str) -> None:
        index = 0
        for number, raw in enumerate(text.splitlines(), 1):
            body = _COMMENT.sub("", raw).strip()
            body = _INDEX.sub("", body)
            while label := _LABEL.match(body):
                if label[1] in self.labels:
                    raise InputError(self.source, f"line {number}", f"label {label[1]!r} is defined twice")
                self.labels[label[1]] = index
                body = body[label.end() :]
            if not body:
                continue
            code = -1
            if prefix := _CODE_PREFIX.match(body):
                code = int(prefix[1], 16)
                body = body[prefix.end() :]
            line = _Line(number, re.sub(r"\s+", " ", body), code, index)
            self.lines.append(line)
            index += 2 if _loads_imm64(line) else 1

    def run(self) -> list[Insn]:
        insns: list[Insn] = []
        for line in self.lines:
            self.line = line
            insns += self._one(line)
        return insns

    def _one(self, line: _Line) -> list[Insn]:
        for pattern, build in _FORMS:
            match = pattern.fullmatch(line.text)
            if match is not None:
                made = build(self, match)
                if line.code >= 0 and made[0].op & 0xFF != line.code:
                    raise self.wrong(f"opcode ({line.code:02x}) does not fit, this is ({made[0].op & 0xFF:02x})")
                return made
        raise self.wrong(f"cannot read {line.text!r} as an instruction")

    def wrong(self, problem: str) -> InputError:
        return InputError(self.source, f"line {self.line.number}", problem)

    def number(self, text: str, low: int = _S32_MIN, high: int = _U32_MAX) -> int:
        value = int(text.replace(" ", ""), 0)
        if not low <= value <= high:
            raise self.wrong(f"{text} is out of range {low}..{high}")
        return value

    def imm(self, text: str) -> int:
        value = self.number(text)
        return value - (1 << 32) if value > 0x7FFFFFFF else value

    def off(self, text: str) -> int:
        return self.number(text, -(1 << 15), (1 << 15) - 1)

    def distance(self, target: str, bits: int) -> int:
        """Distance in slots from the next instruction to a label or `pc+3`, checked to fit into signed `bits`."""
        if re.fullmatch(r"(?:pc)?[+-]\d+", target):
            value = int(target.removeprefix("pc"))
        elif target in self.labels:
            value = self.labels[target] - self.line.index - 1
        else:
            raise self.wrong(f"label {target!r} is not defined")
        if not -(1 << bits - 1) <= value < 1 << bits - 1:
            raise self.wrong(f"{target} is {value} instructions away, {bits} bits cannot hold that")
        return value

    def same_class(self, *registers: str) -> int:
        """ALU64 for r registers, ALU for w registers; all must be of one kind."""
        kinds = {register[0] for register in registers}
        if len(kinds) != 1:
            raise self.wrong("r and w registers are mixed")
        return op.ALU64 if kinds == {"r"} else op.ALU


def assemble(
    text: str,
    kfuncs: Mapping[str, int] | None = None,
    helpers: Mapping[str, int] | None = None,
    source: str = "assembly",
) -> list[Insn]:
    """Instructions of a program in the syntax of the verifier log; one Insn a slot, as decode gives them.

    Beyond that syntax: `label:`, jumps and calls to labels, `;` `//` `#` comments, an index ("5: ") or an opcode
    ("(b7) ") in front, `ll` after 64-bit constants, `map[id:0]`, `map[id:0][0]+8`, `btf[id:7]`, `subprog[label]`, and
    `call NAME` with the numbers in `kfuncs` (BTF ids) and `helpers`. As in the log, `r1 = 5` is a 32-bit constant
    and `r1 = 0x5` loads 64 bits. Raises InputError with the line number.
    """
    return _Assembler(text, kfuncs or {}, helpers or {}, source).run()


def _loads_imm64(line: _Line) -> bool:
    if line.code >= 0:
        return line.code == op.LD_IMM64
    return _IMM64.fullmatch(line.text) is not None or _SYMBOL.fullmatch(line.text) is not None


_IMM64: Final = re.compile(rf"r(?P<dst>\d+) = (?:(?P<hex>-?0x[0-9a-fA-F]+)(?: ?ll)?|(?P<dec>{_NUMBER}) ?ll)")
_SYMBOL: Final = re.compile(
    r"r(?P<dst>\d+) = (?:map\[(?P<by>id|fd|idx):(?P<map>\d+)\](?:\[0\]\+(?P<at>\d+))?"
    r"|btf\[id:(?P<btf>\d+)\]|subprog\[(?P<target>[+-]\d+|[A-Za-z_.$][\w.$]*)\])(?: ?ll)?"
)


def _imm64(asm: _Assembler, match: re.Match[str]) -> list[Insn]:
    text = match["hex"] or match["dec"]
    code = asm.line.code
    if code == (op.ALU64 | op.MOV | op.K):
        return [make(code, int(match["dst"]), 0, 0, asm.imm(text))]
    return ld_imm64(int(match["dst"]), 0, asm.number(text, -(1 << 63), (1 << 64) - 1))


def _symbol(asm: _Assembler, match: re.Match[str]) -> list[Insn]:
    dst = int(match["dst"])
    if match["btf"]:
        return ld_imm64(dst, op.PSEUDO_BTF_ID, int(match["btf"]))
    if match["target"]:
        return ld_imm64(dst, op.PSEUDO_FUNC, asm.distance(match["target"], 32) & _U32_MAX)
    by_index = match["by"] == "idx"
    if match["at"] is None:
        return ld_imm64(dst, op.PSEUDO_MAP_IDX if by_index else op.PSEUDO_MAP_FD, int(match["map"]))
    source = op.PSEUDO_MAP_IDX_VALUE if by_index else op.PSEUDO_MAP_VALUE
    return ld_imm64(dst, source, int(match["at"]) << 32 | int(match["map"]))


def _alu_register(asm: _Assembler, match: re.Match[str]) -> list[Insn]:
    sign, extend = match["sign"], match["extend"]
    operation, off = _operation(asm, sign)
    if extend:
        if operation != op.MOV or off:
            raise asm.wrong("only a move sign-extends")
        off = int(extend)
    insn_class = asm.same_class(match["dst"], match["src"])
    return [make(insn_class | operation | op.X, int(match["dst"][1:]), int(match["src"][1:]), off, 0)]


def _alu_constant(asm: _Assembler, match: re.Match[str]) -> list[Insn]:
    operation, off = _operation(asm, match["sign"])
    insn_class = asm.same_class(match["dst"])
    return [make(insn_class | operation | op.K, int(match["dst"][1:]), 0, off, asm.imm(match["imm"]))]


def _operation(asm: _Assembler, sign: str) -> tuple[int, int]:
    """Operation code and `off` of an assignment sign; s/= and s%= are DIV and MOD with off 1."""
    if sign in ("s/=", "s%="):
        return _ALU_CODE[sign[1:]], 1
    if sign not in _ALU_CODE:
        raise asm.wrong(f"unknown operator {sign!r}")
    return _ALU_CODE[sign], 0


def _negate(asm: _Assembler, match: re.Match[str]) -> list[Insn]:
    if match["dst"] != match["src"]:
        raise asm.wrong("source and destination of a negation must be the same register")
    return [make(asm.same_class(match["dst"]) | op.NEG, int(match["dst"][1:]), 0, 0, 0)]


def _swap(asm: _Assembler, match: re.Match[str]) -> list[Insn]:
    if match["dst"] != match["src"]:
        raise asm.wrong("source and destination of a byte swap must be the same register")
    code = {"le": op.ALU | op.END, "be": op.ALU | op.END | op.X, "bswap": op.ALU64 | op.END}[match["kind"]]
    return [make(code, int(match["dst"]), 0, 0, int(match["bits"]))]


def _cast(asm: _Assembler, match: re.Match[str]) -> list[Insn]:
    spaces = asm.imm(str(int(match["to"]) << 16 | int(match["of"])))
    return [make(op.ALU64 | op.MOV | op.X, int(match["dst"]), int(match["src"]), 1, spaces)]


def _percpu(asm: _Assembler, match: re.Match[str]) -> list[Insn]:
    return [make(op.ALU64 | op.MOV | op.X, int(match["dst"]), int(match["src"]), MOV_PERCPU_OFF, 0)]


def _size(asm: _Assembler, name: str) -> int:
    if name not in _SIZE_CODE:
        raise asm.wrong(f"unknown size {name!r}")
    return _SIZE_CODE[name]


def _load(asm: _Assembler, match: re.Match[str]) -> list[Insn]:
    size = match["size"]
    if size in _SIGNED_SIZE_CODE:
        code = op.LDX | op.MEMSX | _SIGNED_SIZE_CODE[size]
    else:
        code = op.LDX | op.MEM | _size(asm, size)
    return [make(code, int(match["dst"]), int(match["base"]), asm.off(match["off"]), 0)]


def _store_register(asm: _Assembler, match: re.Match[str]) -> list[Insn]:
    code = op.STX | op.MEM | _size(asm, match["size"])
    return [make(code, int(match["base"]), int(match["src"]), asm.off(match["off"]), 0)]


def _store_constant(asm: _Assembler, match: re.Match[str]) -> list[Insn]:
    code = op.ST | op.MEM | _size(asm, match["size"])
    return [make(code, int(match["base"]), 0, asm.off(match["off"]), asm.imm(match["imm"]))]


def _nospec(asm: _Assembler, match: re.Match[str]) -> list[Insn]:
    return [make(op.ST | op.ATOMIC, 0, 0, 0, 0)]


def _skb(asm: _Assembler, match: re.Match[str]) -> list[Insn]:
    mode = op.ABS if match["src"] is None else op.IND
    code = op.LD | mode | _size(asm, match["size"])
    return [make(code, 0, int(match["src"] or 0), 0, asm.imm(match["imm"]))]


def _atomic(asm: _Assembler, match: re.Match[str], src: str, imm: int) -> list[Insn]:
    code = op.STX | op.ATOMIC | _size(asm, match["size"])
    return [make(code, int(match["base"]), int(src), asm.off(match["off"]), imm)]


def _lock(asm: _Assembler, match: re.Match[str]) -> list[Insn]:
    imm = _ALU_CODE.get(match["sign"], -1)
    if imm not in ATOMIC_NAME:
        raise asm.wrong(f"no atomic operation {match['sign']!r}")
    return _atomic(asm, match, match["src"], imm)


def _fetch(asm: _Assembler, match: re.Match[str]) -> list[Insn]:
    if match["src"] != match["dst"]:
        raise asm.wrong("the operand register of an atomic fetch also takes the result")
    _wide(asm, match)
    imm = op.XCHG if match["name"] == "xchg" else _ATOMIC_CODE[match["name"].removeprefix("fetch_")] | op.FETCH
    return _atomic(asm, match, match["src"], imm)


def _cmpxchg(asm: _Assembler, match: re.Match[str]) -> list[Insn]:
    _wide(asm, match)
    return _atomic(asm, match, match["src"], op.CMPXCHG)


def _wide(asm: _Assembler, match: re.Match[str]) -> None:
    if bool(match["wide"]) != (match["size"] == "u64"):
        raise asm.wrong("atomic64_ goes with u64, atomic_ with the other sizes")


def _acquire(asm: _Assembler, match: re.Match[str]) -> list[Insn]:
    code = op.STX | op.ATOMIC | _size(asm, match["size"])
    return [make(code, int(match["dst"]), int(match["base"]), asm.off(match["off"]), op.LOAD_ACQ)]


def _release(asm: _Assembler, match: re.Match[str]) -> list[Insn]:
    return _atomic(asm, match, match["src"], op.STORE_REL)


def _goto(asm: _Assembler, match: re.Match[str]) -> list[Insn]:
    kind = match["kind"]
    if kind == "gotol":
        return [make(op.JMP32 | op.JA, 0, 0, 0, asm.distance(match["target"], 32))]
    code = op.JMP | (op.JCOND if kind == "may_goto" else op.JA)
    return [make(code, 0, 0, asm.distance(match["target"], 16), 0)]


def _if(asm: _Assembler, match: re.Match[str]) -> list[Insn]:
    sign, left, right = match["sign"], match["left"], match["right"]
    if sign not in _JUMP_CODE:
        raise asm.wrong(f"unknown comparison {sign!r}")
    off = asm.distance(match["target"], 16)
    if re.fullmatch(_REG, right):
        insn_class = op.JMP if asm.same_class(left, right) == op.ALU64 else op.JMP32
        return [make(insn_class | _JUMP_CODE[sign] | op.X, int(left[1:]), int(right[1:]), off, 0)]
    insn_class = op.JMP if left[0] == "r" else op.JMP32
    return [make(insn_class | _JUMP_CODE[sign] | op.K, int(left[1:]), 0, off, asm.imm(right))]


def _call(asm: _Assembler, match: re.Match[str]) -> list[Insn]:
    code = op.JMP | op.CALL
    name, number = match["name"], match["number"]
    if number is not None:
        return [make(code, 0, 2 if name == "kernel-function" else 0, 0, asm.imm(number))]
    if name in asm.labels or re.fullmatch(r"(?:pc)?[+-]\d+", name):
        return [make(code, 0, 1, 0, asm.distance(name, 32))]
    if name in asm.kfuncs:
        return [make(code, 0, 2, 0, asm.kfuncs[name])]
    if name in asm.helpers:
        return [make(code, 0, 0, 0, asm.helpers[name])]
    raise asm.wrong(f"{name!r} is neither a label nor a known kfunc or helper")


def _exit(asm: _Assembler, match: re.Match[str]) -> list[Insn]:
    return [make(op.JMP | op.EXIT, 0, 0, 0, 0)]


_Build = Callable[[_Assembler, "re.Match[str]"], "list[Insn]"]
_SOURCES: Final[tuple[tuple[str, _Build], ...]] = (
    (r"exit", _exit),
    (r"nospec", _nospec),
    (rf"(?P<kind>goto|gotol|may_goto) {_TARGET}", _goto),
    (rf"if (?P<left>{_REG}) (?P<sign>[s<>=!&]+) (?P<right>{_REG}|{_NUMBER}) goto {_TARGET}", _if),
    (r"call (?P<name>[\w.$+-]+?)(?:#(?P<number>-?\d+))?", _call),
    (_IMM64.pattern, _imm64),
    (_SYMBOL.pattern, _symbol),
    (rf"(?P<dst>{_REG}) = -(?P<src>{_REG})", _negate),
    (r"r(?P<dst>\d+) = (?P<kind>be|le|bswap)(?P<bits>\d+) r(?P<src>\d+)", _swap),
    (r"r(?P<dst>\d+) = addr_space_cast\(r(?P<src>\d+), (?P<to>\d+), (?P<of>\d+)\)", _cast),
    (r"r(?P<dst>\d+) = &\(void __percpu \*\)\(r(?P<src>\d+)\)", _percpu),
    (rf"(?P<dst>{_REG}) (?P<sign>\S+) (?:\(s(?P<extend>8|16|32)\))?(?P<src>{_REG})", _alu_register),
    (rf"(?P<dst>{_REG}) (?P<sign>\S+) (?P<imm>{_NUMBER})", _alu_constant),
    (rf"r(?P<dst>\d+) = \*{_MEM}", _load),
    (rf"\*{_MEM} = r(?P<src>\d+)", _store_register),
    (rf"\*{_MEM} = (?P<imm>{_NUMBER})", _store_constant),
    (r"r0 = \*\((?P<size>u\d+) \*\)skb\[(?:r(?P<src>\d+) \+ )?(?P<imm>-?\d+)\]", _skb),
    (rf"lock \*{_MEM} (?P<sign>\S+) r(?P<src>\d+)", _lock),
    (rf"r(?P<dst>\d+) = atomic(?P<wide>64)?_(?P<name>fetch_\w+|xchg)\({_MEM}, r(?P<src>\d+)\)", _fetch),
    (rf"r0 = atomic(?P<wide>64)?_cmpxchg\({_MEM}, r0, r(?P<src>\d+)\)", _cmpxchg),
    (rf"r(?P<dst>\d+) = load_acquire\({_MEM}\)", _acquire),
    (rf"store_release\({_MEM}, r(?P<src>\d+)\)", _release),
)
_FORMS: Final = tuple((re.compile(pattern), build) for pattern, build in _SOURCES)
