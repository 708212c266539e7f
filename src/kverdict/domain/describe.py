"""The kernel log's text of what is known of a scalar."""

from __future__ import annotations

from kverdict.domain.bounds import S32_MAX, S32_MIN, S64_MAX, S64_MIN, Bounds
from kverdict.domain.tnum import SIGN32, SIGN64, U32_MAX, U64_MAX

DECIMAL_MAX = 0xFFFF
SIGNED_DECIMAL_MIN, SIGNED_DECIMAL_MAX = -0x8000, 0x7FFF


def describe(bounds: Bounds, compact: bool = True) -> str:
    """A scalar without link, e.g. "scalar(smin=0,smax=umax=255,var_off=(0x0; 0xff))", "7", "0xffffffff80000000".

    compact: ArithmeticRules.compact_log; without it the older "scalar(umax=255,var_off=(0x0; 0xff))".
    """
    if bounds.mask == 0:
        return known_text(bounds.value, compact)
    return f"scalar({','.join(range_texts(bounds, compact))})"


def known_text(number: int, compact: bool = True) -> str:
    """A known unsigned 64-bit number as the log prints it. Kernel: verbose_snum() in print_reg_state()."""
    signed = (number ^ SIGN64) - SIGN64
    return signed_text(signed) if compact else str(signed)


def range_texts(bounds: Bounds, compact: bool = True) -> list[str]:
    """The log's parts of what is known, those of an unknown number left out. Kernel: print_scalar_ranges()."""
    parts = _compact_ranges(bounds) if compact else _single_ranges(bounds)
    if bounds.mask == U64_MAX:
        return parts
    bits = f"var_off={tnum_text(bounds.value, bounds.mask)}"
    # The older text has the ranges of the low half after the bits.
    index = len(parts) if compact else sum(not part.startswith(("s32", "u32")) for part in parts)
    return [*parts[:index], bits, *parts[index:]]


def tnum_text(value: int, mask: int, compact: bool = True) -> str:
    """Bits as "(value; mask)", or (compact) the number if all are known. Kernel: tnum_strn()."""
    return unsigned_text(value) if mask == 0 and compact else f"(0x{value:x}; 0x{mask:x})"


def signed_text(number: int) -> str:
    """Decimal if short, else the hexadecimal 64 bits. Kernel: verbose_snum()."""
    return str(number) if SIGNED_DECIMAL_MIN <= number <= SIGNED_DECIMAL_MAX else f"{number & U64_MAX:#x}"


def unsigned_text(number: int) -> str:
    """Decimal if short, else hexadecimal. Kernel: verbose_unum()."""
    return str(number) if number <= DECIMAL_MAX else f"{number:#x}"


def _low_signed(number: int) -> int:
    """A signed low half as 64 bits: as it is if it is printed in decimal, else without its sign's copies."""
    return number if SIGNED_DECIMAL_MIN <= number <= SIGNED_DECIMAL_MAX else (number ^ SIGN32) & U32_MAX ^ SIGN32


def _compact_ranges(bounds: Bounds) -> list[str]:
    entries = [
        ("smin", bounds.smin, bounds.smin == S64_MIN),
        ("smax", bounds.smax, bounds.smax == S64_MAX),
        ("umin", bounds.umin, bounds.umin == 0),
        ("umax", bounds.umax, bounds.umax == U64_MAX),
        ("smin32", _low_signed(bounds.s32_min), bounds.s32_min == S32_MIN),
        ("smax32", _low_signed(bounds.s32_max), bounds.s32_max == S32_MAX),
        ("umin32", bounds.u32_min, bounds.u32_min == 0),
        ("umax32", bounds.u32_max, bounds.u32_max == U32_MAX),
    ]
    parts = []
    told = [omit for _, _, omit in entries]
    for index, (name, number, _) in enumerate(entries):
        if told[index]:
            continue
        names = [name]
        for later in range(index + 2, 8, 2):
            if not told[later] and entries[later][1] == number:
                told[later] = True
                names.append(entries[later][0])
        number_text = signed_text(number) if name.startswith("s") else unsigned_text(number)
        parts.append(f"{'='.join(names)}={number_text}")
    return parts


def _single_ranges(bounds: Bounds) -> list[str]:
    """Kernel: print_verifier_state() before v6.8."""
    parts = []
    if bounds.smin != S64_MIN and bounds.smin != (bounds.umin ^ SIGN64) - SIGN64:
        parts.append(f"smin={bounds.smin}")
    if bounds.smax != S64_MAX and bounds.smax != (bounds.umax ^ SIGN64) - SIGN64:
        parts.append(f"smax={bounds.smax}")
    if bounds.umin != 0:
        parts.append(f"umin={bounds.umin}")
    if bounds.umax != U64_MAX:
        parts.append(f"umax={bounds.umax}")
    if bounds.s32_min != S32_MIN and bounds.s32_min != bounds.smin:
        parts.append(f"s32_min={bounds.s32_min}")
    if bounds.s32_max != S32_MAX and bounds.s32_max != bounds.smax:
        parts.append(f"s32_max={bounds.s32_max}")
    if bounds.u32_min != 0 and bounds.u32_min != bounds.umin:
        parts.append(f"u32_min={(bounds.u32_min ^ SIGN32) - SIGN32}")
    if bounds.u32_max != U32_MAX and bounds.u32_max != bounds.umax:
        parts.append(f"u32_max={(bounds.u32_max ^ SIGN32) - SIGN32}")
    return parts
