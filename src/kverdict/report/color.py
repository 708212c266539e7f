"""Colour for terminals: on when the output is one, off by NO_COLOR, on by FORCE_COLOR, and --color decides over all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final, TextIO

STYLES: Final = {
    "error": "1;31",
    "accepted": "32",
    "rejected": "1;31",
    "unsupported": "33",
    "environment": "35",
    "place": "36",
    "gutter": "1;34",
    "primary": "1;31",
    "secondary": "1;34",
    "help": "1;32",
    "note": "1;36",
    "bold": "1",
    "dim": "2",
    "added": "32",
}


def wants_color(stream: TextIO, choice: str = "auto", environment: Mapping[str, str] | None = None) -> bool:
    """Whether to colour what goes to `stream`. choice: auto, always or never (the user's --color)."""
    if choice != "auto":
        return choice == "always"
    env = os.environ if environment is None else environment
    if env.get("NO_COLOR"):
        return False
    if env.get("FORCE_COLOR"):
        return True
    return stream.isatty() and env.get("TERM") != "dumb"


class Palette:
    """Wraps pieces of text in the codes of a style, or leaves them alone."""

    __slots__ = ("on",)

    def __init__(self, on: bool) -> None:
        self.on = on

    def __call__(self, style: str, text: str) -> str:
        """The text in a style of STYLES."""
        return f"\x1b[{STYLES[style]}m{text}\x1b[0m" if self.on and text else text


PLAIN: Final = Palette(False)
