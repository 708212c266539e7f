"""Programs from text with BTF of their own: functions with prototypes, maps whose values have fields."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kverdict.btf.btf import Btf
from kverdict.program.assembled import program_from_text
from kverdict.program.fields import MAP_FIELDS, parse_fields
from kverdict.program.program import FuncInfo, Map, Program
from kverdict.verify.verdict import Accepted, Rejected
from kverdict.verify.verify import verify
from tests.verify.asking import profile

Outcome = tuple[str, int]


def described(text: str, section: str, kernel: str, btf: Btf, functions: Sequence[int]) -> Program:
    """The program whose functions, in the order in which they start, have these types (ids of FUNC in `btf`)."""
    program = program_from_text(text, section, profile(kernel))
    info = tuple(FuncInfo(start, type_id) for start, type_id in zip(program.subprogs, functions, strict=True))
    return replace(program, btf=btf, func_info=info)


def with_values(program: Program, number: int, btf: Btf, value_id: int, size: int, key_id: int = 0) -> Program:
    """The program whose map `number` is an array of one value of this type (for a map of maps: the inner map is)."""
    record = parse_fields(btf, value_id, program.profile, MAP_FIELDS, size)
    assert not record.error, record.error
    array = Map(
        name=f"map{number}",
        map_type=program.profile.map_types["array"],
        key_size=4,
        value_size=size,
        max_entries=1,
        btf=btf,
        key_type_id=key_id,
        value_type_id=value_id,
        fields=record.fields,
    )
    maps = list(program.maps)
    outer = maps[number].map_type == program.profile.map_types["array_of_maps"]
    maps[number] = replace(maps[number], inner=array) if outer else array
    return replace(program, maps=tuple(maps))


def outcome(program: Program) -> Outcome:
    """(sentence of the refusal or "", number of processed instructions)."""
    verdict = verify(program)
    assert isinstance(verdict, (Accepted, Rejected)), verdict
    return verdict.sentence if isinstance(verdict, Rejected) else "", verdict.stats.insns_processed
