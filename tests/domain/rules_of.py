"""Rules of the profiles, made once for all tests of this room."""

from __future__ import annotations

from functools import cache

from kverdict.domain.rules import ArithmeticRules
from kverdict.kernel.profile import load_profile

KERNELS = ("6.1", "6.3", "6.4", "6.12", "6.18", "7.2")


@cache
def rules_of(kernel: str) -> ArithmeticRules:
    """The rules of this profile."""
    return ArithmeticRules.of(load_profile(kernel).does)
