"""Carries what is known of a scalar from each of its five readings into the others: the kernel's reg_bounds_sync()."""

from __future__ import annotations

from kverdict.domain import arc, circular
from kverdict.domain.bounds import S32_MAX, S32_MIN, S64_MAX, S64_MIN, UNKNOWN, Bounds, arcs_of, const
from kverdict.domain.rules import ArithmeticRules
from kverdict.domain.tnum import HIGH_HALF, SIGN32, SIGN64, U32_MAX, U64_MAX, only_member, span

Ranges = tuple[int, int, int, int, int, int, int, int]


def sync(
    value: int,
    mask: int,
    smin: int,
    smax: int,
    umin: int,
    umax: int,
    s32_min: int,
    s32_max: int,
    u32_min: int,
    u32_max: int,
    rules: ArithmeticRules,
) -> Bounds:
    """The bounds that these ten numbers give, after each learned from the others. Kernel: reg_bounds_sync()."""
    if mask == 0:
        signed = (value ^ SIGN64) - SIGN64
        low = value & U32_MAX
        if (
            umin <= value <= umax
            and smin <= signed <= smax
            and u32_min <= low <= u32_max
            and s32_min <= (low ^ SIGN32) - SIGN32 <= s32_max
        ):
            return const(value)
    if rules.circular:
        whole = arc.intersect(umin, (umax - umin) & U64_MAX, *arc.signed_arc(smin, smax, U64_MAX), U64_MAX)
        low_arc = arc.signed_arc(s32_min, s32_max, U32_MAX)
        low_arc = arc.intersect(u32_min, (u32_max - u32_min) & U32_MAX, *low_arc, U32_MAX)
        return circular.sync(value, mask, *whole, *low_arc)
    if rules.all_domains and value <= S32_MAX and (umax <= S32_MAX or value | mask <= S32_MAX):
        # The most frequent shape, below 2**31 and not by the signed range: all readings will be the same.
        low = max(umin, u32_min, s32_min, value)
        high = min(umax, u32_max, s32_max, (value | mask) & S32_MAX)
        if smin <= low <= high <= smax:
            if rules.single_tnum_value:
                known = only_member(value, mask, max(umin, value), min(umax, value | mask))
                if known >= 0:
                    return const(known)
            return _small(value, mask, low, high, rules)
    ranges = ranges_from_bits(value, mask, smin, smax, umin, umax, s32_min, s32_max, u32_min, u32_max)
    if rules.single_tnum_value:
        known = only_member(value, mask, ranges[2], ranges[3])
        if known >= 0:
            return const(known)
    if rules.all_domains:
        for _ in range(3 if rules.third_round else 2):
            before = ranges
            value, mask, ranges = _deduce(value, mask, ranges, rules)
            if ranges == before:
                break
    else:
        ranges = _deduce_signs(ranges)
    smin, smax, umin, umax, s32_min, s32_max, u32_min, u32_max = ranges
    value, mask = bits_from_ranges(value, mask, umin, umax, u32_min, u32_max)
    ranges = ranges_from_bits(value, mask, smin, smax, umin, umax, s32_min, s32_max, u32_min, u32_max)
    if rules.single_tnum_value:
        known = only_member(value, mask, ranges[2], ranges[3])
        if known >= 0:
            return const(known)
    return final(value, mask, *ranges)


def _small(value: int, mask: int, low: int, high: int, rules: ArithmeticRules) -> Bounds:
    """A number from low to high, both below 2**31, that has these bits."""
    unknown = (1 << (low ^ high).bit_length()) - 1
    mask &= unknown
    value = (value | low & ~unknown) & ~mask
    if value > low:
        low = value
    if value | mask < high:
        high = value | mask
    if rules.single_tnum_value:
        known = only_member(value, mask, low, high)
        if known >= 0:
            return const(known)
    if mask == 0 and low == high == value:
        return const(value)
    return Bounds(value, mask, low, high, low, high, low, high, low, high)


def sync_again(b: Bounds, rules: ArithmeticRules) -> Bounds:
    """Each reading learns once more from the others; rounds are limited, so this can still tell something new."""
    if b is UNKNOWN:
        return b
    if rules.circular:
        return circular.sync_again(b)
    return sync(b.value, b.mask, b.smin, b.smax, b.umin, b.umax, b.s32_min, b.s32_max, b.u32_min, b.u32_max, rules)


def zext32(b: Bounds, rules: ArithmeticRules) -> Bounds:
    """The low 32 bits as a number of their own: what a 32-bit MOV gives. Kernel: zext_32_to_64()."""
    if b.mask == 0:
        return const(b.value & U32_MAX)
    if rules.circular:
        _, _, base, size = arcs_of(b)
        return circular.zext32(b.value, b.mask, base, size)
    return zext_ranges(b.value, b.mask, b.s32_min, b.s32_max, b.u32_min, b.u32_max, rules)


