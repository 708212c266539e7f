"""What counts as a flavour: exactly three underscores between two other characters."""

from __future__ import annotations

import pytest

from kverdict.btf.flavour import essential_bytes, essential_name


@pytest.mark.parametrize(
    ("name", "essential"),
    [
        ("task_struct___v2", "task_struct"),
        ("a___b___c", "a___b"),
        ("task_struct", "task_struct"),
        ("a____b", "a____b"),
        ("a__b", "a__b"),
        ("___b", "___b"),
        ("a___", "a___"),
        ("a____", "a____"),
        ("a___b____c", "a"),
        ("a___b___", "a"),
        ("", ""),
        ("é___x", "é"),
    ],
)
def test_essential_names(name: str, essential: str) -> None:
    assert essential_name(name) == essential
    assert essential_bytes(name.encode()) == essential.encode()
