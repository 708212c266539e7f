"""Generated programs on the running kernel: `python -m tests.agreement.on_kernel COUNT [FIRST SEED]` (root only).

Each program is loaded as a tc classifier with bpf(2), run once by BPF_PROG_TEST_RUN, and its return value, packet and
map contents are compared with those of the interpreter and of the translating engine. Nothing is attached.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Sequence

from kverdict.isa.decode import encode
from kverdict.isa.insn import Insn
from kverdict.kernel.profile import load_profile
from kverdict.machine import packet
from kverdict.machine.code import Code
from kverdict.machine.kernel import Kernel
from kverdict.machine.scenario import PACKET
from kverdict.machine.world import World
from kverdict.program.assembled import program_from_text
from kverdict.program.program import Program
from tests.agreement.generate import Generator

BPF_SYSCALL = 321  # x86-64
MAP_CREATE, MAP_LOOKUP, PROG_LOAD, TEST_RUN = 0, 1, 5, 10
SCHED_CLS = 3
VALUE_SIZE, ENTRIES = 64, 4
Outcome = tuple[int, bytes, tuple[bytes, ...]]


def bpf(command: int, attributes: bytes) -> tuple[int, bytes]:
    """(result, attributes as the kernel left them). Raises OSError."""
    buffer = ctypes.create_string_buffer(attributes.ljust(144, b"\0"), 144)
    libc = ctypes.CDLL(None, use_errno=True)
    result = libc.syscall(BPF_SYSCALL, command, buffer, 144)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result, buffer.raw


def kernel_outcome(insns: Sequence[Insn], raw: bytes) -> Outcome:
    """What the running kernel makes of a program with one array map. Raises OSError where it is not allowed."""
    map_fd, _ = bpf(MAP_CREATE, struct.pack("=IIIII", 2, 4, VALUE_SIZE, ENTRIES, 0))
    try:
        code = ctypes.create_string_buffer(encode([_with_fd(insn, map_fd) for insn in insns]), len(insns) * 8)
        name = ctypes.create_string_buffer(b"GPL")
        head = struct.pack("=IIQQ", SCHED_CLS, len(insns), ctypes.addressof(code), ctypes.addressof(name))
        program_fd, _ = bpf(PROG_LOAD, head)
        try:
            return _run(program_fd, map_fd, raw)
        finally:
            os.close(program_fd)
    finally:
        os.close(map_fd)


def _with_fd(insn: Insn, fd: int) -> Insn:
    if insn.op & 0xFF == 0x18 and insn.src == 1:
        return Insn(insn.op, insn.dst, insn.src, insn.off, fd)
    return insn


def _run(program_fd: int, map_fd: int, raw: bytes) -> Outcome:
    given, back = ctypes.create_string_buffer(raw, len(raw)), ctypes.create_string_buffer(2048)
    attributes = struct.pack(
        "=IIIIQQI", program_fd, 0, len(raw), 2048, ctypes.addressof(given), ctypes.addressof(back), 1
    )
    _, after = bpf(TEST_RUN, attributes)
    _, value, _, size = struct.unpack_from("=IIII", after)
    return value, back.raw[:size], tuple(_element(map_fd, place) for place in range(ENTRIES))


def _element(map_fd: int, place: int) -> bytes:
    key = ctypes.create_string_buffer(struct.pack("=I", place), 4)
    value = ctypes.create_string_buffer(VALUE_SIZE)
    bpf(MAP_LOOKUP, struct.pack("=IIQQQ", map_fd, 0, ctypes.addressof(key), ctypes.addressof(value), 0))
    return value.raw


def machine_outcome(program: Program, raw: bytes, *, fast: bool) -> Outcome:
    """The same on the simulated kernel."""
    world = World(Kernel.of(program.profile), [Code.of(program)], keep_ledger=False)
    context = packet.make(world, packet.SKB, raw)
    run = world.run(program.name, context, fast=fast)
    values = tuple(bytes(world.maps["map0"].region(place).data) for place in range(ENTRIES))
    return run.result & 0xFFFFFFFF, packet.contents(world, context), values


def main(arguments: list[str]) -> int:
    """Print each difference and the totals; 1 if there was any, 3 if the kernel cannot be asked."""
    count, first = int(arguments[0]), int(arguments[1]) if len(arguments) > 1 else 0
    profile = load_profile("6.18")
    compared = different = refused = 0
    for seed in range(first, first + count):
        text = Generator(seed, repeatable=True).text()
        program = program_from_text(text, "tc", profile)
        try:
            expected = kernel_outcome(program.insns, PACKET)
        except PermissionError as problem:
            print(f"the kernel cannot be asked: {problem}", file=sys.stderr)
            return 3
        except OSError:
            refused += 1
            continue
        compared += 1
        for fast in (False, True):
            found = machine_outcome(program, PACKET, fast=fast)
            if found != expected:
                different += 1
                print(f"seed {seed}, fast {fast}: kernel {expected[0]:#x}, machine {found[0]:#x}\n{text}", flush=True)
                break
    print(f"{count} programs, {refused} refused by the kernel, {compared} compared, {different} different")
    return int(different > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
