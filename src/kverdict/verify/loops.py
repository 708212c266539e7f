"""may_goto: a loop whose rounds the kernel counts, so that it always ends.

Source: the BPF_JCOND part of check_cond_jmp_op() of the kernel.
"""

from __future__ import annotations

from kverdict.isa.insn import Insn
from kverdict.verify.converge import find_previous_entry, widen_imprecise
from kverdict.verify.env import Env


def may_goto(env: Env, insn: Insn) -> int:
    """Both sides are possible: the jump now; the fall-through, put aside, forgets what changed since the last round."""
    index = env.insn_idx
    state = env.state
    previous = None
    if state.parent is not None:
        previous = find_previous_entry(env, state.parent, index)
    queued = env.push_state(index + 1, index)
    queued.may_goto_depth += 1
    if previous is not None:
        widen_imprecise(env, previous, queued)
    return index + insn.off + 1
