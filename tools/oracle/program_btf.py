"""A program's BTF as the kernel takes it: externs become variables, as libbpf rewrites them before loading."""

from __future__ import annotations

import struct

from kverdict.btf.btf import Btf
from kverdict.btf.types import KIND_DATASEC, KIND_FUNC, KIND_INT, KIND_VAR, Datasec, Func, FuncProto, Int
from kverdict.objfile.externs import kconfig_offsets
from tools.oracle.names import type_positions

_HEADER = struct.Struct("<HBBIIIII")
_GLOBAL = 1  # BTF_VAR_GLOBAL_ALLOCATED, BTF_FUNC_GLOBAL
_DUMMY = "dummy_ksym"


def loadable_btf(btf: Btf) -> bytes:
    """The raw BTF with the sections .ksyms and .kconfig of externs made acceptable.

    The kernel wants only variables in a data section: each extern function's entry becomes a dummy variable, the
    functions themselves become global, and their nameless parameters get a name. Settings become variables at their
    places in the .kconfig map. libbpf: bpf_object__collect_externs().
    """
    raw = btf.data
    places = [0, *type_positions(raw)]
    edited = bytearray(raw)
    _place_settings(btf, places, edited)
    section_id = btf.find(".ksyms", KIND_DATASEC)
    number = _four_byte_int(btf)
    if not section_id or not number:
        return bytes(edited)
    dummy_name, dummy_id = btf.string_end, len(btf)
    section = btf.type(section_id)
    assert isinstance(section, Datasec)
    struct.pack_into("<I", edited, places[section_id] + 8, 4 * len(section.entries))
    for i, entry in enumerate(section.entries):
        kind = btf.kind(entry.type_id)
        at = places[entry.type_id]
        if kind == KIND_FUNC:
            struct.pack_into("<I", edited, at + 4, KIND_FUNC << 24 | _GLOBAL)
            _name_parameters(btf, entry.type_id, places, edited, dummy_name)
        else:
            struct.pack_into("<II", edited, at + 8, number, _GLOBAL)
        variable = dummy_id if kind == KIND_FUNC else entry.type_id
        struct.pack_into("<III", edited, places[section_id] + 12 + 12 * i, variable, 4 * i, 4)
    return _with_dummy(bytes(edited), dummy_name, number)


def _place_settings(btf: Btf, places: list[int], edited: bytearray) -> None:
    section_id = btf.find(".kconfig", KIND_DATASEC)
    section = btf.type(section_id)
    if not isinstance(section, Datasec):
        return
    sizes = {entry.type_id: entry.size for entry in section.entries}
    end = 0
    for i, (variable, offset) in enumerate(kconfig_offsets(btf, sizes).items()):
        struct.pack_into("<I", edited, places[variable] + 12, _GLOBAL)
        struct.pack_into("<III", edited, places[section_id] + 12 + 12 * i, variable, offset, sizes[variable])
        end = offset + sizes[variable]
    struct.pack_into("<I", edited, places[section_id] + 8, end)


def _four_byte_int(btf: Btf) -> int:
    for type_id in range(1, len(btf)):
        if btf.kind(type_id) == KIND_INT:
            found = btf.type(type_id)
            if isinstance(found, Int) and found.size == 4:
                return type_id
    return 0


def _name_parameters(btf: Btf, function_id: int, places: list[int], edited: bytearray, name: int) -> None:
    function = btf.type(function_id)
    assert isinstance(function, Func)
    prototype = btf.type(function.type_id)
    assert isinstance(prototype, FuncProto)
    for i, (parameter, type_id) in enumerate(prototype.params):
        if type_id and not parameter:
            struct.pack_into("<I", edited, places[function.type_id] + 12 + 8 * i, name)


def _with_dummy(raw: bytes, name: int, number: int) -> bytes:
    """A variable `dummy_ksym` behind the last type, its name behind the last string."""
    magic, version, flags, header, types_at, types_size, strings_at, strings_size = _HEADER.unpack_from(raw)
    types = raw[header + types_at : header + types_at + types_size]
    strings = raw[header + strings_at : header + strings_at + strings_size]
    types += struct.pack("<IIII", name, KIND_VAR << 24, number, _GLOBAL)
    strings += _DUMMY.encode() + b"\0"
    head = _HEADER.pack(magic, version, flags, _HEADER.size, 0, len(types), len(types), len(strings))
    return head + types + strings
