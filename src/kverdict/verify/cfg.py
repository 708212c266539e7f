"""Control flow before the walk: subprograms, jumps that stay inside them, reachability, and where to keep states.

Source: add_subprog_and_kfunc(), check_subprogs(), check_cfg(), visit_insn() of the kernel.
"""

from __future__ import annotations

from typing import Final

from kverdict.catalogue.functions import CALL_DESTINATION
from kverdict.catalogue.instructions import (
    BACK_EDGE,
    JUMP_INTO_LD_IMM64,
    JUMP_OUT_OF_RANGE,
    LAST_INSN_NOT_EXIT,
    UNREACHABLE_INSN,
)
from kverdict.catalogue.limits import TOO_MANY_SUBPROGRAMS
from kverdict.isa.insn import Insn
from kverdict.isa.opcode import (
    ABS,
    CALL,
    CALL_HELPER,
    CALL_KFUNC,
    CALL_SUBPROG,
    CLASS_MASK,
    CODE_MASK,
    EXIT,
    IND,
    JA,
    JCOND,
    JMP,
    JMP32,
    LD,
    LD_IMM64,
    MODE_MASK,
    PSEUDO_FUNC,
    VARIANT_SHIFT,
)
from kverdict.verify.env import Env, Subprog
from kverdict.verify.exceptions import find_exception_callback
from kverdict.verify.flow import signed32
from kverdict.verify.kfunc_table import add_kfunc
from kverdict.verify.traits import (
    calls_async_callback,
    calls_sync_callback,
    changes_packet,
    helper_name,
    is_iter_next,
    is_might_sleep,
    kfunc_name,
)

_FUNC_REFERENCE: Final = LD_IMM64 | PSEUDO_FUNC << VARIANT_SHIFT
_DISCOVERED: Final = 0x10
_EXPLORED: Final = 0x20
_FALLTHROUGH: Final = 1
_BRANCH: Final = 2
_TAIL_CALL: Final = 12


def find_subprogs(env: Env) -> None:
    """Collect the starts of subprograms in ascending order; refuse a target outside the program."""
    starts = {0}
    kfuncs: set[tuple[int, int]] = set()
    for index, insn in enumerate(env.insns):
        if insn.op == CALL_KFUNC:
            add_kfunc(env, index, insn, kfuncs)
        if insn.op == CALL_SUBPROG or insn.op == _FUNC_REFERENCE:
            target = index + signed32(insn.imm) + 1
            if not 0 <= target < env.count:
                env.insn_idx = index
                env.refuse(CALL_DESTINATION)
            starts.add(target)
            if len(starts) > 256:
                env.refuse(TOO_MANY_SUBPROGRAMS)
    exception_callback = find_exception_callback(env)
    if exception_callback:
        starts.add(exception_callback)
        env.extra["exception_callback"] = exception_callback
    ordered = sorted(starts)
    names = _names(env)
    for number, start in enumerate(ordered):
        end = ordered[number + 1] if number + 1 < len(ordered) else env.count
        env.subprogs.append(Subprog(names.get(start, ""), start, end))
        env.subprog_at[start] = number
        if start and start == exception_callback:
            subprog = env.subprogs[number]
            subprog.exception_cb = subprog.is_cb = subprog.is_async_cb = True
    _mark_globals(env)


def _names(env: Env) -> dict[int, str]:
    btf = env.program.btf
    return {} if btf is None else {info.insn: btf.type(info.type_id).name for info in env.program.func_info}


def _mark_globals(env: Env) -> None:
    """Linkage and prototype of each subprogram, from the func info; linkage 1 is global."""
    btf = env.program.btf
    if btf is None:
        return
    for info in env.program.func_info:
        number = env.subprog_at.get(info.insn)
        if number is None:
            continue
        subprog = env.subprogs[number]
        func = btf.type(info.type_id)
        subprog.is_global = getattr(func, "linkage", 0) == 1
        subprog.func_proto_id = getattr(func, "type_id", 0)


def check_subprogs(env: Env) -> None:
    """Every jump stays in its subprogram and no subprogram runs into the next."""
    for subprog in env.subprogs:
        for index in range(subprog.start, subprog.end):
            insn = env.insns[index]
            cls = insn.op & CLASS_MASK
            if insn.op == CALL_HELPER and insn.imm == _TAIL_CALL:
                subprog.has_tail_call = True
            if cls in (JMP, JMP32) and insn.op & CODE_MASK not in (EXIT, CALL):
                target = index + _jump_offset(insn) + 1
                if not subprog.start <= target < subprog.end:
                    env.insn_idx = index
                    env.refuse(JUMP_OUT_OF_RANGE, source=index, target=target)
        last = env.insns[subprog.end - 1].op & 0xFF
        if last not in (JMP | EXIT, JMP | JA, JMP32 | JA):
            env.insn_idx = subprog.end - 1
            env.refuse(LAST_INSN_NOT_EXIT)


def _jump_offset(insn: Insn) -> int:
    return insn.imm if insn.op & 0xFF == JMP32 | JA else insn.off


