"""The plug-in for the bpf_conformance runner answers as the runner expects."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from kverdict.isa.asm import assemble
from kverdict.isa.decode import encode

PLUGIN = Path(__file__).parents[2] / "tools/conformance/plugin.py"


def answer(text: str, *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, str(PLUGIN), *arguments], input=encode(assemble(text)).hex(), capture_output=True, text=True
    )
    return done.returncode, done.stdout.strip()


@pytest.mark.parametrize(
    ("text", "arguments", "expected"),
    [
        ("r0 = -1\nexit", (), (0, "ffffffffffffffff")),
        ("r0 = *(u32 *)(r1 +0)\nexit", ("11 22 33 44",), (0, "44332211")),
        ("r0 = r2\nexit", ("1122",), (0, "2")),
        ("r0 = *(u64 *)(r1 +0)\nexit", ("1122",), (1, "")),
        ("call unknown#999\nexit", (), (1, "")),
    ],
)
def test_plug_in(text: str, arguments: tuple[str, ...], expected: tuple[int, str]) -> None:
    assert answer(text, *arguments) == expected
