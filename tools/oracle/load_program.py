"""Ask a kernel about what kverdict's own loader produced."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import cast

from kverdict.btf.btf import Btf as ProgramBtf
from kverdict.btf.types import KIND_FUNC
from kverdict.errors import LinkError
from kverdict.isa import opcode as op
from kverdict.isa.decode import encode
from kverdict.kernel.profile import KernelProfile, load_profile
from kverdict.objfile.object import Object
from kverdict.program.link import link
from kverdict.program.program import Map, Program
from tools.oracle.answer import Answer, OracleError, UnknownName
from tools.oracle.items import LOG_TRACE, Btf, Load
from tools.oracle.items import Map as KernelMap
from tools.oracle.names import BTF_STRUCT, Names
from tools.oracle.oracle import Oracle
from tools.oracle.program_btf import loadable_btf

# Which profile describes the kernel that an oracle asks.
PROFILES = {"6.1": "6.1", "6.12": "6.12", "7.2": "7.2", "host": "6.18"}
_MAP_SOURCES = (op.PSEUDO_MAP_FD, op.PSEUDO_MAP_VALUE)
_STRUCT_OPS_MAP = 26


def ask(kernel: str | Oracle, programs: Sequence[Program], log_level: int = LOG_TRACE) -> list[Answer]:
    """The kernel's answers, in order; kernel: "6.12", "7.2", "6.1" or "host". Under QEMU one restore for all.

    Kfuncs, kernel variables and attach targets are looked up by name in the asked kernel; a program that needs one it
    lacks gets an answer of stage "link". Raises OracleError if the oracle failed.
    """
    oracle = Oracle(kernel) if isinstance(kernel, str) else kernel
    answers: dict[int, Answer] = {}
    loads: dict[int, Load] = {}
    objects = _Objects()
    for number, program in enumerate(programs):
        try:
            loads[number] = _load(program, oracle.names, objects, log_level)
        except UnknownName as lacking:
            answers[number] = Answer(False, 0, f"this kernel has no {lacking}", stage="link")
    if loads:
        answers.update(zip(loads, oracle.run(list(loads.values())), strict=True))
    return [answers[number] for number in range(len(programs))]


def ask_about_object(kernel: str, path: Path, name: str | None = None, log_level: int = LOG_TRACE) -> dict[str, Answer]:
    """Link the programs of an object for the kernel's profile and ask: program's name -> answer.

    Raises InputError if the object is no good.
    """
    if kernel not in PROFILES:
        raise OracleError(f"no profile describes kernel {kernel}")
    opened, profile = Object.open(path), load_profile(PROFILES[kernel])
    names = [name] if name else [program.name for program in opened.programs]
    linked, answers = link_all(opened, names, profile)
    answers.update(zip(linked, ask(kernel, list(linked.values()), log_level), strict=True))
    return {name: answers[name] for name in names}


def link_all(
    opened: Object, names: Iterable[str], profile: KernelProfile
) -> tuple[dict[str, Program], dict[str, Answer]]:
    """(programs, answers of stage "link" for those that cannot be loaded at all)."""
    linked: dict[str, Program] = {}
    refused: dict[str, Answer] = {}
    for name in names:
        try:
            linked[name] = link(opened, name, profile)
        except LinkError as error:
            refused[name] = Answer(False, 0, str(error), stage="link")
    return linked, refused


class _Objects:
    """Kernel objects that programs of one batch share: each BTF is loaded once. Maps belong to one program."""

    def __init__(self) -> None:
        self._btfs: dict[int, tuple[ProgramBtf, Btf]] = {}

    def btf(self, btf: ProgramBtf | None) -> Btf | None:
        """The BTF to load, None if there is none."""
        if btf is None:
            return None
        if id(btf) not in self._btfs:
            self._btfs[id(btf)] = btf, Btf(loadable_btf(btf))
        return self._btfs[id(btf)][1]

    def map(self, m: Map) -> KernelMap:
        """The map to create. Raises OracleError for a kind that only libbpf can make."""
        if m.map_type == _STRUCT_OPS_MAP:
            raise OracleError(f"map {m.name}: struct_ops maps cannot be created here")
        return KernelMap(
            m.map_type,
            m.key_size,
            m.value_size,
            m.max_entries,
            m.flags,
            self.btf(m.btf),
            m.key_type_id,
            m.value_type_id,
            self.map(m.inner) if m.inner else None,
            m.extra,
            m.name.replace(".", "_"),
            m.contents,
            m.read_only,
        )


def _load(program: Program, names: Names, objects: _Objects, log_level: int) -> Load:
    code, maps = _instructions(program, names, objects)
    attach_type = names.attach_type(program.attach_type) if program.attach_type else 0
    attach_id = 0
    if program.struct_ops_type:
        attach_type = cast(int, program.extra["member_index"])
        attach_id = names.id(BTF_STRUCT, program.struct_ops_type)
    elif program.attach_btf_id:
        target = program.profile.btf.type(program.attach_btf_id)
        attach_id = names.id(target.kind, target.name)
    return Load(
        code,
        program.prog_type,
        expected_attach_type=attach_type,
        attach_btf_id=attach_id,
        flags=program.flags,
        maps=maps,
        btf=objects.btf(program.btf) if program.func_info else None,
        func_info=b"".join(struct.pack("<II", info.insn, info.type_id) for info in program.func_info),
        line_info=_line_info(program) if program.func_info else b"",
        license=program.license,
        name=program.name,
        log_level=log_level,
    )


def _line_info(program: Program) -> bytes:
    records = cast("tuple[tuple[int, int, int, int, int], ...]", program.extra.get("line_records", ()))
    return b"".join(
        struct.pack("<IIII", insn, file, text, line << 10 | column) for insn, file, text, line, column in records
    )


def _instructions(program: Program, names: Names, objects: _Objects) -> tuple[bytes, dict[int, KernelMap]]:
    """The code with the asked kernel's BTF ids, and the map of each instruction that loads one."""
    code = bytearray(encode(program.insns))
    kernel_maps: dict[int, KernelMap] = {}
    found: dict[int, KernelMap] = {}
    types = program.profile.btf
    for i, insn in enumerate(program.insns):
        if insn.op & 0xFF == op.LD_IMM64 and insn.src in _MAP_SOURCES:
            number = insn.imm & 0xFFFFFFFF
            if number not in kernel_maps:
                kernel_maps[number] = objects.map(program.maps[number])
            found[i] = kernel_maps[number]
        elif insn.op & 0xFF == op.LD_IMM64 and insn.src == op.PSEUDO_BTF_ID:
            symbol = types.type(insn.imm & 0xFFFFFFFF)  # a variable, or the address of a function
            struct.pack_into("<i", code, i * 8 + 4, names.id(symbol.kind, symbol.name))
        elif insn.op == op.CALL_KFUNC and not insn.off:
            struct.pack_into("<i", code, i * 8 + 4, names.id(KIND_FUNC, types.type(insn.imm).name))
    return bytes(code), found