class _Search:
    """The depth-first search over instructions, with the kernel's marks in the kernel's order."""

    def __init__(self, env: Env) -> None:
        self.env = env
        self.marks = [0] * env.count
        self.stack = [0]
        self.any_closes_loop = env.does("FALLTHROUGH_CLOSES_LOOP")

    def push(self, source: int, target: int, edge: int, closes_loop: bool = False) -> bool:
        """True if `target` has to be explored first. closes_loop: every kernel allows a loop by this edge."""
        marks = self.marks
        if marks[source] >= (_DISCOVERED | edge):
            return False
        if not 0 <= target < self.env.count:
            self.env.insn_idx = source
            self.env.refuse(JUMP_OUT_OF_RANGE, source=source, target=target)
        if edge == _BRANCH:
            self.env.prune_points[target] = 1
            self.env.jmp_points[target] = 1
            self.env.jump_targets.add(target)
        if marks[target] == 0:
            marks[source] = _DISCOVERED | edge
            marks[target] = _DISCOVERED
            self.stack.append(target)
            return True
        if marks[target] == _EXPLORED:
            marks[source] = _DISCOVERED | edge
        elif not closes_loop and not self.any_closes_loop:
            self.env.insn_idx = source
            self.env.refuse(BACK_EDGE, source=source, target=target)
        return False

    def run(self, start: int) -> None:
        """Explore from `start`."""
        self.marks[start] = _DISCOVERED
        self.stack = [start]
        while self.stack:
            top = self.stack[-1]
            if not self.visit(top):
                self.marks[top] = _EXPLORED
                self.stack.pop()

    def visit(self, index: int) -> bool:
        """One instruction; True while one of its successors has to be explored first."""
        env = self.env
        insn = env.insns[index]
        op = insn.op
        if op == _FUNC_REFERENCE:
            return self.visit_call(index, insn, True)
        cls = op & CLASS_MASK
        if cls not in (JMP, JMP32):
            return self.push(index, index + (2 if op & 0xFF == LD_IMM64 else 1), _FALLTHROUGH)
        code = op & CODE_MASK
        if code == EXIT:
            return False
        if code == CALL:
            self.mark_call(index, insn)
            return self.visit_call(index, insn, op == CALL_SUBPROG)
        if code == JA:
            target = index + _jump_offset(insn) + 1
            if self.push(index, target, _FALLTHROUGH, True):
                return True
            env.prune_points[target] = 1
            env.jmp_points[target] = 1
            env.jump_targets.add(target)
            return False
        env.prune_points[index] = 1
        if op & 0xFF == JMP | JCOND:
            env.aux[index].force_checkpoint = True
        return self.push(index, index + 1, _FALLTHROUGH, True) or self.push(index, index + insn.off + 1, _BRANCH, True)

    def mark_call(self, index: int, insn: Insn) -> None:
        """Calls after which paths may come back here: callbacks and iterators."""
        env = self.env
        if calls_async_callback(env, insn):
            env.prune_points[index] = 1
        if calls_sync_callback(env, insn) and env.does("CALLBACKS_VERIFIED_AS_LOOPS"):
            env.aux[index].calls_callback = True
            env.aux[index].force_checkpoint = True
            env.prune_points[index] = 1
            env.jmp_points[index] = 1
        if insn.op == CALL_KFUNC and is_iter_next(env, insn):
            env.prune_points[index] = 1
            env.aux[index].force_checkpoint = True
        if changes_packet(env, helper_name(env, insn) or kfunc_name(env, insn)):
            self.subprog_of(index).changes_pkt_data = True
        if is_might_sleep(env, insn):
            self.subprog_of(index).might_sleep = True
        if kfunc_name(env, insn) == "bpf_throw":
            self.subprog_of(index).might_throw = True

    def visit_call(self, index: int, insn: Insn, into: bool) -> bool:
        """A call falls through; a subprogram call or reference is explored as well, and merges its effects."""
        env = self.env
        after = index + (2 if insn.op & 0xFF == LD_IMM64 else 1)
        if self.push(index, after, _FALLTHROUGH):
            return True
        if after < env.count:
            env.prune_points[after] = 1
            env.jmp_points[after] = 1
        if not into:
            return False
        target = index + signed32(insn.imm) + 1
        env.prune_points[index] = 1
        caller, callee = self.subprog_of(index), self.subprog_of(target)
        caller.might_sleep |= callee.might_sleep
        caller.might_throw |= callee.might_throw
        caller.changes_pkt_data |= callee.changes_pkt_data
        return self.push(index, target, _BRANCH, insn.op == _FUNC_REFERENCE)

    def subprog_of(self, index: int) -> Subprog:
        """The subprogram that contains instruction `index`."""
        return subprog_containing(self.env, index)


def subprog_containing(env: Env, index: int) -> Subprog:
    """The subprogram whose instructions include `index`."""
    for subprog in env.subprogs:
        if subprog.start <= index < subprog.end:
            return subprog
    return env.subprogs[-1]


def check_cfg(env: Env) -> None:
    """Mark prune and jump points; refuse unreachable instructions and jumps into a wide load."""
    search = _Search(env)
    search.run(0)
    exception_callback = env.extra.get("exception_callback", 0)
    if exception_callback and search.marks[exception_callback] != _EXPLORED:
        search.run(exception_callback)
    index = 0
    while index < env.count:
        if search.marks[index] != _EXPLORED:
            env.insn_idx = index
            env.refuse(UNREACHABLE_INSN, at=index)
        if env.insns[index].op & 0xFF == LD_IMM64:
            if search.marks[index + 1] != 0:
                env.insn_idx = index
                env.refuse(JUMP_INTO_LD_IMM64, at=index)
            index += 1
        index += 1


def has_legacy_load(env: Env, subprog: Subprog) -> bool:
    """LD_ABS or LD_IND in this subprogram."""
    return any(
        insn.op & CLASS_MASK == LD and insn.op & MODE_MASK in (ABS, IND)
        for insn in env.insns[subprog.start : subprog.end]
    )
