"""Flavours: a program may call its version of a kernel type `task_struct___v2`; only the part before `___` counts."""

from __future__ import annotations


def essential_name(name: str) -> str:
    """`name` without its flavour: up to the last `x___y` (exactly three underscores), else all of it.

    The rule is libbpf's bpf_core_essential_name_len(); the kernel has the same function.
    """
    at = name.rfind("___")
    while at > 0:
        after = name[at + 3 : at + 4]
        if name[at - 1] != "_" and after not in ("", "_"):
            return name[:at]
        at = name.rfind("___", 0, at + 2)
    return name


def essential_bytes(name: bytes) -> bytes:
    """The same for a name as it stands in a string section."""
    return essential_name(name.decode("latin-1")).encode("latin-1") if b"___" in name else name
