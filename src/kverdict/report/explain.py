"""Explanations: a message's page, and what a pasted verifier log says."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from textwrap import indent
from typing import Final

from kverdict.catalogue import all_messages, find_by_kernel_text, why_page
from kverdict.catalogue.match import Match
from kverdict.diagnostic import Message
from kverdict.report.color import PLAIN, Palette

_INSN: Final = re.compile(r"^\s*(\d+): \(([0-9a-f]{2})\) (.*?)(?:\s+;.*)?$")
_SOURCE: Final = re.compile(r"^; (?P<text>.*?)(?: @ (?P<file>[^:@]+):(?P<line>\d+))?$")
_FENCE: Final = re.compile(r"```[^\n]*\n(.*?)```", re.DOTALL)
_PROCESSED: Final = re.compile(r"^processed \d+ insns")
_NOISE: Final = re.compile(r"^(libbpf: |-- BEGIN|-- END|Error: |.*failed to load|.*: BPF program load failed)")


def message_text(message: Message, facts: Mapping[str, object], paint: Palette = PLAIN) -> str:
    """Id, wordings and page of a message, with the facts of one occurrence if there is one."""
    lines = [paint("bold", message.id), "", "The kernel says:", indent(wording(message.text), "    ")]
    for behaviour, template in message.dialects:
        lines.append(f"{indent(wording(template), '    ')}    {paint('dim', f'(kernels without {behaviour})')}")
    if facts:
        stated = ", ".join(f"{name} {value}" for name, value in facts.items())
        lines += ["", f"Here: {stated}"]
    page = why_page(message.id)
    if page:
        body = page.split("\n", 1)[1].strip() if page.startswith("# ") else page.strip()
        lines += ["", _FENCE.sub(lambda hit: indent(hit[1].rstrip(), "    "), body)]
    elif message.meaning:
        lines += ["", f"In other words: {readable(message.meaning)}."]
    return "\n".join(lines)


def wording(template: str) -> str:
    """A template as people read it: what stands for a fact is in braces, and nothing else is."""
    return template.replace("{{", "{").replace("}}", "}")


def readable(template: str) -> str:
    """A template for people: {subject} is "the value" and so on."""
    words = {"subject": "the value", "callee": "the called function", "a_type": "<type>", "taken_by": "was taken"}
    return re.sub(r"\{(\w+)\}", lambda hit: words.get(hit[1], f"<{hit[1]}>"), template)


def nearest_ids(text: str) -> list[str]:
    """Ids that look like the text."""
    return difflib.get_close_matches(text, [message.id for message in all_messages()], 3, 0.5)


def log_text(log: str, paint: Palette = PLAIN) -> str:
    """What a verifier log says in its end: the sentence, its instruction and source, and the page; "" if nothing."""
    lines = [line.rstrip() for line in log.splitlines()]
    found: list[tuple[int, Match]] = []
    for number, line in enumerate(lines):
        if line and not _INSN.match(line) and not _PROCESSED.match(line) and not _NOISE.match(line):
            hits = find_by_kernel_text(line)
            if hits:
                found.append((number, hits[0]))
    if not found:
        return ""
    number, match = found[-1]
    before = lines[:number]
    parts = [f"{paint('error', match.message.id)}: {lines[number]}"]
    insn = next((hit for line in reversed(before) if (hit := _INSN.match(line))), None)
    if insn is not None:
        parts.append(f"  at instruction {insn[1]}: {insn[3]}")
    source = next((hit for line in reversed(before) if (hit := _SOURCE.match(line))), None)
    if source is not None:
        at = f" ({source['file'].strip()}:{source['line']})" if source["file"] else ""
        parts.append(f"  source: {source['text'].strip()}{at}")
    return "\n".join(parts) + "\n\n" + message_text(match.message, match.facts, paint)
