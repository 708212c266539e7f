"""What a real kernel said about one program."""

from __future__ import annotations

import errno as errno_names
import re
from dataclasses import dataclass

_STATISTICS = re.compile(
    r"processed (\d+) insns \(limit \d+\) max_states_per_insn (\d+) total_states (\d+) peak_states (\d+)"
)
_UNFINISHED = re.compile(r"(?<=[^\n ])processed \d+ insns \(limit")  # behind a sentence that lacks its line end
_NOISE = ("processed ", "insns processed", "verification time", "stack depth", "max_states", "mark_precise")


class OracleError(RuntimeError):
    """The oracle itself failed; says nothing about the program."""


class UnknownName(LookupError):
    """This kernel's BTF has no such function, tracepoint, structure or attach type."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. `stage` is the step that decided: "prog_load", "map_create", "btf_load" or "link".

    ns: time spent in bpf(2), measured beside the call; under QEMU it is emulated time, only good for ratios.
    """

    accepted: bool
    errno: int
    log: str
    ns: int = 0
    stage: str = "prog_load"

    @property
    def verdict(self) -> str:
        """ "accepted", "refused", or "none" where the kernel refused without asking its verifier (EPERM, no log)."""
        if self.accepted:
            return "accepted"
        return "refused" if self.log.strip() and self.stage == "prog_load" else "none"

    @property
    def messages(self) -> tuple[str, ...]:
        """The log's lines that are no statistics."""
        log = _UNFINISHED.sub(lambda found: "\n" + found[0], self.log)
        return tuple(line for line in log.splitlines() if line.strip() and not line.startswith(_NOISE))

    @property
    def message(self) -> str:
        """On a refusal the reason: the last line that is no statistic."""
        lines = self.messages
        return lines[-1] if lines and not self.accepted else ""

    @property
    def insns_processed(self) -> int | None:
        """How many instructions the verifier walked over, counting repeats."""
        return self._statistic(1)

    @property
    def total_states(self) -> int | None:
        """How many states the verifier stored."""
        return self._statistic(3)

    @property
    def peak_states(self) -> int | None:
        """How many states were stored at the same time."""
        return self._statistic(4)

    def _statistic(self, group: int) -> int | None:
        found = list(_STATISTICS.finditer(self.log))
        return int(found[-1][group]) if found else None

    def __str__(self) -> str:
        if self.accepted:
            return "accepted"
        return f"{errno_names.errorcode.get(self.errno, self.errno)} {self.message}".rstrip()
