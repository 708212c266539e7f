"""The verifier's log in the kernel's format. Level 1: instructions and what they changed; level 2: all states.

Source: kernel/bpf/log.c, verbose_insn(), print_insn_state() of the kernel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from kverdict.isa.opcode import CALL, CALL_HELPER, CALL_KFUNC, CLASS_MASK, CODE_MASK, EXIT, JA, JCOND, JMP, JMP32
from kverdict.isa.text import format_insn

if TYPE_CHECKING:
    from kverdict.verify.env import Env

_COLUMN: Final = 40  # where the state behind an instruction begins
_TAB: Final = 8


class Log:
    """level: 1 or 2 as in bpf(2). `lines` grows; at level 1 a walk that goes back to a branch cuts it there."""

    __slots__ = (
        "insn_open",
        "insn_width",
        "last_record",
        "level",
        "lines",
        "part",
        "positions",
        "records",
        "scratched",
        "slots",
    )

    def __init__(self, level: int) -> None:
        self.level = level
        self.lines: list[str] = []
        self.part = ""
        self.insn_open = -1  # number of lines when the last instruction was printed
        self.insn_width = 0
        self.records: list[tuple[str, str, int]] | None = None  # for each slot: source, file, line; made on first use
        self.positions: list[tuple[int, int]] = []  # number of lines, length of the last one
        self.last_record: tuple[str, str, int] | None = None
        self.scratched = 0  # registers that were touched since the state was printed
        self.slots = 0  # and slots, of whatever frame

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
            self.write(f"{line}{' ' * column(self.insn_width + 1)};{text}\n")
        else:
            self.write(f"{index}:{text}\n")
        self.insn_open = -1

    def before_insn(self, env: Env, index: int) -> None:
        """What the instruction before changed, and the source line if it is another one."""
        if self.scratched or self.slots:
            self.state(index, env.describe_state(env.state, len(env.state.frames) - 1, False))
        if self.records is None:
            self.records = _source_records(env)
        if index < len(self.records):
            self._source(self.records[index], env.does("LOG_NAMES_SOURCE_LINE"))

    def _source(self, record: tuple[str, str, int], named: bool) -> None:
        """A source line, if the last one was another; kernel: verbose_linfo()."""
        source, file, line = record
        last = self.last_record
        if last is record or (named and last is not None and last[1:] == (file, line)):
            return
        self.last_record = record
        self.write(f"; {source} @ {file}:{line}\n" if named else f"; {source}\n")

    def everything_changed(self) -> None:
        """All of the state is printed next time: a path or a function begins."""
        self.scratched = 0x7FF
        self.slots = -1

    def touched(self, env: Env, index: int) -> None:
        """The instruction looked at its registers; a conditional jump shows them at once."""
        from kverdict.verify.flow import uses_and_definitions

        insn = env.insns[index]
        if insn.op == JMP | EXIT:
            return
        uses, defines = uses_and_definitions(env, insn)
        self.scratched |= (uses if uses < 0xFFFF else 0x7F | 1 << insn.src) | defines
        if insn.op & CLASS_MASK in (JMP, JMP32) and insn.op & CODE_MASK not in (CALL, EXIT, JA, JCOND):
            self.state(index, env.describe_state(env.state, len(env.state.frames) - 1, False))

    def position(self) -> int:
        """Where the log ends now, for back_to()."""
        if self.level > 1:
            return 0
        self.positions.append((len(self.lines), len(self.lines[-1]) if self.lines else 0))
        return len(self.positions) - 1

    def back_to(self, position: int) -> None:
        """At level 1 an accepted path is forgotten when the walk goes back to a branch.

        The kernel cuts at a number of characters: a state that was put behind the branch leaves one blank of itself.
        """
        self.everything_changed()
        if self.level > 1:
            return
        count, length = self.positions[position]
        self.forget(count)
        if self.lines and len(self.lines[-1]) > length:
            self.part = self.lines.pop()[: length + 1]

    def forget(self, count: int) -> None:
        """Cut the log behind this number of lines."""
        del self.lines[count:]
        self.part = ""
        self.insn_open = -1

    def text(self) -> str:
        """Everything so far."""
        return "\n".join([*self.lines, self.part]) if self.part else "\n".join([*self.lines, ""])


def column(width: int) -> int:
    """Blanks between text of this width and what is told behind it; kernel: bpf_vlog_alignment()."""
    return (max(width + _TAB // 2, _COLUMN) + _TAB - 1) // _TAB * _TAB - width - 1


def _source_records(env: Env) -> list[tuple[str, str, int]]:
    """(source, file name, line) for each slot: one object for each line record, [] without records."""
    found: list[tuple[str, str, int]] = []
    btf = env.program.btf
    records = cast("tuple[tuple[int, int, int, int, int], ...]", env.program.extra.get("line_records", ()))
    if btf is None or not records or not env.program.func_info:
        return found
    starts = [record[0] for record in records[1:]] + [env.count]
    for (_, file, text, line, _), end in zip(records, starts, strict=True):
        name = btf.string(file).rpartition("/")[2]
        record = (btf.string(text).lstrip(), name, line)
        found.extend([record] * (end - len(found)))
    return found


def log_subprograms(env: Env) -> None:
    """Where the functions begin; kernel: add_subprog_and_kfunc()."""
    if env.log is not None and env.log.level > 1:
        for number, subprog in enumerate(env.subprogs):
            env.log.write(f"func#{number} @{subprog.start}\n")


def log_live_registers(env: Env) -> None:
    """Loop component, number, registers alive before it, text of each instruction; kernel: compute_live_registers()."""
    if env.log is None or env.log.level < 2:
        return
    env.log.write("Live regs before insn:\n")
    for index, insn in enumerate(env.insns):
        if not insn.op:
            continue
        aux = env.aux[index]
        component = f"{aux.scc:3d} " if aux.scc else "    "
        alive = "".join(str(reg) if aux.live_before >> reg & 1 else "." for reg in range(10))
        env.log.write(f"{component}{index:3d}: {alive} {disassemble(env, index)}\n")


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


def log_mask_change(log: Log, where: str, what: str, old: int, new: int) -> None:
    """Slots that came or went, e.g. "(0) frame 0 insn 9 +live -8 "; kernel: log_mask_change()."""
    if old == new:
        return
    came = f"+{what} {stack_mask(new & ~old)} " if new & ~old else ""
    gone = f"-{what} {stack_mask(old & ~new)}" if old & ~new else ""
    log.write(f"{where} {came}{gone}\n")


def register_mask(mask: int) -> str:
    """Registers of a mask as the log lists them: "r1,r6"."""
    return ",".join(f"r{number}" for number in range(11) if mask >> number & 1)


def stack_mask(mask: int) -> str:
    """Slots of a mask as the log lists them: "-8,-16"."""
    return ",".join(str(-(number + 1) * 8) for number in range(64) if mask >> number & 1)
