"""Whatever stands in .BTF and .BTF.ext, CO-RE ends in instructions, InputError or LinkError, in bounded time."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from elftools.elf.elffile import ELFFile
from hypothesis import given, settings
from hypothesis import strategies as st

from kverdict.btf.btf import Btf
from kverdict.errors import InputError, LinkError
from kverdict.isa.decode import decode
from kverdict.objfile.core_relocs import parse_core_relocs
from kverdict.program.core import apply_core_relocs

FIXTURES = Path(__file__).parent / "fixtures"
KERNEL = (FIXTURES / "core_kernel.btf").read_bytes()
with open(FIXTURES / "core.bpf.o", "rb") as _stream:
    _sections: Any = ELFFile(_stream).iter_sections()
    SECTIONS: dict[str, bytes] = {section.name: section.data() for section in _sections}
CHANGES = st.lists(st.tuples(st.integers(0, 1 << 30), st.integers(0, 255)), max_size=8)


def _changed(raw: bytes, changes: list[tuple[int, int]]) -> bytes:
    mutable = bytearray(raw)
    for at, value in changes:
        mutable[at % len(raw)] = value
    return bytes(mutable)


@settings(max_examples=250, deadline=None)
@given(CHANGES, CHANGES, CHANGES, CHANGES)
def test_mutated_objects_and_kernels_end_well(
    types: list[tuple[int, int]], ext: list[tuple[int, int]], kernel: list[tuple[int, int]], code: list[tuple[int, int]]
) -> None:
    start = time.process_time()
    try:
        local = Btf.parse(_changed(SECTIONS[".BTF"], types), "prog.o")
        target = Btf.parse_lazily(_changed(KERNEL, kernel), "kernel")
        relocs = parse_core_relocs(_changed(SECTIONS[".BTF.ext"], ext), local, "prog.o")
    except InputError:
        return
    for section, of_section in relocs.items():
        insns = decode(_changed(SECTIONS.get(section) or bytes(80), code))
        before = len(insns)
        try:
            apply_core_relocs(insns, of_section, local, target)
        except (InputError, LinkError) as error:
            assert str(error)
        assert len(insns) == before
    assert time.process_time() - start < 20
