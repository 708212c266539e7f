"""The pages of `kverdict explain`: each program on them gets the verdict that the page says."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import NamedTuple

import pytest

from kverdict.catalogue import all_messages, by_id, why_page
from kverdict.kernel.profile import KernelProfile, load_profile
from kverdict.program.assembled import program_from_text
from kverdict.verify import verify
from kverdict.verify.verdict import Accepted, Rejected

BLOCK = re.compile(r"```bpf-asm (refused|accepted)\n# (\S+) on (\S+)\n(.*?)```", re.DOTALL)
PAGES = sorted(
    entry.name.removesuffix(".md") for entry in resources.files("kverdict.catalogue").joinpath("why").iterdir()
)


TOO_LONG_TO_SHOW = {"program-too-large"}  # a million steps: too many for a test


class Snippet(NamedTuple):
    """One program of a page."""

    page: str
    word: str
    section: str
    kernel: str
    text: str


SNIPPETS = [Snippet(page, *block) for page in PAGES for block in BLOCK.findall(why_page(page))]


@cache
def profile(name: str) -> KernelProfile:
    return load_profile(name)


def test_every_page_is_about_a_message_and_shows_a_program_that_gets_it() -> None:
    ids = {message.id for message in all_messages()}
    assert len(PAGES) >= 40
    assert [page for page in PAGES if page not in ids] == []
    refused = {snippet.page for snippet in SNIPPETS if snippet.word == "refused"}
    assert sorted(set(PAGES) - refused - TOO_LONG_TO_SHOW) == []
    assert [page for page in PAGES if not why_page(page).startswith(f"# {page}\n")] == []


@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda snippet: f"{snippet.page}-{snippet.word}-{snippet.kernel}")
def test_the_program_gets_the_verdict_that_its_page_says(snippet: Snippet) -> None:
    program = program_from_text(snippet.text, snippet.section, profile(snippet.kernel))
    verdict = verify(program)
    if snippet.word == "accepted":
        assert isinstance(verdict, Accepted), verdict
        return
    assert isinstance(verdict, Rejected), verdict
    assert verdict.diagnostic.message.id == snippet.page, verdict.sentence
    assert by_id(snippet.page) is verdict.diagnostic.message
