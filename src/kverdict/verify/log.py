"""The verifier's log in the kernel's format, collected line by line. Level 1: each instruction; 2: all states."""

from __future__ import annotations


class Log:
    """level: 1 or 2 as in bpf(2). `lines` grows; a walk that backs out of an accepted path may cut it (level 1)."""

    __slots__ = ("level", "lines", "part")

    def __init__(self, level: int) -> None:
        self.level = level
        self.lines: list[str] = []
        self.part = ""

    def write(self, text: str) -> None:
        """Append text; it becomes a line at each newline."""
        *whole, self.part = (self.part + text).split("\n")
        self.lines.extend(whole)

    def text(self) -> str:
        """Everything so far."""
        return "\n".join([*self.lines, self.part]) if self.part else "\n".join([*self.lines, ""])
