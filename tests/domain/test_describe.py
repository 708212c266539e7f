"""The log's text of scalars, in both of its forms."""

from __future__ import annotations

from kverdict.domain.arithmetic import alu32, alu64
from kverdict.domain.bounds import UNKNOWN, const
from kverdict.domain.describe import describe, range_texts, tnum_text
from kverdict.isa.opcode import ADD, AND
from tests.domain.rules_of import rules_of


def test_known_numbers_are_decimal_if_short() -> None:
    assert describe(const(7)) == "7"
    assert describe(const((1 << 64) - 2)) == "-2"
    assert describe(const(0xFFFFFFFF80000000)) == "0xffffffff80000000"
    assert describe(const(0xFFFFFFFF80000000), compact=False) == "-2147483648"
    assert describe(UNKNOWN) == "scalar()"


def test_equal_limits_share_their_number() -> None:
    byte = alu64(AND, UNKNOWN, const(255), rules_of("6.18"))
    assert describe(byte) == "scalar(smin=smin32=0,smax=umax=smax32=umax32=255,var_off=(0x0; 0xff))"
    low = alu32(ADD, UNKNOWN, const(0), rules_of("6.18"))
    assert describe(low) == "scalar(smin=0,smax=umax=0xffffffff,var_off=(0x0; 0xffffffff))"


def test_older_kernels_leave_out_what_the_unsigned_range_says() -> None:
    byte = alu64(AND, UNKNOWN, const(255), rules_of("6.4"))
    assert describe(byte, compact=False) == "scalar(umax=255,var_off=(0x0; 0xff))"
    low = alu32(ADD, UNKNOWN, const(0), rules_of("6.4"))
    assert range_texts(low, compact=False) == ["umax=4294967295", "var_off=(0x0; 0xffffffff)"]


def test_bits_are_a_pair_or_a_number() -> None:
    assert tnum_text(0x10, 0xF) == "(0x10; 0xf)"
    assert tnum_text(70000, 0) == "0x11170"
