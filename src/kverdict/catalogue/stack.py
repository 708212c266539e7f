"""Sentences about the program's stack: reads of unwritten bytes, spilled pointers, depth is in limits.py."""

from __future__ import annotations

from errno import EACCES, EINVAL
from typing import Final

from kverdict.diagnostic import Message

INVALID_STACK_READ: Final = Message(
    "invalid-stack-read",
    EACCES,
    "invalid read from stack off {off}+{byte} size {size}",
    "{size} bytes at fp{off} are read, but byte {byte} of them was never written",
)
INVALID_INDIRECT_STACK_READ: Final = Message(
    "invalid-indirect-stack-read",
    EACCES,
    "invalid read from stack R{reg} off {off}+{byte} size {size}",
    "the call reads {size} bytes at fp{off}, but byte {byte} of them was never written",
    (("STACK_MESSAGES_SAY_READ_OR_WRITE", "invalid indirect read from stack R{reg} off {off}+{byte} size {size}"),),
)
POISONED_STACK_READ: Final = Message(
    "poisoned-stack-read",
    EACCES,
    "reading from stack off {off}+{byte} size {size}, slot poisoned by dead code elimination",
    "{size} bytes at fp{off} are read, though the kernel had found that nothing reads byte {byte} of them",
)
POISONED_INDIRECT_STACK_READ: Final = Message(
    "poisoned-indirect-stack-read",
    EACCES,
    "reading from stack R{reg} off {off}+{byte} size {size}, slot poisoned by dead code elimination",
    "the call reads {size} bytes at fp{off}, though the kernel had found that nothing reads byte {byte} of them",
)
INVALID_VARIABLE_STACK_READ: Final = Message(
    "invalid-variable-stack-read",
    EACCES,
    "invalid read from stack R{reg} var_off {var_off}+{byte} size {size}",
    "the call reads stack bytes that were never written",
    (
        (
            "STACK_MESSAGES_SAY_READ_OR_WRITE",
            "invalid{indirect} read from stack R{reg} var_off {var_off}+{byte} size {size}",
        ),
    ),
)
INVALID_STACK_ACCESS: Final = Message(
    "invalid-stack-access",
    EACCES,
    "invalid{access} stack R{reg} off={off} size={size}",
    "an access of {size} bytes at fp{off} does not lie inside the stack frame",
)
INVALID_VARIABLE_STACK_ACCESS: Final = Message(
    "invalid-variable-stack-access",
    EACCES,
    "invalid variable-offset{access} stack R{reg} var_off={var_off} off={off} size={size}",
    "an access at a variable offset may leave the stack frame",
    (
        (
            "STACK_MESSAGES_NAME_OFFSET",
            "invalid variable-offset{access} stack R{reg} var_off={var_off} size={size}",
        ),
    ),
)
UNBOUNDED_STACK_ACCESS: Final = Message(
    "unbounded-stack-access",
    EACCES,
    "invalid unbounded variable-offset{access} stack R{reg}",
    "the offset into the stack has no bounds",
)
LEAKING_SPILLED_POINTER: Final = Message(
    "leaking-spilled-pointer", EACCES, "leaking pointer from stack off {off}", "part of a spilled pointer is read"
)
CORRUPT_SPILLED_POINTER: Final = Message(
    "corrupt-spilled-pointer",
    EACCES,
    "attempt to corrupt spilled pointer on stack",
    "part of a spilled pointer is overwritten",
)
INVALID_SPILL_SIZE: Final = Message(
    "invalid-spill-size", EACCES, "invalid size of register spill", "only a whole pointer can be spilled"
)
INVALID_FILL_SIZE: Final = Message(
    "invalid-fill-size", EACCES, "invalid size of register fill", "only a whole pointer can be filled"
)
SPILL_INTO_CALLER: Final = Message(
    "spill-into-caller", EINVAL, "cannot spill pointers to stack into stack frame of the caller"
)
RETURNS_STACK_POINTER: Final = Message(
    "returns-stack-pointer",
    EINVAL,
    "cannot return stack pointer to the caller",
    "a function returns a pointer into its own stack frame",
)
VARIABLE_OFFSET_TO_HELPER: Final = Message(
    "variable-stack-offset-to-helper",
    EACCES,
    "variable offset stack pointer cannot be passed into helper function; var_off={var_off} off={off} size={size}",
    "the offset into the stack must be a constant here",
)
