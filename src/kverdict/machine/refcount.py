"""refcount_t as the kernel has it: saturates instead of wrapping, and says so. Kernel: lib/refcount.c."""

from __future__ import annotations

from typing import Final

SATURATED: Final = 0xC000_0000
ADD_NOT_ZERO_OVERFLOW: Final = "saturated; leaking memory"
ADD_ON_ZERO: Final = "addition on 0; use-after-free"
UNDERFLOW: Final = "underflow; use-after-free"


def increment(value: int) -> tuple[int, str]:
    """refcount_inc: (new value, warning or ""). 32 bits."""
    if value == 0:
        return SATURATED, ADD_ON_ZERO
    if value >= SATURATED >> 1:
        return SATURATED, ADD_NOT_ZERO_OVERFLOW
    return value + 1, ""


def increment_not_zero(value: int) -> tuple[int, bool, str]:
    """refcount_inc_not_zero: (new value, taken, warning or "")."""
    if value == 0:
        return 0, False, ""
    if value >= SATURATED >> 1:
        return SATURATED, True, ADD_NOT_ZERO_OVERFLOW
    return value + 1, True, ""


def decrement(value: int) -> tuple[int, bool, str]:
    """refcount_dec_and_test: (new value, reached zero, warning or "")."""
    if value == 1:
        return 0, True, ""
    if value == 0 or value >= SATURATED >> 1:
        return SATURATED, False, UNDERFLOW
    return value - 1, False, ""
