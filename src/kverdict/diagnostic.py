"""What can be said (Message), what was said about one program (Diagnostic), and where (Place). The ground floor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Place:
    """One instruction of a program in the terms of its source. `insn` is the kernel's index; line 0 means unknown."""

    insn: int
    function: str = ""
    file: str = ""
    line: int = 0
    column: int = 0
    source: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """A sentence of the kernel's verifier: `id` never changes; `text` is a str.format template of the newest wording.

    dialects: older wordings, as (behaviour, template): the first whose behaviour the kernel does NOT have is used,
    so that the newest wording needs no entry. meaning: one plain sentence of our own for people.
    """

    id: str
    errno: int
    text: str
    meaning: str = ""
    dialects: tuple[tuple[str, str], ...] = ()

    def says(self, does: Callable[[str], bool], facts: Mapping[str, object]) -> str:
        """The sentence as the kernel that answers `does(behaviour)` prints it."""
        for behaviour, template in self.dialects:
            if not does(behaviour):
                return template.format(**facts)
        return self.text.format(**facts)

    def at(self, insn: int, /, **facts: object) -> Diagnostic:
        """This message about instruction `insn`, with the facts that its template names (and more, for the story).

        `arg`, the argument's number counted from 0, is added where `reg` is given: kernels use the one or the other.
        """
        reg = facts.get("reg")
        if isinstance(reg, int):
            facts.setdefault("arg", reg - 1)
        return Diagnostic(self, insn, facts)


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One objection: the message, the instruction, and the facts behind it.

    `before` are lines that the kernel prints ahead of its last sentence.
    """

    message: Message
    insn: int
    facts: Mapping[str, object] = field(default_factory=dict)
    before: tuple[str, ...] = ()
