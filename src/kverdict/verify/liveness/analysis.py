"""Follow pointers into the stack through all functions before the walk, and record what is accessed through them.

Each function is analysed from its callers, with the pointers that a call hands it; those that get none, by themselves.
Source: bpf_compute_subprog_arg_access(), analyze_subprog(), compute_subprog_args() in kernel/bpf/liveness.c of 7.2.
"""

from __future__ import annotations

from typing import Final

from kverdict.catalogue.limits import STACK_ANALYSIS_TOO_COMPLEX
from kverdict.isa.opcode import CALL, CALL_HELPER, CALL_KFUNC, CALL_SUBPROG, CLASS_MASK, CODE_MASK, FP, JMP
from kverdict.verify.env import Env
from kverdict.verify.flow import signed32
from kverdict.verify.liveness.accesses import (
    ALL,
    UNKNOWN_SIZE,
    argument_access,
    halves_read,
    halves_written,
    memory_access,
)
from kverdict.verify.liveness.instances import Instance
from kverdict.verify.liveness.origins import NONE, Origin, at, join
from kverdict.verify.liveness.tables import (
    log_beginning,
    log_function,
    log_join,
    log_transfer,
)
from kverdict.verify.liveness.transfer import Origins, Stack, transfer
from kverdict.verify.traits import call_summary, helper_name

_MOST_ANALYSES: Final = 10_000
# Helpers that call a function of the program at once: argument with the function, argument that is handed on to it,
# and the argument of the function that this becomes (registers).
_CALLBACKS: Final = {
    "bpf_loop": (2, 3, 2),
    "bpf_for_each_map_elem": (2, 3, 4),
    "bpf_find_vma": (3, 4, 3),
    "bpf_user_ringbuf_drain": (2, 3, 2),
}


