"""What a call instruction calls, in the words a report needs: name as in C, flags, the struct an argument points to."""

from __future__ import annotations

from typing import NamedTuple

from kverdict.btf import types
from kverdict.btf.btf import Btf
from kverdict.btf.layout import skip_modifiers
from kverdict.catalogue import words
from kverdict.isa import opcode as op
from kverdict.kernel import proto
from kverdict.program.program import Program


class Callee(NamedTuple):
    """A helper, kfunc or subprogram. flags: proto.KF_* of a kfunc; maybe_null: its result may be NULL."""

    name: str
    kind: str
    flags: int = 0
    maybe_null: bool = False
    structs: tuple[str, ...] = ()

    @property
    def spellings(self) -> tuple[str, ...]:
        """Names under which C sources call it: macros hide the `_impl` of some kfuncs."""
        short = self.name.removesuffix("_impl")
        return (self.name,) if short == self.name else (self.name, short)

    def argument_struct(self, number: int) -> str:
        """The kernel structure that argument `number` (from 0) points to, "" if none is known."""
        return self.structs[number] if 0 <= number < len(self.structs) else ""

    def flag_names(self) -> tuple[str, ...]:
        """Names of its flags."""
        return tuple(name for name, bit in proto.KFUNC_FLAG_NAMES.items() if self.flags & bit)

    def result_labels(self, takes_reference: bool, about_null: bool) -> tuple[str, ...]:
        """What to say about the value that it returned."""
        if self.kind == "subprogram":
            return (f"returned by {self.name}()",)
        if takes_reference:
            first = f"{self.name}() takes the reference here"
        elif self.maybe_null and about_null:
            first = words.RETURNS_NULL.get(self.name, "may return NULL")
        else:
            first = f"returned by {self.name}()"
        return (first, f"kfunc flags: {' | '.join(self.flag_names())}") if self.flags else (first,)

    def releases(self, reg: int) -> bool:
        """Whether it takes over, or drops, the reference in this argument register."""
        if self.kind == "helper":
            return words.RELEASED_BY_HELPER.get(self.name) == reg
        return bool(self.flags & proto.KF_RELEASE) and reg == 1


def callee_of(program: Program, insn: int) -> Callee | None:
    """What instruction `insn` calls; None if it is no call, or the callee is not known."""
    if not 0 <= insn < len(program.insns):
        return None
    what = program.insns[insn]
    if what.op == op.CALL_HELPER:
        helper = program.profile.helper_by_id(what.imm)
        if helper is None:
            return None
        return Callee(helper.name, "helper", 0, bool(helper.ret & proto.PTR_MAYBE_NULL))
    if what.op == op.CALL_KFUNC:
        kfunc = program.profile.kfunc_by_id(what.imm)
        if kfunc is None:
            return None
        structs = tuple(_struct_name(program.profile.btf, parameter.type_id) for parameter in kfunc.params)
        return Callee(kfunc.name, "kfunc", kfunc.flags, bool(kfunc.flags & proto.KF_RET_NULL), structs)
    if what.op == op.CALL_SUBPROG:
        return Callee(_function_name(program, insn + 1 + what.imm), "subprogram")
    return None


def _struct_name(btf: Btf, type_id: int) -> str:
    pointer = btf.type(skip_modifiers(btf, type_id))
    if not isinstance(pointer, types.Ptr):
        return ""
    target = btf.type(skip_modifiers(btf, pointer.type_id))
    return target.name if isinstance(target, types.Struct | types.Fwd) else ""


def _function_name(program: Program, start: int) -> str:
    if program.btf is not None:
        for info in program.func_info:
            if info.insn == start:
                return program.btf.type(info.type_id).name
    return f"func@{start}"
