"""Types of arguments and results in the prototypes of helpers: a base number and flags, as the kernel writes them."""

from typing import Final

# Flags of types (of arguments, results and registers alike); kernel: enum bpf_type_flag.
BASE_BITS: Final = 8
BASE_MASK: Final = 0xFF
_FLAGS = (
    "PTR_MAYBE_NULL",
    "MEM_RDONLY",
    "MEM_RINGBUF",
    "MEM_USER",
    "MEM_PERCPU",
    "OBJ_RELEASE",
    "PTR_UNTRUSTED",
    "MEM_UNINIT",
    "DYNPTR_TYPE_LOCAL",
    "DYNPTR_TYPE_RINGBUF",
    "MEM_FIXED_SIZE",
    "MEM_ALLOC",
    "PTR_TRUSTED",
    "MEM_RCU",
    "NON_OWN_REF",
    "DYNPTR_TYPE_SKB",
    "DYNPTR_TYPE_XDP",
    "MEM_ALIGNED",
    "MEM_WRITE",
    "DYNPTR_TYPE_SKB_META",
    "DYNPTR_TYPE_FILE",
)
PTR_MAYBE_NULL: Final = 1 << 8
MEM_RDONLY: Final = 1 << 9
MEM_RINGBUF: Final = 1 << 10
MEM_USER: Final = 1 << 11
MEM_PERCPU: Final = 1 << 12
OBJ_RELEASE: Final = 1 << 13
PTR_UNTRUSTED: Final = 1 << 14
MEM_UNINIT: Final = 1 << 15
DYNPTR_TYPE_LOCAL: Final = 1 << 16
DYNPTR_TYPE_RINGBUF: Final = 1 << 17
MEM_FIXED_SIZE: Final = 1 << 18
MEM_ALLOC: Final = 1 << 19
PTR_TRUSTED: Final = 1 << 20
MEM_RCU: Final = 1 << 21
NON_OWN_REF: Final = 1 << 22
DYNPTR_TYPE_SKB: Final = 1 << 23
DYNPTR_TYPE_XDP: Final = 1 << 24
MEM_ALIGNED: Final = 1 << 25
MEM_WRITE: Final = 1 << 26
DYNPTR_TYPE_SKB_META: Final = 1 << 27
DYNPTR_TYPE_FILE: Final = 1 << 28
FLAG_NAMES: Final = {name: 1 << (8 + place) for place, name in enumerate(_FLAGS)}
DYNPTR_TYPE_MASK: Final = (
    DYNPTR_TYPE_LOCAL
    | DYNPTR_TYPE_RINGBUF
    | DYNPTR_TYPE_SKB
    | DYNPTR_TYPE_XDP
    | DYNPTR_TYPE_SKB_META
    | DYNPTR_TYPE_FILE
)

# Base types of arguments; kernel: enum bpf_arg_type. The numbers are ours.
ARG_NAMES: Final = {
    name: number
    for number, name in enumerate(
        (
            "ARG_DONTCARE",
            "ARG_CONST_MAP_PTR",
            "ARG_PTR_TO_MAP_KEY",
            "ARG_PTR_TO_MAP_VALUE",
            "ARG_PTR_TO_MEM",
            "ARG_PTR_TO_ARENA",
            "ARG_CONST_SIZE",
            "ARG_CONST_SIZE_OR_ZERO",
            "ARG_PTR_TO_CTX",
            "ARG_ANYTHING",
            "ARG_PTR_TO_SPIN_LOCK",
            "ARG_PTR_TO_SOCK_COMMON",
            "ARG_PTR_TO_SOCKET",
            "ARG_PTR_TO_BTF_ID",
            "ARG_PTR_TO_RINGBUF_MEM",
            "ARG_CONST_ALLOC_SIZE_OR_ZERO",
            "ARG_PTR_TO_BTF_ID_SOCK_COMMON",
            "ARG_PTR_TO_PERCPU_BTF_ID",
            "ARG_PTR_TO_FUNC",
            "ARG_PTR_TO_STACK",
            "ARG_PTR_TO_CONST_STR",
            "ARG_PTR_TO_TIMER",
            "ARG_KPTR_XCHG_DEST",
            "ARG_PTR_TO_DYNPTR",
            "ARG_SCALAR",
        )
    )
}
(
    ARG_DONTCARE,
    ARG_CONST_MAP_PTR,
    ARG_PTR_TO_MAP_KEY,
    ARG_PTR_TO_MAP_VALUE,
    ARG_PTR_TO_MEM,
    ARG_PTR_TO_ARENA,
    ARG_CONST_SIZE,
    ARG_CONST_SIZE_OR_ZERO,
    ARG_PTR_TO_CTX,
    ARG_ANYTHING,
    ARG_PTR_TO_SPIN_LOCK,
    ARG_PTR_TO_SOCK_COMMON,
    ARG_PTR_TO_SOCKET,
    ARG_PTR_TO_BTF_ID,
    ARG_PTR_TO_RINGBUF_MEM,
    ARG_CONST_ALLOC_SIZE_OR_ZERO,
    ARG_PTR_TO_BTF_ID_SOCK_COMMON,
    ARG_PTR_TO_PERCPU_BTF_ID,
    ARG_PTR_TO_FUNC,
    ARG_PTR_TO_STACK,
    ARG_PTR_TO_CONST_STR,
    ARG_PTR_TO_TIMER,
    ARG_KPTR_XCHG_DEST,
    ARG_PTR_TO_DYNPTR,
    ARG_SCALAR,
) = range(25)

