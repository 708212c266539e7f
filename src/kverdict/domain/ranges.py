"""Arithmetic on the ranges of one width: kernel scalar_min_max_*() (most = U64_MAX) and scalar32_min_max_*().

A range pair is (smin, smax, umin, umax) of that width; most is the greatest unsigned number, sign its top bit.
Functions of kernels with circular ranges are in circular.py.
"""

from __future__ import annotations

from kverdict.domain.rules import ArithmeticRules

RangePair = tuple[int, int, int, int]


def add_ranges(
    smin: int,
    smax: int,
    umin: int,
    umax: int,
    by_smin: int,
    by_smax: int,
    by_umin: int,
    by_umax: int,
    most: int,
    sign: int,
    rules: ArithmeticRules,
) -> RangePair:
    """Kernel: scalar_min_max_add().

    Since Linux kernel commit 7a998a731627 ("bpf, verifier: Improve precision for BPF_ADD and BPF_SUB") (in v6.17), an
    unsigned range that wraps as a whole is kept; before that, any overflow loses it.
    """
    smin += by_smin
    smax += by_smax
    if smin < -sign or smin >= sign or smax < -sign or smax >= sign:
        smin, smax = -sign, sign - 1
    min_overflows = umin > most - by_umin
    max_overflows = umax > most - by_umax
    if (max_overflows and not min_overflows) or (min_overflows and not rules.wrapping_sum):
        return smin, smax, 0, most
    return smin, smax, (umin + by_umin) & most, (umax + by_umax) & most


def sub_ranges(
    smin: int,
    smax: int,
    umin: int,
    umax: int,
    by_smin: int,
    by_smax: int,
    by_umin: int,
    by_umax: int,
    most: int,
    sign: int,
    rules: ArithmeticRules,
) -> RangePair:
    """Kernel: scalar_min_max_sub(). Wrapping: see add_ranges()."""
    smin -= by_smax
    smax -= by_smin
    if smin < -sign or smin >= sign or smax < -sign or smax >= sign:
        smin, smax = -sign, sign - 1
    if umin < by_umax and not (umax < by_umin and rules.wrapping_sum):
        return smin, smax, 0, most
    return smin, smax, (umin - by_umax) & most, (umax - by_umin) & most


def mul_ranges(
    smin: int,
    smax: int,
    umin: int,
    umax: int,
    by_smin: int,
    by_smax: int,
    by_umin: int,
    by_umax: int,
    most: int,
    sign: int,
    rules: ArithmeticRules,
) -> RangePair:
    """Kernel: scalar_min_max_mul().

    Since Linux kernel commit 9aa0ebde0014 ("bpf, verifier: Improve precision of BPF_MUL") (in v6.14), negative factors
    and big ones are followed as long as no product overflows.
    """
    if rules.signed_product:
        umin, umax = umin * by_umin, umax * by_umax
        if umin > most or umax > most:
            umin, umax = 0, most
        products = (smin * by_smin, smin * by_smax, smax * by_smin, smax * by_smax)
        smin, smax = min(products), max(products)
        if smin < -sign or smax >= sign:
            smin, smax = -sign, sign - 1
        return smin, smax, umin, umax
    half = (1 << most.bit_length() // 2) - 1
    if smin < 0 or by_smin < 0 or umax > half or by_umax > half:
        return -sign, sign - 1, 0, most
    umin, umax = umin * by_umin & most, umax * by_umax
    return (-sign, sign - 1, umin, umax) if umax >= sign else (umin, umax, umin, umax)


def bitwise_signed(
    smin: int, by_smin: int, umin: int, umax: int, most: int, sign: int, rules: ArithmeticRules
) -> tuple[int, int]:
    """The signed range of AND, OR, XOR from the unsigned one. Kernel: scalar_min_max_and(), _or(), _xor().

    Since "bpf, verifier: improve signed ranges inference for BPF_AND" (in v6.12; OR and XOR a little earlier) it is
    taken whenever it does not cross the sign; before that, if no operand was negative.
    """
    if rules.bitwise_from_unsigned:
        low, high = (umin ^ sign) - sign, (umax ^ sign) - sign
        return (low, high) if low <= high else (-sign, sign - 1)
    return ((umin ^ sign) - sign, (umax ^ sign) - sign) if smin >= 0 and by_smin >= 0 else (-sign, sign - 1)
