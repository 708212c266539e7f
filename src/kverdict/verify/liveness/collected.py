"""Liveness of 6.18: reads and writes of slots are collected per call chain and instruction during the walk.

A fixed point over the flow graph says what is alive; registers are computed before the walk.
Source: kernel/bpf/liveness.c of 6.18.
"""

from __future__ import annotations

from typing import Final

from kverdict.domain.state import State
from kverdict.domain.value import NOTHING
from kverdict.verify.env import Env
from kverdict.verify.liveness.slots import clean_slots
from kverdict.verify.log import Log, log_mask_change

ALL: Final = (1 << 64) - 1


class _Masks:
    """For one function instance and one frame: masks of slots by instruction (relative to the function's start)."""

    __slots__ = ("live_before", "may_read", "must_write", "must_write_acc")

    def __init__(self, count: int) -> None:
        self.may_read = [0] * count
        self.must_write = [0] * count
        self.must_write_acc = [0] * count
        self.live_before = [0] * count


class _Instance:
    """A function reached by one chain of call sites."""

    __slots__ = ("chain", "dropped", "frames", "start", "subprog", "updated", "write_set")

    def __init__(self, chain: tuple[int, ...], subprog: int, start: int, count: int) -> None:
        self.chain = chain
        self.subprog = subprog
        self.start = start
        self.updated = False
        self.dropped = False
        self.frames: list[_Masks | None] = [None] * len(chain)
        self.write_set = bytearray(count)

    def masks(self, env: Env, frameno: int) -> _Masks:
        """The masks for an outer frame (or the own one), made on first use."""
        masks = self.frames[frameno]
        if masks is None:
            subprog = env.subprogs[self.subprog]
            masks = self.frames[frameno] = _Masks(subprog.end - subprog.start)
        return masks


