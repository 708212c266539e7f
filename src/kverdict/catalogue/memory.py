"""Sentences about loads and stores: what a register points to, whether its memory may be read or written, alignment."""

from __future__ import annotations

from errno import EACCES, EINVAL, EPERM
from typing import Final

from kverdict.diagnostic import Message

READ_BEFORE_WRITE: Final = Message(
    "read-before-write",
    EACCES,
    "R{reg} !read_ok",
    "{subject} is read, but on this path nothing was ever written to it",
)
FRAME_POINTER_READ_ONLY: Final = Message(
    "frame-pointer-read-only", EACCES, "frame pointer is read only", "the program writes to R10, the frame pointer"
)
INVALID_MEM_ACCESS: Final = Message(
    "invalid-mem-access",
    EACCES,
    "R{reg} invalid mem access '{type}'",
    "{subject} is used as an address, but it is {a_type}",
)
CANNOT_WRITE_INTO: Final = Message(
    "cannot-write-into",
    EACCES,
    "R{reg} cannot write into {type}",
    "{subject} points to {type}, which programs may only read",
)
ONLY_READ_IS_SUPPORTED: Final = Message(
    "only-read-is-supported",
    EACCES,
    "only read is supported",
    "the program writes into a kernel structure through {subject}",
)
CANNOT_WRITE_INTO_STRUCT: Final = Message(
    "cannot-write-into-struct",
    EACCES,
    "R{reg} cannot write into ptr_{struct} at off={off} size={size}",
    "the program writes {size} bytes at offset {off} into struct {struct}, which its kind may not write there",
)
WRITE_BEYOND_MEMBER: Final = Message(
    "write-beyond-member",
    EACCES,
    "write access at off {off} with size {size} beyond the member of {struct} ended at {end}",
    "the write of {size} bytes at offset {off} goes past the member of struct {struct} that ends at {end}",
)
DUMMY_STATE_ONLY: Final = Message("dummy-state-only", EACCES, "only access to bpf_dummy_ops_state is supported")
WRITE_BEYOND_STATE: Final = Message("write-beyond-state", EACCES, "write access at off {off} with size {size}")
ONLY_READ_FROM_IS_SUPPORTED: Final = Message(
    "only-read-from-is-supported",
    EACCES,
    "only read from {struct} is supported",
    "programs may not write into {struct}",
)
INVALID_MAP_VALUE_ACCESS: Final = Message(
    "invalid-map-value-access",
    EACCES,
    "invalid access to map value, value_size={mem_size} off={off} size={size}",
    "an access of {size} bytes at offset {off} does not fit into the map's value of {mem_size} bytes",
)
INVALID_MAP_KEY_ACCESS: Final = Message(
    "invalid-map-key-access",
    EACCES,
    "invalid access to map key, key_size={mem_size} off={off} size={size}",
    "an access of {size} bytes at offset {off} does not fit into the map's key of {mem_size} bytes",
)
INVALID_PACKET_ACCESS: Final = Message(
    "invalid-packet-access",
    EACCES,
    "invalid access to packet, off={off} size={size}, R{reg}(id={id},off={reg_off},r={range})",
    "an access of {size} bytes at offset {off} was not compared with the end of the packet",
)
INVALID_MEMORY_ACCESS: Final = Message(
    "invalid-memory-access",
    EACCES,
    "invalid access to memory, mem_size={mem_size} off={off} size={size}",
    "an access of {size} bytes at offset {off} does not fit into the {mem_size} bytes behind {subject}",
)
MAP_WRITE_FORBIDDEN: Final = Message(
    "map-write-forbidden",
    EACCES,
    "write into map forbidden, value_size={value_size} off={off} size={size}",
    "the map may only be read by programs",
)
MAP_READ_FORBIDDEN: Final = Message(
    "map-read-forbidden",
    EACCES,
    "read from map forbidden, value_size={value_size} off={off} size={size}",
    "the map may only be written by programs",
)
HELPER_MAP_WRITE_FORBIDDEN: Final = Message(
    "helper-map-write-forbidden", EACCES, "write into map forbidden", "a helper would write into a read-only map"
)
CANNOT_WRITE_INTO_PACKET: Final = Message(
    "cannot-write-into-packet",
    EACCES,
    "cannot write into packet",
    "programs of this type may not change the packet",
)
PACKET_WRITES_NOT_ALLOWED: Final = Message(
    "packet-writes-not-allowed", EINVAL, "the prog does not allow writes to packet data"
)
HELPER_PACKET_ACCESS: Final = Message(
    "helper-packet-access",
    EACCES,
    "helper access to the packet is not allowed",
    "this helper may not be given a pointer into the packet",
)
MODIFIED_POINTER: Final = Message(
    "modified-pointer",
    EACCES,
    "dereference of modified {type} ptr R{reg} off={off} disallowed",
    "{subject} ({type}) must be used unchanged, but {off} was added to it",
)
NEGATIVE_OFFSET_POINTER: Final = Message(
    "negative-offset-pointer",
    EACCES,
    "negative offset {type} ptr R{reg} off={off} disallowed",
    "{subject} ({type}) must be used unchanged, but {off} was added to it",
)
VARIABLE_OFFSET_ACCESS: Final = Message(
    "variable-offset-access",
    EACCES,
    "variable {type} access var_off={var_off} disallowed",
    "the offset into {type} is not a constant",
)
INVALID_NEGATIVE_ACCESS: Final = Message(
    "invalid-negative-access",
    EACCES,
    "R{reg} is ptr_{struct} invalid negative access: off={off}",
    "{subject} is read at the negative offset {off}",
)
MAP_PTR_NEGATIVE_ACCESS: Final = Message(
    "map-ptr-negative-access", EACCES, "R{reg} is {struct} invalid negative access: off={off}"
)
INVALID_VARIABLE_OFFSET: Final = Message(
    "invalid-variable-offset", EACCES, "R{reg} is ptr_{struct} invalid variable offset: off={off}, var_off={var_off}"
)
USER_MEMORY_ACCESS: Final = Message(
    "user-memory-access",
    EACCES,
    "R{reg} is ptr_{struct} access user memory: off={off}",
    "{subject} points to user memory, which must be read with bpf_probe_read_user()",
)
PERCPU_MEMORY_ACCESS: Final = Message(
    "percpu-memory-access",
    EACCES,
    "R{reg} is ptr_{struct} access percpu memory: off={off}",
    "{subject} points to per-CPU memory; ask bpf_per_cpu_ptr() or bpf_this_cpu_ptr() for the CPU's own",
)
NOT_GPL_STRUCT_ACCESS: Final = Message(
    "not-gpl-struct-access",
    EINVAL,
    "Cannot access kernel 'struct {struct}' from non-GPL compatible program",
    "only programs under a GPL-compatible licence may read kernel structures",
)
STRUCT_ACCESS_NEEDS_PERFMON: Final = Message(
    "struct-access-needs-perfmon", EPERM, "'struct {struct}' access is allowed only to CAP_PERFMON and CAP_SYS_ADMIN"
)
SAME_INSN_DIFFERENT_POINTERS: Final = Message(
    "same-insn-different-pointers",
    EINVAL,
    "same insn cannot be used with different pointers",
    "two paths bring pointers of different kinds to one instruction",
)
MISALIGNED_PACKET: Final = Message(
    "misaligned-packet-access",
    EACCES,
    "misaligned packet access off {ip_align}+{var_off}+{off} size {size}",
    "the access of {size} bytes is not aligned",
    (("POINTER_OFFSETS_FOLDED", "misaligned packet access off {ip_align}+{var_off}+{reg_off}+{off} size {size}"),),
)
MISALIGNED: Final = Message(
    "misaligned-access",
    EACCES,
    "misaligned {pointer}access off {var_off}+{off} size {size}",
    "the access of {size} bytes is not aligned",
    (("POINTER_OFFSETS_FOLDED", "misaligned {pointer}access off {var_off}+{reg_off}+{off} size {size}"),),
)
SOCK_ACCESS: Final = Message(
    "invalid-sock-access",
    EACCES,
    "R{reg} invalid {type} access off={off} size={size}",
    "{type} has no field of {size} bytes at offset {off} that programs may use",
)
FLOW_KEYS_ACCESS: Final = Message(
    "invalid-flow-keys-access", EACCES, "invalid access to flow keys off={off} size={size}"
)
BUFFER_ACCESS: Final = Message(
    "invalid-buffer-access", EACCES, "R{reg} invalid {buffer} buffer access: off={off}, size={size}"
)
BUFFER_NEGATIVE_OFFSET: Final = Message(
    "buffer-negative-offset", EACCES, "R{reg} invalid negative {buffer} buffer offset: off={off}, var_off={var_off}"
)
BUFFER_VARIABLE_OFFSET: Final = Message(
    "buffer-variable-offset", EACCES, "R{reg} invalid variable buffer offset: off={off}, var_off={var_off}"
)
LEAKS_ADDR_INTO_MAP: Final = Message("leaks-addr-into-map", EACCES, "R{reg} leaks addr into map")
LEAKS_ADDR_INTO_MEM: Final = Message("leaks-addr-into-mem", EACCES, "R{reg} leaks addr into mem")
LEAKS_ADDR_INTO_CTX: Final = Message("leaks-addr-into-ctx", EACCES, "R{reg} leaks addr into ctx")
LEAKS_ADDR_INTO_PACKET: Final = Message("leaks-addr-into-packet", EACCES, "R{reg} leaks addr into packet")
WRITE_TO_CHANGE_KEY: Final = Message("write-to-change-key", EACCES, "write to change key R{reg} not allowed")
ATOMIC_STORE: Final = Message(
    "atomic-store-not-allowed",
    EACCES,
    "BPF_ATOMIC stores into R{reg} {type} is not allowed",
    "atomic operations are not possible on {type}",
)
ATOMIC_LOAD: Final = Message(
    "atomic-load-not-allowed",
    EACCES,
    "BPF_ATOMIC loads from R{reg} {type} is not allowed",
    "atomic operations are not possible on {type}",
)
ST_INTO_CONTEXT: Final = Message("st-into-context", EACCES, "BPF_ST stores into R{reg} {type} is not allowed")
ARENA_SIGN_EXTENDING_LOAD: Final = Message(
    "arena-sign-extending-load", 95, "sign extending loads from arena are not supported yet"
)
SIGN_EXTENDED_POINTER: Final = Message("sign-extended-pointer", EACCES, "R{reg} sign-extension part of pointer")
PARTIAL_POINTER_COPY: Final = Message(
    "partial-pointer-copy", EACCES, "R{reg} partial copy of pointer", "half of a pointer is copied"
)
