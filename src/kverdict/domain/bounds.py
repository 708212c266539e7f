"""Bounds: what is known of a scalar, or of the variable part of an offset: its bits and its ranges in four readings."""

from __future__ import annotations

from typing import Final

from kverdict.domain.tnum import SIGN32, SIGN64, U32_MAX, U64_MAX

S32_MIN: Final = -0x80000000
S32_MAX: Final = 0x7FFFFFFF
S64_MIN: Final = -0x8000000000000000
S64_MAX: Final = 0x7FFFFFFFFFFFFFFF

Arcs = tuple[int, int, int, int]


class Bounds:
    """Kernel: var_off and the eight min/max fields of struct bpf_reg_state. Never changed after it was made.

    value, mask: the bits (see tnum.py), unsigned 64 bits each.
    smin, smax, umin, umax: ranges of the number read as signed and unsigned 64 bits, inclusive.
    s32_min, s32_max, u32_min, u32_max: the same for its low 32 bits.
    arcs: None, or, in kernels whose ranges are circular, (base64, size64, base32, size32) where the ranges above cannot
        tell it all: an arc that crosses both the signed and the unsigned boundary.
    """

    __slots__ = ("arcs", "mask", "s32_max", "s32_min", "smax", "smin", "u32_max", "u32_min", "umax", "umin", "value")

    value: int
    mask: int
    smin: int
    smax: int
    umin: int
    umax: int
    s32_min: int
    s32_max: int
    u32_min: int
    u32_max: int
    arcs: Arcs | None

    def __init__(
        self,
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
        arcs: Arcs | None = None,
    ) -> None:
        self.value = value
        self.mask = mask
        self.smin = smin
        self.smax = smax
        self.umin = umin
        self.umax = umax
        self.s32_min = s32_min
        self.s32_max = s32_max
        self.u32_min = u32_min
        self.u32_max = u32_max
        self.arcs = arcs

    def is_const(self) -> bool:
        """Whether all 64 bits are known; the number is then `value`. Kernel: tnum_is_const()."""
        return self.mask == 0

    def subreg_is_const(self) -> bool:
        """Whether the low 32 bits are known; they are then `value & U32_MAX`. Kernel: tnum_subreg_is_const()."""
        return self.mask & U32_MAX == 0

    def is_const_in(self, is_32: bool) -> bool:
        """Whether the low 32 bits (is_32) or all 64 are known. Kernel: is_reg_const()."""
        return self.mask & U32_MAX == 0 if is_32 else self.mask == 0

    def const_in(self, is_32: bool) -> int:
        """The known number, unsigned, of 32 or 64 bits. Kernel: reg_const_value()."""
        return self.value & U32_MAX if is_32 else self.value

    def is_unknown(self) -> bool:
        """Whether nothing at all is known. Kernel: __is_scalar_unbounded(), here together with the bits."""
        return self is UNKNOWN or (self.mask == U64_MAX and self.same(UNKNOWN))

    def same(self, other: Bounds) -> bool:
        """Whether both say the same. Kernel: the memcmp() in regs_exact()."""
        return self is other or (
            self.value == other.value
            and self.mask == other.mask
            and self.umin == other.umin
            and self.umax == other.umax
            and self.smin == other.smin
            and self.smax == other.smax
            and self.u32_min == other.u32_min
            and self.u32_max == other.u32_max
            and self.s32_min == other.s32_min
            and self.s32_max == other.s32_max
            and self.arcs == other.arcs
        )

    def contains(self, number: int) -> bool:
        """Whether a concrete unsigned 64-bit number is one of those that these bounds allow."""
        low = number & U32_MAX
        return (
            number & ~self.mask == self.value
            and self.umin <= number <= self.umax
            and self.smin <= (number ^ SIGN64) - SIGN64 <= self.smax
            and self.u32_min <= low <= self.u32_max
            and self.s32_min <= (low ^ SIGN32) - SIGN32 <= self.s32_max
            and (self.arcs is None or _on_arcs(self.arcs, number))
        )

    def is_consistent(self) -> bool:
        """Whether no range is empty and a known number agrees with its ranges. Kernel: reg_bounds_sanity_check()."""
        if self.umin > self.umax or self.smin > self.smax:
            return False
        if self.u32_min > self.u32_max or self.s32_min > self.s32_max:
            return False
        if self.mask == 0 and not (
            self.umin == self.umax == self.value and self.smin == self.smax == (self.value ^ SIGN64) - SIGN64
        ):
            return False
        if self.mask & U32_MAX == 0:
            low = self.value & U32_MAX
            return self.u32_min == self.u32_max == low and self.s32_min == self.s32_max == (low ^ SIGN32) - SIGN32
        return True

    def without_ranges(self) -> Bounds:
        """The same bits, every range forgotten. Kernel: __mark_reg_unbounded()."""
        return Bounds(self.value, self.mask, S64_MIN, S64_MAX, 0, U64_MAX, S32_MIN, S32_MAX, 0, U32_MAX)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Bounds) and self.same(other)

    def __hash__(self) -> int:
        return hash((self.value, self.mask, self.umin, self.umax, self.smin, self.smax))

    def __repr__(self) -> str:
        return (
            f"Bounds(var_off=({self.value:#x}; {self.mask:#x}), s64=[{self.smin}, {self.smax}], "
            f"u64=[{self.umin}, {self.umax}], s32=[{self.s32_min}, {self.s32_max}], "
            f"u32=[{self.u32_min}, {self.u32_max}]" + (")" if self.arcs is None else f", arcs={self.arcs})")
        )


