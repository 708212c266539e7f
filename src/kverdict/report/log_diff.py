"""Two verifier logs side by side: where they part first, leaving aside what differs from boot to boot.

Used by `kverdict selftest --first-difference` and by the tests of the log.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

# Addresses of maps and kernel variables (kverdict has numbers there), ids in the kernel's BTF, times.
_ADDRESS: Final = re.compile(r"\(18\) r\d+ = 0x(ffff[0-9a-f]{12})\b")
_CONSTANT: Final = re.compile(r"(\(18\) r\d+ = )0x[0-9a-f]+(.*)")
_KFUNC: Final = re.compile(r"(\(85\) call \w+)#\d{4,}")
_BTF_ID: Final = re.compile(r"\b(btf_id) \d+")
_PADDED: Final = re.compile(r" +; ")
_MAP_NAME: Final = re.compile(r"(?<=map=)[\w.]+")
CONTEXT: Final = 4


@dataclass(frozen=True, slots=True)
class Difference:
    """Where two logs part: the number of the line (from 1), the lines (None past the end), equal lines before."""

    line: int
    ours: str | None
    theirs: str | None
    before: tuple[str, ...]
    after_ours: tuple[str, ...]
    after_theirs: tuple[str, ...]

    def __str__(self) -> str:
        lines = [f"    {line}" for line in self.before]
        theirs = "(end of the kernel's log)" if self.theirs is None else self.theirs
        ours = "(end of our log)" if self.ours is None else self.ours
        lines += [f"  - {line}" for line in (theirs, *self.after_theirs)]
        lines += [f"  + {line}" for line in (ours, *self.after_ours)]
        return "\n".join(lines)


def normalised(line: str) -> str:
    """The line without kfunc ids, BTF ids, and blanks at its end; a map's name as a kernel without dots has it."""
    if "(85)" in line:
        line = _PADDED.sub(" ; ", _KFUNC.sub(r"\1#ID", line))
    elif "btf_id" in line:
        line = _BTF_ID.sub(r"\1 ID", line)
    if "map=" in line:
        line = _MAP_NAME.sub(lambda found: found[0].replace(".", "_"), line)
    return line.rstrip()


def same(ours: str, theirs: str) -> bool:
    """Two normalised lines tell the same: equal, or the kernel's has an address where ours cannot have one."""
    if ours == theirs:
        return True
    return bool(_ADDRESS.search(theirs)) and _without_constant(ours) == _without_constant(theirs)


def _without_constant(line: str) -> str:
    return _PADDED.sub(" ; ", _CONSTANT.sub(r"\1ADDRESS\2", line))


def lines_of(log: str) -> list[str]:
    """The lines of a log that claim something, normalised: no time, no blank lines at the end."""
    lines = [normalised(line) for line in log.split("\n") if not line.startswith("verification time")]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def first_difference(ours: str, theirs: str) -> Difference | None:
    """Where the logs part, None if they are equal line for line."""
    mine, real = lines_of(ours), lines_of(theirs)
    place = 0
    while place < len(mine) and place < len(real) and same(mine[place], real[place]):
        place += 1
    if place == len(mine) == len(real):
        return None
    return Difference(
        place + 1,
        mine[place] if place < len(mine) else None,
        real[place] if place < len(real) else None,
        tuple(real[max(0, place - CONTEXT) : place]),
        tuple(mine[place + 1 : place + 1 + CONTEXT]),
        tuple(real[place + 1 : place + 1 + CONTEXT]),
    )
