"""Behaviours: one table, versions compared as numbers, and no name asked for that the table lacks."""

from __future__ import annotations

import re
from pathlib import Path

import kverdict
from kverdict.kernel.behaviours import _ALL as TABLE
from kverdict.kernel.behaviours import BEHAVIOURS, behaviours_of, version_numbers

SOURCES = Path(kverdict.__file__).parent


def test_versions_are_numbers_not_text() -> None:
    assert version_numbers("6.18.44-generic") == (6, 18, 44)
    assert version_numbers("6.12.117+deb13-cloud-amd64") == (6, 12, 117)
    assert version_numbers("6.1") < version_numbers("6.12")
    assert version_numbers("none") == ()


def test_a_behaviour_holds_from_since_until_before_until() -> None:
    assert "REFCOUNT_ACQUIRE_DISABLED" not in behaviours_of("6.3.8")
    assert "REFCOUNT_ACQUIRE_DISABLED" in behaviours_of("6.4.6")
    assert "REFCOUNT_ACQUIRE_DISABLED" not in behaviours_of("6.12.117")


def test_without_since_a_behaviour_must_be_named_by_the_profile() -> None:
    assert all("BTF_HAS_TYPE_TAGS" not in behaviours_of(v) for v in ("6.1", "6.3", "7.2"))
    assert "BTF_HAS_TYPE_TAGS" in behaviours_of("6.3", ["+BTF_HAS_TYPE_TAGS"])


def test_a_profile_may_take_a_behaviour_away() -> None:
    assert "NESTED_RCU" not in behaviours_of("7.2", ["-NESTED_RCU"])


def test_names_are_unique_and_commits_have_twelve_digits() -> None:
    assert len(TABLE) == len(BEHAVIOURS)
    assert all(re.fullmatch(r"[0-9a-f]{12}|", b.commit) for b in BEHAVIOURS.values())


def test_every_behaviour_that_the_code_asks_for_is_in_the_table() -> None:
    asked = {
        (name, path.name)
        for path in SOURCES.rglob("*.py")
        for name in re.findall(r'\bdoes\("([A-Z0-9_]+)"\)', path.read_text())
    }
    assert [(name, where) for name, where in sorted(asked) if name not in BEHAVIOURS] == []
