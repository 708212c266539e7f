"""Sentences about a program as a whole: its type, attach point and licence."""

from __future__ import annotations

from errno import EINVAL
from typing import Final

from kverdict.diagnostic import Message

NOT_SLEEPABLE: Final = Message(
    "attach-not-sleepable",
    EINVAL,
    "{function} is not sleepable",
    "a sleepable program cannot be attached to {function}()",
)
NOT_MODIFIABLE: Final = Message(
    "attach-not-modifiable",
    EINVAL,
    "{function}() is not modifiable",
    "a program cannot change what {function}() returns",
)
SLEEPABLE_PROGRAM_TYPE: Final = Message(
    "sleepable-program-type",
    EINVAL,
    "Only fentry/fexit/fmod_ret, lsm, iter, uprobe, and struct_ops programs can be sleepable",
    "",
    (
        (
            "STRUCT_OPS_MAY_SLEEP",
            "Only fentry/fexit/fmod_ret, lsm, and kprobe/uprobe programs can be sleepable",
        ),
    ),
)
SYSCALL_SLEEPABLE: Final = Message("syscall-sleepable", EINVAL, "Syscall programs can only be sleepable")
DISABLED_LSM_HOOK: Final = Message(
    "disabled-lsm-hook",
    EINVAL,
    "attach_btf_id {btf_id} points to disabled hook {function}",
    "the kernel does not let programs attach to {function}",
)
ATTACH_REJECTED: Final = Message(
    "attach-rejected", EINVAL, "Attaching tracing programs to function '{function}' is rejected."
)
ATTACH_NORETURN: Final = Message(
    "attach-noreturn",
    EINVAL,
    "Attaching fexit/fsession/fmod_ret to __noreturn function '{function}' is rejected.",
    "{function}() never returns",
    (
        ("NORETURN_IS_NAMED", "Attaching fexit/fmod_ret to __noreturn functions is rejected."),
        ("FSESSION", "Attaching fexit/fmod_ret to __noreturn function '{function}' is rejected."),
    ),
)
STRUCT_OPS_GPL: Final = Message("struct-ops-gpl", EINVAL, "struct ops programs must have a GPL compatible license")
STRUCT_OPS_MEMBER: Final = Message(
    "struct-ops-member",
    524,
    "attach to unsupported member {member} of struct {struct}",
    "the kernel does not let programs implement {struct}.{member}",
)
STRUCT_OPS_STRUCT: Final = Message(
    "struct-ops-struct",
    524,
    "attach_btf_id {btf_id} is not a supported struct",
    "the kernel does not let programs implement functions of struct {struct}",
)
STRUCT_OPS_INVALID_MEMBER: Final = Message(
    "struct-ops-invalid-member",
    EINVAL,
    "attach to invalid member {member}(@idx {index}) of struct {struct}",
    "{struct}.{member} is no pointer to a function",
)
STRUCT_OPS_TAIL_CALL: Final = Message(
    "struct-ops-tail-call",
    EINVAL,
    "program with __ref argument cannot tail call",
    "the kernel gives the program a reference that a tail call would lose",
)
