"""The bytes of one type → its class. Shape is checked here; whether references make sense, by who follows them."""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct as Record
from typing import Final

from kverdict.btf.types import (
    KIND_ARRAY,
    KIND_CONST,
    KIND_DATASEC,
    KIND_DECL_TAG,
    KIND_ENUM,
    KIND_ENUM64,
    KIND_FLOAT,
    KIND_FUNC,
    KIND_FUNC_PROTO,
    KIND_FWD,
    KIND_INT,
    KIND_PTR,
    KIND_RESTRICT,
    KIND_STRUCT,
    KIND_TYPE_TAG,
    KIND_TYPEDEF,
    KIND_UNION,
    KIND_VAR,
    KIND_VOLATILE,
    Array,
    Const,
    Datasec,
    DeclTag,
    Enum,
    Enumerator,
    Float,
    Func,
    FuncProto,
    Fwd,
    Int,
    Member,
    Param,
    Ptr,
    Reference,
    Restrict,
    SecEntry,
    Struct,
    Type,
    Typedef,
    TypeTag,
    Var,
    Volatile,
)

String = Callable[[int], str]
_ONE: Final = Record("<I")
_TWO: Final = Record("<II")
_THREE: Final = Record("<III")
_ENUM: Final = Record("<II")

_PLAIN: Final = {
    KIND_PTR: Ptr,
    KIND_TYPEDEF: Typedef,
    KIND_VOLATILE: Volatile,
    KIND_CONST: Const,
    KIND_RESTRICT: Restrict,
}


def decode(header: tuple[int, int, int], body: bytes, string: String) -> Type:
    """The type with these three words and the bytes after them (exactly as many as the kind and vlen ask for)."""
    name_off, info, third = header
    kind = info >> 24 & 0x1F
    name = string(name_off)
    plain = _PLAIN.get(kind)
    if plain is not None:
        return plain(kind, name, third)
    return _DECODERS[kind](kind, name, info, third, body, string)


def _int(kind: int, name: str, info: int, third: int, body: bytes, string: String) -> Type:
    word = _ONE.unpack(body)[0]
    return Int(name, third, word >> 24 & 0x0F, word & 0xFF, word >> 16 & 0xFF)


def _array(kind: int, name: str, info: int, third: int, body: bytes, string: String) -> Type:
    return Array(*_THREE.unpack(body))


def _struct(kind: int, name: str, info: int, third: int, body: bytes, string: String) -> Type:
    kflag = bool(info >> 31)
    if kflag:
        members = tuple(
            [Member(string(at), type_id, off & 0xFFFFFF, off >> 24) for at, type_id, off in _THREE.iter_unpack(body)]
        )
    else:
        members = tuple([Member(string(at), type_id, off, 0) for at, type_id, off in _THREE.iter_unpack(body)])
    return Struct(kind, name, third, members, kflag)


def _enum(kind: int, name: str, info: int, third: int, body: bytes, string: String) -> Type:
    signed = bool(info >> 31)
    values = []
    for at, value in _ENUM.iter_unpack(body):
        values.append(Enumerator(string(at), value - (1 << 32) if signed and value >> 31 else value))
    return Enum(kind, name, third, signed, tuple(values))


def _enum64(kind: int, name: str, info: int, third: int, body: bytes, string: String) -> Type:
    signed = bool(info >> 31)
    values = []
    for at, low, high in _THREE.iter_unpack(body):
        value = high << 32 | low
        values.append(Enumerator(string(at), value - (1 << 64) if signed and high >> 31 else value))
    return Enum(kind, name, third, signed, tuple(values))


def _fwd(kind: int, name: str, info: int, third: int, body: bytes, string: String) -> Type:
    return Fwd(name, bool(info >> 31))


def _func(kind: int, name: str, info: int, third: int, body: bytes, string: String) -> Type:
    return Func(name, third, info & 0xFFFF)


def _func_proto(kind: int, name: str, info: int, third: int, body: bytes, string: String) -> Type:
    return FuncProto(third, tuple([Param(string(at), type_id) for at, type_id in _TWO.iter_unpack(body)]))


def _var(kind: int, name: str, info: int, third: int, body: bytes, string: String) -> Type:
    return Var(name, third, _ONE.unpack(body)[0])


def _datasec(kind: int, name: str, info: int, third: int, body: bytes, string: String) -> Type:
    return Datasec(name, third, tuple([SecEntry(*entry) for entry in _THREE.iter_unpack(body)]))


def _float(kind: int, name: str, info: int, third: int, body: bytes, string: String) -> Type:
    return Float(name, third)


def _decl_tag(kind: int, name: str, info: int, third: int, body: bytes, string: String) -> Type:
    index = _ONE.unpack(body)[0]
    return DeclTag(name, third, index - (1 << 32) if index >> 31 else index, bool(info >> 31))


def _type_tag(kind: int, name: str, info: int, third: int, body: bytes, string: String) -> Type:
    return TypeTag(name, third, bool(info >> 31))


_DECODERS: Final[dict[int, Callable[[int, str, int, int, bytes, String], Type]]] = {
    KIND_INT: _int,
    KIND_ARRAY: _array,
    KIND_STRUCT: _struct,
    KIND_UNION: _struct,
    KIND_ENUM: _enum,
    KIND_FWD: _fwd,
    KIND_FUNC: _func,
    KIND_FUNC_PROTO: _func_proto,
    KIND_VAR: _var,
    KIND_DATASEC: _datasec,
    KIND_FLOAT: _float,
    KIND_DECL_TAG: _decl_tag,
    KIND_TYPE_TAG: _type_tag,
    KIND_ENUM64: _enum64,
}


def referenced(found: Type) -> list[int]:
    """Every type id that `found` mentions."""
    if isinstance(found, Reference):
        return [found.type_id]
    if isinstance(found, Struct):
        return [member.type_id for member in found.members]
    if isinstance(found, FuncProto):
        return [found.return_id, *(param.type_id for param in found.params)]
    if isinstance(found, Array):
        return [found.type_id, found.index_type_id]
    if isinstance(found, Datasec):
        return [entry.type_id for entry in found.entries]
    return []