class CollectedLiveness:
    """Slots alive by call chain. A chain is the call sites of the outer frames and the start of the innermost."""

    def __init__(self, orders: list[list[int]]) -> None:
        self.orders = orders
        self.instances: dict[tuple[int, ...], _Instance] = {}
        self.current: _Instance | None = None
        self.written: list[int] = [0] * 17
        self.insn = 0

    def _lookup(self, env: Env, chain: tuple[int, ...], subprog: int) -> _Instance:
        instance = self.instances.get(chain)
        if instance is None:
            info = env.subprogs[subprog]
            instance = _Instance(chain, subprog, info.start, info.end - info.start)
            self.instances[chain] = instance
        return instance

    def _of(self, env: Env, state: State, frameno: int) -> _Instance:
        frames = state.frames
        subprog = frames[frameno].subprog
        sites = [frames[number + 1].callsite for number in range(frameno)]
        return self._lookup(env, (*sites, env.subprogs[subprog].start), subprog)

    def read(self, env: Env, number: int, whole: bool) -> None:
        """Registers are not traced by these kernels."""

    def _running(self, env: Env) -> _Instance:
        if self.current is None:
            self.current = self._of(env, env.state, len(env.state.frames) - 1)
        return self.current

    def stack_read(self, env: Env, frameno: int, slot: int) -> None:
        """The current instruction may read a slot of frame `frameno`."""
        instance = self._running(env)
        self._mark_read(env, instance, frameno, env.insn_idx, 1 << slot)

    @staticmethod
    def _mark_read(env: Env, instance: _Instance, frameno: int, insn: int, mask: int) -> None:
        masks = instance.masks(env, frameno)
        index = insn - instance.start
        new = masks.may_read[index] | mask
        if new != masks.may_read[index] and new & ~masks.live_before[index]:
            instance.updated = True
        masks.may_read[index] = new

    def stack_write(self, env: Env, frameno: int, slot: int) -> None:
        """The current instruction writes a whole slot."""
        self.written[frameno] |= 1 << slot

    def begin(self, env: Env) -> None:
        """Before an instruction that may write the stack."""
        instance = self._running(env)
        self.insn = env.insn_idx
        written = self.written
        for frameno in range(len(instance.chain)):
            written[frameno] = 0

    def commit(self, env: Env) -> None:
        """After an instruction that may write the stack: what it wrote on every path so far."""
        if self.current is not None:
            self._commit(env, self.current, self.insn)

    def _commit(self, env: Env, instance: _Instance, insn: int) -> None:
        index = insn - instance.start
        known = instance.write_set[index]
        for frameno in range(len(instance.chain)):
            mask = self.written[frameno]
            if not mask and not known:
                continue
            if not mask and instance.frames[frameno] is None:
                continue
            masks = instance.masks(env, frameno)
            old = masks.must_write[index]
            if known:
                mask &= old
            if old != mask:
                masks.must_write[index] = mask
                instance.updated = True
            if old & ~mask:
                instance.dropped = True
        instance.write_set[index] = 1

    def entered(self) -> None:
        """A frame was entered: the running function instance is another one."""
        self.current = None

    def path_ended(self, env: Env) -> None:
        """A path or function ended: bring what is alive up to date, innermost frame first."""
        self.current = None
        for frameno in range(len(env.state.frames) - 1, -1, -1):
            instance = self._of(env, env.state, frameno)
            if instance.updated:
                self._update(env, instance)
                instance.updated = False
                instance.dropped = False

    def _update(self, env: Env, instance: _Instance) -> None:
        """The fixed point inside one function instance, then its effects on the caller."""
        order = self.orders[instance.subprog]
        if instance.dropped:
            for masks in instance.frames:
                if masks is not None:
                    masks.must_write_acc = [0] * len(masks.must_write_acc)
        if env.log is not None and env.log.level > 1:
            self._update_logged(env, env.log, instance, order)
        else:
            for masks in instance.frames:
                while masks is not None and self._update_once(env, masks, order, instance.start):
                    continue
        if len(instance.chain) > 1:
            self._to_caller(env, instance)

    @staticmethod
    def _update_once(env: Env, masks: _Masks, order: list[int], start: int) -> bool:
        changed = False
        live, acc = masks.live_before, masks.must_write_acc
        successors = env.successors
        for insn in order:
            nexts = successors[insn]
            if not nexts:
                continue
            after = 0
            written = ALL
            for next_ in nexts:
                after |= live[next_ - start]
                written &= acc[next_ - start]
            index = insn - start
            must = masks.must_write[index]
            written |= must
            before = (after & ~must) | masks.may_read[index]
            if before != live[index] or written != acc[index]:
                live[index] = before
                acc[index] = written
                changed = True
        return changed

    def _update_logged(self, env: Env, log: Log, instance: _Instance, order: list[int]) -> None:
        """The same fixed point, frame by frame in each round, with a line for each change that the kernel tells of."""
        chain = f"({','.join(str(site) for site in instance.chain)})"
        start = instance.start
        rounds = 0
        changed = True
        while changed:
            rounds += 1
            changed = False
            for frameno, masks in enumerate(instance.frames):
                if masks is None:
                    continue
                for insn in order:
                    index = insn - start
                    live, written = masks.live_before[index], masks.must_write_acc[index]
                    if not self._update_once(env, masks, [insn], start):
                        continue
                    changed = True
                    told = masks.may_read[index] or masks.must_write[index] or insn == start or env.prune_points[insn]
                    if told:
                        where = f"{chain} frame {frameno} insn {insn}"
                        log_mask_change(log, where, "live", live, masks.live_before[index])
                        log_mask_change(log, where, "written", written, masks.must_write_acc[index])
        log.write(f"{chain} live stack update done in {rounds} iterations\n")

    def _to_caller(self, env: Env, instance: _Instance) -> None:
        """What the function reads and writes of outer frames happens at its call site, seen from the caller."""
        callsite = instance.chain[-2]
        caller = next(number for number, subprog in enumerate(env.subprogs) if subprog.start <= callsite < subprog.end)
        outer = self._lookup(env, (*instance.chain[:-2], env.subprogs[caller].start), caller)
        for frameno in range(len(outer.chain)):
            self.written[frameno] = 0
        for frameno in range(len(instance.chain) - 1):
            masks = instance.frames[frameno]
            if masks is None:
                continue
            self.written[frameno] |= masks.must_write_acc[0]
            self._mark_read(env, outer, frameno, callsite, masks.live_before[0])
        self._commit(env, outer, callsite)

    def propagate(self, old: State, current: State) -> None:
        """Nothing: what is alive does not depend on the path."""

    def clean(self, env: Env, state: State) -> None:
        """All paths below `state` are done: forget what nothing after it reads. clean_verifier_state()."""
        state.cleaned = True
        last = len(state.frames) - 1
        instances = [self._of(env, state, number) for number in range(last + 1)]
        for number, frame in enumerate(state.frames):
            insn = state.insn if number == last else state.frames[number + 1].callsite
            alive = env.aux[insn].live_before
            regs = frame.regs
            for reg in range(10):
                if not alive & 1 << reg:
                    regs[reg] = NOTHING
            if frame.stack:
                clean_slots(frame, self._alive(env, state, instances, number))

    @staticmethod
    def _alive(env: Env, state: State, instances: list[_Instance], frameno: int) -> int:
        """Slots of frame `frameno` that may be read from `state` on, in it or after the functions above return."""
        last = len(instances) - 1
        inner = instances[last]
        masks = inner.frames[frameno]
        alive = masks.live_before[state.insn - inner.start] if masks is not None else 0
        for number in range(frameno, last):
            callsite = state.frames[number + 1].callsite
            instance = instances[number]
            masks = instance.frames[frameno]
            if masks is not None:
                after = callsite if env.aux[callsite].calls_callback else callsite + 1
                alive |= masks.live_before[after - instance.start]
        return alive
