"""Sentences about arithmetic with pointers and about offsets and sizes that are not bounded."""

from __future__ import annotations

from errno import EACCES
from typing import Final

from kverdict.diagnostic import Message

MIN_VALUE_NEGATIVE_INDEX: Final = Message(
    "min-value-negative-index",
    EACCES,
    "R{reg} min value is negative, either use unsigned index or do a if (index >=0) check.",
    "the offset in {subject} may be negative",
)
MIN_VALUE_NEGATIVE: Final = Message(
    "min-value-negative",
    EACCES,
    "R{reg} min value is negative, either use unsigned or 'var &= const'",
    "the size in {subject} may be negative",
)
MIN_VALUE_OUTSIDE: Final = Message(
    "min-value-outside",
    EACCES,
    "R{reg} min value is outside of the allowed memory range",
    "{subject} starts outside of the memory it points to",
)
MAX_VALUE_OUTSIDE: Final = Message(
    "max-value-outside",
    EACCES,
    "R{reg} max value is outside of the allowed memory range",
    "{subject} may reach beyond the memory it points to",
)
UNBOUNDED_ACCESS: Final = Message(
    "unbounded-access",
    EACCES,
    "R{reg} unbounded memory access, make sure to bounds check any such access",
    "the offset in {subject} has no upper bound",
)
UNBOUNDED_SIZE: Final = Message(
    "unbounded-size",
    EACCES,
    "R{reg} unbounded memory access, use 'var &= const' or 'if (var < const)'",
    "the size in {subject} has no upper bound",
)
ZERO_SIZED_READ: Final = Message(
    "zero-sized-read",
    EACCES,
    "R{reg} invalid zero-sized read: u64=[{umin},{umax}]",
    "the size in {subject} may be zero",
)
ZERO_SIZED_STACK_READ: Final = Message(
    "zero-sized-stack-read", EACCES, "invalid zero-sized read", "no bytes at all are read from the stack"
)
OUTSIDE_PACKET: Final = Message(
    "outside-packet",
    EACCES,
    "R{reg} offset is outside of the packet",
    "{subject} was not compared with the end of the packet",
)
MATH_WITH_CONSTANT: Final = Message(
    "pointer-math-constant",
    EACCES,
    "math between {type} pointer and {value} is not allowed",
    "{value} is too large to be added to a {type} pointer",
)
MATH_WITH_UNBOUNDED: Final = Message(
    "pointer-math-unbounded",
    EACCES,
    "math between {type} pointer and register with unbounded min value is not allowed",
    "a value without a lower bound is added to a {type} pointer",
)
POINTER_OFFSET: Final = Message(
    "pointer-offset-too-large",
    EACCES,
    "{type} pointer offset {off} is not allowed",
    "the offset {off} of the {type} pointer is too large",
)
POINTER_OUT_OF_BOUNDS: Final = Message(
    "pointer-out-of-bounds",
    EACCES,
    "value {value} makes {type} pointer be out of bounds",
    "adding {value} takes the {type} pointer out of bounds",
)
POINTER_ARITHMETIC_PROHIBITED: Final = Message(
    "pointer-arithmetic-prohibited",
    EACCES,
    "R{reg} pointer arithmetic on {type} prohibited",
    "nothing may be added to {subject} ({type})",
)
POINTER_ARITHMETIC_MAYBE_NULL: Final = Message(
    "pointer-arithmetic-maybe-null",
    EACCES,
    "R{reg} pointer arithmetic on {type} prohibited, null-check it first",
    "something is added to {subject}, which may be NULL",
)
ARITHMETIC_PROHIBITED: Final = Message("arithmetic-prohibited", EACCES, "R{reg} pointer arithmetic prohibited")
POINTER_OPERATOR: Final = Message(
    "pointer-operator",
    EACCES,
    "R{reg} pointer arithmetic with {operator} operator prohibited",
    "{operator} is not possible with a pointer",
)
POINTER_BITWISE: Final = Message(
    "pointer-bitwise",
    EACCES,
    "R{reg} bitwise operator {operator} on pointer prohibited",
    "{operator} is not possible with a pointer",
)
POINTER_WITH_POINTER: Final = Message(
    "pointer-with-pointer",
    EACCES,
    "R{reg} pointer {operator} pointer prohibited",
    "{operator} is not possible between two pointers",
)
POINTER_ARITHMETIC_32: Final = Message(
    "pointer-arithmetic-32",
    EACCES,
    "R{reg} 32-bit pointer arithmetic prohibited",
    "a 32-bit operation would cut a pointer in half",
)
POINTER_FROM_SCALAR: Final = Message(
    "pointer-from-scalar",
    EACCES,
    "R{reg} tried to subtract pointer from scalar",
    "a pointer is subtracted from a number",
)
STACK_POINTER_SUBTRACTION: Final = Message(
    "stack-pointer-subtraction", EACCES, "R{reg} subtraction from stack pointer prohibited"
)
POINTER_COMPARISON: Final = Message(
    "pointer-comparison", EACCES, "R{reg} pointer comparison prohibited", "a pointer is compared with something else"
)
