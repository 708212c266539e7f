"""Arcs: ranges on the circle of all numbers of one width, which may run over its end. Kernel: struct cnum64, cnum32.

An arc is (base, size): the size + 1 numbers from base on; most is the greatest number of the width, 2**64-1 or 2**32-1.
"""

from __future__ import annotations

from kverdict.domain.tnum import U32_MAX, U64_MAX

Arc = tuple[int, int]


def nothing(most: int) -> Arc:
    """The arc of no number at all. Kernel: CNUM64_EMPTY."""
    return most, most


def is_nothing(base: int, size: int, most: int) -> bool:
    """Whether no number is left: the path cannot be taken. Kernel: cnum64_is_empty()."""
    return base == most and size == most


def unsigned_arc(low: int, high: int, most: int) -> Arc:
    """From low up to high, running over the end if high is less. Kernel: cnum64_from_urange()."""
    return low, (high - low) & most


def signed_arc(low: int, high: int, most: int) -> Arc:
    """The same of signed numbers. Kernel: cnum64_from_srange()."""
    size = (high - low) & most
    return (0, size) if size == most else (low & most, size)


def unsigned_view(base: int, size: int, most: int) -> tuple[int, int]:
    """The least unsigned range around the arc. Kernel: cnum64_umin(), cnum64_umax()."""
    return (0, most) if size > most - base else (base, base + size)


def signed_view(base: int, size: int, most: int) -> tuple[int, int]:
    """The least signed range around the arc. Kernel: cnum64_smin(), cnum64_smax()."""
    sign = (most >> 1) + 1
    end = (base + size) & most
    if not is_nothing(base, size, most) and (sign - 1 - base) & most <= size and (sign - base) & most <= size:
        return -sign, sign - 1
    base, end = (base ^ sign) - sign, (end ^ sign) - sign
    return (base, end) if base <= end else (end, base)


def intersect(base: int, size: int, other_base: int, other_size: int, most: int) -> Arc:
    """What both hold; the smaller one if that is two separate pieces. Kernel: cnum64_intersect()."""
    if is_nothing(base, size, most) or is_nothing(other_base, other_size, most):
        return nothing(most)
    if base > other_base:
        base, size, other_base, other_size = other_base, other_size, base, size
    distance = other_base - base
    if other_size > most - distance:  # seen from base, the other one runs over the end
        if distance <= size:
            return (base, size) if size <= other_size else (other_base, other_size)
        return base, min(size, (distance + other_size) & most)
    if size >= distance:
        return other_base, min(size - distance, other_size)
    return nothing(most)


def add(base: int, size: int, other_base: int, other_size: int, most: int) -> Arc:
    """All sums. Kernel: cnum64_add()."""
    if is_nothing(base, size, most) or is_nothing(other_base, other_size, most):
        return nothing(most)
    if size > most - other_size:
        return 0, most
    return _normal((base + other_base) & most, size + other_size, most)


def negate(base: int, size: int, most: int) -> Arc:
    """All opposites. Kernel: cnum64_negate()."""
    if is_nothing(base, size, most):
        return base, size
    return _normal(-(base + size) & most, size, most)


def _normal(base: int, size: int, most: int) -> Arc:
    """The whole circle begins at 0. Kernel: cnum64_normalize(), with its exception."""
    return (0, size) if size == most and base != most >> 1 else (base, size)


def low_half(base: int, size: int) -> Arc:
    """The low 32 bits of a 64-bit arc. Kernel: cnum32_from_cnum64()."""
    if is_nothing(base, size, U64_MAX):
        return nothing(U32_MAX)
    return (0, U32_MAX) if size >= U32_MAX else (base & U32_MAX, size)


def with_low_half(base: int, size: int, low_base: int, low_size: int) -> Arc:
    """The 64-bit arc, both ends moved inwards to where the low 32 bits may be. Kernel: cnum64_cnum32_intersect()."""
    if is_nothing(base, size, U64_MAX) or is_nothing(low_base, low_size, U32_MAX):
        return nothing(U64_MAX)
    # Turn the circle so that the 64-bit arc starts at 0.
    low_base = (low_base - base) & U32_MAX
    end = size & U32_MAX
    if low_size > U32_MAX - low_base:
        low_end = (low_base + low_size) & U32_MAX
        return (base, size - (end - low_end)) if low_end < end < low_base else (base, size)
    if size < low_base:
        return nothing(U64_MAX)
    low_end = low_base + low_size
    cut = 0
    if end < low_base:
        cut = end + (1 << 32) - low_end
    elif end >= low_end:
        cut = end - low_end
    size -= low_base
    return nothing(U64_MAX) if size < cut else ((base + low_base) & U64_MAX, size - cut)
