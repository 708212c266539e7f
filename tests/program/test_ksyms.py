"""Symbols of the kernel that a program asks for by name alone."""

from __future__ import annotations

import pytest

from kverdict.errors import UnsupportedError
from kverdict.kernel.profile import load_profile
from kverdict.objfile.externs import Extern
from kverdict.program.ksyms import Symbol, resolve


def untyped(name: str) -> Symbol | None:
    profile = load_profile("6.18")
    return resolve(Extern(name, 1, "variable", False, 1, 0), profile.btf, profile)


def test_two_symbols_lie_at_two_addresses() -> None:
    first, second = untyped("bpf_prog_free"), untyped("bpf_map_free_id")
    assert first is not None and second is not None
    assert first.btf_id == second.btf_id == 0
    assert first.address != second.address
    assert first == untyped("bpf_prog_free")
    assert first.address >> 32 == 0xFFFFFFFF


def test_a_symbol_that_the_types_do_not_name_is_not_guessed() -> None:
    with pytest.raises(UnsupportedError, match="address of kernel symbol no_such_symbol_at_all"):
        untyped("no_such_symbol_at_all")
