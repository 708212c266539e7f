"""Times of whole commands and rates of the walk, on this machine; the best of several runs counts."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from bench import explore
from kverdict.isa import opcode as op
from kverdict.isa.insn import Insn
from kverdict.kernel.profile import load_profile
from kverdict.program.assembled import program_from_text
from kverdict.program.program import Program
from kverdict.verify import verify
from kverdict.verify.verdict import Accepted

ROOT: Final = Path(__file__).resolve().parents[1]
EXAMPLE: Final = ROOT / "examples" / "task_kptr" / "no_null_check.bpf.o"
RUNS: Final = 5
STRAIGHT: Final = 100_000
ROUNDS: Final = 12_500
LOOP: Final = f"""
r6 = 0
r7 = 0
loop:
r6 += 1
r7 += 3
r7 ^= r6
r8 = r7
r8 &= 255
r9 = r8
if r6 < {ROUNDS} goto loop
r0 = 0
exit
"""


def best(action: Callable[[], object], runs: int = RUNS, clock: Callable[[], float] = time.perf_counter) -> float:
    """The shortest of several runs, in seconds."""
    times = []
    for _ in range(runs):
        start = clock()
        action()
        times.append(clock() - start)
    return min(times)


def command(*arguments: str) -> Callable[[], object]:
    """A whole process of kverdict."""
    line = [sys.executable, "-m", "kverdict", *arguments]
    # Warm means with compiled modules: some environments keep Python from writing them.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return lambda: subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, check=False)


def additions() -> None:
    """What other times on this machine can be compared with."""
    total = 0
    for number in range(5_000_000):
        total += number


def straight() -> Program:
    """Arithmetic on known and unknown numbers, one instruction after the other."""
    program = program_from_text("r0 = 0\nr2 = *(u32 *)(r1 +0)\nr0 = 0\nexit", "socket", load_profile("6.18"))
    body = [Insn(op.ALU64 | op.ADD | op.K, 0, 0, 0, 1), Insn(op.ALU64 | op.XOR | op.X, 2, 0, 0, 0)]
    insns = (*program.insns[:2], *(body * (STRAIGHT // 2)), *program.insns[2:])
    return replace(program, insns=insns)


def rate(title: str, program: Program) -> None:
    """Processed instructions a second."""
    verdict = verify(program)
    assert isinstance(verdict, Accepted), verdict
    seconds = best(lambda: verify(program), 3, time.process_time)
    count = verdict.stats.insns_processed
    print(f"{title:<52} {count / seconds / 1e6:6.2f} M instructions/s   ({count} in {seconds:.3f} s of CPU)")


def main() -> None:
    """Prints all measurements."""
    print(f"python {sys.version.split()[0]}, best of {RUNS}, warm cache")
    print(f"{'for comparison: 5 M plain additions':<52} {best(additions, 3, time.process_time):6.3f} s of CPU")
    for title, arguments in (
        ("kverdict --version", ("--version",)),
        ("check, one example, one kernel", ("check", "--no-notes", str(EXAMPLE))),
        ("check, one example, five kernels", ("check", "--no-notes", "-k", "6.3,6.4,6.12,6.18,7.2", str(EXAMPLE))),
        ("check with notes from five kernels", ("check", str(EXAMPLE))),
    ):
        print(f"{title:<52} {best(command(*arguments)):6.3f} s")
    rate(f"straight program of {STRAIGHT} instructions", straight())
    rate(f"loop of {ROUNDS} rounds", program_from_text(LOOP, "socket", load_profile("6.18")))
    for row in explore.rows():
        print(row, flush=True)


if __name__ == "__main__":
    main()