def zext_ranges(
    value: int, mask: int, s32_min: int, s32_max: int, u32_min: int, u32_max: int, rules: ArithmeticRules
) -> Bounds:
    """The bounds of a number whose low half has these ranges and whose high half is zero."""
    # Kernel: __reg_assign_32_into_64().
    smin, smax = (s32_min, s32_max) if s32_min >= 0 and s32_max >= 0 else (0, U32_MAX)
    if rules.circular:
        low = arc.intersect(u32_min, (u32_max - u32_min) & U32_MAX, *arc.signed_arc(s32_min, s32_max, U32_MAX), U32_MAX)
        return circular.zext32(value, mask, *low)
    return sync(
        value & U32_MAX, mask & U32_MAX, smin, smax, u32_min, u32_max, s32_min, s32_max, u32_min, u32_max, rules
    )


def final(
    value: int,
    mask: int,
    smin: int,
    smax: int,
    umin: int,
    umax: int,
    s32_min: int,
    s32_max: int,
    u32_min: int,
    u32_max: int,
) -> Bounds:
    """A Bounds of these numbers as they are; the shared object if nothing is known."""
    if (
        mask == U64_MAX
        and umax == U64_MAX
        and umin == 0
        and smin == S64_MIN
        and smax == S64_MAX
        and u32_max == U32_MAX
        and u32_min == 0
        and s32_min == S32_MIN
        and s32_max == S32_MAX
    ):
        return UNKNOWN
    return Bounds(value, mask, smin, smax, umin, umax, s32_min, s32_max, u32_min, u32_max)


def ranges_from_bits(
    value: int,
    mask: int,
    smin: int,
    smax: int,
    umin: int,
    umax: int,
    s32_min: int,
    s32_max: int,
    u32_min: int,
    u32_max: int,
) -> Ranges:
    """The ranges, narrowed to what the bits allow. Kernel: __update_reg_bounds()."""
    low = value & U32_MAX
    low_mask = mask & U32_MAX
    least = ((low | low_mask & SIGN32) ^ SIGN32) - SIGN32
    most = ((low | low_mask & S32_MAX) ^ SIGN32) - SIGN32
    if least > s32_min:
        s32_min = least
    if most < s32_max:
        s32_max = most
    if low > u32_min:
        u32_min = low
    if low | low_mask < u32_max:
        u32_max = low | low_mask
    least = ((value | mask & SIGN64) ^ SIGN64) - SIGN64
    most = ((value | mask & S64_MAX) ^ SIGN64) - SIGN64
    if least > smin:
        smin = least
    if most < smax:
        smax = most
    if value > umin:
        umin = value
    if value | mask < umax:
        umax = value | mask
    return smin, smax, umin, umax, s32_min, s32_max, u32_min, u32_max


def bits_from_ranges(value: int, mask: int, umin: int, umax: int, u32_min: int, u32_max: int) -> tuple[int, int]:
    """The bits, with those that the unsigned ranges hold fixed. Kernel: __reg_bound_offset()."""
    unlike = (umin ^ umax).bit_length()
    if unlike < 64:
        unknown = (1 << unlike) - 1
        mask &= unknown
        value = (value | umin & ~unknown) & ~mask
    unlike = (u32_min ^ u32_max).bit_length()
    unknown = (1 << unlike) - 1
    low_mask = mask & unknown
    low = (value & U32_MAX | u32_min & ~unknown) & ~low_mask
    return value & HIGH_HALF | low, mask & HIGH_HALF | low_mask


def _deduce(value: int, mask: int, ranges: Ranges, rules: ArithmeticRules) -> tuple[int, int, Ranges]:
    """One round. Kernel: __reg_deduce_bounds()."""
    smin, smax, umin, umax, s32_min, s32_max, u32_min, u32_max = ranges
    s32_min, s32_max, u32_min, u32_max = _low_from_whole(smin, smax, umin, umax, s32_min, s32_max, u32_min, u32_max)
    s32_min, s32_max, u32_min, u32_max = _deduce_width(
        s32_min, s32_max, u32_min, u32_max, SIGN32, U32_MAX, rules.s32_split
    )
    smin, smax, umin, umax = _deduce_width(smin, smax, umin, umax, SIGN64, U64_MAX, rules.s64_split)
    # Kernel: __reg_deduce_mixed_bounds(): the low half of each end moves to where the low 32 bits may be.
    bound = umin & HIGH_HALF | u32_min
    if bound > umin:
        umin = bound
    bound = umax & HIGH_HALF | u32_max
    if bound < umax:
        umax = bound
    bound = smin & ~U32_MAX | u32_min
    if bound > smin:
        smin = bound
    bound = smax & ~U32_MAX | u32_max
    if bound < smax:
        smax = bound
    if rules.sign_extended and s32_min >= 0 and smin >= S32_MIN and smax <= S32_MAX:
        # A sign-extended number whose low half is not negative is not negative.
        smin = umin = s32_min
        smax, umax = s32_max, s32_max & U64_MAX
        known, unknown = span(umin, umax)
        mask &= unknown
        value = (value | known) & ~mask
    return value, mask, (smin, smax, umin, umax, s32_min, s32_max, u32_min, u32_max)


