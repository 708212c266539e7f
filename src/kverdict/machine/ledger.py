"""The ledger: who took and who dropped each reference, when, and what the count was then."""

from __future__ import annotations


class Entry:
    """One change of one count. subject: region number of the object; who: program and instruction, or kernel step."""

    __slots__ = ("after", "change", "count", "subject", "time", "who", "why")

    def __init__(self, time: int, subject: int, count: str, change: int, after: int, who: str, why: str) -> None:
        self.time = time
        self.subject = subject
        self.count = count
        self.change = change
        self.after = after
        self.who = who
        self.why = why

    def __repr__(self) -> str:
        return f"{self.time:>6} {self.count} {self.change:+d} -> {self.after}  {self.why} ({self.who})"


class Ledger:
    """Entries in order. Switched off (`keep` false) it costs nothing; clones start from the same past."""

    __slots__ = ("entries", "keep")

    def __init__(self, keep: bool = True) -> None:
        self.keep = keep
        self.entries: list[Entry] = []

    def note(self, time: int, subject: int, count: str, change: int, after: int, who: str, why: str) -> None:
        if self.keep:
            self.entries.append(Entry(time, subject, count, change, after, who, why))

    def of(self, subject: int) -> list[Entry]:
        """The history of one object."""
        return [entry for entry in self.entries if entry.subject == subject]

    def table(self, subject: int) -> str:
        """The history of one object for people, one line an entry."""
        return "\n".join(repr(entry) for entry in self.of(subject))

    def clone(self) -> Ledger:
        other = Ledger(self.keep)
        other.entries = list(self.entries) if self.keep else []
        return other
