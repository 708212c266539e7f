"""Facts of the flow graph that need no states: successors, postorder, live registers, strongly connected components.

Source: bpf_insn_successors(), compute_postorder(), compute_live_registers(), compute_scc() of the kernel.
"""

from __future__ import annotations

from typing import Final

from kverdict.isa.insn import Insn
from kverdict.isa.opcode import (
    ALU,
    ALU64,
    ATOMIC,
    CALL,
    CLASS_MASK,
    CMPXCHG,
    CODE_MASK,
    DW,
    END,
    EXIT,
    FETCH,
    IMM,
    JA,
    JCOND,
    JMP,
    JMP32,
    LD,
    LD_IMM64,
    LDX,
    LOAD_ACQ,
    MEM,
    MEMSX,
    MODE_MASK,
    MOV,
    SIZE_MASK,
    ST,
    STORE_REL,
    STX,
    X,
)
from kverdict.verify.env import Env
from kverdict.verify.traits import call_summary

ALL_REGISTERS: Final = 0xFFFF


def signed32(value: int) -> int:
    """The low 32 bits of `value` as a signed number."""
    value &= 0xFFFFFFFF
    return value - (1 << 32) if value & 0x80000000 else value


def successors(insns: tuple[Insn, ...], index: int) -> tuple[int, ...]:
    """Where instruction `index` may go on, inside its subprogram; fall-through first."""
    insn = insns[index]
    cls = insn.op & CLASS_MASK
    if cls in (JMP, JMP32):
        code = insn.op & CODE_MASK
        if code == EXIT:
            return ()
        if code == JA:
            return (index + (insn.imm if cls == JMP32 else insn.off) + 1,)
        if code != CALL:
            return (index + 1, index + insn.off + 1)
    return (index + (2 if insn.op & 0xFF == LD_IMM64 else 1),)


def postorders(env: Env) -> list[list[int]]:
    """For each subprogram its reachable instructions in postorder."""
    seen = bytearray(env.count)
    result = []
    for subprog in env.subprogs:
        order: list[int] = []
        stack = [subprog.start]
        while stack:
            top = stack[-1]
            if seen[top] == 2:
                order.append(top)
                stack.pop()
                continue
            seen[top] = 1
            for next_ in env.successors[top]:
                if not seen[next_]:
                    stack.append(next_)
                    seen[next_] = 1
            seen[top] = 2
        result.append(order)
    return result


def uses_and_definitions(env: Env, insn: Insn) -> tuple[int, int]:
    """Bit masks of the registers that an instruction reads and writes."""
    op = insn.op
    cls = op & CLASS_MASK
    src, dst = 1 << insn.src, 1 << insn.dst
    if cls in (ALU, ALU64):
        code = op & CODE_MASK
        if code == MOV:
            return (src if op & X else 0), dst
        if code == END:
            return dst, dst
        return (dst | src if op & X else dst), dst
    if cls in (JMP, JMP32):
        return _jump_uses(env, insn, src, dst)
    mode = op & MODE_MASK
    if cls == LDX and mode in (MEM, MEMSX):
        return src, dst
    if cls == ST and mode == MEM:
        return dst, 0
    if cls == STX and mode == MEM:
        return dst | src, 0
    if cls == STX and mode == ATOMIC:
        if insn.imm == CMPXCHG:
            return 1 | dst | src, 1
        if insn.imm == LOAD_ACQ:
            return src, dst
        if insn.imm == STORE_REL:
            return dst | src, 0
        return dst | src, src if insn.imm & FETCH else 0
    if cls == LD and mode == IMM and op & SIZE_MASK == DW:
        return 0, dst
    return ALL_REGISTERS, 0


def _jump_uses(env: Env, insn: Insn, src: int, dst: int) -> tuple[int, int]:
    code = insn.op & CODE_MASK
    if code in (JA, JCOND):
        return 0, 0
    if code == EXIT:
        return 1, 0
    if code == CALL:
        summary = call_summary(env, insn)
        return (0x3E if summary is None else (1 << (summary.params + 1)) - 2), 0x3F
    return (dst | src if insn.op & X else dst), 0


def compute_live_registers(env: Env, orders: list[list[int]]) -> None:
    """Set aux.live_before: the registers that may be read before they are written, from each instruction on."""
    pairs = [uses_and_definitions(env, insn) for insn in env.insns]
    live = [0] * env.count
    after = [0] * env.count
    changed = True
    while changed:
        changed = False
        for order in orders:
            for index in order:
                out = 0
                for next_ in env.successors[index]:
                    out |= live[next_]
                use, define = pairs[index]
                before = (out & ~define) | use
                if out != after[index] or before != live[index]:
                    after[index] = out
                    live[index] = before
                    changed = True
    for index, mask in enumerate(live):
        env.aux[index].live_before = mask


def compute_components(env: Env) -> None:
    """Number the strongly connected components that contain a loop (aux.scc, from 1; 0: none). Tarjan's algorithm."""
    count = env.count
    callbacks_loop = env.does("CALLBACKS_CLOSE_LOOPS")
    if all(next_ > index for index, nexts in enumerate(env.successors) for next_ in nexts) and not (
        callbacks_loop and any(aux.calls_callback for aux in env.aux)
    ):
        return  # every edge goes forward: no loop
    preorder = [0] * count
    low = [0] * count
    number = 1
    component = 1
    off_stack = 1 << 62
    for root in range(count):
        if preorder[root]:
            continue
        stack: list[int] = []
        path = [root]
        while path:
            top = path[-1]
            if not preorder[top]:
                low[top] = preorder[top] = number
                number += 1
                stack.append(top)
            nexts = env.successors[top]
            unseen = -1
            for next_ in nexts:
                if next_ >= count:
                    continue
                if preorder[next_]:
                    low[top] = min(low[top], low[next_])
                else:
                    unseen = next_
                    break
            if unseen >= 0:
                path.append(unseen)
                continue
            path.pop()
            if low[top] < preorder[top]:
                continue
            loops = stack[-1] != top or top in nexts or (callbacks_loop and env.aux[top].calls_callback)
            while True:
                member = stack.pop()
                low[member] = off_stack
                if loops:
                    env.aux[member].scc = component
                if member == top:
                    break
            component += loops
