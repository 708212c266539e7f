"""What a kernel can be asked: a BTF object, a map, a program."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

LOG_SIZE = 1 << 16  # first try; a log that does not fit makes the kernel answer ENOSPC instead of the verdict
LOG_SIZE_MAX = 1 << 24
LOG_TRACE, LOG_STATES, LOG_STATS = 1, 2, 4  # log_level bits; LOG_STATS alone: errors and statistics, no trace


@dataclass(frozen=True, eq=False)
class Btf:
    """A BTF object to load; maps and programs refer to it."""

    raw: bytes


@dataclass(frozen=True, eq=False)
class Map:
    """A map to create. Identity counts: two equal Map objects are two maps, one object used twice is one map.

    contents: what element 0 holds; frozen: it is then made read-only, so that the verifier knows its values.
    """

    map_type: int
    key_size: int
    value_size: int
    max_entries: int = 1
    flags: int = 0
    btf: Btf | None = None
    btf_key_type_id: int = 0
    btf_value_type_id: int = 0
    inner: Map | None = None
    map_extra: int = 0
    name: str = ""
    contents: bytes | None = None
    frozen: bool = False


@dataclass(frozen=True, eq=False)
class Load:
    """A program to load.

    maps and kfuncs are fixed up by instruction index: maps sets the descriptor of a two-slot load (and makes the source
    register BPF_PSEUDO_MAP_FD if it is 0), kfuncs makes the call one to that kernel function of the asked kernel.
    attach: "tp_btf/NAME", "lsm/NAME", "struct_ops/TYPE.MEMBER" …, or an attach type's name; prog_type None: what
    `attach` implies. Numbers given in expected_attach_type and attach_btf_id win.
    """

    insns: bytes
    prog_type: int | str | None = None
    attach: str | None = None
    expected_attach_type: int = 0
    attach_btf_id: int = 0
    sleepable: bool = False
    flags: int = 0
    maps: Mapping[int, Map] = field(default_factory=dict)
    kfuncs: Mapping[int, str] = field(default_factory=dict)
    btf: Btf | None = None
    func_info: bytes = b""  # struct bpf_func_info[]
    line_info: bytes = b""  # struct bpf_line_info[]
    license: str = "GPL"
    name: str = "prog"
    log_level: int = LOG_TRACE
    log_size: int = LOG_SIZE


Item = Load | Map | Btf


def insn(op: int, dst: int = 0, src: int = 0, off: int = 0, imm: int = 0) -> bytes:
    """One instruction, little endian."""
    return struct.pack("<BBhi", op, dst | src << 4, off, imm)
