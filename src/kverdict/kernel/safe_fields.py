"""The lists of structure fields that the verifier believes in: how the facts spell them, how a profile keeps them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

SafeFields = dict[str, dict[str, tuple[str, ...]]]

_NAME: Final = re.compile(r"(\w+)(?:\[\d*\])*$")


def field_name(declaration: str) -> str:
    """The field's name in a C declaration: "cpus_ptr" for "const cpumask_t *cpus_ptr"; a plain name is itself."""
    found = _NAME.search(declaration.strip())
    return found[1] if found else declaration.strip()


def read_safe_fields(table: Mapping[str, Mapping[str, list[str]]]) -> SafeFields:
    """List ("safe_rcu", "safe_trusted_or_null" …) -> structure -> names of fields; kernel: BTF_TYPE_SAFE_RCU() …"""
    return {
        list_name: {structure: tuple(map(field_name, fields)) for structure, fields in structures.items()}
        for list_name, structures in table.items()
    }


def bare_type(name: str) -> str:
    """A structure's name without "struct "."""
    return name.removeprefix("struct ").strip()
