"""From an object file to a running world: link every program that can be linked, make the maps, attach."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from kverdict.errors import LinkError, UnsupportedError
from kverdict.kernel.profile import KernelProfile, load_profile
from kverdict.machine.code import Code
from kverdict.machine.kernel import Kernel
from kverdict.machine.world import World
from kverdict.objfile.object import Object
from kverdict.program.link import link


class Loaded:
    """Programs of one object linked against one kernel. left_out: program → why it is not among them."""

    def __init__(self, obj: Object, profile: KernelProfile, codes: list[Code], left_out: dict[str, str]) -> None:
        self.object = obj
        self.profile = profile
        self.codes = codes
        self.left_out = left_out

    def start(self, *, cpus: int = 2, keep_ledger: bool = True) -> World:
        """A fresh world in which all programs are loaded and attached."""
        return World(Kernel.of(self.profile), self.codes, cpus=cpus, keep_ledger=keep_ledger)


def load(
    source: str | Path | Object,
    kernel: str | KernelProfile = "6.18",
    *,
    programs: Iterable[str] = (),
    presets: Mapping[str, str] | None = None,
) -> Loaded:
    """Read an object file and link its programs (all, or those named) against a kernel.

    A program that this kernel or the machine does not have what it needs for is left out, unless it was named: then
    LinkError or UnsupportedError is raised. Raises InputError for a bad object, kernel or preset.
    """
    obj = source if isinstance(source, Object) else Object.open(Path(source))
    profile = kernel if isinstance(kernel, KernelProfile) else load_profile(kernel)
    wanted = list(programs)
    codes: list[Code] = []
    left_out: dict[str, str] = {}
    for name in wanted or [program.name for program in obj.programs]:
        try:
            code = Code.of(link(obj, name, profile, presets))
            code.check()
        except (LinkError, UnsupportedError) as problem:
            if wanted:
                raise
            left_out[name] = str(problem)
        else:
            codes.append(code)
    return Loaded(obj, profile, codes, left_out)
