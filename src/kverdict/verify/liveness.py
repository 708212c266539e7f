"""Which registers and stack slots of a checkpoint may still be read: two ways, by kernel.

TracedLiveness (before 6.18): each path marks what it reads in the checkpoints behind it (mark_reg_read()).
StackLiveness (6.18 and later): reads and writes of slots are collected per call chain and instruction, and a fixed
point over the flow graph says what is alive (kernel/bpf/liveness.c); registers are computed before the walk.
"""

from __future__ import annotations

from typing import Final

from kverdict.domain.stack import DYNPTR, EMPTY, IRQ_FLAG, ITER
from kverdict.domain.state import Frame, State
from kverdict.domain.value import NOTHING
from kverdict.verify.env import Env
from kverdict.verify.log import Log, log_mask_change

_ARGS: Final = 0x3E
_OBJECTS: Final = (DYNPTR, ITER, IRQ_FLAG)
ALL: Final = (1 << 64) - 1


class TracedLiveness:
    """Marks `read`, `read32` (lower half only), `written` on the frames of checkpoints, as bit masks."""

    longest_walk = 0  # most checkpoints that one read was traced through; "mark_read" of the log's last line

    def read(self, env: Env, number: int, whole: bool) -> None:
        """The running frame reads register `number`: depends on the checkpoints behind it, up to the last write."""
        if env.frame.written & 1 << number or number == 10:
            return
        self._mark_register(env.state, len(env.state.frames) - 1, number, whole)

    def _mark_register(self, state: State, frameno: int, number: int, whole: bool) -> None:
        """`state` depends on the register: mark its parents until one wrote it or knows already."""
        bit = 1 << number
        walked = 0
        current: State | None = state
        while current is not None:
            place = self._parent(current, frameno, number)
            if place is None:
                return
            parent, frameno = place
            frame = parent.frames[frameno]
            if frame.read & bit and (not frame.read32 & bit or not whole):
                return
            frame.read |= bit
            if whole:
                frame.read32 &= ~bit
            else:
                frame.read32 |= bit
            walked += 1
            if walked > self.longest_walk:
                self.longest_walk = walked
            if frame.written & bit:
                return
            current = parent

    def _parent(self, state: State, frameno: int, number: int) -> tuple[State, int] | None:
        """The checkpoint and frame that this register's marks go to; None where the register began after it."""
        frame = state.frames[frameno]
        while True:
            if number == 0 and frame.r0_frame >= 0:
                frameno = frame.r0_frame
                break
            if not frame.fresh:
                break
            if not (1 << number) & _ARGS or frameno == 0 or frame.callback:
                return None
            frameno -= 1
            frame = state.frames[frameno]
        parent = state.parent
        if parent is None or frameno >= len(parent.frames):
            return None
        if number < 6 and frameno < len(parent.frames) - 1:
            return self._parent(parent, frameno, number)  # a checkpoint in a callee has only r6 to r9 of its callers
        return parent, frameno

    def stack_read(self, env: Env, frameno: int, slot: int) -> None:
        """A slot of frame `frameno` is read."""
        self._mark_slot(env.state, frameno, slot)

    def _mark_slot(self, state: State, frameno: int, slot: int) -> None:
        bit = 1 << slot
        walked = 0
        current: State = state
        while not current.frames[frameno].stack_written & bit or current is not state:
            frame = current.frames[frameno]
            parent = current.parent
            if frame.fresh or parent is None or frameno >= len(parent.frames):
                return
            above = parent.frames[frameno]
            if slot >= len(above.stack) or above.stack_read & bit:
                return
            above.stack_read |= bit
            walked += 1
            if walked > self.longest_walk:
                self.longest_walk = walked
            if above.stack_written & bit:
                return
            current = parent

    def stack_write(self, env: Env, frameno: int, slot: int) -> None:
        """A whole slot of frame `frameno` is written."""
        env.state.frames[frameno].stack_written |= 1 << slot

    def begin(self, env: Env) -> None:
        """Nothing to prepare before an instruction."""

    def commit(self, env: Env) -> None:
        """Nothing to do after an instruction."""

    def path_ended(self, env: Env) -> None:
        """Nothing to do at the end of a path: marks were made on the way."""

    def entered(self) -> None:
        """Nothing to do when a frame is entered or left."""

    def propagate(self, old: State, current: State) -> None:
        """`current` equals `old`: what was read after `old` will be read after `current`. propagate_liveness()."""
        last = len(old.frames) - 1
        for number, frame in enumerate(old.frames):
            mine = current.frames[number]
            for reg in range(6 if number < last else 0, 10):
                bit = 1 << reg
                if not frame.read & bit or (mine.read & bit and not mine.read32 & bit):
                    continue
                whole = not frame.read32 & bit
                if mine.read & bit and not whole:
                    continue
                if not mine.written & bit:
                    self._mark_register(current, number, reg, whole)
            mask = frame.stack_read
            for slot in range(min(len(frame.stack), len(mine.stack))):
                bit = 1 << slot
                if mask & bit and not mine.stack_read & bit and not mine.stack_written & bit:
                    self._mark_slot(current, number, slot)

    def clean(self, env: Env, state: State) -> None:
        """All paths below `state` are done: forget what none of them read. clean_verifier_state()."""
        state.cleaned = True
        for frame in state.frames:
            regs = frame.regs
            for reg in range(10):
                if not frame.read & 1 << reg:
                    regs[reg] = NOTHING
            _clean_slots(env, frame, frame.stack_read)


def _clean_slots(env: Env, frame: Frame, alive: int) -> None:
    """Slots that nothing reads are as if never written; dynptrs, iterators and interrupt flags stay since 7.0."""
    stack = frame.stack
    for slot in range(len(stack)):
        if not alive & 1 << slot and not (env.keeps_objects and stack[slot].kinds[0] in _OBJECTS):
            stack[slot] = EMPTY


def forget_dead_registers(env: Env, state: State, insn: int) -> None:
    """Registers of the current path that nothing reads from `insn` on; kernel: clean_verifier_state()."""
    frames = state.frames
    last = len(frames) - 1
    for number, frame in enumerate(frames):
        dead = ~env.aux[insn if number == last else frames[number + 1].callsite].live_before & 0x3FF
        regs = frame.regs
        frame.precise &= ~dead
        reg = 0
        while dead:
            if dead & 1:
                regs[reg] = NOTHING
            dead >>= 1
            reg += 1


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


class StackLiveness:
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
        # Kernels that look at the stack before the walk tell of it there, in tables that are not printed here.
        if env.log is not None and env.log.level > 1 and not env.does("CURRENT_STATE_CLEANED"):
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
                _clean_slots(env, frame, self._alive(env, state, instances, number))

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
