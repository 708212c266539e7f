"""The catalogue as a whole: ids, dialects, and the way back from a kernel's sentence."""

from __future__ import annotations

import re
from string import Formatter

import pytest

from kverdict.catalogue import all_messages, by_id, find_by_kernel_text, why_page
from kverdict.diagnostic import Message
from kverdict.kernel.behaviours import BEHAVIOURS

MESSAGES = all_messages()


def fields(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name}


def test_ids_are_unique_and_kebab_case() -> None:
    assert len({message.id for message in MESSAGES}) == len(MESSAGES) > 300
    assert [m.id for m in MESSAGES if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", m.id)] == []


def test_no_two_constants_share_an_id() -> None:
    import importlib
    import pkgutil

    from kverdict import catalogue

    seen: dict[str, Message] = {}
    for room in pkgutil.iter_modules(catalogue.__path__):
        for value in vars(importlib.import_module(f"kverdict.catalogue.{room.name}")).values():
            if isinstance(value, Message):
                assert seen.setdefault(value.id, value) is value, value.id


def test_every_dialect_asks_for_a_behaviour_that_exists() -> None:
    asked = {name for message in MESSAGES for name, _ in message.dialects}
    assert asked - set(BEHAVIOURS) == set()


def test_the_argument_number_follows_from_the_register() -> None:
    message = by_id("maybe-null-arg")
    assert message is not None
    said = message.at(3, reg=1, callee="bpf_task_release")
    assert message.says(lambda _: True, said.facts) == "Possibly NULL pointer passed to trusted R1"
    assert message.says(lambda _: False, said.facts) == "Possibly NULL pointer passed to trusted arg0"


@pytest.mark.parametrize(
    ("line", "message_id", "facts"),
    [
        ("Possibly NULL pointer passed to trusted arg0", "maybe-null-arg", {"arg": 0}),
        ("Possibly NULL pointer passed to trusted R1", "maybe-null-arg", {"reg": 1}),
        ("Unreleased reference id=2 alloc_insn=1", "unreleased-reference", {"id": 2, "alloc_insn": 1}),
        (
            "BPF_EXIT instruction in main prog would lead to reference leak",
            "unreleased-reference",
            {"where": "BPF_EXIT instruction in main prog"},
        ),
        ("R6 invalid mem access 'scalar'", "invalid-mem-access", {"reg": 6, "type": "scalar"}),
        (
            "release kernel function bpf_task_release expects refcounted PTR_TO_BTF_ID",
            "release-not-referenced",
            {"callee": "bpf_task_release"},
        ),
        ("1 bpf_preempt_enable is missing", "preempt-disabled", {"count": 1, "plural": " is"}),
        ("math between fp pointer and -2147483647 is not allowed", "pointer-math-constant", {"value": -2147483647}),
        ("At program exit the register R0 has smin=64 smax=64 should have been in [0, 1]", "return-range", {"high": 1}),
        ("tracing progs cannot use bpf_{list_head,rb_root} yet", "tracing-graph", {}),
    ],
)
def test_a_kernel_sentence_leads_to_its_message(line: str, message_id: str, facts: dict[str, object]) -> None:
    hits = find_by_kernel_text(line)
    assert hits and hits[0].message.id in {message_id, f"{message_id}-line"}
    assert facts.items() <= hits[0].facts.items()


def test_ordinary_log_lines_are_no_sentences() -> None:
    lines = [
        "0: (79) r1 = *(u64 *)(r1 +0)",
        "processed 4 insns (limit 1000000)",
        "R0=scalar() R10=fp0",
        "",
        "from 3 to 5:",
    ]
    assert [line for line in lines if find_by_kernel_text(line)] == []


def test_a_page_that_does_not_exist_is_empty() -> None:
    assert why_page("no-such-message") == ""


def test_every_sentence_is_found_again_from_its_own_words() -> None:
    lost = []
    for message in MESSAGES:
        for template in (message.text, *(text for _, text in message.dialects)):
            facts = dict.fromkeys(fields(template), 7)
            line = template.format(**facts).splitlines()[0]
            hits = [hit.message.id for hit in find_by_kernel_text(line)]
            if message.id not in hits and len(line) > 14:
                lost.append((message.id, line))
    assert lost == []
