"""Sentences about calls of helpers, and about arguments of any call: registers' types, NULL, sizes."""

from __future__ import annotations

from errno import EACCES, EINVAL
from typing import Final

from kverdict.diagnostic import Message

ARGUMENT_TYPE: Final = Message(
    "argument-type",
    EACCES,
    "R{reg} type={type} expected={expected}",
    "{subject} is {a_type}, which {callee}() does not take here",
)
ARGUMENT_STRUCT: Final = Message(
    "argument-struct",
    EACCES,
    "R{reg} is of type {actual} but {expected} is expected",
    "{subject} is a {actual}, but {callee}() wants a {expected}",
)
HELPER_MAY_WRITE: Final = Message(
    "helper-may-write",
    EACCES,
    "{callee}() may write into memory pointed by R{reg} type={type}",
    "{callee}() would write into kernel memory through {subject}",
)
MAYBE_NULL_HELPER_ARG: Final = Message(
    "maybe-null-helper-arg",
    EACCES,
    "Possibly NULL pointer passed to helper R{reg}",
    "{subject} may be NULL when it is passed to {callee}()",
    (("MESSAGES_NAME_REGISTERS", "Possibly NULL pointer passed to helper arg{reg}"),),
)
LEAKS_ADDR_INTO_HELPER: Final = Message("leaks-addr-into-helper", EACCES, "R{reg} leaks addr into helper function")
NONZERO_RELEASE_OFFSET: Final = Message(
    "nonzero-release-offset",
    EINVAL,
    "R{reg} must have zero offset when passed to release func or trusted arg to kfunc",
    "{subject} does not point to the start of the object when it is passed to {callee}()",
    (("RELEASE_OFFSET_FIRST", "R{reg} must have zero offset when passed to release func"),),
)
NOT_KNOWN_CONSTANT: Final = Message("not-known-constant", EACCES, "R{reg} is not a known constant'")
MUST_BE_KNOWN_CONSTANT: Final = Message(
    "must-be-known-constant",
    EINVAL,
    "R{reg} must be a known constant",
    "{callee}() wants a constant in {subject}",
)
NOT_A_CONST: Final = Message("not-a-const", EINVAL, "R{reg} is not a const")
NOT_A_SCALAR: Final = Message(
    "not-a-scalar", EINVAL, "R{reg} is not a scalar", "{callee}() wants a number, but {subject} is a pointer"
)
UNKNOWN_HELPER: Final = Message(
    "unknown-helper",
    EINVAL,
    "program of this type cannot use helper {callee}#{number}",
    "programs of this type may not call {callee}()",
    (("CANNOT_USE_HELPER_SENTENCE", "unknown func {callee}#{number}"),),
)
INVALID_HELPER: Final = Message(
    "invalid-helper", EINVAL, "invalid func {callee}#{number}", "this kernel has no helper number {number}"
)
HELPER_NEEDS_GPL: Final = Message(
    "helper-needs-gpl",
    EINVAL,
    "cannot call GPL-restricted function from non-GPL compatible program",
    "{callee}() may only be called by programs under a GPL-compatible licence",
)
HELPER_NOT_IN_PROBE: Final = Message(
    "helper-not-in-probe", EINVAL, "helper call is not allowed in probe", "{callee}() is not allowed at this hook"
)
HELPER_MIGHT_SLEEP: Final = Message(
    "helper-might-sleep",
    EINVAL,
    "sleepable helper {callee}#{number} in non-sleepable prog",
    "{callee}() may sleep, but this program may not",
    (("SLEEPABLE_HELPER_IS_NAMED", "helper call might sleep in a non-sleepable prog"),),
)
SLEEPABLE_HELPER_IN_REGION: Final = Message(
    "sleepable-helper-in-region",
    EINVAL,
    "sleepable helper {callee}#{number} in {region}",
    "{callee}() may sleep, which is not possible in an {region}",
)
HELPER_FOR_TRACING_ONLY: Final = Message(
    "helper-for-tracing-only",
    524,
    "func {callee}#{number} supported only for fentry/fexit/fsession/fmod_ret programs",
    "",
    (("FSESSION", "func {callee}#{number} supported only for fentry/fexit/fmod_ret programs"),),
)
HELPER_NOT_FOR_PROGRAM_TYPE: Final = Message(
    "helper-not-for-program-type", 524, "func {callee}#{number} not supported for program type {prog_type}"
)
LOCAL_STORAGE_FLAGS: Final = Message(
    "local-storage-flags", EINVAL, "get_local_storage() doesn't support non-zero flags"
)
DYNPTR_FROM_MEM_TYPE: Final = Message(
    "dynptr-from-mem-type", EACCES, "Unsupported reg type {type} for bpf_dynptr_from_mem data"
)
LSM_CGROUP_VOID: Final = Message(
    "lsm-cgroup-void", EINVAL, "BPF_LSM_CGROUP that attach to void LSM hooks can't modify return value!"
)
INVALID_FORMAT_STRING: Final = Message("invalid-format-string", EINVAL, "Invalid format string")
MISCONFIGURED_HELPER: Final = Message("misconfigured-helper", EINVAL, "kernel subsystem misconfigured verifier")
HELPER_IN_RBTREE_CALLBACK: Final = Message("lock-in-rbtree-callback", EACCES, "can't spin_{{lock,unlock}} in rbtree cb")
RES_LOCK_IN_RBTREE_CALLBACK: Final = Message(
    "res-lock-in-rbtree-callback", EACCES, "can't res_spin_{{lock,unlock}} in rbtree cb"
)
TWO_REFERENCED_ARGUMENTS: Final = Message(
    "two-referenced-arguments",
    EACCES,
    "more than one arg with ref_obj_id R{reg} {ref} {other}",
    "two arguments of one call carry references",
    (
        (
            "TAIL_CALL_MAP_SENTENCE",
            "verifier internal error: more than one arg with ref_obj_id R{reg} {ref} {other}",
        ),
    ),
)
PERCPU_WITHOUT_TYPE: Final = Message("percpu-without-type", EACCES, "Helper has invalid btf_id in R{reg}")
SOCKMAP_ARGUMENT: Final = Message("sockmap-argument", EINVAL, "invalid arg_type for sockmap/sockhash")
