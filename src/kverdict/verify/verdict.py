"""What a kernel says to one program: accepted, refused with a sentence, not modelled, or not loadable at all."""

from __future__ import annotations

from dataclasses import dataclass, field

from kverdict.diagnostic import Diagnostic


@dataclass(frozen=True, slots=True)
class Stats:
    """The kernel's closing figures. unvisited: instructions that no path reached (dead code under these constants)."""

    insns_processed: int = 0
    total_states: int = 0
    peak_states: int = 0
    max_states_per_insn: int = 0
    stack_depths: tuple[int, ...] = ()
    unvisited: int = 0


@dataclass(frozen=True, slots=True)
class Accepted:
    """The kernel would load the program. log: the verifier's log if one was asked for.

    probe_loads: loads that the kernel then makes fault-tolerant, because their pointer may be stale.
    """

    stats: Stats
    log: str = ""
    probe_loads: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Rejected:
    """The kernel would refuse it: `sentence` is its last message, `diagnostic` our record of it.

    path: instructions from the entry to the failing one, as far as they are known (for the story).
    registers: r0..r10 and stack at the failing instruction as the kernel prints them.
    """

    diagnostic: Diagnostic
    sentence: str
    stats: Stats
    path: tuple[int, ...] = ()
    registers: str = ""
    log: str = ""


@dataclass(frozen=True, slots=True)
class Unsupported:
    """The program uses `what`, which kverdict does not model. Never a guess."""

    what: str
    insn: int = -1
    stats: Stats = field(default_factory=Stats)
    log: str = ""


@dataclass(frozen=True, slots=True)
class Environment:
    """The program cannot be loaded into this kernel at all, for a reason outside the verifier."""

    why: str


Verdict = Accepted | Rejected | Unsupported | Environment
