"""Programs from text instead of an object file: for documentation, tests and questions about single instructions.

Instructions are those of isa/asm.py; helpers and kfuncs by name; `task_struct.comm+4` stands for an offset in the
kernel's types. The section of a struct_ops program is "struct_ops/TYPE.MEMBER" ("struct_ops.s/TYPE.MEMBER").
A line "# map 0: hash 4 8 16 kptr=task_struct@0" makes a map: type, sizes of key and value, entries, then "rdonly",
"kptr=STRUCT@OFFSET", "kptr_untrusted=STRUCT@OFFSET" or "lock@OFFSET" (a bpf_spin_lock).
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final, cast

from kverdict.btf.btf import Btf
from kverdict.btf.layout import member
from kverdict.btf.types import KIND_STRUCT
from kverdict.errors import InputError
from kverdict.isa import opcode as op
from kverdict.isa.asm import assemble
from kverdict.isa.insn import Insn
from kverdict.kernel.profile import KernelProfile
from kverdict.objfile.object import Object, ProgramDef
from kverdict.program.attach import attachment, struct_ops_attachment
from kverdict.program.fields import MAP_FIELDS, parse_fields
from kverdict.program.program import Map, Program
from kverdict.program.value_btf import KEY_TYPE, ValueField, value_btf

F_RDONLY_PROG: Final = 1 << 7
_MAP: Final = re.compile(
    r"^# map (?P<number>\d+): (?P<type>\w+) (?P<key>\d+) (?P<value>\d+) (?P<entries>\d+)(?P<rest>.*)$"
)
_FIELD: Final = re.compile(r"(?P<sign>[+-] ?)?\b(?P<struct>[A-Za-z_]\w*)\.(?P<field>[a-z_]\w*)(?P<more>\+\d+)?")


def program_from_text(
    text: str, section: str, profile: KernelProfile, *, name: str = "text", license: str = "GPL"
) -> Program:
    """The program, linked against the kernel. Raises InputError (wrong text), LinkError (no such attach target)."""
    maps = tuple(_maps(text, profile))
    insns = _assembled(_with_offsets(text, profile.btf), profile)
    definition = ProgramDef(name, section, 0, 0, b"")
    if section.partition("/")[0].startswith("struct_ops"):
        attached = struct_ops_attachment(section, profile)
    else:
        attached = attachment(cast(Object, None), definition, profile)  # only struct_ops programs ask their object
    return Program(
        object_name=name,
        name=name,
        section=section,
        prog_type=attached.prog_type,
        attach_type=attached.attach_type,
        attach_name=attached.attach_name,
        attach_btf_id=attached.attach_btf_id,
        sleepable=attached.sleepable,
        variant=attached.variant,
        insns=tuple(insns),
        maps=maps,
        profile=profile,
        subprogs=_subprogs(insns),
        license=license,
        flags=attached.flags,
        struct_ops_type=attached.struct_ops_type,
        extra={"member_index": attached.member_index},
    )


def _assembled(text: str, profile: KernelProfile) -> list[Insn]:
    called = set(re.findall(r"\bcall (\w+)", text))
    kfuncs = {name: kfunc.btf_id for name in called if (kfunc := profile.kfunc(name)) is not None}
    return assemble(text, kfuncs, profile.helper_ids, "program text")


def _subprogs(insns: list[Insn]) -> tuple[int, ...]:
    starts = {0}
    for index, insn in enumerate(insns):
        if insn.op == op.CALL_SUBPROG:
            starts.add(index + 1 + insn.imm)
        elif insn.op == op.LD_IMM64 | op.PSEUDO_FUNC << op.VARIANT_SHIFT:
            starts.add((index + 1 + insn.imm) & 0xFFFFFFFF)
    return tuple(sorted(starts))


def _with_offsets(text: str, btf: Btf) -> str:
    def number(hit: re.Match[str]) -> str:
        type_id = btf.find(hit["struct"], KIND_STRUCT)
        if not type_id:
            raise InputError("program text", hit[0], f"the kernel has no struct {hit['struct']}")
        offset = member(btf, type_id, hit["field"]).offset + int(hit["more"] or 0)
        return f"{hit['sign'] or ''}{offset}"

    lines = [line if line.lstrip().startswith("#") else _FIELD.sub(number, line) for line in text.splitlines()]
    return "\n".join(lines)


def _maps(text: str, profile: KernelProfile) -> list[Map]:
    found: list[Map] = []
    for line in text.splitlines():
        hit = _MAP.match(line.strip())
        if hit is None:
            continue
        if int(hit["number"]) != len(found) or hit["type"] not in profile.map_types:
            raise InputError("program text", line.strip(), f"expected map {len(found)} with a type that the kernel has")
        found.append(_map(f"map{len(found)}", hit, profile))
    return found


def _map(name: str, hit: re.Match[str], profile: KernelProfile) -> Map:
    words, size = hit["rest"].split(), int(hit["value"])
    plain = Map(
        name=name,
        map_type=profile.map_types[hit["type"]],
        key_size=int(hit["key"]),
        value_size=size,
        max_entries=int(hit["entries"]),
        flags=F_RDONLY_PROG if "rdonly" in words else 0,
    )
    fields = sorted((_field(word, profile) for word in words if "@" in word), key=lambda field: field.offset)
    if not fields:
        return plain
    raw, value_type = value_btf(fields, size)
    btf = Btf.parse(raw, f"BTF of {name}")
    record = parse_fields(btf, value_type, profile, MAP_FIELDS, size)
    if record.error:
        raise InputError("program text", name, f"the kernel does not take these fields: {record.error}")
    return replace(plain, btf=btf, key_type_id=KEY_TYPE, value_type_id=value_type, fields=record.fields)


def _field(word: str, profile: KernelProfile) -> ValueField:
    left, _, offset = word.partition("@")
    kind, _, struct = left.partition("=")
    if not offset.isdigit() or kind not in ("kptr", "kptr_untrusted", "lock"):
        raise InputError(
            "program text", word, "expected kptr=STRUCT@OFFSET, kptr_untrusted=STRUCT@OFFSET or lock@OFFSET"
        )
    if kind == "lock":
        return ValueField("", "bpf_spin_lock", int(offset))
    tag = kind if profile.does("KPTR_TAG_IS_REFERENCED") else {"kptr": "kptr_ref", "kptr_untrusted": "kptr"}[kind]
    return ValueField(tag, struct, int(offset))
