"""What an object expects from the kernel: extern variables (__kconfig, __ksym) and functions (__ksym)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from kverdict.btf.btf import Btf
from kverdict.btf.flavour import essential_name
from kverdict.btf.layout import POINTER_SIZE, size_of, skip_modifiers
from kverdict.btf.types import (
    INT_BOOL,
    INT_SIGNED,
    KIND_DATASEC,
    KIND_ENUM,
    KIND_FUNC,
    KIND_VAR,
    LINKAGE_EXTERN,
    Array,
    Datasec,
    Enum,
    Float,
    Func,
    Int,
    Ptr,
    Struct,
    Var,
)
from kverdict.errors import InputError
from kverdict.objfile.elf import STB_WEAK, Elf, Symbol

KCONFIG_SECTION: Final = ".kconfig"
KSYMS_SECTION: Final = ".ksyms"
_DEEPEST: Final = 32


@dataclass(frozen=True, slots=True)
class Extern:
    """One expectation. btf_id: its VAR or FUNC; type_id: behind modifiers (0: untyped; FUNC_PROTO of a function).

    kind: "kconfig", "variable" or "function". For kconfig: `shape` is "bool", "tristate", "char", "int" or "string";
    size and offset in bytes, in the .kconfig map.
    """

    name: str
    symbol: int
    kind: str
    weak: bool
    btf_id: int
    type_id: int
    shape: str = ""
    signed: bool = False
    size: int = 0
    offset: int = 0

    @property
    def kernel_name(self) -> str:
        """The name to look for in the kernel: functions may carry a flavour, "bpf_task_acquire___v2"."""
        return essential_name(self.name) if self.kind == "function" else self.name


def collect_externs(elf: Elf, btf: Btf | None) -> tuple[Extern, ...]:
    """All externs, in libbpf's order: the numbers of poisoned calls count them. Raises InputError.

    libbpf: bpf_object__collect_externs(). kconfig first, by descending alignment, then size, then name.
    """
    symbols = [symbol for symbol in elf.symbols if symbol.is_extern and symbol.name]
    if not symbols:
        return ()
    if btf is None:
        raise elf.error("", f"has externs ({symbols[0].name}) but no section .BTF")
    homes = _homes(btf)
    found = [_extern(elf, btf, symbol, homes) for symbol in symbols]
    settings = {e.btf_id: e for e in found if e.kind == "kconfig"}
    placed = [_moved(settings[variable], offset) for variable, offset in kconfig_offsets(btf, settings).items()]
    return (*placed, *sorted((e for e in found if e.kind != "kconfig"), key=lambda e: e.name))


def kconfig_offsets(btf: Btf, variables: Iterable[int]) -> dict[int, int]:
    """Offset in bytes in the .kconfig map of each variable (id of its VAR), in ascending order."""
    sized = []
    for variable in variables:
        found = btf.type(variable)
        assert isinstance(found, Var)
        sized.append((-_align(btf, found.type_id), size_of(btf, found.type_id), found.name, variable))
    offsets: dict[int, int] = {}
    end = 0
    for negative, size, _, variable in sorted(sized):
        end += end % negative and -negative - end % -negative
        offsets[variable] = end
        end += size
    return offsets


def kconfig_size(externs: tuple[Extern, ...]) -> int:
    """Size of the .kconfig map in bytes, 0 if there is none."""
    settings = [extern for extern in externs if extern.kind == "kconfig"]
    return settings[-1].offset + settings[-1].size if settings else 0


def _moved(extern: Extern, offset: int) -> Extern:
    return Extern(
        extern.name,
        extern.symbol,
        extern.kind,
        extern.weak,
        extern.btf_id,
        extern.type_id,
        extern.shape,
        extern.signed,
        extern.size,
        offset,
    )


def _homes(btf: Btf) -> dict[int, str]:
    """Which data section each VAR or FUNC is listed in."""
    homes: dict[int, str] = {}
    for type_id in range(1, len(btf)):
        if btf.kind(type_id) == KIND_DATASEC:
            section = btf.type(type_id)
            if isinstance(section, Datasec):
                for entry in section.entries:
                    homes.setdefault(entry.type_id, section.name)
    return homes


def _extern(elf: Elf, btf: Btf, symbol: Symbol, homes: dict[int, str]) -> Extern:
    btf_id = next((i for i in btf.find_all(symbol.name) if btf.kind(i) in (KIND_VAR, KIND_FUNC)), 0)
    found = btf.type(btf_id)
    if not isinstance(found, (Var, Func)) or found.linkage != LINKAGE_EXTERN:
        raise elf.error("section .BTF", f"has no extern {symbol.name}, which the symbol table declares")
    home = homes.get(btf_id)
    weak = symbol.bind == STB_WEAK
    if home == KSYMS_SECTION:
        kind = "function" if isinstance(found, Func) else "variable"
        type_id = skip_modifiers(btf, found.type_id)
        return Extern(symbol.name, symbol.number, kind, weak, btf_id, type_id)
    if home != KCONFIG_SECTION or isinstance(found, Func):
        where = f"section {home}" if home else "no data section"
        raise elf.error("section .BTF", f"extern {symbol.name} is in {where}, expected .ksyms or (variables) .kconfig")
    shape, signed = _shape(btf, found.type_id)
    if not shape:
        raise elf.error(
            "section .BTF", f"extern {symbol.name} of .kconfig has the unsupported type {btf.type(found.type_id)!r}"
        )
    size = _size(elf, btf, found.type_id, symbol.name)
    return Extern(symbol.name, symbol.number, "kconfig", weak, btf_id, found.type_id, shape, signed, size)


def _size(elf: Elf, btf: Btf, type_id: int, name: str) -> int:
    size = size_of(btf, type_id)
    if not 0 < size <= 4096:
        raise elf.error("section .BTF", f"extern {name} has {size} bytes, expected 1 to 4096")
    return size


def _shape(btf: Btf, type_id: int) -> tuple[str, bool]:
    """libbpf: find_kcfg_type()."""
    found = btf.type(skip_modifiers(btf, type_id))
    if isinstance(found, Int):
        if found.encoding & INT_BOOL:
            return ("bool" if found.size == 1 else ""), False
        signed = bool(found.encoding & INT_SIGNED)
        if found.size == 1:
            return "char", signed
        return ("int" if found.size in (2, 4, 8) else ""), signed
    if isinstance(found, Enum):
        fits = found.kind != KIND_ENUM or found.size == 4
        return ("tristate" if fits and found.name == "libbpf_tristate" else ""), False
    if isinstance(found, Array) and found.count and _shape(btf, found.type_id)[0] == "char":
        return "string", False
    return "", False


def _align(btf: Btf, type_id: int) -> int:
    """Natural alignment in bytes. libbpf: btf__align_of()."""
    for _ in range(_DEEPEST):
        found = btf.type(skip_modifiers(btf, type_id))
        if isinstance(found, Array):
            type_id = found.type_id
            continue
        if isinstance(found, Struct):
            return max((_align(btf, member.type_id) for member in found.members), default=1)
        if isinstance(found, (Int, Enum, Float)):
            return min(found.size, POINTER_SIZE) or 1
        return POINTER_SIZE if isinstance(found, Ptr) else 1
    raise InputError(btf.name, f"type {type_id}", f"more than {_DEEPEST} nested arrays")