class Analysis:
    """One analysis of a program. instances: by (call site, depth)."""

    def __init__(self, env: Env, orders: list[list[int]]) -> None:
        self.env = env
        self.orders = orders
        self.instances: dict[tuple[int, int], Instance] = {}
        self.analysed: set[int] = set()
        self.spilled_at: dict[int, Stack] = {}  # by call site, what its function had spilled
        self.callsites: list[int] = []
        self.count = 0

    def run(self, topological: list[int]) -> None:
        """Analyse all functions, callers first. topological: their numbers, callees first."""
        for number in reversed(topological):
            if number in self.analysed and not self.env.subprogs[number].is_global:
                continue
            self._analyse(self._instance(None, 0, number), None)

    def _instance(self, caller: Instance | None, callsite: int, number: int) -> Instance:
        subprog = self.env.subprogs[number]
        depth = 0 if caller is None else caller.depth + 1
        key = (callsite if depth else subprog.start, depth)
        if key not in self.instances:
            self.instances[key] = Instance(key[0], depth, number, subprog)
        return self.instances[key]

    def _analyse(self, known: Instance, arguments: list[Origin] | None) -> None:
        """One function, then what it calls with pointers into the stack; kernel: analyze_subprog()."""
        env = self.env
        self.count += 1
        if self.count > _MOST_ANALYSES:
            env.refuse(STACK_ANALYSIS_TOO_COMPLEX, count=self.count)
        instance = known.empty_twin() if known.finished else known
        number = instance.number
        self.analysed.add(number)
        before = self._follow(instance, arguments)
        for index in self.orders[number]:
            now = before[index - instance.subprog.start]
            assert now is not None, "the postorder has reachable instructions only"
            callee, handed = self._called(instance, index, now)
            if callee < 0 or all(origin is NONE for origin in handed[1:6]):
                continue
            if instance.depth + 1 >= env.max_frames:
                env.insn_idx = index
                env.unsupported("more frames than a stack analysis follows")
            inner = self._instance(instance, index, callee)
            del self.callsites[instance.depth :]
            self.callsites.append(index)
            self._analyse(inner, handed)
            for frame in range(inner.depth):
                if inner.frames[frame] is not None:
                    instance.reads(frame, index, inner.alive(frame, inner.subprog.start))
        if instance is not known:
            known.merge(instance)
        known.update(env, self.orders[number])

    def _called(self, instance: Instance, index: int, now: Origins) -> tuple[int, list[Origin]]:
        """The function called at `index`, -1 if none is, and what its registers get."""
        env = self.env
        insn = env.insns[index]
        handed = [NONE] * 11
        if insn.op == CALL_SUBPROG:
            handed[1:6] = now.regs[1:6]
            return env.subprog_at[index + signed32(insn.imm) + 1], handed
        if not env.aux[index].calls_callback or helper_name(env, insn) not in _CALLBACKS:
            return -1, handed
        function, source, target = _CALLBACKS[helper_name(env, insn)]
        callee = env.constants.function(index, function)
        if callee is None:
            if now.regs[source].is_stack:
                instance.reads_everything(index)
            return -1, handed
        handed[target] = now.regs[source]
        return callee, handed

    def _follow(self, instance: Instance, arguments: list[Origin] | None) -> list[Origins | None]:
        """What registers and slots point to before each instruction, and the accesses of each; by relative index."""
        env = self.env
        start, depth = instance.subprog.start, instance.depth
        before: list[Origins | None] = [None] * (instance.subprog.end - start)
        regs = [NONE] * 11
        if arguments is not None:
            regs[1:6] = arguments[1:6]
        regs[FP] = at(depth, 0)
        before[0] = Origins(regs, {})
        parents = {frame: self.spilled_at[self.callsites[frame]] for frame in range(depth)}
        log_beginning(env, instance.number, depth)
        order = self.orders[instance.number]
        changed = True
        while changed:
            changed = False
            for index in reversed(order):
                now = before[index - start]
                if now is not None:
                    changed |= self._step(index, depth, start, now, before, parents)
        for index in reversed(order):
            now = before[index - start]
            assert now is not None, "the postorder has reachable instructions only"
            self._record(instance, index, now)
            if env.insns[index].op == CALL_SUBPROG or env.aux[index].calls_callback:
                self.spilled_at[index] = now.stack
        log_function(env, instance.number, before)
        return before

    def _step(
        self,
        index: int,
        depth: int,
        start: int,
        now: Origins,
        before: list[Origins | None],
        parents: dict[int, Stack],
    ) -> bool:
        """Carry `now` over one instruction into what follows it; True if something new is known there."""
        env = self.env
        after = now.copy()
        transfer(env.insns[index], depth, after, parents)
        log_transfer(env, index, now, after)
        changed = False
        nexts = env.successors[index]
        for target in nexts:
            old = before[target - start]
            if old is None:
                before[target - start] = after if len(nexts) == 1 else after.copy()
                changed = True
            else:
                changed |= _join_into(env, index, target, old, after)
        return changed

    def _record(self, instance: Instance, index: int, now: Origins) -> None:
        """The accesses of one instruction; kernel: record_load_store_access(), record_call_access()."""
        env = self.env
        insn = env.insns[index]
        access = memory_access(insn)
        if access is not None:
            reg, size = access
            _note(instance, index, now.regs[reg].moved(insn.off), size)
        elif insn.op & (CLASS_MASK | CODE_MASK) == JMP | CALL and insn.op != CALL_SUBPROG:
            summary = call_summary(env, insn)
            for place in range(5 if summary is None else min(summary.params, 5)):
                origin = now.regs[place + 1]
                if not origin.is_stack:
                    continue
                if insn.op in (CALL_HELPER, CALL_KFUNC):
                    _note(instance, index, origin, argument_access(env, index, place))
                else:
                    instance.reads_everything(index)


def _note(instance: Instance, index: int, origin: Origin, size: int) -> None:
    """`size` bytes are accessed through a pointer of this origin."""
    if size == 0 or not origin.is_stack:
        return
    if origin.frame_is_unknown:
        for frame in range(instance.depth + 1):
            if origin.mask >> frame & 1:
                instance.reads(frame, index, ALL)
    elif origin.frame <= instance.depth:
        reads = size > 0 or size == UNKNOWN_SIZE
        if not origin.offsets and reads:
            instance.reads(origin.frame, index, ALL)
        elif reads:
            for offset in origin.offsets:
                instance.reads(origin.frame, index, halves_read(offset, size))
        elif len(origin.offsets) == 1:
            instance.writes(origin.frame, index, halves_written(origin.offsets[0], -size))


def _join_into(env: Env, index: int, target: int, old: Origins, new: Origins) -> bool:
    """Join what another path knows into `old`; kernel: arg_track_join()."""
    changed = False
    for reg, (mine, other) in enumerate(zip(old.regs, new.regs, strict=True)):
        if mine is other:
            continue
        joined = join(mine, other)
        if joined != mine:
            old.regs[reg] = joined
            changed = True
            log_join(env, index, target, f"r{reg}", mine, other, joined)
    if not old.stack and not new.stack:
        return changed
    for slot in sorted(old.stack.keys() | new.stack.keys()):
        mine, other = old.stack.get(slot, NONE), new.stack.get(slot, NONE)
        if mine is other:
            continue
        joined = join(mine, other)
        if joined != mine:
            old.put(slot, joined)
            changed = True
            log_join(env, index, target, f"fp{-(slot + 1) * 8:+d}", mine, other, joined)
    return changed
