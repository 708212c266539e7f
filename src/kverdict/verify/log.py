"""The verifier's log in the kernel's format. Level 1: instructions and what they changed; level 2: all states.

Source: kernel/bpf/log.c, verbose_insn(), print_insn_state() of the kernel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kverdict.isa.opcode import CALL, CALL_HELPER, CALL_KFUNC, CLASS_MASK, CODE_MASK, EXIT, JA, JCOND, JMP, JMP32
from kverdict.isa.text import format_insn

if TYPE_CHECKING:
    from kverdict.verify.env import Env

_COLUMN: Final = 40  # where the state behind an instruction begins
_TAB: Final = 8


class Log:
    """level: 1 or 2 as in bpf(2). `lines` grows; at level 1 a walk that goes back to a branch cuts it there."""

    __slots__ = ("all_slots", "insn_open", "insn_width", "last_source", "level", "lines", "part", "scratched", "slots")

    def __init__(self, level: int) -> None:
        self.level = level
        self.lines: list[str] = []
        self.part = ""
        self.insn_open = -1  # number of lines when the last instruction was printed
        self.insn_width = 0
        self.last_source: tuple[object, ...] = ()
        self.scratched = 0
        self.slots: set[tuple[int, int]] = set()
        self.all_slots = False

    def write(self, text: str) -> None:
        """Append text; it becomes a line at each newline."""
        *whole, self.part = (self.part + text).split("\n")
        self.lines.extend(whole)

    def insn(self, text: str) -> None:
        """One instruction on a line of its own; a state may be appended to it while nothing else was printed."""
        self.write(text + "\n")
        self.insn_open = len(self.lines)
        self.insn_width = len(text)

    def state(self, index: int, text: str) -> None:
        """The state after an instruction: behind it if it was just printed, else on a line of its own."""
        if self.insn_open == len(self.lines) and not self.part:
            line = self.lines.pop()
            end = self.insn_width + 1
            pad = (max(end + _TAB // 2, _COLUMN) + _TAB - 1) // _TAB * _TAB - end - 1
            self.write(f"{line}{' ' * pad};{text}\n")
        else:
            self.write(f"{index}:{text}\n")
        self.insn_open = -1

    def before_insn(self, env: Env, index: int) -> None:
        """What the instruction before changed, and the source line if it is another one."""
        if self.scratched or self.slots:
            self.state(index, env.describe_state(env.state, len(env.state.frames) - 1, False))
        place = env.program.place(index)
        if not place.line and not place.source:
            return
        source = (place.file, place.line, place.column, place.source)
        if source != self.last_source:
            self.last_source = source
            name = place.file.rpartition("/")[2]
            self.write(f"; {place.source.strip()} @ {name}:{place.line}\n")

    def touched(self, env: Env, index: int) -> None:
        """The instruction looked at its registers; a conditional jump shows them at once."""
        from kverdict.verify.flow import uses_and_definitions

        insn = env.insns[index]
        uses, defines = uses_and_definitions(env, insn)
        self.scratched |= (uses if uses < 0xFFFF else 0x3F) | defines
        if insn.op & CLASS_MASK in (JMP, JMP32) and insn.op & CODE_MASK not in (CALL, EXIT, JA, JCOND):
            self.state(index, env.describe_state(env.state, len(env.state.frames) - 1, False))

    def back_to(self, position: int) -> None:
        """At level 1 an accepted path is forgotten when the walk goes back to a branch."""
        self.scratched = 0x7FF
        self.all_slots = True
        if self.level < 2:
            del self.lines[position:]
            self.part = ""
            self.insn_open = -1
            self.last_source = ()

    def text(self) -> str:
        """Everything so far."""
        return "\n".join([*self.lines, self.part]) if self.part else "\n".join([*self.lines, ""])


def disassemble(env: Env, index: int) -> str:
    """One instruction as the log prints it, with the name of what it calls."""
    insn = env.insns[index]
    name = ""
    if insn.op == CALL_HELPER:
        name = env.profile.helper_name(insn.imm)
    elif insn.op == CALL_KFUNC:
        kfunc = env.profile.kfunc_by_id(insn.imm)
        name = kfunc.name if kfunc else ""
    return format_insn(insn, (lambda _: name) if name else None)


def register_mask(mask: int) -> str:
    """Registers of a mask as the log lists them: "r1,r6"."""
    return ",".join(f"r{number}" for number in range(11) if mask >> number & 1)


def stack_mask(mask: int) -> str:
    """Slots of a mask as the log lists them: "-8,-16"."""
    return ",".join(str(-(number + 1) * 8) for number in range(64) if mask >> number & 1)