UNKNOWN: Final = Bounds(0, U64_MAX, S64_MIN, S64_MAX, 0, U64_MAX, S32_MIN, S32_MAX, 0, U32_MAX)

_CACHED_CONSTANTS: Final = 8192
_constants: Final[dict[int, Bounds]] = {}


def const(number: int) -> Bounds:
    """The bounds of one unsigned 64-bit number; equal small calls share one object. Kernel: __mark_reg_known()."""
    known = _constants.get(number)
    if known is not None:
        return known
    signed = (number ^ SIGN64) - SIGN64
    low = number & U32_MAX
    low_signed = (low ^ SIGN32) - SIGN32
    known = Bounds(number, 0, signed, signed, number, number, low_signed, low_signed, low, low)
    if len(_constants) < _CACHED_CONSTANTS:
        _constants[number] = known
    return known


ZERO: Final = const(0)


def range_within(old: Bounds, cur: Bounds) -> bool:
    """Whether each range of cur lies in that of old (bits are not looked at). Kernel: range_within()."""
    if old is cur or old is UNKNOWN:
        return True
    if old.arcs is not None:
        return _arcs_within(old.arcs, cur)
    return (
        old.umin <= cur.umin
        and old.umax >= cur.umax
        and old.smin <= cur.smin
        and old.smax >= cur.smax
        and old.u32_min <= cur.u32_min
        and old.u32_max >= cur.u32_max
        and old.s32_min <= cur.s32_min
        and old.s32_max >= cur.s32_max
    )


def tnum_in(old: Bounds, cur: Bounds) -> bool:
    """Whether the bits of cur are among those that old allows. Kernel: tnum_in()."""
    if cur.mask & ~old.mask:
        return False
    return old.value == cur.value & ~old.mask


def arcs_of(bounds: Bounds) -> Arcs:
    """(base64, size64, base32, size32): the 64-bit numbers from base on, size + 1 of them, and so the low 32 bits.

    Kernel: struct cnum64 r64 and cnum32 r32 of struct bpf_reg_state.
    """
    if bounds.arcs is not None:
        return bounds.arcs
    if bounds.umin == 0 and bounds.umax == U64_MAX:
        size64 = (bounds.smax - bounds.smin) & U64_MAX
        base64 = 0 if size64 == U64_MAX else bounds.smin & U64_MAX
    else:
        base64, size64 = bounds.umin, (bounds.umax - bounds.umin) & U64_MAX
    if bounds.u32_min == 0 and bounds.u32_max == U32_MAX:
        size32 = (bounds.s32_max - bounds.s32_min) & U32_MAX
        return base64, size64, 0 if size32 == U32_MAX else bounds.s32_min & U32_MAX, size32
    return base64, size64, bounds.u32_min, (bounds.u32_max - bounds.u32_min) & U32_MAX


def _on_arcs(arcs: Arcs, number: int) -> bool:
    return (number - arcs[0]) & U64_MAX <= arcs[1] and ((number & U32_MAX) - arcs[2]) & U32_MAX <= arcs[3]


def _arcs_within(old: Arcs, cur: Bounds) -> bool:
    new = arcs_of(cur)
    return _arc_within(old[0], old[1], new[0], new[1], U64_MAX) and _arc_within(old[2], old[3], new[2], new[3], U32_MAX)


def _arc_within(base: int, size: int, inner_base: int, inner_size: int, most: int) -> bool:
    """Kernel: cnum64_is_subset(), cnum32_is_subset()."""
    start = (inner_base - base) & most
    if inner_size > most - start and size < most:
        return False
    return (start + inner_size) & most <= size
