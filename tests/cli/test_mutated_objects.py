"""Mutated copies of the examples: each ends in a verdict with its story, or in one clean line about the input."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from kverdict.api import Result, check_object
from kverdict.errors import InputError
from kverdict.kernel.profile import KernelProfile, load_profile
from kverdict.objfile.object import Object
from kverdict.report.ci import FORMATS
from kverdict.report.concise import concise_line
from kverdict.report.json_report import as_json
from kverdict.report.story import Story, tell
from kverdict.report.text import result_text
from kverdict.verify.verdict import Rejected

ROOT: Final = Path(__file__).resolve().parents[2]
OBJECTS: Final = sorted(
    path for path in (ROOT / "examples").glob("*/*.bpf.o") if path.parent.name in ("task_kptr", "basics")
)
KERNELS: Final = ("6.1", "6.3", "6.4", "6.18", "7.2")
COPIES: Final = 60  # of each kind and seed
SECONDS: Final = 60  # nothing may take longer, whatever the mutation


Mutation = Callable[[bytes, random.Random], bytes]


def anywhere(raw: bytes, dice: random.Random) -> bytes:
    """Some bytes anywhere changed, or the end cut off."""
    changed = bytearray(raw)
    if dice.random() < 0.1:
        return bytes(changed[: dice.randrange(len(changed))])
    for _ in range(dice.choice((1, 2, 4, 16))):
        changed[dice.randrange(len(changed))] = dice.choice((0, 1, 0x7F, 0x80, 0xFF, dice.randrange(256)))
    return bytes(changed)


def in_code(raw: bytes, dice: random.Random) -> bytes:
    """Instructions changed, copied over each other, jumps bent."""
    changed = bytearray(raw)
    sections = [section for section in Object.parse(raw, "x").elf.sections if section.is_code and section.size]
    for _ in range(dice.choice((1, 1, 2, 3))):
        section = dice.choice(sections)
        at = section.offset + 8 * dice.randrange(section.size // 8)
        kind = dice.randrange(4)
        if kind == 0:
            changed[at + 1] = dice.randrange(256) & 0xBB
        elif kind == 1:
            other = section.offset + 8 * dice.randrange(section.size // 8)
            changed[at : at + 8] = changed[other : other + 8]
        elif kind == 2:
            changed[at + 2] = dice.randrange(-16, 16) & 0xFF
        else:
            changed[at] = dice.randrange(256)
    return bytes(changed)


def judge(raw: bytes, name: str, profile: KernelProfile) -> int:
    """Judges the object, tells every story in every format; the number of results, 0 for input that is refused."""
    try:
        results = list(check_object(Object.parse(raw, name), [profile]))
    except InputError as problem:
        assert str(problem).startswith(name) and "\n" not in str(problem)
        return 0
    told: list[tuple[Result, Story | None]] = []
    for result in results:
        story: Story | None = None
        if isinstance(result.verdict, Rejected) and result.linked is not None:
            story = tell(result)
            assert story.headline and story.spans
        assert result_text(result, story) and concise_line(result)
        told.append((result, story))
    assert len(json.loads(as_json(told))["results"]) == len(results)
    assert all(isinstance(write(told), str) for write in FORMATS.values())
    return len(results)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("mutate", [anywhere, in_code])
def test_every_mutated_copy_ends_in_a_verdict_or_a_clean_line(mutate: Mutation, seed: int) -> None:
    dice = random.Random(seed)
    judged = 0
    for _ in range(COPIES):
        path = dice.choice(OBJECTS)
        raw = mutate(path.read_bytes(), dice)
        start = time.monotonic()
        judged += judge(raw, path.name, load_profile(dice.choice(KERNELS)))
        assert time.monotonic() - start < SECONDS
    assert judged > COPIES // 4
