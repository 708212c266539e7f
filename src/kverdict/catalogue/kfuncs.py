"""Sentences about calls of kernel functions (kfuncs): who may call them, and what their arguments must be."""

from __future__ import annotations

from errno import EACCES, EFAULT, EINVAL
from typing import Final

from kverdict.diagnostic import Message

NR: Final = "MESSAGES_NAME_REGISTERS"

KFUNC_NOT_ALLOWED: Final = Message(
    "kfunc-not-allowed",
    EACCES,
    "calling kernel function {callee} is not allowed",
    "programs of this type may not call {callee}()",
)
KFUNC_NEEDS_GPL: Final = Message(
    "kfunc-needs-gpl", EINVAL, "cannot call kernel function from non-GPL compatible program"
)
KFUNC_FOR_DEVICE: Final = Message(
    "kfunc-for-device",
    EINVAL,
    "metadata kfuncs require device-bound program",
    "only programs that are loaded for one network device may read a packet's metadata",
)
KFUNC_NEEDS_SLEEPABLE: Final = Message(
    "kfunc-needs-sleepable",
    EACCES,
    "program must be sleepable to call sleepable kfunc {callee}",
    "{callee}() may sleep, but this program may not",
)
KFUNC_SLEEPABLE_ONLY: Final = Message(
    "kfunc-sleepable-only",
    EINVAL,
    "kernel function {callee} is sleepable but the program is not",
    "{callee}() may sleep, which this program cannot",
)
KFUNC_DESTRUCTIVE: Final = Message(
    "kfunc-destructive", EACCES, "destructive kfunc calls require CAP_SYS_BOOT capability"
)
KFUNC_SLEEPS_IN_REGION: Final = Message(
    "kfunc-sleeps-in-region",
    EACCES,
    "kernel func {callee} is sleepable within {region}",
    "{callee}() may sleep, which is not possible in an {region}",
)
KFUNC_NEEDS_RCU_SECTION: Final = Message(
    "kfunc-needs-rcu-section",
    EACCES,
    "kernel func {callee} requires RCU critical section protection",
    "{callee}() must be called between bpf_rcu_read_lock() and bpf_rcu_read_unlock()",
)
KFUNC_NO_RCU_TAGS: Final = Message(
    "kfunc-no-rcu-tags",
    EACCES,
    "no vmlinux btf rcu tag support for kfunc {callee}",
    "this kernel was built by a compiler without BTF type tags and refuses {callee}()",
)
MAYBE_NULL_ARG: Final = Message(
    "maybe-null-arg",
    EACCES,
    "Possibly NULL pointer passed to trusted R{reg}",
    "{subject} may be NULL when it is passed to {callee}()",
    ((NR, "Possibly NULL pointer passed to trusted arg{arg}"),),
)
NOT_TRUSTED_ARG: Final = Message(
    "not-trusted-arg",
    EINVAL,
    "R{reg} must be referenced or trusted",
    "{subject} is not a pointer that {callee}() can trust to stay valid",
)
NOT_REFERENCED_ARG: Final = Message(
    "not-referenced-arg",
    EINVAL,
    "R{reg} must be referenced",
    "{callee}() wants an object that the program holds a reference to, which {subject} is not",
)
NOT_RCU_ARG: Final = Message(
    "not-rcu-arg",
    EINVAL,
    "R{reg} must be a rcu pointer",
    "{subject} is neither trusted nor protected by RCU when it is passed to {callee}()",
)
ARG_TYPE_UNTRUSTED: Final = Message(
    "arg-not-plain-pointer",
    EINVAL,
    "R{reg} is {type} expected {expected} or socket",
    "{subject} is {type}, but {callee}() wants {expected}",
    ((NR, "arg#{arg} is {type} expected {expected} or socket"),),
)
RELEASE_NOT_REFERENCED: Final = Message(
    "release-not-referenced",
    EINVAL,
    "release kfunc {callee} expects referenced PTR_TO_BTF_ID passed to R{reg}",
    "{callee}() would drop a reference that this program does not hold through {subject}",
    ((NR, "release kernel function {callee} expects refcounted PTR_TO_BTF_ID"),),
)
RELEASE_NOT_ACQUIRED: Final = Message(
    "release-not-acquired", EINVAL, "kfunc {callee}#{number} reference has not been acquired before"
)
ARG_MUST_BE_SCALAR_STRUCT: Final = Message(
    "arg-must-be-scalar-struct",
    EINVAL,
    "R{reg} pointer type {kind} {struct} must point to {void}scalar, or struct with scalar",
    "{subject} does not point to a kernel {struct}, which is what {callee}() wants",
    ((NR, "arg#{arg} pointer type {kind} {struct} must point to {void}scalar, or struct with scalar"),),
)
ARG_SIZE_UNKNOWN: Final = Message(
    "arg-size-unknown",
    EINVAL,
    "R{reg} reference type('{kind} {struct}') size cannot be determined: {error}",
    "",
    ((NR, "arg#{arg} reference type('{kind} {struct}') size cannot be determined: {error}"),),
)
ARG_STRUCT_MISMATCH: Final = Message(
    "arg-struct-mismatch",
    EINVAL,
    "kernel function {callee} R{reg} expected pointer to {kind} {expected} but R{actual_reg} has a pointer to "
    "{actual_kind} {actual}",
    "{subject} is a {actual}, but {callee}() wants a {expected}",
    (
        (
            NR,
            "kernel function {callee} args#{arg} expected pointer to {kind} {expected} but R{actual_reg} has a pointer "
            "to {actual_kind} {actual}",
        ),
    ),
)
ARG_DYNPTR_NOT_STACK: Final = Message(
    "arg-dynptr-not-stack", EINVAL, "arg#{arg} pointer type STRUCT bpf_dynptr_kern not to stack"
)
ARG_DYNPTR_NOT_INITIALIZED: Final = Message(
    "arg-dynptr-not-initialized",
    EINVAL,
    "arg#{arg} pointer type STRUCT bpf_dynptr_kern must be valid and initialized",
)
ARG_DYNPTR_TYPE: Final = Message(
    "arg-dynptr-type",
    EINVAL,
    "arg#{arg} pointer type STRUCT bpf_dynptr_kern points to unsupported dynamic pointer type",
)
ARG_STRUCT_UNSUPPORTED: Final = Message(
    "arg-struct-unsupported",
    EINVAL,
    "kernel function {callee} R{reg} pointer type {kind} {struct} is not supported",
    "",
    ((NR, "kernel function {callee} args#{arg} pointer type {kind} {struct} is not supported"),),
)
RETURN_TYPE_UNSUPPORTED: Final = Message(
    "return-type-unsupported", EINVAL, "kernel function {callee} returns pointer type {kind} {struct} is not supported"
)
ARG_UNRECOGNIZED: Final = Message(
    "arg-unrecognized", EINVAL, "Unrecognized R{reg} type {kind}", "", ((NR, "Unrecognized arg#{arg} type {kind}"),)
)
ARG_NOT_CONTEXT: Final = Message(
    "arg-not-context",
    EINVAL,
    "R{reg} expected pointer to ctx, but got {type}",
    "{callee}() wants the program's context",
    ((NR, "arg#{arg} expected pointer to ctx, but got {type}"),),
)
ARG_MEM_LEN: Final = Message(
    "arg-mem-len",
    EINVAL,
    "R{reg} and R{size_reg} memory, len pair leads to invalid memory access",
    "the memory and the length passed to {callee}() do not fit together",
    ((NR, "arg#{arg} arg#{size_arg} memory, len pair leads to invalid memory access"),),
)
ARG_NOT_ALLOCATED: Final = Message(
    "arg-not-allocated",
    EINVAL,
    "R{reg} expected pointer to allocated object",
    "{callee}() wants an object from bpf_obj_new()",
    ((NR, "arg#{arg} expected pointer to allocated object"),),
)
ARG_NOT_MAP_VALUE_OR_ALLOCATED: Final = Message(
    "arg-not-map-value-or-allocated",
    EINVAL,
    "R{reg} expected pointer to map value or allocated object",
    "",
    ((NR, "arg#{arg} expected pointer to map value or allocated object"),),
)
ARG_EXPECTED_FOR: Final = Message(
    "arg-expected-for",
    EINVAL,
    "R{reg} expected for {callee}()",
    "",
    ((NR, "arg#{arg} expected for {callee}()"),),
)
ARG_NOT_MAP_VALUE: Final = Message(
    "arg-not-map-value",
    EINVAL,
    "R{reg} doesn't point to a map value",
    "",
    ((NR, "arg#{arg} doesn't point to a map value"),),
)
ARG_NOT_LOCK_MEMORY: Final = Message(
    "arg-not-lock-memory",
    EINVAL,
    "R{reg} doesn't point to map value or allocated object",
    "",
    ((NR, "arg#{arg} doesn't point to map value or allocated object"),),
)
ARG_NOT_CONST_STRING: Final = Message(
    "arg-not-const-string",
    EINVAL,
    "R{reg} doesn't point to a const string",
    "",
    ((NR, "arg#{arg} doesn't point to a const string"),),
)
ARG_NOT_FUNC: Final = Message(
    "arg-not-func", EINVAL, "R{reg} expected pointer to func", "", ((NR, "arg{arg} expected pointer to func"),)
)
ARG_NO_REFCOUNT: Final = Message(
    "arg-no-refcount",
    EINVAL,
    "R{reg} doesn't point to a type with bpf_refcount field",
    "",
    ((NR, "arg#{arg} doesn't point to a type with bpf_refcount field"),),
)
ARG_WITHOUT_RECORD: Final = Message(
    "arg-without-record",
    EFAULT,
    "verifier bug: Couldn't find btf_record",
    "the object's type has no special field at all, so no bpf_refcount to count its owners with",
    (("BUGS_NAMED", "verifier internal error: Couldn't find btf_record"),),
)
ARG_NOT_OWNING: Final = Message(
    "arg-not-owning",
    EINVAL,
    "R{reg} is neither owning or non-owning ref",
    "",
    ((NR, "arg#{arg} is neither owning or non-owning ref"),),
)
ALLOCATED_NOT_REFERENCED: Final = Message("allocated-not-referenced", EINVAL, "allocated object must be referenced")
KPTR_GET_NOT_MAP_VALUE: Final = Message(
    "kptr-get-not-map-value",
    EINVAL,
    "arg#0 expected pointer to map value",
    "{callee}() wants the address of a kptr in a map's value",
)
KPTR_GET_NO_KPTR: Final = Message("kptr-get-no-kptr", EINVAL, "arg#0 no referenced kptr at map value offset={off}")
KPTR_GET_VARIABLE_OFFSET: Final = Message("kptr-get-variable-offset", EINVAL, "arg#0 must have constant offset")
REFCOUNT_ACQUIRE_DISABLED: Final = Message(
    "refcount-acquire-disabled", EINVAL, "bpf_refcount_acquire calls are disabled for now"
)
OBJ_NEW_NOT_STRUCT: Final = Message(
    "obj-new-not-struct", EINVAL, "bpf_obj_new/bpf_percpu_obj_new type ID argument must be of a struct"
)
OBJ_NEW_NEEDS_BTF: Final = Message("obj-new-needs-btf", EINVAL, "bpf_obj_new/bpf_percpu_obj_new requires prog BTF")
OBJ_NEW_TYPE_ID: Final = Message("obj-new-type-id", EINVAL, "local type ID argument must be in range [0, U32_MAX]")
PERCPU_OBJ_NEW_SCALARS: Final = Message(
    "percpu-obj-new-scalars", EINVAL, "bpf_percpu_obj_new type ID argument must be of a struct of scalars"
)
PERCPU_OBJ_NEW_FIELDS: Final = Message(
    "percpu-obj-new-fields", EINVAL, "bpf_percpu_obj_new type ID argument must not contain special fields"
)
PERCPU_OBJ_NEW_SIZE: Final = Message(
    "percpu-obj-new-size", EINVAL, "bpf_percpu_obj_new type size ({size}) is greater than {limit}"
)
RDONLY_CAST_TYPE: Final = Message(
    "rdonly-cast-type",
    EINVAL,
    "kfunc bpf_rdonly_cast type ID argument must be of a struct or void",
    "",
    (("RDONLY_CAST_TO_VOID", "kfunc bpf_rdonly_cast type ID argument must be of a struct"),),
)
METADATA_DEVICE_BOUND: Final = Message("metadata-device-bound", EINVAL, "metadata kfuncs require device-bound program")
CSS_ITER_PROGRAM: Final = Message(
    "css-iter-program", EINVAL, "css_task_iter is only allowed in bpf_lsm, bpf_iter and sleepable progs"
)
ACQUIRE_RETURNS_NO_POINTER: Final = Message(
    "acquire-returns-no-pointer", EINVAL, "acquire kernel function does not return PTR_TO_BTF_ID"
)
BPF_TRAP: Final = Message(
    "bpf-trap",
    14,
    "unexpected __bpf_trap() due to uninitialized variable?",
    "the compiler put a trap here, because what the C code does is undefined",
)
OBJ_DROP_NMI: Final = Message(
    "obj-drop-nmi", EINVAL, "{callee} cannot be used in tracing programs on types with NMI unsafe fields"
)
RDONLY_CAST_UNKNOWN: Final = Message(
    "rdonly-cast-unknown", EINVAL, "Unknown type ID {id} passed to kfunc bpf_rdonly_cast"
)
KPTR_GET_NO_DOUBLE_POINTER: Final = Message(
    "kptr-get-no-double-pointer", EINVAL, "arg#0 BTF type must be a double pointer for kptr_get kfunc"
)
KPTR_GET_STRUCT: Final = Message(
    "kptr-get-struct",
    EINVAL,
    "kernel function {callee} args#{arg} expected pointer to {kind} {struct}",
    "the kptr in the map is not the {struct} that {callee}() wants",
)
