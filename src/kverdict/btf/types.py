"""The kinds of BTF types, one small class each; what Btf.type() returns. Numbers as in include/uapi/linux/btf.h."""

from __future__ import annotations

from typing import Final, NamedTuple, final

KIND_VOID: Final = 0
KIND_INT: Final = 1
KIND_PTR: Final = 2
KIND_ARRAY: Final = 3
KIND_STRUCT: Final = 4
KIND_UNION: Final = 5
KIND_ENUM: Final = 6
KIND_FWD: Final = 7
KIND_TYPEDEF: Final = 8
KIND_VOLATILE: Final = 9
KIND_CONST: Final = 10
KIND_RESTRICT: Final = 11
KIND_FUNC: Final = 12
KIND_FUNC_PROTO: Final = 13
KIND_VAR: Final = 14
KIND_DATASEC: Final = 15
KIND_FLOAT: Final = 16
KIND_DECL_TAG: Final = 17
KIND_TYPE_TAG: Final = 18
KIND_ENUM64: Final = 19
KIND_MAX: Final = 19

KIND_NAMES: Final = (
    "void",
    "int",
    "ptr",
    "array",
    "struct",
    "union",
    "enum",
    "fwd",
    "typedef",
    "volatile",
    "const",
    "restrict",
    "func",
    "func_proto",
    "var",
    "datasec",
    "float",
    "decl_tag",
    "type_tag",
    "enum64",
)

# Int.encoding
INT_SIGNED: Final = 1
INT_CHAR: Final = 2
INT_BOOL: Final = 4

# Linkage of functions and variables.
LINKAGE_STATIC: Final = 0
LINKAGE_GLOBAL: Final = 1
LINKAGE_EXTERN: Final = 2


class Type:
    """A type of any kind; never changed after it was made. `name` is "" for anonymous types."""

    __slots__ = ("kind", "name")

    kind: int
    name: str

    def __init__(self, kind: int, name: str) -> None:
        self.kind = kind
        self.name = name

    def __repr__(self) -> str:
        return f"<{KIND_NAMES[self.kind]} {self.name or '(anon)'}>"


@final
class Void(Type):
    """Type id 0."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(KIND_VOID, "void")


@final
class Int(Type):
    """size in bytes; encoding: INT_* bits; bits: its width; offset: in bits (old-style bit fields)."""

    __slots__ = ("bits", "encoding", "offset", "size")

    def __init__(self, name: str, size: int, encoding: int, bits: int, offset: int) -> None:
        super().__init__(KIND_INT, name)
        self.size = size
        self.encoding = encoding
        self.bits = bits
        self.offset = offset


class Reference(Type):
    """A type that stands in front of one other type."""

    __slots__ = ("type_id",)

    def __init__(self, kind: int, name: str, type_id: int) -> None:
        super().__init__(kind, name)
        self.type_id = type_id


@final
class Ptr(Reference):
    """A pointer to type_id (0: void)."""

    __slots__ = ()


@final
class Typedef(Reference):
    """Another name of type_id."""

    __slots__ = ()


@final
class Const(Reference):
    """A qualifier."""

    __slots__ = ()


@final
class Volatile(Reference):
    """A qualifier."""

    __slots__ = ()


@final
class Restrict(Reference):
    """A qualifier."""

    __slots__ = ()


@final
class TypeTag(Reference):
    """btf_type_tag("rcu") and the like; `attribute`: the name is a compiler attribute instead (kflag, since v6.15)."""

    __slots__ = ("attribute",)

    def __init__(self, name: str, type_id: int, attribute: bool = False) -> None:
        super().__init__(KIND_TYPE_TAG, name, type_id)
        self.attribute = attribute


@final
class Array(Type):
    """`count` elements of type_id."""

    __slots__ = ("count", "index_type_id", "type_id")

    def __init__(self, type_id: int, index_type_id: int, count: int) -> None:
        super().__init__(KIND_ARRAY, "")
        self.type_id = type_id
        self.index_type_id = index_type_id
        self.count = count


class Member(NamedTuple):
    """A member; bit_offset from the start of its structure; bitfield_size in bits, 0 for one that is no bit field."""

    name: str
    type_id: int
    bit_offset: int
    bitfield_size: int


@final
class Struct(Type):
    """A structure or union; size in bytes. kflag: members carry bit field sizes (else old-style, in Int)."""

    __slots__ = ("kflag", "members", "size")

    def __init__(self, kind: int, name: str, size: int, members: tuple[Member, ...], kflag: bool = False) -> None:
        super().__init__(kind, name)
        self.size = size
        self.members = members
        self.kflag = kflag

    @property
    def is_union(self) -> bool:
        """Whether it is a union."""
        return self.kind == KIND_UNION


class Enumerator(NamedTuple):
    """One name of an enumeration and its value, negative if the enumeration is signed and the value is."""

    name: str
    value: int


@final
class Enum(Type):
    """An enumeration of 32-bit values (KIND_ENUM) or 64-bit ones (KIND_ENUM64); size in bytes."""

    __slots__ = ("signed", "size", "values")

    def __init__(self, kind: int, name: str, size: int, signed: bool, values: tuple[Enumerator, ...]) -> None:
        super().__init__(kind, name)
        self.size = size
        self.signed = signed
        self.values = values


Enum64 = Enum


@final
class Fwd(Type):
    """A forward declaration."""

    __slots__ = ("is_union",)

    def __init__(self, name: str, is_union: bool) -> None:
        super().__init__(KIND_FWD, name)
        self.is_union = is_union


@final
class Func(Reference):
    """A function; type_id is its FuncProto; linkage: LINKAGE_*."""

    __slots__ = ("linkage",)

    def __init__(self, name: str, type_id: int, linkage: int) -> None:
        super().__init__(KIND_FUNC, name, type_id)
        self.linkage = linkage


class Param(NamedTuple):
    """A parameter; name "" and type_id 0 at the end: varargs."""

    name: str
    type_id: int


@final
class FuncProto(Type):
    """Result and parameters of a function."""

    __slots__ = ("params", "return_id")

    def __init__(self, return_id: int, params: tuple[Param, ...]) -> None:
        super().__init__(KIND_FUNC_PROTO, "")
        self.return_id = return_id
        self.params = params


@final
class Var(Reference):
    """A variable; linkage: LINKAGE_*."""

    __slots__ = ("linkage",)

    def __init__(self, name: str, type_id: int, linkage: int) -> None:
        super().__init__(KIND_VAR, name, type_id)
        self.linkage = linkage


class SecEntry(NamedTuple):
    """A variable in a data section: type_id of the Var, offset and size in bytes."""

    type_id: int
    offset: int
    size: int


@final
class Datasec(Type):
    """A data section; size in bytes (0 in an object file that was not linked)."""

    __slots__ = ("entries", "size")

    def __init__(self, name: str, size: int, entries: tuple[SecEntry, ...]) -> None:
        super().__init__(KIND_DATASEC, name)
        self.size = size
        self.entries = entries


@final
class Float(Type):
    """A floating-point number; size in bytes."""

    __slots__ = ("size",)

    def __init__(self, name: str, size: int) -> None:
        super().__init__(KIND_FLOAT, name)
        self.size = size


@final
class DeclTag(Reference):
    """A tag of type_id itself (component_idx -1) or of its member or parameter number component_idx."""

    __slots__ = ("attribute", "component_idx")

    def __init__(self, name: str, type_id: int, component_idx: int, attribute: bool = False) -> None:
        super().__init__(KIND_DECL_TAG, name, type_id)
        self.component_idx = component_idx
        self.attribute = attribute
