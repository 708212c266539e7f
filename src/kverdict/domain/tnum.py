"""Tracked numbers: what is known of each bit. A pair (value, mask): bit set in mask = unknown, else as in value."""

from __future__ import annotations

from typing import Final

U32_MAX: Final = 0xFFFFFFFF
U64_MAX: Final = 0xFFFFFFFFFFFFFFFF
HIGH_HALF: Final = 0xFFFFFFFF00000000
SIGN32: Final = 0x80000000
SIGN64: Final = 0x8000000000000000

Tnum = tuple[int, int]

NOTHING_KNOWN: Final[Tnum] = (0, U64_MAX)


def span(low: int, high: int) -> Tnum:
    """The common leading bits of all unsigned 64-bit numbers from low to high. Kernel: tnum_range()."""
    unlike = (low ^ high).bit_length()
    if unlike > 63:
        return NOTHING_KNOWN
    unknown = (1 << unlike) - 1
    return low & ~unknown & U64_MAX, unknown


def add(value: int, mask: int, other_value: int, other_mask: int) -> Tnum:
    """Sum modulo 2**64. Kernel: tnum_add()."""
    if mask == 0 and other_mask == 0:
        return (value + other_value) & U64_MAX, 0
    sum_of_values = (value + other_value) & U64_MAX
    sum_of_all = (mask + other_mask + sum_of_values) & U64_MAX
    unknown = (sum_of_all ^ sum_of_values) | mask | other_mask
    return sum_of_values & ~unknown, unknown


def sub(value: int, mask: int, other_value: int, other_mask: int) -> Tnum:
    """Difference modulo 2**64. Kernel: tnum_sub()."""
    difference = (value - other_value) & U64_MAX
    most = (difference + mask) & U64_MAX
    least = (difference - other_mask) & U64_MAX
    unknown = (most ^ least) | mask | other_mask
    return difference & ~unknown, unknown


def intersect(value: int, mask: int, other_value: int, other_mask: int) -> Tnum:
    """What two views of one number know together. Kernel: tnum_intersect()."""
    unknown = mask & other_mask
    return (value | other_value) & ~unknown, unknown


def union(value: int, mask: int, other_value: int, other_mask: int) -> Tnum:
    """What holds for either of two numbers. Kernel: tnum_union()."""
    unknown = (value ^ other_value) | mask | other_mask
    return value & other_value & ~unknown, unknown


def overlap(value: int, mask: int, other_value: int, other_mask: int) -> bool:
    """Whether no bit is known to differ. Kernel: tnum_overlap()."""
    known = U64_MAX & ~mask & ~other_mask
    return value & known == other_value & known


def contains(value: int, mask: int, other_value: int, other_mask: int) -> bool:
    """Whether every number of the second is one of the first. Kernel: tnum_in()."""
    if other_mask & ~mask:
        return False
    return value == other_value & ~mask


def is_aligned(value: int, mask: int, size: int) -> bool:
    """Whether every number is a multiple of size (a power of two; 0 asks nothing). Kernel: tnum_is_aligned()."""
    return size == 0 or not (value | mask) & (size - 1)


def mul_summing_masks(value: int, mask: int, other_value: int, other_mask: int) -> Tnum:
    """Product modulo 2**64 as kernels before 6.18 compute it: certain and uncertain bits summed apart."""
    certain = (value * other_value) & U64_MAX
    sum_value, sum_mask = 0, 0
    while value or mask:
        if value & 1:
            sum_value, sum_mask = add(sum_value, sum_mask, 0, other_mask)
        elif mask & 1:
            sum_value, sum_mask = add(sum_value, sum_mask, 0, other_value | other_mask)
        value >>= 1
        mask >>= 1
        other_value = (other_value << 1) & U64_MAX
        other_mask = (other_mask << 1) & U64_MAX
    return add(certain, 0, sum_value, sum_mask)


def mul_joining_paths(value: int, mask: int, other_value: int, other_mask: int) -> Tnum:
    """Product modulo 2**64 by long multiplication; an uncertain bit joins the sums with and without it.

    Since Linux kernel commit 1df7dad4d5c4 ("bpf: Improve the general precision of tnum_mul") (in v6.18).
    """
    if mask == 0 and other_mask == 0:
        return (value * other_value) & U64_MAX, 0
    sum_value, sum_mask = 0, 0
    while value or mask:
        if value & 1:
            sum_value, sum_mask = add(sum_value, sum_mask, other_value, other_mask)
        elif mask & 1:
            with_bit = add(sum_value, sum_mask, other_value, other_mask)
            sum_value, sum_mask = union(sum_value, sum_mask, with_bit[0], with_bit[1])
        value >>= 1
        mask >>= 1
        other_value = (other_value << 1) & U64_MAX
        other_mask = (other_mask << 1) & U64_MAX
    return sum_value, sum_mask


def arithmetic_right_shift(value: int, mask: int, shift: int, bits: int) -> Tnum:
    """Right shift that copies the top bit, known or not; bits is 32 or 64. Kernel: tnum_arshift()."""
    if bits == 32:
        return (
            (((value & U32_MAX) ^ SIGN32) - SIGN32) >> shift & U32_MAX,
            (((mask & U32_MAX) ^ SIGN32) - SIGN32) >> shift & U32_MAX,
        )
    return ((value ^ SIGN64) - SIGN64) >> shift & U64_MAX, ((mask ^ SIGN64) - SIGN64) >> shift & U64_MAX


def byte_swap(value: int, mask: int, size: int) -> Tnum:
    """The low `size` bytes (2, 4, 8) in reverse order, the rest zero. Kernel: tnum_bswap16/32/64()."""
    return swap_bytes(value, size), swap_bytes(mask, size)


def swap_bytes(number: int, size: int) -> int:
    """The low `size` bytes of an unsigned number in reverse order, the rest zero."""
    swapped = 0
    for _ in range(size):
        swapped = swapped << 8 | number & 0xFF
        number >>= 8
    return swapped


def step(value: int, mask: int, number: int) -> int:
    """The least member above number; the greatest member if there is none above. Kernel: tnum_step()."""
    greatest = value | mask
    if number >= greatest:
        return greatest
    if number < value:
        return value
    # Members are value + s, where s is a choice of the unknown bits: count s up, letting carries run over all others.
    above = number - value
    below_wrong_bit = (1 << (above & ~mask).bit_length()) - 1
    return value | ((above | below_wrong_bit | ~mask) + 1) & mask


def only_member(value: int, mask: int, low: int, high: int) -> int:
    """The one member from low to high (unsigned), -1 if there are several. Kernel: __update_reg64_bounds()."""
    if low == value and high == value | mask and mask:
        return -1  # the least and the greatest member
    following = step(value, mask, low)
    if low & ~mask == value:
        return low if following > high else -1
    if following == value | mask:
        return following
    return following if following <= high and step(value, mask, following) > high else -1
