"""Every sentence that kverdict may say, by room; and the way back from a kernel's sentence to its message."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from kverdict.diagnostic import Message

if TYPE_CHECKING:
    from kverdict.catalogue.match import Match, Matcher


@cache
def all_messages() -> tuple[Message, ...]:
    """Every message of every room, in the order of their ids."""
    import importlib
    import pkgutil

    found: dict[str, Message] = {}
    for room in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{room.name}")
        for value in vars(module).values():
            if isinstance(value, Message):
                found[value.id] = value
    return tuple(found[key] for key in sorted(found))


def by_id(message_id: str) -> Message | None:
    """The message with this id, None if there is none."""
    return next((message for message in all_messages() if message.id == message_id), None)


@cache
def _matcher() -> Matcher:
    from kverdict.catalogue.match import Matcher

    return Matcher(all_messages())


def find_by_kernel_text(line: str) -> list[Match]:
    """Messages whose wording, in any dialect, is this line of a kernel's log; the most specific first."""
    return _matcher().find(line)


def why_page(message_id: str) -> str:
    """The page about a message in Markdown, "" if it has none."""
    from importlib import resources

    page = resources.files(__name__).joinpath("why", f"{message_id}.md")
    return page.read_text(encoding="utf-8") if page.is_file() else ""


__all__ = ["all_messages", "by_id", "find_by_kernel_text", "why_page"]
