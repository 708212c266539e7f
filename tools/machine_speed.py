"""How fast the machine executes a loop of 900,000 instructions that counts in an array map.

Prints CPU time per executed instruction for both engines, and for comparison that of one round of a plain Python loop.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from kverdict.machine.code import Code
from kverdict.machine.run import Run
from kverdict.machine.step import run_to_end
from kverdict.machine.translate import execute
from kverdict.machine.world import World
from kverdict.program.program import Map

ROUNDS = 64_285  # of 14 instructions
LOOP = f"""
    r6 = 0
    r7 = 0
loop:
    r1 = r6
    r1 &= 63
    *(u32 *)(r10 -4) = r1
    r2 = r10
    r2 += -4
    r1 = map[id:0]
    call bpf_map_lookup_elem
    if r0 == 0 goto next
    r1 = *(u64 *)(r0 +0)
    r1 += 1
    *(u64 *)(r0 +0) = r1
    r7 += r1
next:
    r6 += 1
    if r6 < {ROUNDS} goto loop
    r0 = r7
    exit
"""


def nanoseconds(code: Code, engine: Callable[[World, Run], None], executed: int) -> tuple[float, int]:
    """(CPU time per instruction, instructions that the engine counted)."""
    world = World(codes=[code])
    run = world.begin(code, [0])
    start = time.process_time()
    engine(world, run)
    spent = time.process_time() - start
    return spent / (executed or run.executed) * 1e9, run.executed


def plain_loop() -> float:
    """CPU time of one round of `x = x + i & mask`, in ns: what this machine gives Python right now."""
    start, x = time.process_time(), 0
    for i in range(1_000_000):
        x = x + i & 0xFFFFFFFF
    return (time.process_time() - start) * 1e3


def main() -> int:
    """Print the figures; the translation is measured when it is compiled already."""
    code = Code.assembled("loop", LOOP, [Map("counts", 2, 4, 8, 64)])
    slow, executed = nanoseconds(code, run_to_end, 0)
    nanoseconds(code, execute, executed)
    fast = min(nanoseconds(code, execute, executed)[0] for _ in range(3))
    print(f"{executed} instructions; interpreter {slow:.0f} ns, translated {fast:.0f} ns an instruction")
    print(f"a round of a plain Python loop takes {plain_loop():.0f} ns")
    return 0


if __name__ == "__main__":
    sys.exit(main())
