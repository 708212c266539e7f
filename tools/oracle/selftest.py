"""Five programs whose verdict is known, on every kernel that is set up: does the oracle itself work?"""

from __future__ import annotations

import time
from collections.abc import Sequence

from tools.oracle.answer import OracleError, UnknownName
from tools.oracle.items import Load, Map, insn
from tools.oracle.names import BTF_FUNC
from tools.oracle.oracle import Oracle

_LEAVE = insn(0x95)


def _look_up(*then: bytes) -> bytes:
    key = insn(0x62, 10, off=-4) + insn(0xBF, 2, 10) + insn(0x07, 2, imm=-4)
    return key + insn(0x18, 1) + insn(0) + insn(0x85, imm=1) + b"".join(then) + insn(0xB7) + _LEAVE


def known_programs() -> list[tuple[str, bool, Load]]:
    """Name, whether it must be accepted, program."""
    table = Map(1, key_size=4, value_size=8)  # a hash; since 6.14 a constant array key needs no check
    read = insn(0x79, 1, 0)
    acquire = insn(0x79, 1, 1) + insn(0x85) + insn(0xB7) + _LEAVE  # r1 = task; r0 = bpf_task_acquire(r1); r0 = 0; exit
    checked = _look_up(insn(0x15, 0, off=1), read)
    return [
        ("return 0", True, Load(insn(0xB7) + _LEAVE, "socket_filter")),
        ("read of r2, not set", False, Load(insn(0xBF, 0, 2) + _LEAVE, "socket_filter")),
        ("map value, no NULL check", False, Load(_look_up(read), "socket_filter", maps={3: table})),
        ("map value, NULL check", True, Load(checked, "socket_filter", maps={3: table})),
        ("acquired task leaked", False, Load(acquire, attach="tp_btf/task_newtask", kfuncs={1: "bpf_task_acquire"})),
    ]


def _can_ask(kernel: Oracle, program: Load) -> bool:
    try:
        for kfunc in program.kfuncs.values():
            kernel.names.id(BTF_FUNC, kfunc)
    except UnknownName:
        return False
    return True


def selftest(versions: Sequence[str]) -> bool:
    """Ask them all and print the answers; True if all are right."""
    good = True
    for version in versions:
        start = time.monotonic()
        try:
            kernel = Oracle(version)
            programs = [known for known in known_programs() if _can_ask(kernel, known[2])]
            answers = kernel.run([program for *_, program in programs])
        except OracleError as error:
            print(f"{version:6} {error}")
            good = False
            continue
        print(f"{version:6} {kernel.release} ({time.monotonic() - start:.2f} s)")
        for (name, expected, _), answer in zip(programs, answers, strict=True):
            right = answer.accepted == expected
            good &= right
            print(f"  {'ok ' if right else 'BAD'} {name:26} {answer.insns_processed!s:>4} insns  {answer}")
        if len(programs) < len(known_programs()):
            print("  --  acquired task leaked        not asked: this kernel has no bpf_task_acquire")
    return good
