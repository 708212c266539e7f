"""Values that the user gives to global variables before loading: -G 'enabled = 1', 'cfg.mode = FAST', 'a[2] = 7'."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from kverdict.btf.btf import Btf
from kverdict.btf.layout import find_member, size_of, skip_modifiers
from kverdict.btf.types import INT_BOOL, INT_SIGNED, KIND_NAMES, Array, Datasec, Enum, Int, Struct, Var
from kverdict.errors import InputError
from kverdict.objfile.maps import MapDef
from kverdict.objfile.object import Object

OPTION: Final = "-G"
_DATA_KINDS: Final = ("data", "rodata", "bss")
_PATH: Final = re.compile(r"([A-Za-z_]\w*)((?:\.[A-Za-z_]\w*|\[\d+\])*)\Z")
_STEP: Final = re.compile(r"\.(\w+)|\[(\d+)\]")


def preset_contents(obj: Object, presets: Mapping[str, str]) -> dict[int, bytes]:
    """Map index → its initial bytes, for the global data maps that a preset changes.

    presets: variable, member or element → value as text. Raises InputError naming the option and what was expected.
    """
    changed: dict[int, bytearray] = {}
    for path, value in presets.items():
        setting = _Setting(obj, path.strip(), value.strip())
        index, offset, raw = setting.resolve()
        contents = changed.setdefault(index, bytearray(obj.maps[index].data or b""))
        contents[offset : offset + len(raw)] = raw
    return {index: bytes(contents) for index, contents in changed.items()}


class _Setting:
    """One preset."""

    def __init__(self, obj: Object, path: str, value: str) -> None:
        self.obj = obj
        self.path = path
        self.value = value

    def error(self, problem: str) -> InputError:
        """An InputError about this option."""
        return InputError(f"{OPTION} '{self.path} = {self.value}'", "", problem)

    def resolve(self) -> tuple[int, int, bytes]:
        """(map index, offset in it, bytes)."""
        parts = _PATH.match(self.path)
        if parts is None:
            raise self.error("expected NAME, NAME.MEMBER or NAME[INDEX] before '='")
        btf = self.obj.btf
        if btf is None:
            raise self.error(f"{self.obj.name} has no types (section .BTF): compile with -g")
        index, offset, type_id = self._variable(btf, parts.group(1))
        for step in _STEP.finditer(parts.group(2)):
            offset, type_id = self._step(btf, offset, type_id, step.group(1) or "", step.group(2) or "")
        raw = self._bytes(btf, type_id)
        if offset + len(raw) > len(self.obj.maps[index].data or b""):
            raise self.error("lies outside of its data section")
        return index, offset, raw

    def _variable(self, btf: Btf, name: str) -> tuple[int, int, int]:
        for index, definition in enumerate(self.obj.maps):
            section = btf.type(definition.value_type_id) if definition.kind in _DATA_KINDS else None
            for entry in section.entries if isinstance(section, Datasec) else ():
                variable = btf.type(entry.type_id)
                if isinstance(variable, Var) and variable.name == name:
                    return index, entry.offset, skip_modifiers(btf, variable.type_id)
        known = ", ".join(_names(btf, self.obj.maps)) or "none"
        raise self.error(f"{self.obj.name} has no global variable {name!r}, it has: {known}")

    def _step(self, btf: Btf, offset: int, type_id: int, member: str, element: str) -> tuple[int, int]:
        found = btf.type(type_id)
        if member:
            place = find_member(btf, type_id, member) if isinstance(found, Struct) else None
            if place is None or place.member.bitfield_size:
                raise self.error(f"{_described(btf, type_id)} has no member {member!r} of whole bytes")
            return offset + place.offset, skip_modifiers(btf, place.member.type_id)
        if not isinstance(found, Array):
            raise self.error(f"{_described(btf, type_id)} is no array")
        if int(element) >= found.count:
            raise self.error(f"index {element} of an array of {found.count}")
        return offset + int(element) * size_of(btf, found.type_id), skip_modifiers(btf, found.type_id)

    def _bytes(self, btf: Btf, type_id: int) -> bytes:
        found = btf.type(type_id)
        if isinstance(found, Int) and found.encoding & INT_BOOL:
            word = {"true": 1, "false": 0}.get(self.value)
            number = self._integer("true, false, 0 or 1") if word is None else word
            if number not in (0, 1):
                raise self.error("expected true, false, 0 or 1")
            return number.to_bytes(found.size, "little")
        if isinstance(found, Int):
            return self._fitted(self._integer("an integer"), found.size, bool(found.encoding & INT_SIGNED))
        if isinstance(found, Enum):
            for name, number in found.values:
                if name == self.value:
                    return self._fitted(number, found.size, number < 0)
            known = ", ".join(value.name for value in found.values[:12])
            number = self._integer(f"a number or one of {known}")
            return self._fitted(number, found.size, found.signed or number < 0)
        raise self.error(f"{_described(btf, type_id)} cannot be preset, expected an integer, bool or enumeration")

    def _integer(self, expected: str) -> int:
        text = self.value
        if len(text) == 3 and text[0] == text[2] == "'":
            return ord(text[1])
        try:
            return int(text, 0)
        except ValueError:
            raise self.error(f"expected {expected} after '='") from None

    def _fitted(self, number: int, size: int, signed: bool) -> bytes:
        bits = 8 * size
        low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
        if not low <= number <= high:
            raise self.error(f"expected {low} to {high}")
        return (number & (1 << bits) - 1).to_bytes(size, "little")


def _described(btf: Btf, type_id: int) -> str:
    found = btf.type(type_id)
    return f"{KIND_NAMES[found.kind]} {found.name}".strip()


def _names(btf: Btf, maps: Sequence[MapDef]) -> list[str]:
    names = []
    for definition in maps:
        section = btf.type(definition.value_type_id) if definition.kind in _DATA_KINDS else None
        for entry in section.entries if isinstance(section, Datasec) else ():
            names.append(btf.type(entry.type_id).name)
    return sorted(names)[:20]
