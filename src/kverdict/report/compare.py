"""Why two kernels say different things about one program: found by laying single differences over one of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from textwrap import fill
from typing import Final, NamedTuple

from kverdict.api import Result, on_kernel
from kverdict.errors import InputError
from kverdict.isa import opcode as op
from kverdict.kernel.diff import Difference, differences, laid_over
from kverdict.kernel.profile import KernelProfile
from kverdict.verify.verdict import Accepted, Environment, Rejected, Unsupported

MOST_QUESTIONS: Final = 200
MOST_INSTRUCTIONS: Final = 1_000_000  # verified in all for one answer: a few seconds
MOST_RULES: Final = 8  # more are no explanation
WIDTH: Final = 112  # columns of a note

Answer = tuple[str, str]


class Change(NamedTuple):
    """A program on which two kernels differ, and the differences that together make the one say what the other says.

    rules is empty where no set of differences that an overlay can express explains the change, or none that is small.
    """

    old: Result
    new: Result
    rules: tuple[Difference, ...] = ()


def answer(result: Result) -> Answer:
    """What counts as the same answer: the verdict and the kernel's last sentence."""
    verdict = result.verdict
    if isinstance(verdict, Rejected):
        return (result.word, verdict.sentence)
    if isinstance(verdict, Unsupported):
        return (result.word, verdict.what)
    return (result.word, verdict.why if isinstance(verdict, Environment) else "")


def _word(result: Result) -> Answer:
    return (result.word, "")


def changed(old: Result, new: Result) -> bool:
    """Whether two kernels differ about the program."""
    return answer(old) != answer(new)


def explain(old: Result, new: Result) -> Change:
    """Finds the smallest set of differences between the two kernels that turns the old answer into the new one.

    Where one accepts and the other refuses, the verdict alone has to turn; the words may be those of the old kernel.
    """
    candidates = differences(old.profile, new.profile, called_kfuncs(old, new))
    seen = answer if old.word == new.word else _word
    wanted = seen(new)
    asked = instructions = 0

    def gives(chosen: Sequence[Difference]) -> bool:
        nonlocal asked, instructions
        asked += 1
        try:
            found = on_kernel(old, laid_over(old.profile, chosen))
        except InputError:
            return False  # these differences do not stand on this kernel together
        instructions += processed(found)
        return seen(found) == wanted

    if not candidates or not gives(candidates):
        return Change(old, new)
    rules = _smallest(candidates, gives, lambda: asked < MOST_QUESTIONS and instructions < MOST_INSTRUCTIONS)
    return Change(old, new, tuple(rules) if len(rules) <= MOST_RULES else ())


def _smallest(
    chosen: list[Difference], gives: Callable[[Sequence[Difference]], bool], more: Callable[[], bool]
) -> list[Difference]:
    """Leaves out whatever is not needed: by halves first, then one by one (delta debugging)."""
    size = max(len(chosen) // 2, 1)
    while more():
        at, shrunk = 0, False
        while at < len(chosen) and more():
            rest = chosen[:at] + chosen[at + size :]
            if rest and gives(rest):
                chosen, shrunk = rest, True
            else:
                at += size
        if size == 1 and not shrunk:
            break
        size = max(size // 2, 1)
    return chosen


def processed(result: Result) -> int:
    """How many instructions the verifier walked over."""
    verdict = result.verdict
    return 0 if isinstance(verdict, Environment) else verdict.stats.insns_processed


def called_kfuncs(*results: Result) -> list[str]:
    """Names of the kfuncs that the program calls, as far as one of the results could be linked."""
    names: list[str] = []
    for result in results:
        if result.linked is None:
            continue
        profile = result.linked.profile
        for insn in result.linked.insns:
            kfunc = profile.kfunc_by_id(insn.imm) if insn.op == op.CALL_KFUNC else None
            if kfunc is not None:
                names.append(kfunc.name)
    return list(dict.fromkeys(names))


def clauses(rules: Sequence[Difference]) -> list[str]:
    """The rules, those about one function's flags together: ["bpf_task_acquire() gained KF_RCU and KF_RET_NULL"]."""
    parts: dict[str, list[str]] = {}
    for rule in rules:
        head, _, tail = rule.text.rpartition(" ") if rule.kind == "flag" else (rule.text, "", "")
        parts.setdefault(head, []).append(tail)
    return [f"{head} {' and '.join(tails)}".rstrip() for head, tails in parts.items()]


def citations(rules: Sequence[Difference]) -> str:
    """The commits behind the rules, each once."""
    return " ".join(dict.fromkeys(rule.citation for rule in rules if rule.citation))


def kernel_notes(result: Result, others: Sequence[KernelProfile]) -> tuple[str, ...]:
    """Notes on what other kernels say: those that accept the program, and the rule that made the difference.

    others: profiles, oldest first; the result's own kernel may be among them.
    """
    row = [result if other.name == result.kernel else on_kernel(result, other) for other in others]
    decided = [one for one in row if isinstance(one.verdict, Accepted | Rejected)]
    notes = []
    for before, after in pairwise(decided):
        if before.word == after.word:
            continue
        rules = explain(before, after).rules
        why = f": {'; '.join(clauses(rules))}" if rules else ""
        says = {"accepted": "accepts this", "rejected": "refuses this"}
        then = {"accepted": "accept it", "rejected": "refuse it"}
        later = [one for one in decided[decided.index(after) :] if one.word != after.word]
        who = f"{after.kernel} and later {then[after.word]}" if not later else f"{after.kernel} {says[after.word]}"
        note = fill(f"{before.kernel} {says[before.word]}, {who}{why}", WIDTH)
        cited = citations(rules)
        notes.append(f"{note}\n{cited}" if cited else note)
    if not notes and len({one.word for one in decided}) == 1 and len(decided) > 1:
        names = ", ".join(one.kernel for one in decided)
        notes.append(f"the same verdict on {names}")
    return tuple(notes)
