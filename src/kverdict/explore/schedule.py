"""Schedules: who did the next step, as short text that can be given back for a replay.

    0*3 R100*2 S100 1 Q0 0      program 0 three times, the reaper of task 100 twice, its scheduler, program 1,
                                the first callback in the queue, program 0
Actors: a number is a program (in the order of the scenario), R and S with a pid are the reaper and the scheduler's last
put, Q with a position is a callback, T with an address is a timer that fires, M is the worker that frees the maps.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise
from typing import Final

from kverdict.errors import InputError

_TOKEN: Final = re.compile(r"(?P<actor>\d+|[RS]\d+|Q\d+|T[0-9a-f]+|M)(?:\*(?P<times>\d{1,6}))?$")


def to_text(actors: Iterable[str]) -> str:
    """The schedule as text."""
    parts = []
    for actor, same in groupby(actors):
        count = sum(1 for _ in same)
        parts.append(actor if count == 1 else f"{actor}*{count}")
    return " ".join(parts)


def from_text(text: str) -> list[str]:
    """The actors in order. Raises InputError."""
    actors: list[str] = []
    for token in text.replace(",", " ").split():
        found = _TOKEN.match(token)
        if found is None:
            raise InputError("--schedule", repr(token), "expected a number, R<pid>, S<pid>, Q<n>, T<address> or M")
        actors += [found["actor"]] * int(found["times"] or 1)
    return actors


def switches(actors: Sequence[str]) -> int:
    """How often the next step is somebody else's."""
    return sum(1 for before, after in pairwise(actors) if before != after)
