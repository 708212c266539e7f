"""What goes wrong while a program runs: faults, which end the run; findings, of which the kernel would only warn."""

from __future__ import annotations

from typing import Final

from kverdict.errors import KverdictError

USE_AFTER_FREE: Final = "use-after-free"
OUT_OF_BOUNDS: Final = "out-of-bounds"
NULL_POINTER: Final = "null-pointer"
BAD_ADDRESS: Final = "bad-address"
READ_ONLY: Final = "read-only"
UNINITIALISED: Final = "uninitialised"
REFCOUNT: Final = "refcount"
UNION_CORRUPTION: Final = "union-corruption"
LEAK: Final = "leak"
DEADLOCK: Final = "deadlock"
RUNAWAY: Final = "runaway"
INVALID: Final = "invalid"  # an operation that no verified program can do


class Fault(KverdictError):
    """The run cannot go on. kind: one of the constants above; text: one sentence; address: 64 bits, 0 if none."""

    def __init__(self, kind: str, text: str, address: int = 0) -> None:
        self.kind = kind
        self.text = text
        self.address = address
        super().__init__(f"{kind}: {text}")


class Finding:
    """One fault or warning with where it happened. run, insn: -1 outside of programs; step: what was being done."""

    __slots__ = ("insn", "kind", "run", "step", "subject", "text", "time")

    def __init__(self, kind: str, text: str, time: int, run: int, insn: int, step: str, subject: int) -> None:
        self.kind = kind
        self.text = text
        self.time = time
        self.run = run
        self.insn = insn
        self.step = step
        self.subject = subject

    def __repr__(self) -> str:
        where = f"run {self.run} at {self.insn}" if self.run >= 0 else self.step
        return f"{self.kind}: {self.text} ({where})"
