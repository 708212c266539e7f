"""The C path to a byte of a structure (`se.vruntime`, `comm[3]`), for messages."""

from __future__ import annotations

from typing import Final

from kverdict.btf.btf import Btf
from kverdict.btf.layout import resolved, size_or_none
from kverdict.btf.types import Array, Member, Struct

_DEEPEST: Final = 32


def path_at(btf: Btf, type_id: int, offset: int, size: int = 0) -> str:
    """Members from structure type_id down to byte `offset`, the last one holding it; "" for a hole or no structure.

    size: bytes wanted, 0 if unknown: of a union's members the first that has just this size is taken, else the first
    one; and at the start of an embedded structure the path goes on only if the size asks for less than all of it.
    """
    path = ""
    for _ in range(_DEEPEST):
        found = resolved(btf, type_id)
        if isinstance(found, Struct):
            if path and offset == 0 and size in (0, found.size):
                return path
            member = _member_at(btf, found, offset, size)
            if member is None:
                return path
            if member.name:
                path += f".{member.name}" if path else member.name
            offset -= member.bit_offset // 8
            type_id = member.type_id
        elif isinstance(found, Array):
            if offset == 0 and size == size_or_none(btf, type_id):
                return path
            element = size_or_none(btf, found.type_id)
            if not element:
                return path
            path += f"[{offset // element}]"
            offset %= element
            type_id = found.type_id
        else:
            return path
    return path


def _member_at(btf: Btf, outer: Struct, offset: int, size: int) -> Member | None:
    holding = []
    for place, member in enumerate(outer.members):
        start = member.bit_offset // 8
        width = size_or_none(btf, member.type_id) or 0
        flexible = not width and place == len(outer.members) - 1
        if start <= offset and (offset < start + width or flexible):
            if width == size and start == offset:
                return member
            holding.append(member)
    return holding[0] if holding else None
