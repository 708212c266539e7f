"""A number cut to fewer bytes, with zeroes or its sign in the rest: narrow loads and sign-extending moves."""

from __future__ import annotations

from kverdict.domain import circular
from kverdict.domain.bounds import S32_MAX, S32_MIN, S64_MAX, S64_MIN, UNKNOWN, Bounds, arcs_of, const
from kverdict.domain.rules import ArithmeticRules
from kverdict.domain.sync import final, sync, sync_again, zext32
from kverdict.domain.tnum import U32_MAX, U64_MAX, span
from kverdict.domain.tnum import byte_swap as swap_bits


def coerce_to_size(bounds: Bounds, size: int, rules: ArithmeticRules) -> Bounds:
    """The low `size` bytes (1, 2, 4), zero-extended: what a narrow load gives. Kernel: coerce_reg_to_size()."""
    most = (1 << size * 8) - 1
    if bounds.mask == 0:
        return const(bounds.value & most)
    umin, umax = 0, most
    if bounds.umin | most == bounds.umax | most:
        umin, umax = bounds.umin & most, bounds.umax & most
    value, mask = bounds.value & most, bounds.mask & most
    if rules.circular:
        low = arcs_of(bounds)[2:] if size == 4 else circular.ALL32
        return circular.sync(value, mask, umin, umax - umin, *low)
    s32_min, s32_max, u32_min, u32_max = S32_MIN, S32_MAX, 0, U32_MAX
    if size == 4:
        s32_min, s32_max, u32_min, u32_max = bounds.s32_min, bounds.s32_max, bounds.u32_min, bounds.u32_max
        if not rules.all_domains:
            return final(value, mask, umin, umax, umin, umax, s32_min, s32_max, u32_min, u32_max)
    elif not rules.all_domains:  # kernel: __reg_combine_64_into_32()
        s32_min, s32_max, u32_min, u32_max = umin, umax, umin, umax
    return sync(value, mask, umin, umax, umin, umax, s32_min, s32_max, u32_min, u32_max, rules)


def sign_extend(bounds: Bounds, size: int, rules: ArithmeticRules) -> Bounds:
    """The low `size` bytes (1, 2, 4), sign-extended to 64 bits. Kernel: coerce_reg_to_size_sx()."""
    sign = 1 << size * 8 - 1
    most = (sign << 1) - 1
    if bounds.mask == 0:
        return const((((bounds.value & most) ^ sign) - sign) & U64_MAX)
    if (bounds.smin | most) == (bounds.smax | most):
        low = ((bounds.smin & most) ^ sign) - sign
        high = ((bounds.smax & most) ^ sign) - sign
        if low > high:
            low, high = high, low
        if (low >= 0) == (high >= 0):
            umin, umax = low & U64_MAX, high & U64_MAX
            value, mask = span(umin, umax)
            return final(value, mask, low, high, umin, umax, low, high, umin & U32_MAX, umax & U32_MAX)
    return Bounds(0, U64_MAX, -sign, sign - 1, 0, U64_MAX, -sign, sign - 1, 0, U32_MAX)


def sign_extend32(bounds: Bounds, size: int, rules: ArithmeticRules) -> Bounds:
    """The low `size` bytes (1, 2), sign-extended to 32 bits, high half zero. Kernel: coerce_subreg_to_size_sx()."""
    sign = 1 << size * 8 - 1
    most = (sign << 1) - 1
    if bounds.mask == 0:
        return const((((bounds.value & most) ^ sign) - sign) & U32_MAX)
    if (bounds.s32_min | most) == (bounds.s32_max | most):
        low = ((bounds.s32_min & most) ^ sign) - sign
        high = ((bounds.s32_max & most) ^ sign) - sign
        if low > high:
            low, high = high, low
        if (low >= 0) == (high >= 0):
            value, mask = span(low & U64_MAX, high & U64_MAX)
            narrow = Bounds(value, mask, S64_MIN, S64_MAX, 0, U64_MAX, low, high, low & U32_MAX, high & U32_MAX)
            return zext32(narrow, rules)
    return zext32(Bounds(0, U64_MAX, S64_MIN, S64_MAX, 0, U64_MAX, -sign, sign - 1, 0, U32_MAX), rules)


def byte_swap(bounds: Bounds, size: int, swaps: bool, rules: ArithmeticRules) -> Bounds:
    """BPF_END on `size` bytes (2, 4, 8); swaps is False where the machine already has that order.

    Before ALU_BYTE_SWAP_TRACKED nothing is known of the result, not even that its high bytes are zero. Kernel:
    scalar_byte_swap().
    """
    if not rules.byte_swap:
        return UNKNOWN
    if swaps:
        value, mask = swap_bits(bounds.value, bounds.mask, size)
        bounds = Bounds(value, mask, S64_MIN, S64_MAX, 0, U64_MAX, S32_MIN, S32_MAX, 0, U32_MAX)
    if size < 8:
        bounds = coerce_to_size(bounds, size, rules)
    return sync_again(bounds, rules)
