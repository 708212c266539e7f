"""What kernels said about the programs of tests/fixtures/case_*.bpf.o, in tests/verify/fixture_cases/*.txt.

A line is "PROGRAM KERNEL COUNT SENTENCE": how many instructions were processed, and the sentence of a refusal. A kernel
that lacks what a program calls has no line for it. SENTENCE is "-" where a kernel refuses without
a word. To ask the kernels again:

python -m tests.verify.recorded_fixtures [NAME ...]
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from kverdict.errors import LinkError
from kverdict.program.link import link
from tests.fixtures import NAMES, opened
from tests.verify.asking import profile
from tools.oracle.answer import Answer
from tools.oracle.load_program import PROFILES, ask

FOLDER: Final = Path(__file__).parent / "fixture_cases"
SILENT: Final = "-"
_NO_SENTENCE: Final = re.compile(r"\d+: \(|regs=|(?:mark_precise|last_idx)")
_GLUED: Final = re.compile(r"processed (\d+) insns \(limit .*")


class Case(NamedTuple):
    """One program, asked of one kernel."""

    fixture: str
    program: str
    kernel: str
    processed: int
    sentence: str


def cases() -> Iterator[Case]:
    """All that is recorded."""
    for path in sorted(FOLDER.glob("*.txt")):
        for line in path.read_text(encoding="utf-8").splitlines():
            program, kernel, processed, *sentence = line.split(" ", 3)
            yield Case(path.stem, program, kernel, int(processed), "".join(sentence))


def record(name: str) -> Iterator[str]:
    """Lines for the programs of a fixture, as the kernels answer."""
    said: dict[str, list[str]] = {program.name: [] for program in opened(name).programs}
    for oracle, kernel in PROFILES.items():
        linked = {}
        for program in said:
            try:
                linked[program] = link(opened(name), program, profile(kernel))
            except LinkError:
                continue
        for program, answer in zip(linked, ask(oracle, list(linked.values()), 2), strict=True):
            if answer.verdict != "none":
                sentence, processed = _said(answer)
                said[program].append(f"{program} {kernel} {processed} {sentence}".rstrip())
            else:
                print(f"{name}.{program} {kernel}: nothing recorded: {answer.stage}: {answer}", file=sys.stderr)
    for lines in said.values():
        yield from lines


def _said(answer: Answer) -> tuple[str, int]:
    """The sentence of a refusal, even where the kernel ended no line behind it, and the count."""
    if _NO_SENTENCE.match(answer.message):
        return SILENT, answer.insns_processed or 0
    glued = _GLUED.search(answer.message)
    if glued:
        return answer.message[: glued.start()], int(glued[1])
    return answer.message, answer.insns_processed or 0


def main(names: Iterable[str]) -> None:
    """Ask about these fixtures, or all."""
    for name in names or (name for name in NAMES if name.startswith("case_")):
        (FOLDER / f"{name}.txt").write_text("\n".join([*record(name), ""]), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
