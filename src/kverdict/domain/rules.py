"""Which of the verifier's ways to compute with scalars a kernel has: asked of the profile once, read often."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from kverdict.domain.bounds import Bounds

MEMO_LIMIT: Final = 1 << 14

BEHAVIOURS: tuple[tuple[str, str], ...] = (
    ("all_domains", "BOUNDS_LEARN_FROM_EVERY_DOMAIN"),
    ("third_round", "BOUNDS_DEDUCED_IN_THREE_ROUNDS"),
    ("s64_split", "BOUNDS_S64_SPLIT_BY_U64"),
    ("s32_split", "BOUNDS_S32_SPLIT_BY_U32"),
    ("sign_extended", "BOUNDS_OF_SIGN_EXTENDED_LOAD"),
    ("single_tnum_value", "BOUNDS_OF_SINGLE_TNUM_VALUE"),
    ("circular", "BOUNDS_ARE_CIRCULAR"),
    ("any_operand", "ALU_BITWISE_WITH_ANY_OPERAND"),
    ("bitwise_from_unsigned", "ALU_BITWISE_SIGNED_FROM_UNSIGNED"),
    ("wrapping_sum", "ALU_SUM_MAY_WRAP_WHOLE"),
    ("signed_product", "ALU_PRODUCT_OF_SIGNED"),
    ("mul_joins_paths", "TNUM_MUL_JOINS_PATHS"),
    ("shift_keeps_sign", "ALU_SHIFT_BY_32_KEEPS_SIGN"),
    ("splits_sign_mask", "ALU_SPLITS_SIGN_MASK"),
    ("negation", "ALU_NEG_TRACKED"),
    ("byte_swap", "ALU_BYTE_SWAP_TRACKED"),
    ("division", "ALU_DIV_MOD_TRACKED"),
    ("compare_ranges", "BRANCH_COMPARES_RANGES"),
    ("equal_outside_range", "BRANCH_EQUALITY_USES_RANGE"),
    ("constant_on_left", "BRANCH_CONSTANT_ON_LEFT"),
    ("equal_by_bits", "BRANCH_EQUALITY_USES_TNUM"),
    ("same_register", "BRANCH_SAME_REGISTER"),
    ("simulated", "BRANCH_SIMULATED"),
    ("jset_forgets", "JSET_FORGETS_RANGES"),
    ("compact_log", "LOG_COMPACT_RANGES"),
)


class ArithmeticRules:
    """One bool for each behaviour in BEHAVIOURS (see kernel/behaviours.py for the commits), set once.

    memo: results by what was computed and the identities of the operands, which the entry keeps alive: programs do the
    same to the same shared values again and again.
    """

    __slots__ = ("memo", *(name for name, _ in BEHAVIOURS))

    memo: dict[tuple[int, int, int], tuple[Bounds, Bounds, tuple[Bounds, ...]]]
    all_domains: bool
    third_round: bool
    s64_split: bool
    s32_split: bool
    sign_extended: bool
    single_tnum_value: bool
    circular: bool
    any_operand: bool
    bitwise_from_unsigned: bool
    wrapping_sum: bool
    signed_product: bool
    mul_joins_paths: bool
    shift_keeps_sign: bool
    splits_sign_mask: bool
    negation: bool
    byte_swap: bool
    division: bool
    compare_ranges: bool
    equal_outside_range: bool
    constant_on_left: bool
    equal_by_bits: bool
    same_register: bool
    simulated: bool
    jset_forgets: bool
    compact_log: bool

    @staticmethod
    def of(does: Callable[[str], bool]) -> ArithmeticRules:
        """The rules of the kernel whose profile answers `does`."""
        rules = ArithmeticRules()
        rules.memo = {}
        for name, behaviour in BEHAVIOURS:
            setattr(rules, name, does(behaviour))
        return rules
