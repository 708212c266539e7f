"""What is known about one register or spilled slot at one point: an immutable, shared Value, changed by verbs.

Source: struct bpf_reg_state and enum bpf_reg_type of the kernel; the numbers of the base types are ours.
"""

from __future__ import annotations

from typing import Final

from kverdict.domain.bounds import UNKNOWN, ZERO, Bounds, const
from kverdict.kernel.proto import (
    BASE_MASK,
    MEM_ALLOC,
    MEM_RCU,
    MEM_RDONLY,
    NON_OWN_REF,
    PTR_MAYBE_NULL,
    PTR_TRUSTED,
    PTR_UNTRUSTED,
)

NOT_INIT: Final = 0
SCALAR: Final = 1
PTR_TO_CTX: Final = 2
CONST_PTR_TO_MAP: Final = 3
PTR_TO_MAP_VALUE: Final = 4
PTR_TO_MAP_KEY: Final = 5
PTR_TO_STACK: Final = 6
PTR_TO_PACKET_META: Final = 7
PTR_TO_PACKET: Final = 8
PTR_TO_PACKET_END: Final = 9
PTR_TO_FLOW_KEYS: Final = 10
PTR_TO_SOCKET: Final = 11
PTR_TO_SOCK_COMMON: Final = 12
PTR_TO_TCP_SOCK: Final = 13
PTR_TO_TP_BUFFER: Final = 14
PTR_TO_XDP_SOCK: Final = 15
PTR_TO_BTF_ID: Final = 16
PTR_TO_MEM: Final = 17
PTR_TO_ARENA: Final = 18
PTR_TO_BUF: Final = 19
PTR_TO_FUNC: Final = 20
CONST_PTR_TO_DYNPTR: Final = 21
PTR_TO_INSN: Final = 22

# Flags in the id of a scalar that equals its linked scalar plus `off`, added in 64 or in 32 bits.
ADD_CONST64: Final = 1 << 31
ADD_CONST32: Final = 1 << 30
ADD_CONST: Final = ADD_CONST64 | ADD_CONST32


class Value:
    """One abstract value.

    type: base type (above) with flags (kernel/proto.py: PTR_MAYBE_NULL, PTR_TRUSTED, MEM_RCU, …).
    off: fixed offset in bytes of a pointer (for a linked scalar the constant that is added).
    num: the scalar's bounds, or the variable offset of a pointer.
    id: links values that were copied or null-checked together, 0 for none. ref: id of the reference that this
    value carries (ref_obj_id), 0 for none. frameno: frame of a PTR_TO_STACK.
    subject, detail: what a pointer points to:
        PTR_TO_BTF_ID: Btf, type id; CONST_PTR_TO_MAP, PTR_TO_MAP_VALUE, PTR_TO_MAP_KEY: Map, map uid;
        PTR_TO_MEM: size in bytes, dynptr id; PTR_TO_PACKET*: range in bytes, 0; PTR_TO_FUNC: subprogram number, 0;
        dynptr slots: dynptr type flag, first-slot flag; iterator slots: Btf, (type id, state, depth).
    """

    __slots__ = ("detail", "frameno", "id", "num", "off", "ref", "subject", "type")

    type: int
    off: int
    num: Bounds
    id: int
    ref: int
    subject: object
    detail: object
    frameno: int

    def __init__(
        self,
        type: int,
        num: Bounds,
        off: int = 0,
        subject: object = None,
        detail: object = 0,
        id: int = 0,
        ref: int = 0,
        frameno: int = 0,
    ) -> None:
        self.type = type
        self.num = num
        self.off = off
        self.subject = subject
        self.detail = detail
        self.id = id
        self.ref = ref
        self.frameno = frameno

    @property
    def base(self) -> int:
        """The base type without flags."""
        return self.type & BASE_MASK

    def is_const(self) -> bool:
        """A scalar of which one value is possible."""
        return self.type == SCALAR and self.num.mask == 0

    def with_type(self, type: int) -> Value:
        """The same value under another type."""
        return Value(type, self.num, self.off, self.subject, self.detail, self.id, self.ref, self.frameno)

    def with_num(self, num: Bounds) -> Value:
        """The same value with other bounds (or variable offset)."""
        return Value(self.type, num, self.off, self.subject, self.detail, self.id, self.ref, self.frameno)

    def with_id(self, id: int) -> Value:
        """The same value linked as `id`."""
        return Value(self.type, self.num, self.off, self.subject, self.detail, id, self.ref, self.frameno)

    def with_ref(self, ref: int) -> Value:
        """The same value carrying the reference `ref`."""
        return Value(self.type, self.num, self.off, self.subject, self.detail, self.id, ref, self.frameno)

    def with_off(self, off: int) -> Value:
        """The same value at another fixed offset, in bytes."""
        return Value(self.type, self.num, off, self.subject, self.detail, self.id, self.ref, self.frameno)

    def with_subject(self, subject: object, detail: object) -> Value:
        """The same value about another subject (packet range, memory size, BTF type)."""
        return Value(self.type, self.num, self.off, subject, detail, self.id, self.ref, self.frameno)

    def known_not_null(self) -> Value:
        """After a test for NULL that found it not NULL; the link and, for plain pointers, nothing else is dropped."""
        return Value(
            self.type & ~PTR_MAYBE_NULL, self.num, self.off, self.subject, self.detail, 0, self.ref, self.frameno
        )

    def same_but_ids(self, other: Value) -> bool:
        """Everything up to `id` is equal (the kernel's memcmp up to offsetof(id))."""
        if self is other:
            return True
        return (
            self.type == other.type
            and self.off == other.off
            and self.subject == other.subject
            and self.detail == other.detail
            and (self.num is other.num or self.num.same(other.num))
        )

    def __repr__(self) -> str:
        return f"Value({self.type:#x}, {self.num!r}, off={self.off}, id={self.id}, ref={self.ref})"


