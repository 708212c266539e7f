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
_MOST: Final = 200  # types in one declaration
_PARAMS: Final = 32
_QUALIFIERS: Final = {KIND_CONST: "const", KIND_VOLATILE: "volatile", KIND_RESTRICT: "restrict"}


def c_declaration(btf: Btf, type_id: int, name: str = "") -> str:
    """The declaration of `name` with this type, or the type alone. No tags; types without end are cut: "..."."""
    return _Writer(btf).declare(type_id, name)


def c_prototype(btf: Btf, func_id: int) -> str:
    """A function's prototype: `struct task_struct *bpf_task_acquire(struct task_struct *p)`."""
    found = btf.type(func_id)
    return c_declaration(btf, found.type_id, found.name) if isinstance(found, Func) else c_declaration(btf, func_id)


class _Writer:
    """Writes one declaration; `left` bounds how many types go into it."""

    __slots__ = ("btf", "left")

    def __init__(self, btf: Btf) -> None:
        self.btf = btf
        self.left = _MOST

    def declare(self, type_id: int, inside: str, depth: int = 0) -> str:
        """C reads inside out: `inside` is what was said so far, around which this type puts its part."""
        self.left -= 1
        if depth > _DEEPEST or self.left < 0:
            return f"... {inside}".rstrip()
        found = self.btf.type(type_id)
        depth += 1
        if isinstance(found, Ptr):
            pointer = f"*{inside}"
            if isinstance(self._behind_qualifiers(found.type_id), (Array, FuncProto)):
                pointer = f"({pointer})"
            return self.declare(found.type_id, pointer, depth)
        if isinstance(found, Array):
            return self.declare(found.type_id, f"{inside}[{found.count or ''}]", depth)
        if isinstance(found, FuncProto):
            params = ", ".join([self._parameter(param, depth) for param in found.params[: _PARAMS + 1]]) or "void"
            return self.declare(found.return_id, f"{inside}({params})", depth)
        if isinstance(found, (TypeTag, Var, DeclTag)):
            return self.declare(found.type_id, inside, depth)
        qualifier = _QUALIFIERS.get(found.kind)
        if qualifier and isinstance(found, Reference):
            if isinstance(self._behind_qualifiers(found.type_id), Ptr):
                return self.declare(found.type_id, f"{qualifier} {inside}".rstrip(), depth)
            return f"{qualifier} {self.declare(found.type_id, inside, depth)}"
        # An array of an unnamed thing has its brackets at the type: `u8[16]`.
        return f"{_word(found)}{inside}" if inside.startswith("[") else f"{_word(found)} {inside}".rstrip()

    def _parameter(self, param: Param, depth: int) -> str:
        return self.declare(param.type_id, param.name, depth) if param.type_id or param.name else "..."

    def _behind_qualifiers(self, type_id: int) -> Type:
        found = self.btf.type(type_id)
        for _ in range(_DEEPEST):
            if not isinstance(found, Reference) or not (found.kind in _QUALIFIERS or isinstance(found, TypeTag)):
                break
            found = self.btf.type(found.type_id)
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
