"""The story behind a refusal, in terms of the source: places, where the value came from, the path, help and notes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from string import Formatter
from types import MappingProxyType
from typing import Final, NamedTuple

from kverdict.api import Result
from kverdict.catalogue import words
from kverdict.diagnostic import Diagnostic, Place
from kverdict.isa import opcode as op
from kverdict.isa.text import format_insn
from kverdict.kernel import proto
from kverdict.program.program import Program
from kverdict.report import source
from kverdict.report.calls import Callee, callee_of
from kverdict.report.names import variable_name
from kverdict.report.sources import with_source
from kverdict.report.trace import Origin, Path
from kverdict.verify.verdict import Rejected

LONGEST_PATH: Final = 14
_SPEC: Final = re.compile(r"\] (.*?) \(")  # "<byte_off> [29] struct s.field (0:0 @ offset 0)"


class Span(NamedTuple):
    """A marked piece of source: `column` counts from 0 and is -1 where only the instruction is known."""

    place: Place
    column: int
    width: int
    labels: tuple[str, ...]
    primary: bool


class Help(NamedTuple):
    """What to try. lines: source to add, as (line number, text); proved: kernels on which the change was verified."""

    text: str
    lines: tuple[tuple[int, str], ...] = ()
    proved: tuple[str, ...] = ()


class Story(NamedTuple):
    """Everything that a report prints about one refusal; the formats differ only in dress."""

    message_id: str
    headline: str
    place: Place
    spans: tuple[Span, ...]
    path: tuple[str, ...] = ()
    remark: str = ""
    help: Help | None = None
    notes: tuple[str, ...] = ()
    facts: Mapping[str, object] = MappingProxyType({})


def tell(result: Result) -> Story:
    """The story of a rejected result; help is the catalogue's, notes are empty (see suggest.py and compare.py)."""
    verdict = result.verdict
    if not isinstance(verdict, Rejected) or result.linked is None:
        raise ValueError("only a refusal of a linked program has a story")
    return _Teller(result, result.linked, verdict).tell()


