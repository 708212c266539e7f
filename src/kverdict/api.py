"""The whole way in one call, for Python and for the command line: object file, kernels, presets → results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from kverdict.errors import InternalError, LinkError, UnsupportedError
from kverdict.verify.verdict import Accepted, Environment, Rejected, Unsupported, Verdict

if TYPE_CHECKING:
    from kverdict.kernel.profile import KernelProfile
    from kverdict.objfile.object import Object
    from kverdict.program.program import Program

DEFAULT_KERNEL: Final = "6.18"


@dataclass(frozen=True, slots=True)
class Result:
    """What one kernel says to one program. `linked` is None where it could not be linked against this kernel."""

    object_name: str
    program: str
    section: str
    profile: KernelProfile
    verdict: Verdict
    linked: Program | None = None
    thing: Object | None = field(default=None, repr=False, compare=False)
    presets: Mapping[str, str] = field(default_factory=dict)

    @property
    def kernel(self) -> str:
        """The name of the kernel's profile."""
        return self.profile.name

    @property
    def word(self) -> str:
        """accepted, rejected, unsupported or environment."""
        return {Accepted: "accepted", Rejected: "rejected", Unsupported: "unsupported", Environment: "environment"}[
            type(self.verdict)
        ]


def profiles_for(names: Iterable[str]) -> list[KernelProfile]:
    """The profiles of kernels by name, overlay path or "host". Raises InputError for a name that is none of these."""
    from kverdict.kernel.profile import load_profile

    return [load_profile(name) for name in names]


def open_object(path: str) -> Object:
    """The object at a path, "-" for standard input. Raises InputError."""
    from kverdict.objfile.object import Object

    if path != "-":
        return Object.open(path)
    import sys

    return Object.parse(sys.stdin.buffer.read(), "-")


def check_object(
    source: str | Object,
    profiles: Sequence[KernelProfile],
    presets: Mapping[str, str] | None = None,
    programs: Sequence[str] = (),
    *,
    log_level: int = 0,
    progress: Callable[[str], None] | None = None,
) -> Iterator[Result]:
    """Verdicts for each chosen program (all, if none is named) on each kernel; program by program.

    All of the object is read before the first result. Raises InputError for bad input: a file that is no object, a
    program that it does not have, a preset for a variable that it does not have.
    """
    thing = open_object(source) if isinstance(source, str) else source
    chosen = [thing.program(name) for name in programs] if programs else list(thing.programs)
    for definition in chosen:
        for profile in profiles:
            if progress is not None:
                progress(f"{thing.name}: {definition.name} on {profile.name}")
            linked, verdict = _judge(thing, definition.name, profile, presets or {}, log_level)
            yield Result(
                thing.name, definition.name, definition.section, profile, verdict, linked, thing, presets or {}
            )


def _judge(
    thing: Object, name: str, profile: KernelProfile, presets: Mapping[str, str], log_level: int
) -> tuple[Program | None, Verdict]:
    from kverdict.program.link import link
    from kverdict.verify import verify

    try:
        linked = link(thing, name, profile, presets)
    except LinkError as error:
        return None, Environment(str(error))
    except UnsupportedError as error:
        return None, Unsupported(error.what, error.insn)
    return linked, verify(linked, log_level=log_level)


def verdict_on(program: Program) -> Verdict:
    """The verdict on a linked program that may have been edited."""
    from kverdict.verify import verify

    return verify(program)


def on_kernel(result: Result, profile: KernelProfile) -> Result:
    """The same program, with the same presets, on another kernel."""
    if result.thing is None:
        raise InternalError("a result without its object cannot be asked again")
    return next(check_object(result.thing, [profile], result.presets, [result.program]))


__all__ = ["DEFAULT_KERNEL", "Result", "check_object", "on_kernel", "open_object", "profiles_for", "verdict_on"]
