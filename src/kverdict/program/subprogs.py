"""One program with the subprograms that it calls behind it, as libbpf lays them out, and their source lines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from kverdict.btf.btf import Btf
from kverdict.btf.types import KIND_DECL_TAG, KIND_FUNC, LINKAGE_GLOBAL, DeclTag, Func
from kverdict.diagnostic import Place
from kverdict.errors import LinkError
from kverdict.isa import opcode as op
from kverdict.isa.decode import decode, make
from kverdict.isa.insn import Insn
from kverdict.objfile.lines import LineRecord, within
from kverdict.objfile.object import Object, ProgramDef
from kverdict.objfile.relocs import CALL, EXTERN_CALL, FUNCTION, SLOT, Reloc
from kverdict.program.program import FuncInfo

_EXCEPTION_TAG: Final = "exception_callback:"
_CALL: Final = op.JMP | op.CALL
_SUSPECTS: Final = frozenset({op.CALL_SUBPROG, op.LD_IMM64 | op.PSEUDO_FUNC << op.VARIANT_SHIFT})
Fetch = Callable[[ProgramDef], list[Insn]]


class Part(NamedTuple):
    """A function and the slot at which it starts in the program."""

    function: ProgramDef
    start: int


class Code:
    """The instructions of a program while it is put together. libbpf: bpf_object__reloc_code()."""

    def __init__(self, obj: Object, main: ProgramDef, fetch: Fetch | None = None) -> None:
        """fetch: gives a function's instructions, with its CO-RE relocations applied; default: as they are."""
        self.obj = obj
        self.main = main
        self.insns: list[Insn] = []
        self.relocs: list[Reloc] = []
        self.parts: list[Part] = []
        self._fetch = fetch or (lambda function: decode(function.code))
        self._starts: dict[tuple[int, int, str], int] = {}
        self._text = next((f.section_index for f in obj.functions if f.is_subprogram), 0)
        self._append(main)
        self._follow(self.parts[0])
        callback = exception_callback(obj, main)
        if callback and _key(callback) not in self._starts:
            self._follow(self._append(callback))

    def _append(self, function: ProgramDef) -> Part:
        start = len(self.insns)
        part = Part(function, start)
        self.parts.append(part)
        self._starts[_key(function)] = start
        self.insns += self._fetch(function)
        for reloc in function.relocs:
            if reloc.kind == FUNCTION:
                at = start + reloc.insn
                old = self.insns[at]
                self.insns[at] = _with_source(old, op.PSEUDO_FUNC)
            self.relocs.append(reloc._replace(insn=reloc.insn + start))
        return part

    def _follow(self, first: Part) -> None:
        """Every call in `first`, and in what it appends, depth first as libbpf's recursion does it."""
        waiting = [(first, self._suspects(first))]
        while waiting:
            part, suspects = waiting[-1]
            relocs = {reloc.insn: reloc for reloc in part.function.relocs}
            while suspects:
                called = self._called(part, suspects[-1], relocs.get(suspects[-1]))
                if called is not None:
                    key = _key(called)
                    if key not in self._starts:
                        appended = self._append(called)
                        waiting.append((appended, self._suspects(appended)))
                        break  # and come back to this instruction
                    self._point(part.start + suspects[-1], self._starts[key])
                suspects.pop()
            else:
                waiting.pop()

    def _suspects(self, part: Part) -> list[int]:
        """Slots of a part that may call a subprogram or take its address, the last one first."""
        insns = self.insns[part.start : part.start + part.function.slots]
        return [at for at, insn in enumerate(insns) if insn.op in _SUSPECTS][::-1]

    def _called(self, part: Part, at: int, reloc: Reloc | None) -> ProgramDef | None:
        """The subprogram that an instruction calls or takes the address of, None if it does neither."""
        insn = self.insns[part.start + at]
        code = insn.op & 0xFF
        is_call = code == _CALL and insn.src == 1 and insn.dst == 0 and insn.off == 0
        is_address = code == op.LD_IMM64 and insn.src == op.PSEUDO_FUNC
        if not (is_call or is_address) or (reloc and reloc.kind == EXTERN_CALL):
            return None
        where = f"section {part.function.section}, instruction {part.function.start + at}"
        if reloc and reloc.kind == CALL:
            slot = reloc.offset // SLOT + insn.imm + 1
        elif reloc and reloc.kind == FUNCTION:
            slot = (reloc.offset + _signed32(insn.imm)) // SLOT
        elif reloc or is_address:
            raise self.obj.elf.error(where, "takes the address of a function without naming one")
        else:
            slot = part.function.start + at + insn.imm + 1
        called = self.obj.function_at(self._text, slot) if self._text else None
        if called is None:
            raise self.obj.elf.error(where, f"calls slot {slot} of section .text, where no function is")
        return called

    def _point(self, at: int, target: int) -> None:
        """Makes the instruction refer to slot `target`."""
        insn = self.insns[at]
        distance = target - at - 1
        if insn.op & 0xFF == op.LD_IMM64:
            high = self.insns[at + 1].imm & 0xFFFFFFFF if at + 1 < len(self.insns) else 0
            self.insns[at] = Insn(insn.op, insn.dst, insn.src, insn.off, distance & 0xFFFFFFFF | high << 32)
        else:
            self.insns[at] = Insn(insn.op, insn.dst, insn.src, insn.off, distance)

    def func_info(self) -> tuple[FuncInfo, ...]:
        """Start and FUNC type of every function; empty if the program itself has no record."""
        found: list[FuncInfo] = []
        for part in self.parts:
            records = self.obj.ext.functions.get(_section_name(self.obj, part.function), ())
            low, high = _bytes(part.function)
            mine = within(records, low, high)
            if not mine:
                if not found:
                    return ()
                raise LinkError(f"prog '{part.function.name}': missing .BTF.ext function info.")
            found += [FuncInfo(part.start + (r.offset - low) // SLOT, r.type_id) for r in mine]
        return tuple(found)

    def line_records(self) -> list[tuple[int, LineRecord]]:
        """(instruction, source line) in order; empty if the program itself has none."""
        found: list[tuple[int, LineRecord]] = []
        for part in self.parts:
            records = self.obj.ext.lines.get(_section_name(self.obj, part.function), ())
            low, high = _bytes(part.function)
            mine = within(records, low, high)
            if not mine:
                if not found:
                    return []
                raise LinkError(f"prog '{part.function.name}': missing .BTF.ext line info.")
            found += [(part.start + (r.offset - low) // SLOT, r) for r in mine]
        return found

    def places(self, lines: list[tuple[int, LineRecord]]) -> tuple[Place, ...]:
        """Where each slot stands in the source: the last record at or before it in its function."""
        btf = self.obj.btf
        at_slot = dict(lines)
        places: list[Place] = []
        for part in self.parts:
            record: LineRecord | None = None
            name = part.function.name
            for slot in range(part.start, part.start + part.function.slots):
                record = at_slot.get(slot, record)
                if record is None or btf is None:
                    places.append(Place(slot, name))
                    continue
                file, text = btf.string(record.file), btf.string(record.text)
                places.append(Place(slot, name, file, record.line, record.column, text))
        return tuple(places)


def exception_callback(obj: Object, main: ProgramDef) -> ProgramDef | None:
    """The function that a decl tag of the program names as its exception callback. libbpf: bpf_prog_assign_exc_cb().

    Raises LinkError where libbpf refuses to load.
    """
    names = _exception_tags(obj.btf, main.name) if obj.btf else []
    if len(names) != 1:
        return None  # with several, the verifier is left to complain
    name = names[0]
    if not name:
        raise LinkError(f"prog '{main.name}': exception_callback:<value> decl tag contains empty value")
    found = next((f for f in obj.functions if f.is_subprogram and f.name == name), None)
    if found is None:
        raise LinkError(f"prog '{main.name}': cannot find exception callback '{name}'")
    if found.is_static:
        raise LinkError(f"prog '{main.name}': exception callback {name} must be a global non-hidden function")
    return found


def _exception_tags(btf: Btf, program: str) -> list[str]:
    names = []
    for type_id in range(1, len(btf)):
        if btf.kind(type_id) != KIND_DECL_TAG:
            continue
        tag = btf.type(type_id)
        if not isinstance(tag, DeclTag) or tag.component_idx != -1 or not tag.name.startswith(_EXCEPTION_TAG):
            continue
        function = btf.type(tag.type_id)
        if not isinstance(function, Func) or function.kind != KIND_FUNC or function.linkage != LINKAGE_GLOBAL:
            raise LinkError(f"prog '{program}': exception_callback:<value> decl tag not applied to the main program")
        if function.name == program:
            names.append(tag.name.removeprefix(_EXCEPTION_TAG))
    return names


def _key(function: ProgramDef) -> tuple[int, int, str]:
    return function.section_index, function.start, function.name


def _bytes(function: ProgramDef) -> tuple[int, int]:
    return function.start * SLOT, (function.start + function.slots) * SLOT


def _section_name(obj: Object, function: ProgramDef) -> str:
    return obj.elf.sections[function.section_index].name


def _with_source(insn: Insn, source: int) -> Insn:
    found = make(insn.op & 0xFF, insn.dst, source, insn.off, 0)
    found.imm = insn.imm
    return found


def _signed32(value: int) -> int:
    value &= 0xFFFFFFFF
    return value - (1 << 32) if value >> 31 else value
