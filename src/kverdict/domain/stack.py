"""One 8-byte stack slot: what each of its bytes holds and, for a spill, which value. Immutable and shared.

Byte i of `kinds` describes the byte at frame offset -(8 * slot) - 1 - i, so kinds[7] is the lowest address.
Source: struct bpf_stack_state and enum bpf_stack_slot_type of the kernel; the numbers are ours.
"""

from __future__ import annotations

from typing import Final

from kverdict.domain.value import NOTHING, SCALAR, Value

INVALID: Final = 0
SPILL: Final = 1
MISC: Final = 2
ZERO: Final = 3
DYNPTR: Final = 4
ITER: Final = 5
IRQ_FLAG: Final = 6
POISON: Final = 7

SLOT_BYTES: Final = 8
LETTERS: Final = "?rm0difp"


class Slot:
    """kinds: 8 slot types; value: the spilled register (or the state of a dynptr, iterator or IRQ flag)."""

    __slots__ = ("kinds", "value")

    kinds: bytes
    value: Value

    def __init__(self, kinds: bytes, value: Value = NOTHING) -> None:
        self.kinds = kinds
        self.value = value

    def is_spilled(self) -> bool:
        """A register was spilled here; kernel: is_spilled_reg()."""
        return self.kinds[7] == SPILL

    def is_spilled_scalar(self) -> bool:
        """A scalar was spilled, of any width; kernel: is_spilled_scalar_reg()."""
        return self.kinds[7] == SPILL and self.value.type == SCALAR

    def with_value(self, value: Value) -> Slot:
        """The same slot holding another value."""
        return Slot(self.kinds, value)

    def with_kind(self, first: int, last: int, kind: int) -> Slot:
        """Bytes first..last (in `kinds` order, last excluded) become `kind`; a broken spill keeps no value."""
        kinds = bytearray(self.kinds)
        kinds[first:last] = bytes([kind]) * (last - first)
        return Slot(bytes(kinds), self.value)

    def __repr__(self) -> str:
        return f"Slot({''.join(LETTERS[kind] for kind in self.kinds)}, {self.value!r})"


EMPTY: Final = Slot(bytes([INVALID]) * 8)
POISONED: Final = Slot(bytes([POISON]) * 8)
ALL_MISC: Final = Slot(bytes([MISC]) * 8)
ALL_ZERO: Final = Slot(bytes([ZERO]) * 8)
SPILLED_KINDS: Final = bytes([SPILL]) * 8


def spilled(value: Value) -> Slot:
    """A slot that holds the whole of `value`."""
    return Slot(SPILLED_KINDS, value)
