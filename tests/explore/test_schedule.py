"""Schedules as text come back as they were; bad ones are refused in one line."""

from __future__ import annotations

import pytest

from kverdict.errors import InputError
from kverdict.explore.schedule import from_text, switches, to_text


def test_text_and_actors_are_inverse() -> None:
    actors = ["0", "0", "R100", "S100", "Q0", "0", "T80000004", "M"]
    assert to_text(actors) == "0*2 R100 S100 Q0 0 T80000004 M"
    assert from_text(to_text(actors)) == actors


def test_switches_are_changes_of_the_actor() -> None:
    assert switches(["0", "0", "1", "0"]) == 2


@pytest.mark.parametrize("text", ["X1", "R", "0*", "0*x", "-1"])
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        from_text(text)
