"""Hand-made results: a real example, linked, with a verdict that a test writes."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from kverdict.api import Result
from kverdict.diagnostic import Diagnostic
from kverdict.kernel.profile import load_profile
from kverdict.objfile.object import Object
from kverdict.program.link import link
from kverdict.program.program import Program
from kverdict.verify.verdict import Accepted, Environment, Rejected, Stats, Unsupported

EXAMPLE = "examples/task_kptr/no_null_check.bpf.o"
ROOT = Path(__file__).resolve().parents[2]


@cache
def example() -> Object:
    """The headline example, named as a user in the repository would."""
    return Object.parse((ROOT / EXAMPLE).read_bytes(), EXAMPLE)


@cache
def linked(kernel: str = "6.18") -> Program:
    """Its program on a kernel."""
    return link(example(), "no_null_check", load_profile(kernel))


def rejected(diagnostic: Diagnostic, path: tuple[int, ...], kernel: str = "6.18") -> Result:
    """A refusal with the kernel's own sentence."""
    profile = load_profile(kernel)
    sentence = diagnostic.message.says(profile.does, diagnostic.facts)
    verdict = Rejected(diagnostic, sentence, Stats(insns_processed=len(path)), path)
    return Result(EXAMPLE, "no_null_check", "tp_btf/task_newtask", profile, verdict, linked(kernel), example())


def other(verdict: Accepted | Unsupported | Environment, kernel: str = "6.18") -> Result:
    """Any other verdict on the example."""
    program = None if isinstance(verdict, Environment) else linked(kernel)
    return Result(EXAMPLE, "no_null_check", "tp_btf/task_newtask", load_profile(kernel), verdict, program, example())
