"""Sentences about what programs, functions and callbacks return."""

from __future__ import annotations

from errno import EACCES, EINVAL
from typing import Final

from kverdict.diagnostic import Message

RETURN_RANGE: Final = Message(
    "return-range",
    EINVAL,
    "At {where} the register R{reg} has{bounds} should have been in [{low}, {high}]",
    "at {where}, {subject} must lie between {low} and {high}",
    (
        (
            "RETURN_RANGE_BY_SIGNED_BOUNDS",
            "At {where} the register R{reg} has {known} should have been in {range}",
        ),
    ),
)
RETURN_NOT_SCALAR: Final = Message(
    "return-not-scalar",
    EINVAL,
    "At {where} the register R{reg} is not a known value ({type})",
    "a pointer ({type}) is returned where a number is expected",
)
SUBPROGRAM_RETURNS_POINTER: Final = Message(
    "subprogram-returns-pointer",
    EINVAL,
    "At subprogram exit the register R{reg} is not a scalar value ({type})",
    "a global function returns a pointer",
)
LEAKS_ADDR_RETURN: Final = Message("leaks-addr-return", EACCES, "R{reg} leaks addr as return value")
CALLBACK_RETURNS_POINTER: Final = Message("callback-returns-pointer", EACCES, "R0 not a scalar value")
LSM_CGROUP_NOTE: Final = Message(
    "lsm-cgroup-note",
    EINVAL,
    "Note, BPF_LSM_CGROUP that attach to void LSM hooks can't modify return value!",
    "the hook returns nothing, so the program's return value must not change it",
)
