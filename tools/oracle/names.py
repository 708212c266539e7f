"""The kernel's own names: ids of types in its BTF, found by kind and name."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from tools.oracle.answer import OracleError, UnknownName

BTF_STRUCT, BTF_ENUM, BTF_TYPEDEF, BTF_FUNC, BTF_VAR = 4, 6, 8, 12, 14
PROG_TYPES = (
    "unspec",
    "socket_filter",
    "kprobe",
    "sched_cls",
    "sched_act",
    "tracepoint",
    "xdp",
    "perf_event",
    "cgroup_skb",
    "cgroup_sock",
    "lwt_in",
    "lwt_out",
    "lwt_xmit",
    "sock_ops",
    "sk_skb",
    "cgroup_device",
    "sk_msg",
    "raw_tracepoint",
    "cgroup_sock_addr",
    "lwt_seg6local",
    "lirc_mode2",
    "sk_reuseport",
    "flow_dissector",
    "cgroup_sysctl",
    "raw_tracepoint_writable",
    "cgroup_sockopt",
    "tracing",
    "struct_ops",
    "ext",
    "lsm",
    "sk_lookup",
    "syscall",
    "netfilter",
)
ATTACH = {  # section prefix -> program type, attach type, BTF kind and name prefix of the target
    "tp_btf": ("tracing", 23, BTF_TYPEDEF, "btf_trace_"),
    "fentry": ("tracing", 24, BTF_FUNC, ""),
    "fexit": ("tracing", 25, BTF_FUNC, ""),
    "fmod_ret": ("tracing", 26, BTF_FUNC, ""),
    "iter": ("tracing", 28, BTF_FUNC, "bpf_iter_"),
    "lsm": ("lsm", 27, BTF_FUNC, "bpf_lsm_"),
    "lsm_cgroup": ("lsm", 43, BTF_FUNC, "bpf_lsm_"),
}
_FIXED = {1: 4, 3: 12, 14: 4, 17: 4}  # kind -> bytes after the common part
_PER_MEMBER = {4: 12, 5: 12, 6: 8, 13: 8, 15: 12, 19: 12}


def strings_at(raw: bytes) -> int:
    """Where the strings of a raw BTF start. Raises OracleError if it is none."""
    magic, _, _, header, _, _, strings, _ = struct.unpack_from("<HBBIIIII", raw)
    if magic != 0xEB9F:
        raise OracleError("no usable BTF")
    return int(header + strings)


def type_positions(raw: bytes) -> Iterator[int]:
    """Where each type of a raw BTF starts, from type 1."""
    header, types, size = struct.unpack_from("<III", raw, 4)
    position, end = header + types, header + types + size
    while position < end:
        yield position
        (info,) = struct.unpack_from("<I", raw, position + 4)
        kind = info >> 24 & 31
        position += 12 + _FIXED.get(kind, 0) + _PER_MEMBER.get(kind, 0) * (info & 0xFFFF)


class Names:
    """Ids of structures, enumerations, typedefs and functions by name, of one raw BTF."""

    def __init__(self, raw: bytes) -> None:
        self._raw, self._strings = raw, strings_at(raw)
        self._at: dict[tuple[int, str], tuple[int, int]] = {}  # kind, name -> id, position
        for type_id, position in enumerate(type_positions(raw), 1):
            name, info = struct.unpack_from("<II", raw, position)
            kind = info >> 24 & 31
            if name and kind in (BTF_STRUCT, BTF_ENUM, BTF_TYPEDEF, BTF_FUNC, BTF_VAR):
                self._at.setdefault((kind, self._string(name)), (type_id, position))

    def _string(self, offset: int) -> str:
        start = self._strings + offset
        return self._raw[start : self._raw.index(b"\0", start)].decode()

    def id(self, kind: int, name: str) -> int:
        """The type's id. Raises UnknownName."""
        if (kind, name) not in self._at:
            raise UnknownName(name)
        return self._at[kind, name][0]

    def members(self, kind: int, name: str) -> dict[str, int]:
        """Of a structure: member -> index. Of an enumeration: constant -> value. Raises UnknownName."""
        self.id(kind, name)
        position = self._at[kind, name][1]
        count = struct.unpack_from("<I", self._raw, position + 4)[0] & 0xFFFF
        size = _PER_MEMBER[kind]
        pairs = [struct.unpack_from("<II", self._raw, position + 12 + size * i) for i in range(count)]
        return {self._string(n): (value if kind == BTF_ENUM else i) for i, (n, value) in enumerate(pairs)}

    def attach_type(self, name: str) -> int:
        """The number of an attach type, given without BPF_ in lower case. Raises UnknownName."""
        types = self.members(BTF_ENUM, "bpf_attach_type")
        if "BPF_" + name.upper() not in types:
            raise UnknownName(name)
        return types["BPF_" + name.upper()]

    def attach(self, prog_type: int | str | None, attach: str | None) -> tuple[int, int, int]:
        """Program type, expected attach type and attach BTF id as numbers. Raises UnknownName."""
        implied, attach_type, attach_id = self._target(attach) if attach else (None, 0, 0)
        prog_type = implied if prog_type is None else prog_type
        if prog_type is None:
            raise ValueError("give a prog_type, or an attach target that implies one")
        if isinstance(prog_type, str):
            prog_type = PROG_TYPES.index(prog_type)
        return prog_type, attach_type, attach_id

    def _target(self, attach: str) -> tuple[str | None, int, int]:
        prefix, _, target = attach.partition("/")
        if prefix in ATTACH:
            implied, attach_type, kind, name = ATTACH[prefix]
            return implied, attach_type, self.id(kind, name + target)
        if prefix != "struct_ops":
            return None, self.attach_type(attach), 0
        operations, _, member = target.partition(".")
        members = self.members(BTF_STRUCT, operations)
        if member not in members:
            raise UnknownName(target)
        return "struct_ops", members[member], self.id(BTF_STRUCT, operations)
