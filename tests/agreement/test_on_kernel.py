"""Where bpf(2) is allowed, the running kernel and both engines give the same results; the other places are told."""

from __future__ import annotations

import pytest

from kverdict.kernel.profile import load_profile
from kverdict.machine.scenario import PACKET
from kverdict.program.assembled import program_from_text
from tests.agreement.generate import Generator
from tests.agreement.on_kernel import kernel_outcome, machine_outcome


def test_engines_agree_with_each_other_and_with_the_kernel() -> None:
    profile = load_profile("6.18")
    asked = 0
    for seed in range(30):
        program = program_from_text(Generator(seed, repeatable=True).text(), "tc", profile)
        slow, fast = (machine_outcome(program, PACKET, fast=fast) for fast in (False, True))
        assert slow == fast, f"seed {seed}"
        try:
            assert kernel_outcome(program.insns, PACKET) == slow, f"seed {seed}"
            asked += 1
        except OSError as problem:
            print(f"the kernel was not asked: {problem}")
    assert asked in (0, 30)


def test_nothing_is_compared_by_accident() -> None:
    profile = load_profile("6.18")
    outcomes = {
        machine_outcome(program_from_text(Generator(seed, repeatable=True).text(), "tc", profile), PACKET, fast=True)[0]
        for seed in range(10)
    }
    assert len(outcomes) == 10


@pytest.mark.parametrize("seed", range(3))
def test_generator_repeats_itself(seed: int) -> None:
    assert Generator(seed).text() == Generator(seed).text()
