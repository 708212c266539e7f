"""CO-RE: rewrites a program's instructions for the types of one kernel, as libbpf does before it loads the program."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from kverdict.btf.btf import Btf
from kverdict.btf.layout import array_element, resolved, size_or_none, skip_modifiers
from kverdict.btf.types import INT_SIGNED, KIND_ENUM, KIND_NAMES, Enum, Int, Member, Ptr, Struct
from kverdict.errors import InputError, LinkError
from kverdict.isa import opcode as op
from kverdict.isa.decode import ld_imm64, make, signed32
from kverdict.isa.insn import Insn
from kverdict.objfile.core_relocs import (
    CORE_KIND_NAMES,
    ENUMVAL_EXISTS,
    ENUMVAL_KINDS,
    FIELD_BYTE_OFFSET,
    FIELD_BYTE_SIZE,
    FIELD_EXISTS,
    FIELD_KINDS,
    FIELD_LSHIFT_U64,
    FIELD_RSHIFT_U64,
    FIELD_SIGNED,
    TYPE_ID_LOCAL,
    TYPE_ID_TARGET,
    TYPE_SIZE,
    CoreReloc,
)
from kverdict.program.core_spec import Accessor, Spec, local_spec, match
from kverdict.program.core_types import Budget, kinds_agree

POISON: Final = 0xBAD2310  # helper number of the call that stands for an unresolved relocation
_U64: Final = (1 << 64) - 1
_U32: Final = (1 << 32) - 1
_S16_MAX: Final = 0x7FFF
_SIZE_CODE: Final = {size: code for code, size in op.SIZE_BYTES.items()}


@dataclass(frozen=True, slots=True)
class Poisoned:
    """An instruction that was replaced by an invalid call, as its relocation has no answer in this kernel.

    insn: its index in the program; spec: what it asked for, in libbpf's words ("failed to resolve CO-RE relocation
    {spec}" in libbpf's log).
    """

    insn: int
    reloc: CoreReloc
    spec: str


@dataclass(slots=True)
class _Answer:
    """What a relocation comes to: values as unsigned 64-bit, sizes in bytes of the memory access (0: unchanged)."""

    old: int = 0
    new: int = 0
    check: bool = True  # the instruction must carry `old` now
    poison: bool = False
    bad_size: bool = False  # a load or store of it cannot be adjusted
    old_size: int = 0
    new_size: int = 0


@dataclass(slots=True)
class _Value:
    """One side of an answer. type_id, size: of the field whose size an access must have (size 0: any)."""

    value: int
    check: bool = True
    size: int = 0
    type_id: int = 0


def apply_core_relocs(
    insns: list[Insn],
    relocs: Iterable[CoreReloc],
    local_btf: Btf,
    kernel_btf: Btf,
    first: int = 0,
    candidates: dict[int, list[int]] | None = None,
) -> list[Poisoned]:
    """Replaces the relocated instructions in `insns`; tells which of them were poisoned.

    first: index within the section of insns[0] (relocations count from the start of the section). candidates: share
    one dict over all programs of an object, in the object's order: like libbpf, a kernel type that did not match one
    relocation of a local type is not tried for the next ones. Raises InputError if a relocation makes no sense in
    itself or does not fit its instruction, LinkError if libbpf refuses to load the object into this kernel for it
    (ambiguous candidates, an offset beyond 16 bits). libbpf: bpf_core_calc_relo_insn(), bpf_core_patch_insn().
    """
    known = {} if candidates is None else candidates
    poisoned = []
    wanted = list(relocs)
    budget = Budget(len(wanted))
    for reloc in wanted:
        at = reloc.insn - first
        if not 0 <= at < len(insns):
            raise _wrong(local_btf, reloc, f"the program has {len(insns)} instructions, none at {at}")
        spec = local_spec(local_btf, reloc)
        answer = _resolve(spec, reloc, kernel_btf, known, budget)
        if not _patch(insns, at, answer, local_btf, reloc):
            poisoned.append(Poisoned(at, reloc, spec.text()))
    return poisoned


def _wrong(btf: Btf, reloc: CoreReloc, problem: str) -> InputError:
    where = f"CO-RE relocation {CORE_KIND_NAMES[reloc.kind]} of instruction {reloc.insn} in its section"
    return InputError(btf.name, where, problem)


def find_candidates(local_btf: Btf, type_id: int, kernel_btf: Btf) -> list[int]:
    """Kernel types of the same kind and name, flavours aside. libbpf: bpf_core_add_cands()."""
    ours = local_btf.type(type_id)
    return [at for at in kernel_btf.find_flavours(ours.name) if kinds_agree(kernel_btf.kind(at), ours.kind)]


def _resolve(spec: Spec, reloc: CoreReloc, kernel: Btf, known: dict[int, list[int]], budget: Budget) -> _Answer:
    if reloc.kind == TYPE_ID_LOCAL:
        return _Answer(reloc.type_id, reloc.type_id, check=False)
    found = spec.btf.type(reloc.type_id)
    if not found.name or not reloc.type_id:
        raise _wrong(spec.btf, reloc, f"starts from an anonymous {KIND_NAMES[found.kind]}, expected a named type")
    if reloc.type_id not in known:
        known[reloc.type_id] = find_candidates(spec.btf, reloc.type_id, kernel)
    chosen: _Answer | None = None
    offset = 0
    matching = []
    for candidate in known[reloc.type_id]:
        there = match(spec, kernel, candidate, budget)
        if there is None:
            continue
        matching.append(candidate)
        answer = _calculate(spec, there, reloc)
        if chosen is None:
            chosen, offset = answer, there.bit_offset
        elif there.bit_offset != offset:
            raise LinkError(
                f"CO-RE relocation {spec.text()}: field offset ambiguity: {there.bit_offset} != {offset} "
                f"(types {matching[0]} and {candidate} of {kernel.name})"
            )
        elif (answer.poison, answer.new) != (chosen.poison, chosen.new):
            raise LinkError(
                f"CO-RE relocation {spec.text()}: relocation decision ambiguity: "
                f"{_decision(answer)} != {_decision(chosen)} (types {matching[0]} and {candidate} of {kernel.name})"
            )
    if chosen is None:
        return _calculate(spec, None, reloc)
    known[reloc.type_id] = matching
    return chosen


def _decision(answer: _Answer) -> str:
    return f"{'failure' if answer.poison else 'success'} {answer.new}"


def _calculate(spec: Spec, there: Spec | None, reloc: CoreReloc) -> _Answer:
    """Old and new value, given where the access leads in the kernel. libbpf: bpf_core_calc_relo()."""
    if reloc.kind in FIELD_KINDS:
        return _calculate_field(spec, there, reloc)
    if reloc.kind in ENUMVAL_KINDS:
        if there is None and reloc.kind != ENUMVAL_EXISTS:
            return _Answer(_enumerator(spec), poison=True)
        if reloc.kind == ENUMVAL_EXISTS:
            return _Answer(1, int(there is not None))
        return _Answer(_enumerator(spec), _enumerator(there or spec))
    return _Answer(
        _type_value(spec, reloc), _type_value(there, reloc) if there else 0, check=reloc.kind != TYPE_ID_TARGET
    )


def _type_value(spec: Spec, reloc: CoreReloc) -> int:
    if reloc.kind == TYPE_ID_TARGET:
        return spec.root_id
    if reloc.kind != TYPE_SIZE:
        return 1
    size = size_or_none(spec.btf, spec.root_id)
    if size is None:
        raise _wrong(spec.btf, reloc, f"{spec.btf.type(spec.root_id)!r} has no size")
    return size


def _enumerator(spec: Spec) -> int:
    """Its value in 64 bits; 32-bit ones are sign-extended whether the enumeration is signed or not, as in libbpf."""
    at = spec.path[0]
    enum = spec.btf.type(at.type_id)
    assert isinstance(enum, Enum)
    value = enum.values[at.idx].value
    return (signed32(value) if enum.kind == KIND_ENUM else value) & _U64


def _calculate_field(spec: Spec, there: Spec | None, reloc: CoreReloc) -> _Answer:
    if reloc.kind == FIELD_EXISTS:
        return _Answer(1, int(there is not None))
    old = _field(spec, reloc)
    if there is None:
        return _Answer(old.value, check=old.check, poison=True)
    new = _field(there, reloc)
    answer = _Answer(old.value, new.value, old.check, old_size=old.size, new_size=new.size)
    if old.size != new.size:
        ours, theirs = spec.btf.type(old.type_id), there.btf.type(new.type_id)
        pointers = isinstance(ours, Ptr) and isinstance(theirs, Ptr)
        unsigned = (
            isinstance(ours, Int)
            and isinstance(theirs, Int)
            and ours.encoding != INT_SIGNED
            and theirs.encoding != INT_SIGNED
        )
        answer.bad_size = not pointers and not unsigned
    return answer


def _field(spec: Spec, reloc: CoreReloc) -> _Value:
    """What is asked about a field. libbpf: bpf_core_calc_field_relo()."""
    at = spec.path[-1]
    if at.name is None:
        return _element(spec, at, reloc)
    outer = spec.btf.type(at.type_id)
    assert isinstance(outer, Struct)
    member = outer.members[at.idx]
    type_id = skip_modifiers(spec.btf, member.type_id)
    bits = member.bitfield_size
    if bits:
        size, offset = _bit_field_unit(spec, member, type_id, reloc)
    else:
        size, offset = _size(spec, type_id, reloc), spec.bit_offset // 8
        bits = 8 * size
    plain = not member.bitfield_size
    if reloc.kind == FIELD_BYTE_OFFSET:
        if not plain:
            return _Value(offset, check=False)
        return _Value(offset, size=_size(spec, array_element(spec.btf, type_id)[0], reloc), type_id=type_id)
    if reloc.kind == FIELD_BYTE_SIZE:
        return _Value(size, check=plain)
    if reloc.kind == FIELD_SIGNED:
        found = spec.btf.type(type_id)
        signed = found.signed if isinstance(found, Enum) else isinstance(found, Int) and found.encoding & INT_SIGNED
        return _Value(int(bool(signed)))
    if reloc.kind == FIELD_LSHIFT_U64:
        return _Value((64 - (spec.bit_offset + bits - offset * 8)) & _U32, check=plain)
    assert reloc.kind == FIELD_RSHIFT_U64
    return _Value((64 - bits) & _U32)


def _element(spec: Spec, at: Accessor, reloc: CoreReloc) -> _Value:
    """The last step was into an array: only its place and size can be asked."""
    if reloc.kind == FIELD_BYTE_OFFSET:
        size = _size(spec, array_element(spec.btf, at.type_id)[0], reloc)
        return _Value(spec.bit_offset // 8, size=size, type_id=at.type_id)
    if reloc.kind == FIELD_BYTE_SIZE:
        return _Value(_size(spec, at.type_id, reloc))
    raise _wrong(spec.btf, reloc, "can't be applied to array access")


def _bit_field_unit(spec: Spec, member: Member, type_id: int, reloc: CoreReloc) -> tuple[int, int]:
    """(size, offset) in bytes of the smallest aligned integer that holds the whole bit field."""
    size = _size(spec, type_id, reloc)
    if not size or not isinstance(resolved(spec.btf, type_id), (Int, Enum)):
        raise _wrong(spec.btf, reloc, f"bit field {member.name} is no integer")
    offset = spec.bit_offset // 8 // size * size
    while spec.bit_offset + member.bitfield_size - offset * 8 > size * 8:
        if size >= 8:
            raise LinkError(f"CO-RE relocation {spec.text()}: can't be satisfied for bitfield")
        size *= 2
        offset = spec.bit_offset // 8 // size * size
    return size, offset


def _size(spec: Spec, type_id: int, reloc: CoreReloc) -> int:
    size = size_or_none(spec.btf, type_id)
    if size is None:
        raise _wrong(spec.btf, reloc, f"{spec.btf.type(type_id)!r} has no size")
    return size


def _patch(insns: list[Insn], at: int, answer: _Answer, btf: Btf, reloc: CoreReloc) -> bool:
    """Writes the answer into the instruction; False if it had to be poisoned. libbpf: bpf_core_patch_insn()."""
    insn = insns[at]
    kind = insn.op & op.CLASS_MASK
    if answer.poison:
        _poison(insns, at)
        return False
    if kind in (op.ALU, op.ALU64):
        if insn.op & op.X:
            raise _wrong(btf, reloc, "an arithmetic instruction without an immediate")
        _check(answer, insn.imm, "immediate", btf, reloc)
        insns[at] = make(insn.op & 0xFF, insn.dst, insn.src, insn.off, signed32(answer.new))
    elif kind in (op.LDX, op.ST, op.STX):
        return _patch_access(insns, at, answer, btf, reloc)
    elif kind == op.LD:
        if not _plain_ld_imm64(insns, at):
            raise _wrong(btf, reloc, "LD instruction of unexpected form, expected a plain 64-bit load of an immediate")
        _check(answer, insn.imm, "immediate", btf, reloc)
        insns[at : at + 2] = ld_imm64(insn.dst, 0, answer.new)
    else:
        raise _wrong(btf, reloc, f"instruction with opcode {insn.op & 0xFF:#x} cannot be relocated")
    return True


def _check(answer: _Answer, value: int, what: str, btf: Btf, reloc: CoreReloc) -> None:
    if answer.check and value & _U64 != answer.old:
        raise _wrong(btf, reloc, f"{what} of the instruction is {value}, expected {answer.old}")


def _patch_access(insns: list[Insn], at: int, answer: _Answer, btf: Btf, reloc: CoreReloc) -> bool:
    """A load or store: its offset, and its size if the field has another one in the kernel."""
    insn = insns[at]
    _check(answer, insn.off, "offset", btf, reloc)
    if answer.new > _S16_MAX:
        raise LinkError(f"CO-RE relocation of instruction {reloc.insn}: offset {answer.new} is beyond {_S16_MAX}")
    if answer.bad_size:
        _poison(insns, at)
        return False
    code = insn.op & 0xFF
    if answer.new_size != answer.old_size:
        size = op.SIZE_BYTES[code & op.SIZE_MASK]
        if size != answer.old_size:
            raise _wrong(btf, reloc, f"accesses {size} bytes, expected {answer.old_size}")
        if answer.new_size not in _SIZE_CODE:
            raise LinkError(f"CO-RE relocation of instruction {reloc.insn}: invalid new mem size: {answer.new_size}")
        code = code & ~op.SIZE_MASK | _SIZE_CODE[answer.new_size]
    insns[at] = make(code, insn.dst, insn.src, answer.new, insn.imm)
    return True


def _plain_ld_imm64(insns: list[Insn], at: int) -> bool:
    if insns[at].op != op.LD_IMM64 or insns[at].off or at + 1 >= len(insns):
        return False
    second = insns[at + 1]
    return not (second.op or second.dst or second.src or second.off)


def _poison(insns: list[Insn], at: int) -> None:
    """An invalid call; both slots of a 64-bit load, so that the verifier does not stumble over the second."""
    if insns[at].op & 0xFF == op.LD_IMM64 and at + 1 < len(insns):
        insns[at + 1] = make(op.JMP | op.CALL, 0, 0, 0, POISON)
    insns[at] = make(op.JMP | op.CALL, 0, 0, 0, POISON)
