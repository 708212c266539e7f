"""Whatever stands in an object file: it links or ends in one of three errors, in bounded time."""

from __future__ import annotations

import random
import time

import pytest

from kverdict.errors import InputError, LinkError, UnsupportedError
from kverdict.kernel.profile import load_profile
from kverdict.objfile.object import Object
from kverdict.program.link import link
from tests.fixtures import NAMES, raw

COPIES = 400  # of each of five fixtures
KERNELS = dict.fromkeys(("case_implicit", "qdisc", "schedulers"), ("7.2", "6.4"))  # what 6.12 lacks
EXPECTED = (InputError, LinkError, UnsupportedError)


def mutated(data: bytes, source: random.Random) -> bytes:
    """A copy with a few bytes changed, words replaced, a piece moved, or the end cut off."""
    copy = bytearray(data)
    for _ in range(source.choice((1, 1, 2, 4, 16))):
        at = source.randrange(len(copy))
        action = source.randrange(6)
        if action == 0:
            copy[at] ^= 1 << source.randrange(8)
        elif action == 1:
            copy[at] = source.randrange(256)
        elif action == 2:
            word = source.choice((0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, len(copy), source.getrandbits(32)))
            at &= ~3
            copy[at : at + 4] = word.to_bytes(4, "little")
        elif action == 3:
            size = source.randrange(1, 64)
            other = source.randrange(len(copy))
            copy[at : at + size] = copy[other : other + size].ljust(size, b"\0")[: max(len(copy) - at, 0)]
        elif action == 4:
            at = len(copy) - 1 - source.randrange(min(len(copy), 1600))  # the section table stands at the end
            copy[at] = source.randrange(256)
        elif source.random() < 0.2:
            del copy[at:]
            copy += bytes(1)
    return bytes(copy)


@pytest.mark.parametrize("name", NAMES)
def test_mutated_objects_end_well(name: str) -> None:
    source = random.Random(name)
    profiles = [load_profile(kernel) for kernel in KERNELS.get(name, ("6.12", "6.4"))]
    data = raw(name)
    slowest = 0.0
    accepted = 0
    for number in range(COPIES):
        copy = mutated(data, source)
        start = time.process_time()
        try:
            obj = Object.parse(copy, "x.o")
        except InputError as problem:
            assert str(problem).startswith("x.o") and "\n" not in str(problem)
            continue
        for program in obj.programs:
            try:
                found = link(obj, program.name, profiles[number % 2], {})
            except EXPECTED as problem:
                assert str(problem)
            else:
                accepted += 1
                assert len(found.places) == len(found.insns)
        slowest = max(slowest, time.process_time() - start)
    assert accepted > COPIES // 10
    assert slowest < 5


@pytest.mark.parametrize("name", NAMES)
def test_every_truncation_is_refused_or_harmless(name: str) -> None:
    data = raw(name)
    for size in range(0, len(data), 97):
        with pytest.raises(InputError):
            Object.parse(data[:size], "x.o")
