"""link(): one program of an object against one kernel, resolved as libbpf would for BPF_PROG_LOAD, and frozen."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from kverdict.errors import LinkError, UnsupportedError
from kverdict.isa import opcode as op
from kverdict.isa.decode import decode, ld_imm64, make, signed32
from kverdict.isa.insn import Insn
from kverdict.kernel.profile import KernelProfile
from kverdict.objfile.core_relocs import CoreReloc
from kverdict.objfile.maps import MapDef
from kverdict.objfile.object import Object, ProgramDef
from kverdict.objfile.relocs import DATA, EXTERN_CALL, EXTERN_LOAD, MAP, Reloc
from kverdict.objfile.variables import Variables
from kverdict.program.arg_ctx import check_context_tags
from kverdict.program.attach import attachment
from kverdict.program.core import Poisoned, apply_core_relocs
from kverdict.program.kconfig import kconfig_contents
from kverdict.program.ksyms import Symbol, resolve
from kverdict.program.maps import build_map, unused_map
from kverdict.program.presets import preset_contents
from kverdict.program.program import Map, Program
from kverdict.program.program_btf import btf_refused
from kverdict.program.subprogs import Code

POISONED_MAP: Final = 2001000000  # libbpf: POISON_LDIMM64_MAP_BASE, plus the map's index
POISONED_KFUNC: Final = 2002000000  # libbpf: POISON_CALL_KFUNC_BASE, plus the extern's index
_FOUND: Final = Symbol(0)


def link(obj: Object, program_name: str, profile: KernelProfile, presets: Mapping[str, str] | None = None) -> Program:
    """The program as this kernel would get it from libbpf. `presets`: see presets.py.

    A program is judged by itself: externs and maps that only other programs of the file need do not matter.
    Raises InputError (the object or a preset is wrong), LinkError (libbpf or the kernel refuses before the verifier
    runs), UnsupportedError (not modelled).
    """
    return _Linker(obj, obj.program(program_name), profile).linked(presets or {})


class _Linker:
    """One call of link()."""

    def __init__(self, obj: Object, program: ProgramDef, profile: KernelProfile) -> None:
        self.obj = obj
        self.program = program
        self.profile = profile
        self.poisoned: list[tuple[ProgramDef, Poisoned]] = []
        self._core: dict[str, list[CoreReloc]] = {}
        self.btf_refused = btf_refused(obj.btf, profile) if obj.btf else ""
        self.btf = obj.btf if not self.btf_refused else None  # what the kernel has of it
        self._candidates: dict[int, list[int]] = {}
        self._symbols: dict[int, Symbol | None] = {}

    def linked(self, presets: Mapping[str, str]) -> Program:
        """Attach, lay out, relocate, create maps."""
        attached = attachment(self.obj, self.program, self.profile)
        if self.btf_refused and any(definition.kind == "struct_ops" for definition in self.obj.maps):
            raise LinkError(f"Error loading .BTF into kernel: {self.btf_refused}. BTF is mandatory, can't proceed.")
        code = Code(self.obj, self.program, self._fetch)
        for reloc in code.relocs:
            self._relocate(code, reloc)
        functions = code.func_info() if self.btf else ()
        if self.btf:
            check_context_tags(self.btf, functions, attached.prog_type, self.profile)
        lines = code.line_records()
        return Program(
            object_name=self.obj.name,
            name=self.program.name,
            section=self.program.section,
            prog_type=attached.prog_type,
            attach_type=attached.attach_type,
            attach_name=attached.attach_name,
            attach_btf_id=attached.attach_btf_id,
            sleepable=attached.sleepable,
            variant=attached.variant,
            insns=tuple(code.insns),
            maps=self._maps(code, presets),
            profile=self.profile,
            btf=self.btf,
            func_info=functions,
            subprogs=tuple(part.start for part in code.parts),
            places=code.places(lines),
            license=self.obj.license,
            flags=attached.flags,
            struct_ops_type=attached.struct_ops_type,
            extra={
                "line_info": tuple(insn for insn, _ in lines),
                "line_records": tuple((insn, r.file, r.text, r.line, r.column) for insn, r in lines),
                "poisoned": self._poisoned(code),
                "unresolved": tuple(self._unresolved(code)),
                "raw_maps": self._raw_maps(code),
                "btf_refused": self.btf_refused,
                "variables": Variables(self.obj.elf.raw),
                "parts": tuple((part.start, part.function.name, part.function.start) for part in code.parts),
                "member_index": attached.member_index,
            },
        )

    def _fetch(self, function: ProgramDef) -> list[Insn]:
        """A function's instructions with CO-RE relocations applied. libbpf: bpf_object__relocate_core()."""
        insns = decode(function.code)
        relocs = self._core_relocs(function)
        if relocs and self.obj.btf is not None:
            poisoned = apply_core_relocs(
                insns, relocs, self.obj.btf, self.profile.btf, function.start, self._candidates
            )
            self.poisoned += [(function, found) for found in poisoned]
        return insns

    def _core_relocs(self, function: ProgramDef) -> Sequence[CoreReloc]:
        section = self.obj.elf.sections[function.section_index].name
        if section not in self._core:
            self._core[section] = sorted(self.obj.core_relocs.get(section, ()), key=lambda reloc: reloc.insn)
        relocs = self._core[section]
        first = bisect_left(relocs, function.start, key=lambda reloc: reloc.insn)
        return relocs[first : bisect_left(relocs, function.start + function.slots, first, key=lambda reloc: reloc.insn)]

    def _poisoned(self, code: Code) -> tuple[tuple[int, str], ...]:
        """(instruction of the program, what could not be resolved) for CO-RE relocations."""
        starts = {(part.function.section_index, part.function.start): part.start for part in code.parts}
        return tuple(
            (starts[function.section_index, function.start] + found.reloc.insn - function.start, found.spec)
            for function, found in self.poisoned
        )

    def _unresolved(self, code: Code) -> Iterator[tuple[int, str]]:
        """(instruction, name) of weak externs that this kernel lacks: a load of 0 or an invalid call stands there."""
        for reloc in code.relocs:
            if reloc.kind in (EXTERN_CALL, EXTERN_LOAD) and self._symbols.get(reloc.target, _FOUND) is None:
                yield reloc.insn, self.obj.externs[reloc.target].name

    @staticmethod
    def _raw_maps(code: Code) -> frozenset[int]:
        """Loads of a map by a number of the program's own, which is no descriptor when the program is loaded."""
        relocated = {reloc.insn for reloc in code.relocs}
        by_number = (op.PSEUDO_MAP_FD, op.PSEUDO_MAP_VALUE)
        return frozenset(
            index
            for index, insn in enumerate(code.insns)
            if insn.op & 0xFF == op.LD_IMM64 and insn.src in by_number and index not in relocated
        )

    def _relocate(self, code: Code, reloc: Reloc) -> None:
        """libbpf: bpf_object__relocate_data()."""
        insns, at = code.insns, reloc.insn
        if reloc.kind == MAP:
            if not self.obj.maps[reloc.target].autocreate:
                insns[at : at + 2] = [make(op.JMP | op.CALL, 0, 0, 0, POISONED_MAP + reloc.target)] * 2
                return
            self._load(insns, at, op.PSEUDO_MAP_FD, reloc.target, insns[at + 1].imm)
        elif reloc.kind == DATA:
            self._load(insns, at, op.PSEUDO_MAP_VALUE, reloc.target, insns[at].imm + reloc.offset)
        elif reloc.kind == EXTERN_LOAD:
            self._load_extern(insns, at, reloc.target)
        elif reloc.kind == EXTERN_CALL:
            symbol = self._symbol(reloc.target)
            if symbol is None:
                insns[at] = make(op.JMP | op.CALL, 0, 0, 0, POISONED_KFUNC + reloc.target)
            else:
                insns[at] = make(op.JMP | op.CALL, insns[at].dst, 2, 0, symbol.btf_id)
        elif reloc.kind == "jump table":
            raise UnsupportedError("jump table", at)

    def _load_extern(self, insns: list[Insn], at: int, number: int) -> None:
        extern = self.obj.externs[number]
        if extern.kind == "kconfig":
            kconfig = next(i for i, definition in enumerate(self.obj.maps) if definition.kind == "kconfig")
            self._load(insns, at, op.PSEUDO_MAP_VALUE, kconfig, extern.offset)
            return
        symbol = self._symbol(number)
        if symbol is not None and symbol.btf_id:
            self._load(insns, at, op.PSEUDO_BTF_ID, symbol.btf_id, 0)
        else:
            address = symbol.address if symbol else 0
            self._load(insns, at, insns[at].src, address & 0xFFFFFFFF, address >> 32)

    @staticmethod
    def _load(insns: list[Insn], at: int, source: int, low: int, high: int) -> None:
        """Rewrites an LD_IMM64: 32 low bits, 32 high bits."""
        second = insns[at + 1]
        first, _ = ld_imm64(insns[at].dst, source, (low & 0xFFFFFFFF) | (high & 0xFFFFFFFF) << 32)
        insns[at] = Insn(first.op, first.dst, first.src, insns[at].off, first.imm)
        insns[at + 1] = Insn(second.op, second.dst, second.src, second.off, signed32(high))

    def _symbol(self, number: int) -> Symbol | None:
        if number not in self._symbols:
            btf = self.obj.btf
            assert btf is not None  # externs are described by BTF
            self._symbols[number] = resolve(self.obj.externs[number], btf, self.profile)
        return self._symbols[number]

    def _maps(self, code: Code, presets: Mapping[str, str]) -> tuple[Map, ...]:
        used = {reloc.target for reloc in code.relocs if reloc.kind in (MAP, DATA)}
        externs = [self.obj.externs[reloc.target] for reloc in code.relocs if reloc.kind == EXTERN_LOAD]
        settings = [extern for extern in externs if extern.kind == "kconfig"]
        contents = preset_contents(self.obj, presets)
        maps = []
        for index, definition in enumerate(self.obj.maps):
            data = contents.get(index, definition.data if definition.kind in ("data", "rodata", "bss") else None)
            if definition.kind == "kconfig" and settings:
                data = kconfig_contents(settings, definition.value_size, self.profile)
                used.add(index)
            maps.append(self._map(definition, index in used, data))
        return tuple(maps)

    def _map(self, definition: MapDef, used: bool, contents: bytes | None) -> Map:
        if not used and definition.kind != "struct_ops":
            return unused_map(definition, contents)
        return build_map(definition, self.btf, self.profile, contents)
