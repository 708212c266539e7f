"""Types as C, for messages: `struct task_struct *task`, `int (*)(void *, u32)`."""

from __future__ import annotations

from typing import Final

from kverdict.btf.btf import Btf
from kverdict.btf.types import (
    KIND_CONST,
    KIND_RESTRICT,
    KIND_UNION,
    KIND_VOLATILE,
    Array,
    Datasec,
    DeclTag,
    Enum,
    Func,
    FuncProto,
    Fwd,
    Param,
    Ptr,
    Reference,
    Struct,
    Type,
    TypeTag,
    Var,
)

_DEEPEST: Final = 32
_QUALIFIERS: Final = {KIND_CONST: "const", KIND_VOLATILE: "volatile", KIND_RESTRICT: "restrict"}


def c_declaration(btf: Btf, type_id: int, name: str = "") -> str:
    """The declaration of `name` with this type, or the type alone. Tags are left out; never raises for deep types."""
    return _declare(btf, type_id, name, 0)


def c_prototype(btf: Btf, func_id: int) -> str:
    """A function's prototype: `struct task_struct *bpf_task_acquire(struct task_struct *p)`."""
    found = btf.type(func_id)
    return _declare(btf, found.type_id, found.name, 0) if isinstance(found, Func) else c_declaration(btf, func_id)


def _declare(btf: Btf, type_id: int, inside: str, depth: int) -> str:
    """C reads inside out: `inside` is what was said so far, around which this type puts its part."""
    found = btf.type(type_id)
    if depth > _DEEPEST:
        return f"... {inside}".rstrip()
    depth += 1
    if isinstance(found, Ptr):
        pointer = f"*{inside}"
        if isinstance(_behind_qualifiers(btf, found.type_id), (Array, FuncProto)):
            pointer = f"({pointer})"
        return _declare(btf, found.type_id, pointer, depth)
    if isinstance(found, Array):
        return _declare(btf, found.type_id, f"{inside}[{found.count or ''}]", depth)
    if isinstance(found, FuncProto):
        params = ", ".join(_parameter(btf, param, depth) for param in found.params) or "void"
        return _declare(btf, found.return_id, f"{inside}({params})", depth)
    if isinstance(found, (TypeTag, Var, DeclTag)):
        return _declare(btf, found.type_id, inside, depth)
    qualifier = _QUALIFIERS.get(found.kind)
    if qualifier and isinstance(found, Reference):
        if isinstance(_behind_qualifiers(btf, found.type_id), Ptr):
            return _declare(btf, found.type_id, f"{qualifier} {inside}".rstrip(), depth)
        return f"{qualifier} {_declare(btf, found.type_id, inside, depth)}"
    # A star stands at the name, everything else apart from it.
    return f"{_word(found)} {inside}".rstrip() if inside and inside[0] not in "[" else f"{_word(found)}{inside}"


def _parameter(btf: Btf, param: Param, depth: int) -> str:
    return _declare(btf, param.type_id, param.name, depth) if param.type_id or param.name else "..."


def _behind_qualifiers(btf: Btf, type_id: int) -> Type:
    found = btf.type(type_id)
    for _ in range(_DEEPEST):
        if not isinstance(found, Reference) or not (found.kind in _QUALIFIERS or isinstance(found, TypeTag)):
            break
        found = btf.type(found.type_id)
    return found


def _word(found: Type) -> str:
    """The name of a type that needs no other."""
    name = found.name or "(anon)"
    if isinstance(found, Struct):
        return f"{'union' if found.kind == KIND_UNION else 'struct'} {name}"
    if isinstance(found, Fwd):
        return f"{'union' if found.is_union else 'struct'} {name}"
    if isinstance(found, Enum):
        return f"enum {name}"
    if isinstance(found, Datasec):
        return f"section {name}"
    return name