# Base types of results; kernel: enum bpf_return_type. The numbers are ours.
RET_NAMES: Final = {
    name: number
    for number, name in enumerate(
        (
            "RET_INTEGER",
            "RET_VOID",
            "RET_PTR_TO_MAP_VALUE",
            "RET_PTR_TO_SOCKET",
            "RET_PTR_TO_TCP_SOCK",
            "RET_PTR_TO_SOCK_COMMON",
            "RET_PTR_TO_MEM",
            "RET_PTR_TO_MEM_OR_BTF_ID",
            "RET_PTR_TO_BTF_ID",
        )
    )
}
(
    RET_INTEGER,
    RET_VOID,
    RET_PTR_TO_MAP_VALUE,
    RET_PTR_TO_SOCKET,
    RET_PTR_TO_TCP_SOCK,
    RET_PTR_TO_SOCK_COMMON,
    RET_PTR_TO_MEM,
    RET_PTR_TO_MEM_OR_BTF_ID,
    RET_PTR_TO_BTF_ID,
) = range(9)

# Flags of kfuncs; kernel: include/linux/btf.h (the numbers are ours: kernels have reused bits).
KFUNC_FLAG_NAMES: Final = {
    name: 1 << bit
    for bit, name in enumerate(
        (
            "KF_ACQUIRE",
            "KF_RELEASE",
            "KF_RET_NULL",
            "KF_TRUSTED_ARGS",
            "KF_SLEEPABLE",
            "KF_DESTRUCTIVE",
            "KF_RCU",
            "KF_KPTR_GET",
            "KF_ITER_NEW",
            "KF_ITER_NEXT",
            "KF_ITER_DESTROY",
            "KF_RCU_PROTECTED",
            "KF_FASTCALL",
            "KF_ARENA_RET",
            "KF_ARENA_ARG1",
            "KF_ARENA_ARG2",
            "KF_IMPLICIT_ARGS",
        )
    )
}
KF_ACQUIRE: Final = 1 << 0
KF_RELEASE: Final = 1 << 1
KF_RET_NULL: Final = 1 << 2
KF_TRUSTED_ARGS: Final = 1 << 3
KF_SLEEPABLE: Final = 1 << 4
KF_DESTRUCTIVE: Final = 1 << 5
KF_RCU: Final = 1 << 6
KF_KPTR_GET: Final = 1 << 7
KF_ITER_NEW: Final = 1 << 8
KF_ITER_NEXT: Final = 1 << 9
KF_ITER_DESTROY: Final = 1 << 10
KF_RCU_PROTECTED: Final = 1 << 11
KF_FASTCALL: Final = 1 << 12
KF_ARENA_RET: Final = 1 << 13
KF_ARENA_ARG1: Final = 1 << 14
KF_ARENA_ARG2: Final = 1 << 15
KF_IMPLICIT_ARGS: Final = 1 << 16
