"""decode and encode lose nothing, and `op` tells every variant apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kverdict.isa import opcode as op
from kverdict.isa.decode import decode, encode
from tests.isa.programs import every_instruction


@given(st.binary(max_size=64).map(lambda raw: raw[: len(raw) // 8 * 8]))
def test_any_bytes_come_back(raw: bytes) -> None:
    assert encode(decode(raw)) == raw


def test_length_not_multiple_of_eight_is_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 8"):
        decode(b"\0" * 12)


def test_every_instruction_comes_back() -> None:
    insns = every_instruction()
    assert decode(encode(insns)) == insns


def test_ld_imm64_carries_both_halves() -> None:
    first, second = decode(bytes.fromhex("1801000088776655 0000000044332211"))
    assert (first.op, first.imm) == (op.LD_IMM64, 0x1122334455667788)
    assert (second.op, second.imm) == (0, 0x11223344)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("3f12010000000000", op.ALU64 | op.DIV | op.X | op.SIGNED),
        ("bf12080000000000", op.ALU64 | op.MOV | op.X | op.SX8),
        ("bc12100000000000", op.ALU | op.MOV | op.X | op.SX16),
        ("bf12200000000000", op.ALU64 | op.MOV | op.X | op.SX32),
        ("bf12010001000000", op.ALU64 | op.MOV | op.X | op.ADDR_SPACE_CAST),
        ("3f12070000000000", op.ALU64 | op.DIV | op.X | 7 << 8),
        ("3f12ffff00000000", op.ALU64 | op.DIV | op.X | 0xFFFF << 8),
        ("dba1f8ff00010000", op.STX | op.ATOMIC | op.DW | op.LOAD_ACQ << 8),
        ("8510000003000000", op.CALL_SUBPROG),
        ("8520000003000000", op.CALL_KFUNC),
        ("0f12010000000000", op.ALU64 | op.ADD | op.X),
    ],
)
def test_variant_is_in_op(raw: str, expected: int) -> None:
    assert decode(bytes.fromhex(raw))[0].op == expected
