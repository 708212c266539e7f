"""Plug-in for the bpf_conformance runner: memory as hex in argv[1], bytecode as hex on stdin, r0 as hex on stdout.

Exit code 1 if the program faults, is not a program or does not end. Options of the runner that change nothing here
(--program, --debug, --elf) are accepted.
"""

from __future__ import annotations

import sys

from kverdict.errors import KverdictError
from kverdict.isa.decode import decode
from kverdict.isa.opcode import CALL_HELPER
from kverdict.machine.code import Code
from kverdict.machine.memory import CONTEXT, Region
from kverdict.machine.step import run_to_end
from kverdict.machine.world import World

LIMIT = 10_000_000
HELPERS = {5: "bpf_ktime_get_ns", 7: "bpf_get_prandom_u32", 8: "bpf_get_smp_processor_id"}


def execute(bytecode: bytes, memory: bytes) -> int:
    """r0 after the program, with r1 the address of the memory (0 if there is none) and r2 its length."""
    world = World()
    insns = decode(bytecode)
    names = {at: HELPERS.get(insn.imm, f"helper#{insn.imm}") for at, insn in enumerate(insns) if insn.op == CALL_HELPER}
    code = Code("test", insns, names)
    code.check()
    if code.insns == ():
        raise ValueError("no instructions")
    region = Region(CONTEXT, "memory", bytearray(memory))
    run = world.begin(code, region)
    run.frame.regs[1] = region.address if memory else 0
    run.frame.regs[2] = len(memory)
    run_to_end(world, run, LIMIT)
    if run.status != "done":
        raise ValueError(f"the program did not end after {LIMIT} instructions")
    return run.result


def main(arguments: list[str]) -> int:
    """The plug-in's entry; arguments without the program's name."""
    plain = [argument for argument in arguments if not argument.startswith("--")]
    try:
        memory = bytes.fromhex(plain[0]) if plain else b""
        print(f"{execute(bytes.fromhex(sys.stdin.read()), memory):x}")
    except (KverdictError, ValueError, IndexError) as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