class _Teller:
    """Works out one story; the parts that cannot be established stay empty."""

    def __init__(self, result: Result, program: Program, verdict: Rejected) -> None:
        self.result = result
        self.program = program
        self.verdict = verdict
        self.diagnostic: Diagnostic = verdict.diagnostic
        self.at = self.diagnostic.insn
        steps = verdict.path if verdict.path and verdict.path[-1] == self.at else (*verdict.path, self.at)
        self.path = Path(program.insns, [step for step in steps if 0 <= step < len(program.insns)])
        self.callee = callee_of(program, self.at)
        reg = self.diagnostic.facts.get("reg")
        self.reg = reg if isinstance(reg, int) and 0 <= reg <= 10 else -1
        self.origin = self._origin()

    def _place(self, insn: int) -> Place:
        return with_source(self.program.place(insn), self.result.object_name)

    def _origin(self) -> Origin | None:
        alloc = self.diagnostic.facts.get("alloc_insn")
        if isinstance(alloc, int):
            steps = [step for step, index in enumerate(self.path.steps) if index == alloc]
            return Origin("call", steps[-1] if steps else -1, alloc)
        if self.reg < 0 or self.reg == op.FP or not self.path.steps:
            return None
        return self.path.origin(self.reg)

    def tell(self) -> Story:
        """The whole story."""
        primary = self._primary()
        subject = self._subject(primary)
        facts = self._facts(subject)
        message = self.diagnostic.message
        label = _fill(words.AT_FAILURE.get(message.id, ""), facts)
        headline = _fill(message.meaning, facts) or self.verdict.sentence
        help_text = _fill(words.HELP.get(message.id, ""), facts)
        others = [span for span in (self._producer(), self._release()) if span is not None]
        if self._is_null() and message.id in words.WITH_NULL:
            headline, help_text, others = _fill(words.WITH_NULL[message.id], facts) or headline, "", []
        if (spec := self._poisoned()) and message.id == "invalid-helper":
            headline, label, help_text = words.POISONED.format(spec=spec), words.POISONED_LABEL, words.POISONED_HELP
        if facts["released_by"]:
            headline = _fill(words.AFTER_RELEASE.get(message.id, ""), facts) or headline
        primary = Span(primary.place, primary.column, primary.width, (label,) if label else (), True)
        return Story(
            message.id,
            headline,
            primary.place,
            (primary, *others),
            self._path_line(),
            self._remark(subject),
            Help(help_text) if help_text else None,
            facts=facts,
        )

    def _released(self) -> tuple[int, Callee] | None:
        """The step at which the refused value had been given up before, and who took it."""
        if self.diagnostic.message.id not in words.AFTER_RELEASE or self.origin is None or self.origin.step < 0:
            return None
        for step, reg in self.path.passed(self.origin):
            callee = callee_of(self.program, self.path.steps[step])
            if callee is not None and callee.releases(reg):
                return step, callee
        return None

    def _release(self) -> Span | None:
        found = self._released()
        if found is None:
            return None
        step, callee = found
        place = self._place(self.path.steps[step])
        label = words.RELEASED_LABEL.format(callee=callee.name)
        for name in callee.spellings:
            if (piece := source.find_call(place.source, name)) is not None:
                return Span(place, piece.column, len(piece.text), (label,), False)
        return Span(place, -1, 0, (label,), False)

    def _is_null(self) -> bool:
        return self.origin is not None and self.origin.kind == "constant" and self.origin.offset == 0

    def _poisoned(self) -> str:
        """What libbpf could not resolve at the refused instruction, "" if it resolved everything."""
        rows = self.program.extra.get("poisoned", ())
        spec = next((spec for insn, spec in rows if insn == self.at), "") if isinstance(rows, tuple) else ""
        hit = _SPEC.search(spec)
        return re.sub(r"___\w+", "", hit[1]) if hit else spec

    def _primary(self) -> Span:
        place = self._place(self.at)
        line, column = place.source, place.column - 1
        if self.callee is not None:
            number = self.reg - 1 if 1 <= self.reg <= 5 else -1
            names = self.callee.spellings
            for name in names:
                piece = source.find_argument(line, name, number) if number >= 0 else None
                piece = piece or source.find_call(line, name)
                if piece is not None:
                    return Span(place, piece.column, len(piece.text), (), True)
        if not line:
            return Span(place, -1, 0, (), True)
        piece = source.code_at(line, column)
        return Span(place, piece.column, len(piece.text), (), True)

    def _subject(self, primary: Span) -> str:
        text = primary.place.source[primary.column : primary.column + primary.width] if primary.column >= 0 else ""
        whole_call = self.callee is not None and any(text.startswith(f"{name}(") for name in self.callee.spellings)
        if self.callee is not None and text and not whole_call:
            return f"`{text}`"
        name = variable_name(self.result.thing, self.program, self.at, self.reg) if self.reg >= 0 else ""
        name = name or self._variable()
        if name:
            return f"`{name}`"
        return f"R{self.reg}" if self.reg >= 0 else "it"

    def _variable(self) -> str:
        """The C variable that the value was assigned to where it was made, "" if that cannot be seen."""
        origin = self.origin
        if origin is None or origin.insn < 0:
            return ""
        place = self._place(origin.insn)
        callee = callee_of(self.program, origin.insn)
        for name in callee.spellings if callee else ():
            piece = source.find_call(place.source, name)
            if piece is not None:
                return source.assigned_name(place.source, piece.column)
        return source.assigned_name(place.source, place.column - 1)

    def _facts(self, subject: str) -> dict[str, object]:
        facts: dict[str, object] = dict(self.diagnostic.facts)
        facts.setdefault("struct", "pointer")
        facts["subject"] = subject
        facts["hook"] = self.program.section.partition("/")[0]
        if "type" in facts:
            facts["a_type"] = words.TYPES.get(str(facts["type"]), f"`{facts['type']}`")
        facts["taken_by"] = self._taken_by()
        facts["released_by"] = self._released_by()
        facts["need"] = ""
        if self.callee is not None:
            facts.setdefault("callee", self.callee.name)
            struct = self.callee.argument_struct(self.reg - 1)
            if struct and facts["struct"] == "pointer":
                facts["struct"] = struct
            facts["need"] = self._need(self.callee)
        return facts

    def _taken_by(self) -> str:
        """Who took the reference that leaks: "bpf_task_acquire() took in line 35"."""
        if self.origin is None or self.origin.insn < 0:
            return "was taken"
        callee, place = callee_of(self.program, self.origin.insn), self._place(self.origin.insn)
        where = f"in line {place.line}" if place.line else f"at instruction {self.origin.insn}"
        return f"{callee.name}() took {where}" if callee else f"was taken {where}"

    def _released_by(self) -> str:
        found = self._released()
        if found is None:
            return ""
        line = self._place(self.path.steps[found[0]]).line
        return f"{found[1].name}() in line {line}" if line else f"{found[1].name}()"

    def _need(self, callee: Callee) -> str:
        flags = callee.flags
        if flags & proto.KF_RELEASE:
            return " whose reference this program holds (KF_RELEASE)" if self._says_null() else " (KF_RELEASE)"
        for flag, name in ((proto.KF_RCU, "KF_RCU"), (proto.KF_TRUSTED_ARGS, "KF_TRUSTED_ARGS")):
            if flags & flag:
                return f" ({name})"
        return ""

    def _says_null(self) -> bool:
        return self.diagnostic.message.id == "maybe-null-arg"

    def _producer(self) -> Span | None:
        origin = self.origin
        if origin is None:
            return None
        if origin.kind == "argument" and origin.reg >= 1 and self.reg >= 0:
            return None
        if origin.insn < 0 or origin.insn == self.at:
            return None
        place = self._place(origin.insn)
        labels = self._producer_labels(origin)
        if not labels:
            return None
        callee = callee_of(self.program, origin.insn)
        for name in callee.spellings if callee else ():
            piece = source.find_call(place.source, name)
            if piece is not None:
                return Span(place, piece.column, len(piece.text), labels, False)
        if not place.source:
            return Span(place, -1, 0, labels, False)
        piece = source.code_at(place.source, place.column - 1)
        return Span(place, piece.column, len(piece.text), labels, False)

    def _producer_labels(self, origin: Origin) -> tuple[str, ...]:
        if origin.kind == "call":
            callee = callee_of(self.program, origin.insn)
            return callee.result_labels("alloc_insn" in self.diagnostic.facts, self._about_null()) if callee else ()
        if origin.kind == "load":
            return (self._load_label(origin),)
        if origin.kind == "constant":
            return ("is NULL" if origin.offset == 0 else f"is the constant {origin.offset}",)
        if origin.kind == "address":
            return ("its address is taken here",)
        if origin.kind == "clobbered":
            return (f"this call destroys R{origin.reg}",)
        return ("is computed here",) if origin.kind == "arithmetic" else ()

    def _load_label(self, origin: Origin) -> str:
        base = origin.base
        if base is not None and base.kind == "argument" and base.reg == 1:
            return f"the program's argument {origin.offset // 8}" if self._has_arguments() else "read from the context"
        if base is not None and base.kind == "call":
            callee = callee_of(self.program, base.insn)
            if callee is not None and callee.name == "bpf_map_lookup_elem":
                return "read from the map's value"
        return "read here"

    def _has_arguments(self) -> bool:
        return self.program.prog_type in ("tracing", "lsm", "struct_ops", "raw_tracepoint")

    def _path_line(self) -> tuple[str, ...]:
        """Source lines from the entry to the failure, through the branches that were decided on the way."""
        if not self.path.steps:
            return ()
        origin = self.origin
        words_: list[str] = ["entry"]
        if origin is not None and origin.step >= 0:
            self._visit(words_, origin.step, "")
        first = origin.step if origin is not None and origin.step >= 0 else 0
        branches = self.path.branches(first)
        for step, taken in branches:
            self._visit(words_, step, "yes" if taken else "no")
        self._visit(words_, len(self.path.steps) - 1, "")
        if len(words_) > LONGEST_PATH:
            half = LONGEST_PATH // 2
            words_ = [*words_[:half], "…", *words_[-half:]]
        return tuple(words_)

    def _visit(self, line: list[str], step: int, answer: str) -> None:
        index = self.path.steps[step]
        place = self._place(index)
        word = str(place.line) if place.line else f"insn {index}"
        if answer:
            test = format_insn(self.program.insns[index]).partition(" if ")[2].partition(" goto")[0]
            word += f" ({test}: {answer})" if test else ""
        if line[-1] != word:
            line.append(word)

    def _about_null(self) -> bool:
        return "null" in self.diagnostic.message.id or "null" in str(self.diagnostic.facts.get("type", ""))

    def _remark(self, subject: str) -> str:
        origin = self.origin
        if origin is None or origin.kind not in ("call", "load") or "alloc_insn" in self.diagnostic.facts:
            return ""
        if not self._about_null():
            return ""
        return "" if self.path.tested(origin) else f"no branch on it tests {subject}"


def _fill(template: str, facts: Mapping[str, object]) -> str:
    """The template with its facts, "" if one of them is missing."""
    names = {name for _, name, _, _ in Formatter().parse(template) if name}
    return template.format(**facts) if template and names <= set(facts) else ""
