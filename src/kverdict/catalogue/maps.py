"""Sentences about maps: kernel pointers and other special fields in values, and which program may use which map."""

from __future__ import annotations

from errno import EACCES, EINVAL
from typing import Final

from kverdict.diagnostic import Message

KPTR_TYPE_MISMATCH: Final = Message(
    "kptr-type-mismatch",
    EINVAL,
    "invalid kptr access, R{reg} type={type} expected={expected}",
    "{subject} is {type}, but the field holds {expected}",
)
KPTR_STORE: Final = Message(
    "kptr-store",
    EACCES,
    "store to referenced kptr disallowed",
    "a referenced kptr is written directly; only bpf_kptr_xchg() may change it",
)
UPTR_STORE: Final = Message("uptr-store", EACCES, "store to uptr disallowed")
KPTR_STORE_IMM: Final = Message(
    "kptr-store-imm", EACCES, "BPF_ST imm must be 0 when storing to kptr at off={off}", "only NULL can be stored here"
)
KPTR_MODE: Final = Message("kptr-mode", EACCES, "kptr in map can only be accessed using BPF_MEM instruction mode")
KPTR_CLASS: Final = Message("kptr-class", EACCES, "kptr in map can only be accessed using BPF_LDX/BPF_STX/BPF_ST")
KPTR_INDIRECT: Final = Message(
    "kptr-indirect",
    EACCES,
    "{field} cannot be accessed indirectly by helper",
    "a helper would read or write over a {field} in the map's value",
)
KPTR_VARIABLE_OFFSET: Final = Message(
    "kptr-variable-offset",
    EACCES,
    "{field} access cannot have variable offset",
    "the {field} must be reached at a constant offset",
)
KPTR_MISALIGNED: Final = Message("kptr-misaligned", EACCES, "{field} access misaligned expected={expected} off={off}")
KPTR_SIZE: Final = Message("kptr-size", EACCES, "{field} access size must be BPF_DW", "a {field} has 8 bytes")
SPECIAL_FIELD_LOAD_STORE: Final = Message(
    "special-field-load-store",
    EACCES,
    "{field} cannot be accessed directly by load/store",
    "a {field} may only be used through its functions",
)
KPTR_XCHG_NO_BTF: Final = Message(
    "kptr-xchg-no-btf", EINVAL, "map '{map}' has to have BTF in order to use bpf_kptr_xchg"
)
KPTR_XCHG_VARIABLE_OFFSET: Final = Message(
    "kptr-xchg-variable-offset",
    EINVAL,
    "R{reg} doesn't have constant offset. kptr has to be at the constant offset",
)
NO_VALID_KPTR: Final = Message(
    "no-valid-kptr",
    EINVAL,
    "R{reg} has no valid kptr",
    "the memory behind {subject} has no kptr field",
    (("KPTR_XCHG_INTO_ALLOCATED", "map '{map}' has no valid kptr"),),
)
NOT_AT_KPTR: Final = Message(
    "not-at-kptr", EACCES, "off={off} doesn't point to kptr", "there is no kptr at offset {off}"
)
KPTR_NOT_REFERENCED: Final = Message(
    "kptr-not-referenced",
    EACCES,
    "off={off} kptr isn't referenced kptr",
    "the kptr at offset {off} is not one that owns a reference",
)
FIELD_VARIABLE_OFFSET: Final = Message(
    "field-variable-offset",
    EINVAL,
    "R{reg} doesn't have constant offset. {field} has to be at the constant offset",
)
FIELD_NO_BTF: Final = Message("field-no-btf", EINVAL, "map '{map}' has to have BTF in order to use {field}")
NO_VALID_FIELD: Final = Message("no-valid-field", EINVAL, "{owner} '{map}' has no valid {field}")
NOT_AT_FIELD: Final = Message(
    "not-at-field", EINVAL, "off {off} doesn't point to 'struct {field}' that is at {field_off}"
)
MAP_POINTER_MISMATCH: Final = Message(
    "map-pointer-mismatch",
    EINVAL,
    "{field} pointer in R{reg} map_uid={uid} doesn't match map pointer in R{map_reg} map_uid={map_uid}",
    "the {field} lies in another map than the one that is passed with it",
)
MAP_TYPE_HELPER: Final = Message(
    "map-type-helper",
    EINVAL,
    "cannot pass map_type {map_type} into func {callee}#{number}",
    "{callee}() does not work on this type of map",
)
NOT_A_MAP_POINTER: Final = Message("not-a-map-pointer", EINVAL, "pointer in R{reg} isn't map pointer")
READ_ONLY_MAP_NEEDED: Final = Message("read-only-map-needed", EACCES, "R{reg} does not point to a readonly map'")
NOT_CONSTANT_ADDRESS: Final = Message("not-constant-address", EACCES, "R{reg} is not a constant address'")
STRING_NOT_TERMINATED: Final = Message(
    "string-not-terminated", EINVAL, "string is not zero-terminated", "the constant string has no terminating zero"
)
INVALID_MAP_FD: Final = Message("invalid-map-fd", 9, "fd {fd} is not pointing to valid bpf_map")
DIRECT_VALUE_ACCESS: Final = Message("direct-value-access", EINVAL, "no direct value access support for this map type")
DIRECT_VALUE_OFFSET: Final = Message(
    "direct-value-offset", EINVAL, "invalid access to map value pointer, value_size={value_size} off={off}"
)
TRACING_SPIN_LOCK: Final = Message(
    "tracing-spin-lock",
    EINVAL,
    "tracing progs cannot use bpf_spin_lock yet",
    "tracing programs may not use maps with a bpf_spin_lock",
)
NOT_A_VARIABLE: Final = Message(
    "pseudo-btf-id", EINVAL, "pseudo btf_id {type_id} in ldimm64 isn't KIND_VAR.", "only variables have an address here"
)
SLEEPABLE_SPIN_LOCK: Final = Message("sleepable-spin-lock", EINVAL, "sleepable progs cannot use bpf_spin_lock yet")
SOCKET_FILTER_SPIN_LOCK: Final = Message(
    "socket-filter-spin-lock", EINVAL, "socket filter progs cannot use bpf_spin_lock yet"
)
TRACING_GRAPH: Final = Message(
    "tracing-graph",
    EINVAL,
    "tracing progs cannot use bpf_{{list_head,rb_root}} yet",
    "tracing programs may not use maps with lists or trees",
)
TRACING_TIMER: Final = Message("tracing-timer", EINVAL, "tracing progs cannot use bpf_timer yet")
TRACING_WQ: Final = Message("tracing-wq", EINVAL, "tracing progs cannot use bpf_wq yet")
SLEEPABLE_MAP_TYPE: Final = Message(
    "sleepable-map-type",
    EINVAL,
    "Sleepable programs can only use array, hash, ringbuf and local storage maps",
    "a sleepable program uses a map of a type that cannot be used there",
    (("SLEEPABLE_QUEUES", "Sleepable programs can only use array, hash, and ringbuf maps"),),
)
STRUCT_OPS_MAP: Final = Message("struct-ops-map", EINVAL, "bpf_struct_ops map cannot be used in prog")
TWO_ARENAS: Final = Message("two-arenas", 16, "Only one arena per program", "the program uses more than one arena")
TAIL_CALL_MAP: Final = Message("tail-call-map", EINVAL, "expected prog array map for tail call")
TAIL_CALL_ABUSE: Final = Message("tail-call-abuse", EINVAL, "tail_call abusing map_ptr")
CALLBACK_NOT_FOR_MAP: Final = Message("callback-not-for-map", 524, "callback function not allowed for map")
