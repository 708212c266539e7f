"""Split BTF with the functions of a kernel whose types come from another kernel: C prototypes in, BTF bytes out."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable
from typing import Final

from kverdict.btf import types
from kverdict.btf.btf import Btf
from kverdict.errors import InputError

_TOKEN: Final = re.compile(r"\s*(\.\.\.|\w+|[*(),\[\]])")
_RECORDS: Final = {"struct": types.KIND_STRUCT, "union": types.KIND_UNION, "enum": types.KIND_ENUM}
_QUALIFIERS: Final = {"const": types.KIND_CONST, "volatile": types.KIND_VOLATILE, "restrict": types.KIND_RESTRICT}
# C spellings of the integer types that BTF names otherwise.
_INTS: Final = {
    "long": "long int",
    "unsigned": "unsigned int",
    "unsigned long": "long unsigned int",
    "unsigned long int": "long unsigned int",
    "long long": "long long int",
    "unsigned long long": "long long unsigned int",
    "short": "short int",
    "unsigned short": "short unsigned int",
    "bool": "_Bool",
}
_INT_WORDS: Final = frozenset(("char", "short", "int", "long", "signed", "unsigned", "float", "double"))


def build(base: Btf, prototypes: Iterable[str]) -> bytes:
    """Raw split BTF on top of `base` with a FUNC and FUNC_PROTO for each C prototype.

    A structure that `base` lacks becomes a forward declaration. Raises InputError for a prototype that makes no sense.
    """
    builder = _Builder(base)
    for prototype in prototypes:
        builder.function(prototype)
    return builder.bytes()


class _Builder:
    """Types added so far, in BTF's own form; equal types are added once."""

    def __init__(self, base: Btf) -> None:
        self._base: Final = base
        self._records: list[bytes] = []
        self._known: dict[tuple[object, ...], int] = {}
        self._strings: bytearray = bytearray(b"\0") if base.string_end == 0 else bytearray()
        self._offsets: dict[str, int] = {"": 0}

    def function(self, prototype: str) -> None:
        """Add one function."""
        parser = _Parser(prototype, self)
        name, proto_id = parser.function()
        self.add(types.KIND_FUNC, name, types.LINKAGE_STATIC, proto_id)

    def string(self, text: str) -> int:
        """Offset of a string in the split BTF's sight."""
        found = self._offsets.get(text)
        if found is None:
            found = self._offsets[text] = self._base.string_end + len(self._strings)
            self._strings += text.encode() + b"\0"
        return found

    def add(self, kind: int, name: str, vlen: int, size_or_type: int, extra: bytes = b"", flag: int = 0) -> int:
        """Add a type and return its id; the same type is added once."""
        key = (kind, name, vlen, size_or_type, extra, flag)
        found = self._known.get(key)
        if found is None:
            info = vlen | kind << 24 | flag << 31
            self._records.append(struct.pack("<III", self.string(name), info, size_or_type) + extra)
            found = self._known[key] = len(self._base) + len(self._records) - 1
        return found

    def named(self, kind: int, name: str) -> int:
        """A type of the base by name; a forward declaration for a structure that it lacks, 0 for another kind."""
        found = self._base.find(name, kind)
        if found or kind not in (types.KIND_STRUCT, types.KIND_UNION):
            return found
        return self.add(types.KIND_FWD, name, 0, 0, flag=int(kind == types.KIND_UNION))

    def bytes(self) -> bytes:
        """The whole BTF."""
        body = b"".join(self._records)
        strings = bytes(self._strings) or b"\0"
        return struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(body), len(body), len(strings)) + body + strings


