"""What the verifier proved at each instruction, and whether every concrete state of a run lies inside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

from kverdict.domain.state import State
from kverdict.isa.insn import Insn
from kverdict.machine.code import Code
from kverdict.machine.kernel import Kernel
from kverdict.machine.memory import Region
from kverdict.machine.world import World
from kverdict.program.program import Program
from kverdict.verify import verify, walk
from kverdict.verify.env import Env
from kverdict.verify.steps import steps_of
from kverdict.verify.verdict import Verdict
from tests.agreement.inside import objection

MAX_STATES = 20_000


class Proof:
    """The states at each instruction, in the order of the walk; only the first MAX_STATES are kept."""

    def __init__(self) -> None:
        self.at: dict[int, list[State]] = {}
        self.count = 0

    @property
    def complete(self) -> bool:
        """Whether all states were kept, so that a state outside of them means something."""
        return self.count <= MAX_STATES

    def keep(self, env: Env) -> None:
        self.count += 1
        if self.count <= MAX_STATES:
            self.at.setdefault(env.insn_idx, []).append(env.state.fork())


@contextmanager
def observed(proof: Proof, *, prune: bool) -> Iterator[None]:
    """Within it, every walk records its states; without pruning each path is walked to its end."""

    def recording(env: Env) -> list[walk.Step]:
        return [_recorded(proof, step) for step in steps_of(env)]

    def never(env: Env, index: int, previous: int) -> bool:
        return False

    with ExitStack() as patches:
        patches.enter_context(patch.object(walk, "steps_of", recording))
        if not prune:
            patches.enter_context(patch.object(walk, "_is_visited", never))
        yield


def _recorded(proof: Proof, step: walk.Step) -> walk.Step:
    def recorded(env: Env, insn: Insn) -> int:
        proof.keep(env)
        return step(env, insn)

    return recorded


def prove(program: Program, *, prune: bool) -> tuple[Verdict, Proof]:
    """The verdict, and the states that were walked through."""
    proof = Proof()
    with observed(proof, prune=prune):
        verdict = verify(program)
    return verdict, proof


def disagreement(
    program: Program, proof: Proof, context: list[int] | bytes | Region, *, seed: int = 1, scalars: bool = True
) -> str:
    """Run the program; the first concrete state that lies in no abstract state, "" if there is none."""
    code = Code.of(program)
    world = World(Kernel.of(program.profile), [code], keep_ledger=False)
    world.random = seed
    run = world.begin(code, context)
    return follow(world, run.id, proof, scalars=scalars)


def follow(world: World, number: int, proof: Proof, *, scalars: bool) -> str:
    """Step a run of a world to its end, comparing before each instruction."""
    run = world.runs[number]
    while run.status == "running":
        if run.pending is None:
            pc = run.frame.pc
            objections = [objection(world, run, state, scalars=scalars) for state in proof.at.get(pc, ())]
            if all(objections):
                nearest = objections[-1] if objections else "no state was proved here"
                return f"instruction {pc}: {nearest}"
        world.step(run)
    return ""
