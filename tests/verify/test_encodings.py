"""The first check of each instruction: 7.2 looks at registers, then at the opcode, then at the other fields."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest

from kverdict.isa.decode import decode
from kverdict.program.assembled import program_from_text
from kverdict.verify.verdict import Accepted, Rejected, Unsupported, Verdict
from kverdict.verify.verify import verify
from tests.verify.asking import profile

# (opcode, dst, src, off, imm), what 6.18 says, what 7.2 says; the second slot of a wide load follows by itself.
ASKED = (
    ((0x41, 0, 1, 0, 0), "BPF_LDX uses reserved fields", "unknown opcode 41"),
    ((0x79, 0, 1, 0, 5), "BPF_LDX uses reserved fields", "BPF_LDX uses reserved fields"),
    ((0xFF, 12, 1, 0, 0), "unknown opcode ff", "R12 is invalid"),
    ((0x18, 0, 9, 5, 0), "unrecognized bpf_ld_imm64 insn", "BPF_LD_IMM64 uses reserved fields"),
    ((0x18, 0, 0, 0, 0), "", ""),
    ((0x79, 0, 11, -8, 0), "R11 is invalid", "R11 is invalid"),
    ((0x7A, 11, 0, 8, 0), "R11 is invalid", "R11 is invalid"),
    ((0x61, 0, 11, 8, 0), "R11 is invalid", "R11 is invalid"),
    ((0x79, 0, 11, 8, 0), "R11 is invalid", "unsupported: arguments on the stack (r11)"),
    ((0x7B, 11, 1, -8, 0), "R11 is invalid", "unsupported: arguments on the stack (r11)"),
    ((0x0D, 1, 0, 0, 0), "unknown opcode 0d", "unsupported: indirect jumps"),
)


def said(verdict: Verdict) -> str:
    """The sentence, "" if the program is accepted."""
    if isinstance(verdict, Unsupported):
        return f"unsupported: {verdict.what}"
    assert isinstance(verdict, (Accepted, Rejected))
    return verdict.sentence if isinstance(verdict, Rejected) else ""


@pytest.mark.parametrize(("fields", "older", "newer"), ASKED)
def test_what_is_looked_at_first(fields: tuple[int, int, int, int, int], older: str, newer: str) -> None:
    code, dst, src, off, imm = fields
    raw = struct.pack("<BBhi", code, dst | src << 4, off, imm) + (bytes(8) if code == 0x18 else b"")
    raw += struct.pack("<BBhi", 0xB7, 0, 0, 0) + struct.pack("<BBhi", 0x95, 0, 0, 0)
    for kernel, sentence in (("6.18", older), ("7.2", newer)):
        program = program_from_text("r0 = 0\nexit", "socket", profile(kernel))
        assert said(verify(replace(program, insns=tuple(decode(raw))))) == sentence