class _Parser:
    """A C declaration of the kind that prints a BTF function: no definitions, no initialisers."""

    def __init__(self, text: str, builder: _Builder) -> None:
        self._text: Final = text
        self._builder: Final = builder
        self._tokens: Final = self._split(text)
        self._at = 0

    def _split(self, text: str) -> list[str]:
        found: list[str] = []
        at = 0
        while at < len(text.rstrip()):
            match = _TOKEN.match(text, at)
            if not match:
                raise InputError("prototype", f"column {at + 1}", f"unexpected character in {text!r}")
            found.append(match[1])
            at = match.end()
        return found

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        self._at += 1
        return token

    def _expect(self, token: str) -> None:
        if self._next() != token:
            raise InputError("prototype", f"token {self._at}", f"expected {token!r} in {self._text!r}")

    def function(self) -> tuple[str, int]:
        """Name and FUNC_PROTO id of the declared function."""
        name, type_id = self._declaration()
        if not name or self._peek() or self._kind_of_last != types.KIND_FUNC_PROTO:
            raise InputError("prototype", self._text, "expected a function declaration")
        return name, type_id

    _kind_of_last = 0

    def _declaration(self) -> tuple[str, int]:
        base = self._specifiers()
        return self._declarator(base)

    def _specifiers(self) -> int:
        qualifiers: list[int] = []
        words: list[str] = []
        type_id = -1
        while True:
            token = self._peek()
            if token in _QUALIFIERS:
                qualifiers.append(_QUALIFIERS[self._next()])
            elif token in _RECORDS and type_id < 0 and not words:
                kind = _RECORDS[self._next()]
                type_id = self._record(kind, self._next())
            elif token in _INT_WORDS and type_id < 0:
                words.append(self._next())
            elif token.isidentifier() and type_id < 0 and not words:
                type_id = self._by_name(self._next())
            else:
                break
        if words:
            type_id = self._by_name(" ".join(words))
        if type_id < 0:
            raise InputError("prototype", f"token {self._at + 1}", f"expected a type in {self._text!r}")
        for kind in reversed(qualifiers):
            type_id = self._builder.add(kind, "", 0, type_id)
        return type_id

    def _record(self, kind: int, name: str) -> int:
        found = self._builder.named(kind, name)
        if not found and kind == types.KIND_ENUM:
            found = self._builder.named(types.KIND_ENUM64, name)
            # An enumeration that the base lacks: one of no values; its size is what C gives it.
            found = found or self._builder.add(types.KIND_ENUM, name, 0, 4)
        return found

    def _by_name(self, name: str) -> int:
        if name == "void":
            return 0
        for kind in (types.KIND_TYPEDEF, types.KIND_INT, types.KIND_FLOAT):
            found = self._builder.named(kind, name) or self._builder.named(kind, _INTS.get(name, ""))
            if found:
                return found
        raise InputError("prototype", name, f"no such type, in {self._text!r}")

    def _declarator(self, type_id: int) -> tuple[str, int]:
        """The rest of a declaration: pointers, name, arguments or array lengths."""
        while self._peek() in ("*", *_QUALIFIERS):
            token = self._next()
            kind = types.KIND_PTR if token == "*" else _QUALIFIERS[token]
            type_id = self._builder.add(kind, "", 0, type_id)
        self._kind_of_last = types.KIND_PTR
        if self._peek() == "(" and self._tokens[self._at + 1 : self._at + 2] == ["*"]:
            return self._function_pointer(type_id)
        name = self._next() if self._peek().isidentifier() else ""
        lengths: list[int] = []
        while self._peek() == "[":
            self._next()
            lengths.append(int(self._next()) if self._peek().isdigit() else 0)
            self._expect("]")
        for length in reversed(lengths):
            index = self._by_name("int")
            type_id = self._builder.add(types.KIND_ARRAY, "", 0, 0, struct.pack("<III", type_id, index, length))
        if self._peek() == "(":
            type_id = self._arguments(type_id)
        return name, type_id

    def _function_pointer(self, type_id: int) -> tuple[str, int]:
        self._expect("(")
        self._expect("*")
        name = self._next() if self._peek().isidentifier() else ""
        self._expect(")")
        proto_id = self._arguments(type_id)
        pointer = self._builder.add(types.KIND_PTR, "", 0, proto_id)
        self._kind_of_last = types.KIND_PTR
        return name, pointer

    def _arguments(self, return_id: int) -> int:
        self._expect("(")
        params: list[tuple[str, int]] = []
        if self._tokens[self._at : self._at + 2] == ["void", ")"]:
            self._next()
        while self._peek() != ")":
            if self._peek() == "...":
                self._next()
                params.append(("", 0))
            else:
                params.append(self._declaration())
            if self._peek() != ")":
                self._expect(",")
        self._expect(")")
        extra = b"".join(struct.pack("<II", self._builder.string(name), type_id) for name, type_id in params)
        self._kind_of_last = types.KIND_FUNC_PROTO
        return self._builder.add(types.KIND_FUNC_PROTO, "", len(params), return_id, extra)
