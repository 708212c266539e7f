"""The functions of a program ordered so that callees come before their callers; recursion is refused here.

Source: sort_subprogs_topo() of 7.2.
"""

from __future__ import annotations

from typing import Final

from kverdict.catalogue.limits import RECURSION
from kverdict.isa.opcode import CALL_SUBPROG, LD_IMM64, PSEUDO_FUNC, VARIANT_SHIFT
from kverdict.verify.env import Env
from kverdict.verify.flow import signed32

_REFERENCE: Final = LD_IMM64 | PSEUDO_FUNC << VARIANT_SHIFT
_OPEN, _DONE = 1, 2


def callees_first(env: Env, orders: list[list[int]]) -> list[int]:
    """Numbers of the functions. orders: reachable instructions of each in postorder, which decides among callees."""
    state = [0] * len(env.subprogs)
    result: list[int] = []
    for root in range(len(env.subprogs)):
        if state[root]:
            continue
        state[root] = _OPEN
        stack = [root]
        while stack:
            callee = _next_callee(env, stack[-1], orders, state)
            if callee < 0:
                state[stack[-1]] = _DONE
                result.append(stack.pop())
            else:
                state[callee] = _OPEN
                stack.append(callee)
    return result


def _next_callee(env: Env, caller: int, orders: list[list[int]], state: list[int]) -> int:
    """A function that this one calls or refers to and that was not visited, -1 if there is none left."""
    for index in orders[caller]:
        insn = env.insns[index]
        if insn.op not in (CALL_SUBPROG, _REFERENCE):
            continue
        callee = env.subprog_at[index + signed32(insn.imm) + 1]
        if state[callee] == _OPEN and insn.op == CALL_SUBPROG:
            env.insn_idx = index
            env.refuse(RECURSION, caller=env.subprogs[caller].name, callee=env.subprogs[callee].name)
        if not state[callee]:
            return callee
    return -1
