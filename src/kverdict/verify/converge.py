"""Making loops converge: the round before on the current path, and what is forgotten since then.

Source: find_prev_entry(), widen_imprecise_scalars(), maybe_widen_reg() of the kernel.
"""

from __future__ import annotations

from kverdict.domain.state import State
from kverdict.domain.value import SCALAR, UNKNOWN_SCALAR, Value
from kverdict.verify.env import Env
from kverdict.verify.equal import IdMap


def find_previous_entry(env: Env, state: State, insn: int) -> State | None:
    """The latest checkpoint at `insn` on the current path with the same call sites; kernel: find_prev_entry()."""
    bucket = ((insn ^ env.frame.callsite) & 0xFFFFFFFF) % env.count
    for kept in reversed(env.explored.get(bucket, [])):
        old: State = kept.state
        if (
            old.insn == insn
            and old.branches
            and len(old.frames) == len(state.frames)
            and old.dfs_depth < state.dfs_depth
            and all(left.callsite == right.callsite for left, right in zip(old.frames, state.frames, strict=True))
        ):
            return old
    return None


def widen_imprecise(env: Env, old: State, state: State) -> None:
    """Scalars that changed since `old` and that nothing relied on become unknown, so that loops converge."""
    ids = IdMap(env.id_gen)
    for before, after in zip(reversed(old.frames), reversed(state.frames), strict=True):
        for reg in range(10):
            precise = (before.precise | after.precise) >> reg & 1
            after.regs[reg] = _widened(env, before.regs[reg], after.regs[reg], precise, ids)
        for place in range(min(len(before.stack), len(after.stack))):
            left, right = before.stack[place], after.stack[place]
            if left.is_spilled() and right.is_spilled():
                precise = (before.precise_stack | after.precise_stack) >> place & 1
                value = _widened(env, left.value, right.value, precise, ids)
                if value is not right.value:
                    after.stack[place] = right.with_value(value)


def _widened(env: Env, old: Value, new: Value, precise: int, ids: IdMap) -> Value:
    if old.type != SCALAR or new.type != SCALAR or precise:
        return new
    if old.same_but_ids(new) and (env.widens_by_range or ids.check(old.id, new.id)):
        return new
    return UNKNOWN_SCALAR
