"""Identifies the part of an object that decides a program's verdict, so that old recordings are found out."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

from kverdict.objfile.object import Object

_DATA = (".rodata", ".data", ".bss", ".BTF")


@functools.cache
def _opened(path: Path, _changed: int) -> Object:
    return Object.open(path)


def digest(path: Path, program: str) -> str:
    """SHA-256 of the program's code and relocations, all functions it may call, constants and types of the object.

    Raises InputError if the file is no object or has no such program.
    """
    opened = _opened(path, path.stat().st_mtime_ns)
    found = opened.program(program)
    total = hashlib.sha256()
    for function in (found, *(f for f in opened.functions if f.is_subprogram)):
        total.update(function.name.encode() + function.code)
        for reloc in function.relocs:
            total.update(repr(reloc).encode())
    for section in opened.elf.sections:
        if section.name.startswith(_DATA) and not section.name.startswith(".BTF.ext"):
            total.update(section.name.encode() + opened.elf.data(section))
    return total.hexdigest()
