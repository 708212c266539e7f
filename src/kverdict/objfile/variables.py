"""Which C variable a register or stack slot holds at an instruction: DWARF, read only when a diagnostic asks for it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from elftools.dwarf.die import DIE
    from elftools.dwarf.dwarfinfo import DWARFInfo

_REG0: Final = 0x50  # DW_OP_reg0 … DW_OP_reg31
_FBREG: Final = 0x91
_BREG10: Final = 0x7A
_VARIABLES: Final = ("DW_TAG_variable", "DW_TAG_formal_parameter")
_STACK: Final = -1
_DEEPEST: Final = 64


class _Range(NamedTuple):
    """A variable while it is in a register (or at a stack offset, register _STACK), in bytes of its section."""

    begin: int
    end: int
    register: int
    offset: int
    name: str
    depth: int


class Variables:
    """The variables of one object file. Corrupt or missing DWARF means no names, never an error."""

    def __init__(self, raw: bytes) -> None:
        """raw: the bytes of the object file; nothing is read from them yet."""
        self._raw = raw
        self._functions: dict[str, list[_Range]] | None = None

    def in_register(self, function: str, offset: int, register: int) -> str:
        """The variable in a register before the instruction at byte `offset` of its section; "" if none is known."""
        return self._name(function, offset, register, 0)

    def on_stack(self, function: str, offset: int, at: int) -> str:
        """The variable that starts `at` bytes above the lower end of the function's frame, which is how LLVM counts."""
        return self._name(function, offset, _STACK, at)

    def _name(self, function: str, offset: int, register: int, at: int) -> str:
        if self._functions is None:
            self._functions = _read(self._raw)
        best: _Range | None = None
        for found in self._functions.get(function, ()):
            if not found.begin <= offset < found.end or (found.register, found.offset) != (register, at):
                continue
            # inner scopes, and what starts later, say more about the line at hand
            if best is None or (found.depth, found.begin) >= (best.depth, best.begin):
                best = found
        return best.name if best else ""


def _read(raw: bytes) -> dict[str, list[_Range]]:
    from elftools.common.exceptions import DWARFError, ELFError
    from elftools.construct.core import ConstructError
    from elftools.elf.elffile import ELFFile

    functions: dict[str, list[_Range]] = {}
    # pyelftools trusts its input: a corrupt file ends in any of these
    troubles = (
        ELFError,
        DWARFError,
        ConstructError,
        LookupError,
        ValueError,
        TypeError,
        AttributeError,
        AssertionError,
    )
    try:
        file = ELFFile(io.BytesIO(raw))
        if file.has_dwarf_info():
            _Reader(file.get_dwarf_info(), functions).read()
    except (*troubles, OverflowError, RecursionError):
        pass
    return functions


class _Reader:
    """Walks all compilation units."""

    def __init__(self, dwarf: DWARFInfo, functions: dict[str, list[_Range]]) -> None:
        from elftools.dwarf.locationlists import LocationParser

        self.dwarf: Any = dwarf
        self.functions = functions
        self.locations: Any = LocationParser(dwarf.location_lists())

    def read(self) -> None:
        """Every function with code of its own."""
        for unit in self.dwarf.iter_CUs():
            for die in unit.get_top_DIE().iter_children():
                low = die.attributes.get("DW_AT_low_pc")
                if die.tag == "DW_TAG_subprogram" and low is not None:
                    name = _name_of(die)
                    start, size = low.value, die.attributes["DW_AT_high_pc"].value
                    self._scope(die, self.functions.setdefault(name, []), (start, start + size), 0)

    def _scope(self, die: DIE, ranges: list[_Range], limits: tuple[int, int], depth: int) -> None:
        if depth > _DEEPEST:
            return
        for child in die.iter_children():
            if child.tag in _VARIABLES:
                location = child.attributes.get("DW_AT_location")
                if location is not None:
                    self._variable(child, location, ranges, limits, depth)
            elif child.tag in ("DW_TAG_lexical_block", "DW_TAG_inlined_subroutine"):
                self._scope(child, ranges, limits, depth + 1)

    def _variable(self, die: DIE, location: Any, ranges: list[_Range], limits: tuple[int, int], depth: int) -> None:
        version = die.cu["version"]
        if not self.locations.attribute_has_location(location, version):
            return
        parsed = self.locations.parse_from_attribute(location, version, die)
        name = _name_of(die)
        if hasattr(parsed, "loc_expr"):
            self._add(ranges, limits, parsed.loc_expr, name, depth)
            return
        base = 0
        for entry in parsed:
            if hasattr(entry, "base_address"):
                base = entry.base_address
            elif hasattr(entry, "loc_expr"):
                shift = 0 if entry.is_absolute else base
                self._add(ranges, (entry.begin_offset + shift, entry.end_offset + shift), entry.loc_expr, name, depth)

    @staticmethod
    def _add(ranges: list[_Range], limits: tuple[int, int], expression: list[int], name: str, depth: int) -> None:
        if not name or not expression:
            return
        if len(expression) == 1 and _REG0 <= expression[0] <= _REG0 + 10:
            ranges.append(_Range(*limits, expression[0] - _REG0, 0, name, depth))
        elif expression[0] in (_FBREG, _BREG10) and len(expression) > 1:
            offset, used = _signed_leb(expression[1:])
            if used == len(expression) - 1:
                ranges.append(_Range(*limits, _STACK, offset, name, depth))


def _name_of(die: DIE) -> str:
    """Its own name, or that of the declaration which it is an instance of."""
    for _ in range(4):
        name = die.attributes.get("DW_AT_name")
        if name is not None:
            text: str = name.value.decode("utf-8", "replace")
            return text
        if "DW_AT_abstract_origin" not in die.attributes:
            return ""
        die = die.get_DIE_from_attribute("DW_AT_abstract_origin")
    return ""


def _signed_leb(data: list[int]) -> tuple[int, int]:
    """(value, bytes used) of a signed LEB128 number."""
    value = 0
    for at, byte in enumerate(data):
        value |= (byte & 0x7F) << 7 * at
        if not byte & 0x80:
            return (value - (1 << 7 * at + 7) if byte & 0x40 else value), at + 1
    return 0, 0
