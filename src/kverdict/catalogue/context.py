"""Sentences about a program's context argument: which fields it has and how they may be used."""

from __future__ import annotations

from errno import EACCES, EINVAL
from typing import Final

from kverdict.diagnostic import Message

INVALID_CONTEXT_ACCESS: Final = Message(
    "invalid-context-access",
    EACCES,
    "invalid bpf_context access off={off} size={size}",
    "the context of this program type has no field of {size} bytes at offset {off} that may be used in this way",
)
CONTEXT_REFERENCE_RELEASED: Final = Message(
    "context-reference-released",
    EACCES,
    "invalid bpf_context access off={off}. Reference may already be released",
)
CONTEXT_ARGUMENT_OFFSET: Final = Message(
    "context-argument-offset", EACCES, "func '{function}' offset {off} is not multiple of 8"
)
CONTEXT_ARGUMENT_COUNT: Final = Message(
    "context-argument-count",
    EACCES,
    "func '{function}' doesn't have {count}-th argument",
    "{function}() has no argument number {count}",
)
CONTEXT_ARGUMENT_SIZE: Final = Message("context-argument-size", EACCES, "func '{function}' size {size} must be 8")
CONTEXT_ARGUMENT_NOT_POINTER: Final = Message(
    "context-argument-not-pointer",
    EACCES,
    "func '{function}' arg{number} '{name}' has type {kind}. Only pointer access is allowed",
)
CONTEXT_ARGUMENT_NOT_STRUCT: Final = Message(
    "context-argument-not-struct", EACCES, "func '{function}' arg{number} type {kind} is not a struct"
)
FMOD_RET_TYPE: Final = Message("fmod-ret-type", EACCES, "ret type {kind} not allowed for fmod_ret")
LD_ABS_PROGRAM_TYPE: Final = Message(
    "ld-abs-program-type", EINVAL, "BPF_LD_[ABS|IND] instructions not allowed for this program type"
)
LD_ABS_IN_CALLBACK: Final = Message(
    "ld-abs-in-callback",
    EINVAL,
    "cannot use BPF_LD_[ABS|IND] within callback",
    "a packet load may end the program, which the kernel's caller of a callback would not notice",
)
LD_ABS_R6: Final = Message("ld-abs-r6", EINVAL, "at the time of BPF_LD_ABS|IND R6 != pointer to skb")
NO_WRITE_SUPPORT: Final = Message("no-write-support", EACCES, "no write support to {struct} at off {off}")
