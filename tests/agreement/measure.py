"""Agreement on many generated programs: `python -m tests.agreement.measure COUNT [KERNEL] [FIRST SEED]`."""

from __future__ import annotations

import sys
import time

from kverdict.errors import UnsupportedError
from kverdict.kernel.profile import KernelProfile, load_profile
from kverdict.machine.fault import Fault
from kverdict.program.assembled import program_from_text
from kverdict.verify.verdict import Accepted
from tests.agreement.generate import Generator
from tests.agreement.observe import disagreement, prove


def check(seed: int, profile: KernelProfile, runs: int = 3) -> tuple[bool, str]:
    """(accepted by the verifier and compared, what disagrees or "") for the program of one seed."""
    text = Generator(seed).text()
    program = program_from_text(text, "tc", profile)
    verdict, proof = prove(program, prune=False)
    if not isinstance(verdict, Accepted) or not proof.complete:
        return False, ""
    for number in range(1, runs + 1):
        try:
            found = disagreement(program, proof, [0] * 24, seed=0x9E3779B97F4A7C15 * (seed * runs + number) % (1 << 64))
        except (Fault, UnsupportedError) as problem:
            found = f"{type(problem).__name__}: {problem}"
        if found:
            return True, f"seed {seed}, run {number}: {found}\n{text}"
    return True, ""


def main(arguments: list[str]) -> int:
    """Print each disagreement and the totals; 1 if there was any."""
    count = int(arguments[0])
    profile = load_profile(arguments[1] if len(arguments) > 1 else "6.18")
    first = int(arguments[2]) if len(arguments) > 2 else 0
    accepted = wrong = 0
    start = time.monotonic()
    for seed in range(first, first + count):
        ok, problem = check(seed, profile)
        accepted += ok
        if problem:
            wrong += 1
            print(problem, flush=True)
    print(
        f"{count} programs, {accepted} accepted and compared, {wrong} disagreements, {time.monotonic() - start:.0f} s"
    )
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
