"""Relocations of code: which instruction refers to which map, variable, extern or function."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from kverdict.isa import opcode as op
from kverdict.objfile.elf import SHN_LORESERVE, STB_GLOBAL, STB_LOCAL, STB_WEAK, STT_FUNC, STT_SECTION, Elf, Symbol
from kverdict.objfile.externs import Extern
from kverdict.objfile.maps import MapDef

MAP: Final = "map"  # LD_IMM64 of a map's address
DATA: Final = "data"  # LD_IMM64 of a global variable: `target` is the map, plus `offset`
EXTERN_LOAD: Final = "extern load"
EXTERN_CALL: Final = "extern call"
CALL: Final = "call"  # `offset`: byte in .text, to which the instruction's own imm adds
FUNCTION: Final = "function"  # LD_IMM64 of a subprogram's address
SLOT: Final = 8


class Reloc(NamedTuple):
    """One relocation. insn: slot in its function. target: index of a map or of an extern; offset in bytes."""

    kind: str
    insn: int
    target: int = -1
    offset: int = 0


class CodeRelocs:
    """Reads the relocation sections of code. libbpf: bpf_object__collect_prog_relos(), bpf_program__record_reloc()."""

    def __init__(self, elf: Elf, maps: Sequence[MapDef], externs: Sequence[Extern], text: int, arena: int) -> None:
        """text: index of section .text, 0 if there is none; arena: index of the section of arena variables, or -1."""
        self.elf = elf
        self.externs = {extern.symbol: number for number, extern in enumerate(externs)}
        self.text = text
        self.arena_section = arena
        self.arena_map = next((i for i, m in enumerate(maps) if m.map_type == 33), -1)
        self.maps = {(m.section, m.offset): i for i, m in enumerate(maps) if m.kind == "user"}
        self.data = {m.section: i for i, m in enumerate(maps) if m.kind in ("data", "rodata", "bss")}
        self.map_section = next((m.section for m in maps if m.kind == "user"), -1)

    def record(self, where: str, symbol: Symbol, insn: int, code: bytes) -> Reloc:
        """The meaning of one relocation on slot `insn`, whose bytes are `code`. Raises InputError."""
        opcode, source = code[0], code[1] >> 4
        is_call = opcode == op.JMP | op.CALL
        if not is_call and opcode != op.LD_IMM64:
            raise self.elf.error(
                where, f"instruction {opcode:#04x} cannot refer to {symbol.name!r}, expected a call or LD_IMM64"
            )
        if symbol.is_extern:
            number = self.externs.get(symbol.number)
            if number is None:
                raise self.elf.error(where, f"refers to the nameless extern symbol {symbol.number}")
            return Reloc(EXTERN_CALL if is_call else EXTERN_LOAD, insn, number)
        if is_call:
            return self._call(where, symbol, insn, source)
        if not 0 < symbol.section < min(SHN_LORESERVE, len(self.elf.sections)):
            raise self.elf.error(
                where, f"{symbol.name!r} is in special section {symbol.section:#x}: an uninitialized variable?"
            )
        if self._is_subprogram(symbol):
            imm = int.from_bytes(code[4:8], "little", signed=True)
            if symbol.value % SLOT or imm % SLOT:
                raise self.elf.error(
                    where, f"function {symbol.name!r} at {symbol.value}+{imm}, expected a multiple of {SLOT}"
                )
            return Reloc(FUNCTION, insn, offset=symbol.value)
        return self._data(where, symbol, insn)

    def _call(self, where: str, symbol: Symbol, insn: int, source: int) -> Reloc:
        if source != 1:
            raise self.elf.error(
                where, f"call of {symbol.name!r} has source register {source}, expected 1 (subprogram)"
            )
        if not symbol.section or symbol.section != self.text or symbol.value % SLOT:
            raise self.elf.error(
                where,
                f"call of {symbol.name!r} at {symbol.value} in section {symbol.section}, expected a function in .text",
            )
        return Reloc(CALL, insn, offset=symbol.value)

    def _is_subprogram(self, symbol: Symbol) -> bool:
        """libbpf: sym_is_subprog()."""
        if symbol.section != self.text:
            return False
        if symbol.bind == STB_LOCAL:
            return symbol.type == STT_SECTION
        return symbol.bind in (STB_GLOBAL, STB_WEAK) and symbol.type == STT_FUNC

    def _data(self, where: str, symbol: Symbol, insn: int) -> Reloc:
        name = self.elf.sections[symbol.section].name
        if symbol.section == self.arena_section:
            if self.arena_map < 0:
                raise self.elf.error(where, f"arena variable {symbol.name!r}, but no arena map is defined")
            return Reloc(DATA, insn, self.arena_map, symbol.value)
        if name == ".jumptables":
            return Reloc("jump table", insn, offset=symbol.value)
        number = self.data.get(symbol.section)
        if number is not None:
            return Reloc(DATA, insn, number, symbol.value)
        if symbol.section != self.map_section:
            raise self.elf.error(
                where, f"{symbol.name!r} is in section {name}, expected a map, global data or a function"
            )
        number = self.maps.get((symbol.section, symbol.value))
        if number is None:
            raise self.elf.error(where, f"no map is defined at offset {symbol.value} of section {name}")
        return Reloc(MAP, insn, number)