NOTHING: Final = Value(NOT_INIT, UNKNOWN)
UNKNOWN_SCALAR: Final = Value(SCALAR, UNKNOWN)
ZERO_SCALAR: Final = Value(SCALAR, ZERO)


def scalar(num: Bounds) -> Value:
    """A scalar with these bounds and no link."""
    return Value(SCALAR, num)


def constant(value: int) -> Value:
    """The scalar constant `value` (64 bits, unsigned)."""
    return Value(SCALAR, const(value))


def pointer(type: int, subject: object = None, detail: object = 0, id: int = 0, ref: int = 0, off: int = 0) -> Value:
    """A pointer at fixed offset `off` with variable offset 0."""
    return Value(type, ZERO, off, subject, detail, id, ref)


_NAMES: Final = {
    NOT_INIT: "?",
    SCALAR: "scalar",
    PTR_TO_CTX: "ctx",
    CONST_PTR_TO_MAP: "map_ptr",
    PTR_TO_MAP_VALUE: "map_value",
    PTR_TO_MAP_KEY: "map_key",
    PTR_TO_STACK: "fp",
    PTR_TO_PACKET_META: "pkt_meta",
    PTR_TO_PACKET: "pkt",
    PTR_TO_PACKET_END: "pkt_end",
    PTR_TO_FLOW_KEYS: "flow_keys",
    PTR_TO_SOCKET: "sock",
    PTR_TO_SOCK_COMMON: "sock_common",
    PTR_TO_TCP_SOCK: "tcp_sock",
    PTR_TO_TP_BUFFER: "tp_buffer",
    PTR_TO_XDP_SOCK: "xdp_sock",
    PTR_TO_BTF_ID: "ptr_",
    PTR_TO_MEM: "mem",
    PTR_TO_ARENA: "arena",
    PTR_TO_BUF: "buf",
    PTR_TO_FUNC: "func",
    CONST_PTR_TO_DYNPTR: "dynptr_ptr",
    PTR_TO_INSN: "insn",
}


def type_text(type: int) -> str:
    """The name of a type as the kernel prints it, e.g. `rcu_ptr_or_null_`; kernel: reg_type_str()."""
    from kverdict.kernel.proto import MEM_PERCPU, MEM_RINGBUF, MEM_USER

    prefix = ""
    if type & MEM_RDONLY:
        prefix += "rdonly_"
    if type & MEM_RINGBUF:
        prefix += "ringbuf_"
    if type & MEM_USER:
        prefix += "user_"
    if type & MEM_PERCPU:
        prefix += "percpu_"
    if type & MEM_RCU:
        prefix += "rcu_"
    if type & PTR_UNTRUSTED:
        prefix += "untrusted_"
    if type & PTR_TRUSTED:
        prefix += "trusted_"
    base = type & BASE_MASK
    postfix = ""
    if type & PTR_MAYBE_NULL:
        postfix = "or_null_" if base == PTR_TO_BTF_ID else "_or_null"
    return prefix + _NAMES[base] + postfix


def is_owning(type: int) -> bool:
    """MEM_ALLOC and not a borrowed node; kernel: type_is_ptr_alloc_obj() and not NON_OWN_REF."""
    return bool(type & MEM_ALLOC) and not type & NON_OWN_REF