def _low_from_whole(
    smin: int, smax: int, umin: int, umax: int, s32_min: int, s32_max: int, u32_min: int, u32_max: int
) -> tuple[int, int, int, int]:
    """Low 32 bits of a range with one high half, or of two neighbouring ones. Kernel: __reg32_deduce_bounds()."""
    step = (umax >> 32) - (umin >> 32)
    if step == 0 or step == 1 or step == -U32_MAX:
        low, high = umin & U32_MAX, umax & U32_MAX
        signed_low, signed_high = (low ^ SIGN32) - SIGN32, (high ^ SIGN32) - SIGN32
        if step == 0:
            u32_min, u32_max = max(u32_min, low), min(u32_max, high)
        if signed_low <= signed_high if step == 0 else signed_low < 0 <= signed_high:
            s32_min, s32_max = max(s32_min, signed_low), min(s32_max, signed_high)
    step = (smax >> 32) - (smin >> 32)
    if step == 0 or step == 1 or step == -U32_MAX:
        low, high = smin & U32_MAX, smax & U32_MAX
        signed_low, signed_high = (low ^ SIGN32) - SIGN32, (high ^ SIGN32) - SIGN32
        if step == 0 and low <= high:
            u32_min, u32_max = max(u32_min, low), min(u32_max, high)
        if signed_low <= signed_high if step == 0 else signed_low < 0 <= signed_high:
            s32_min, s32_max = max(s32_min, signed_low), min(s32_max, signed_high)
    return s32_min, s32_max, u32_min, u32_max


def _deduce_width(
    smin: int, smax: int, umin: int, umax: int, sign: int, most: int, splits: bool
) -> tuple[int, int, int, int]:
    """Signed and unsigned readings of one width teach each other; sign: its top bit, most: its greatest number.

    Kernel: __reg32_deduce_bounds(), __reg64_deduce_bounds().
    """
    low, high = (umin ^ sign) - sign, (umax ^ sign) - sign
    if low <= high:
        if low > smin:
            smin = low
        if high < smax:
            smax = high
    low, high = smin & most, smax & most
    if low <= high:
        if low > umin:
            umin = low
        if high < umax:
            umax = high
    elif splits:
        # The signed range is both ends of the unsigned one; if only one end overlaps, the other is ruled out.
        if umax < low:
            smin = (umin ^ sign) - sign
            umax = min(umax, high)
        elif high < umin:
            smax = (umax ^ sign) - sign
            umin = max(umin, low)
    return smin, smax, umin, umax


def _deduce_signs(ranges: Ranges) -> Ranges:
    """Signed and unsigned ranges teach each other, each width alone: kernels before BOUNDS_LEARN_FROM_EVERY_DOMAIN."""
    smin, smax, umin, umax, s32_min, s32_max, u32_min, u32_max = ranges
    smin, smax, umin, umax = _deduce_sign(smin, smax, umin, umax, U64_MAX, SIGN64)
    s32_min, s32_max, u32_min, u32_max = _deduce_sign(s32_min, s32_max, u32_min, u32_max, U32_MAX, SIGN32)
    return smin, smax, umin, umax, s32_min, s32_max, u32_min, u32_max


def _deduce_sign(smin: int, smax: int, umin: int, umax: int, most: int, sign: int) -> tuple[int, int, int, int]:
    """Kernel: __reg64_deduce_bounds() and __reg32_deduce_bounds() of v6.4."""
    if smin >= 0 or smax < 0:
        umin = max(smin & most, umin)
        umax = min(smax & most, umax)
        return (umin ^ sign) - sign, (umax ^ sign) - sign, umin, umax
    if umax < sign:
        umax = min(smax & most, umax)
        return (umin ^ sign) - sign, (umax ^ sign) - sign, umin, umax
    if umin >= sign:
        umin = max(smin & most, umin)
        return (umin ^ sign) - sign, (umax ^ sign) - sign, umin, umax
    return smin, smax, umin, umax
