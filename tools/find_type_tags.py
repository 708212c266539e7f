#!/usr/bin/env python3
"""Print [type_tags] for an overlay: fields that kernel headers mark __rcu, __user or __percpu.

    find_type_tags.py INCLUDE-FOLDER KERNEL

Only named structures count, and only fields that the types of KERNEL (a profile of kverdict) have too; fields of
anonymous members belong to the named structure around them, as the verifier sees them.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from kverdict.btf.btf import Btf
from kverdict.btf.types import KIND_STRUCT, KIND_UNION, Struct
from kverdict.kernel.profile import load_profile

_COMMENT: Final = re.compile(r"/\*.*?\*/|//[^\n]*|^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.S | re.M)
_OPEN: Final = re.compile(r"\b(?:struct|union)\s*(\w*)\s*[\w\s()]*$")
_TAG: Final = re.compile(r"\b__(rcu|user|percpu)\b")
_FIELD: Final = re.compile(r"(\w+)\s*(?:\[[^\]]*\]\s*)*$")


def marked(text: str) -> Iterator[tuple[str, str, str]]:
    """(structure, field, tag) of every marked field in a header."""
    text = _COMMENT.sub(" ", text)
    stack: list[str] = []
    statement = ""
    for character in text:
        if character == "{":
            opening = _OPEN.search(statement)
            stack.append((opening[1] or (stack[-1] if stack else "")) if opening else "")
            statement = ""
        elif character == "}":
            if stack:
                stack.pop()
            statement = ""
        elif character == ";":
            tag, structure = _TAG.search(statement), stack[-1] if stack else ""
            if tag and structure and "*" in statement and "(" not in statement:
                for part in statement[tag.end() :].split(","):
                    field = _FIELD.search(part)
                    if field:
                        yield structure, field[1], tag[1]
            statement = ""
        else:
            statement += character


def has_field(btf: Btf, type_id: int, name: str) -> bool:
    """Whether a structure has a member of this name, also inside anonymous ones."""
    found = btf.type(type_id)
    if not isinstance(found, Struct):
        return False
    return any(
        member.name == name or (not member.name and has_field(btf, member.type_id, name)) for member in found.members
    )


def main(arguments: list[str]) -> int:
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    btf = load_profile(arguments[1]).btf
    tags: dict[str, str] = {}
    for header in sorted(Path(arguments[0]).rglob("*.h")):
        for structure, field, tag in marked(header.read_text(errors="replace")):
            type_id = btf.find(structure, KIND_STRUCT) or btf.find(structure, KIND_UNION)
            if type_id and has_field(btf, type_id, field):
                tags[f"{structure}.{field}"] = tag
    print("[type_tags]")
    for name, tag in sorted(tags.items()):
        print(f'"{name}" = "{tag}"')
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
