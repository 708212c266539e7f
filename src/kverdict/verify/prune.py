"""Checkpoints: when a state is kept, when a later one equals it, and when all paths below it are done.

Source: is_state_visited(), update_branch_counts(), clean_live_states() of the kernel; loops by loop entries (6.7 to
6.16) or by strongly connected components (6.17 and later).
"""

from __future__ import annotations

from kverdict.catalogue.limits import INFINITE_LOOP, LOOP_LEFT_BEFORE_CHECKPOINT
from kverdict.domain.stack import ITER
from kverdict.domain.state import State
from kverdict.verify.env import Env
from kverdict.verify.equal import EXACT, NOT_EXACT, RANGE_WITHIN, states_equal
from kverdict.verify.links import clear_singular_ids
from kverdict.verify.precision import mark_all_imprecise, mark_all_precise, propagate_precision

ITER_ACTIVE = 1
_MAX_BACKEDGE_ROUNDS = 64


class Kept:
    """A checkpoint in the list of its instruction, with how often it helped."""

    __slots__ = ("hits", "misses", "state", "waits")

    def __init__(self, state: State) -> None:
        self.state = state
        self.hits = 0
        self.misses = 0
        self.waits = False


class Visit:
    """One stay inside a loop component: its first checkpoint, and states that came back to an unfinished one."""

    __slots__ = ("backedges", "entry")

    def __init__(self) -> None:
        self.entry: State | None = None
        self.backedges: list[State] = []


def is_state_visited(env: Env, insn: int) -> bool:
    """True if the current state needs no walk because an equal one was walked; else it may become a checkpoint."""
    state = env.state
    aux = env.aux[insn]
    if env.computes_liveness:
        env.liveness.forget_dead(env, state)
    force = env.test_state_freq or aux.force_checkpoint or (env.limits_history and len(state.history) > 40)
    jumps = env.jmps_processed - env.prev_jmps_processed
    steps = env.insn_processed - env.prev_insn_processed
    add = force or (jumps >= 2 and steps >= 8)
    recent = not force and jumps < 20 and steps < 100
    plain = not (aux.is_iter_next or aux.force_checkpoint or aux.calls_callback)
    bucket = ((insn ^ state.frames[-1].callsite) & 0xFFFFFFFF) % env.count
    kept = env.explored.get(bucket)
    if kept is None:
        kept = env.explored[bucket] = []
    if not env.computes_liveness:
        _clean_finished(env, kept, insn, state)
    seen = 0
    for place in range(len(kept) - 1, -1, -1):
        candidate = kept[place]
        seen += 1
        old = candidate.state
        if old.insn != insn:
            continue
        if old.branches:
            if not plain or _maybe_looping(old, state):
                hit, loop = _compare_unfinished(env, old, state, insn)
                if hit:
                    return _hit(env, candidate, state, insn, loop)
            if recent:
                add = False
        else:
            loop = _is_unfinished_loop(env, old)
            if states_equal(env, old, state, RANGE_WITHIN if loop else NOT_EXACT):
                return _hit(env, candidate, state, insn, loop)
        if add:
            candidate.misses += 1
        often = 64 if aux.force_checkpoint and old.branches > 0 and env.exact_loops else 3
        if candidate.misses > candidate.hits * often + often:
            del kept[place]
            _drop(env, candidate)
    if env.max_states_per_insn < seen:
        env.max_states_per_insn = seen
    if add:
        _keep(env, kept, state, insn)
    return False


def _clean_finished(env: Env, kept: list[Kept], insn: int, current: State) -> None:
    """Forget what no path reads in checkpoints whose paths are all done."""
    for candidate in kept:
        state = candidate.state
        if state.cleaned or state.branches or state.insn != insn:
            continue
        if len(state.frames) != len(current.frames):
            continue
        if any(old.callsite != new.callsite for old, new in zip(state.frames, current.frames, strict=True)):
            continue
        if env.keeps_loop_states and _is_unfinished_loop(env, state):
            continue
        env.liveness.clean(env, state)


def _compare_unfinished(env: Env, old: State, state: State, insn: int) -> tuple[bool, bool]:
    """A checkpoint whose paths are not done: (it makes the state safe, by coming back to a loop)."""
    frame = old.frames[-1]
    if frame.callback == 2 and frame.async_entry != state.frames[-1].async_entry:
        return False, False
    level = RANGE_WITHIN if env.exact_loops else NOT_EXACT
    aux = env.aux[insn]
    if aux.is_iter_next:
        if states_equal(env, old, state, level) and _iterator_is_active(state):
            return True, True
        return False, False
    if aux.force_checkpoint and old.may_goto_depth != state.may_goto_depth and not aux.calls_callback:
        if states_equal(env, old, state, level):
            return True, True
    if aux.calls_callback:
        equal = states_equal(env, old, state, level)
        return equal, equal and env.callbacks_are_loops
    if (
        _maybe_looping(old, state)
        and states_equal(env, old, state, EXACT if env.exact_loops else NOT_EXACT)
        and not _iterator_depths_differ(old, state)
        and old.may_goto_depth == state.may_goto_depth
        and old.callback_unroll_depth == state.callback_unroll_depth
    ):
        number = len(state.frames) - 1
        env.refuse(
            INFINITE_LOOP,
            at=insn,
            current=env.describe_state(state, number, True),
            old=env.describe_state(old, number, True),
        )
    return False, False


def _iterator_is_active(state: State) -> bool:
    """The iterator that r1 points to has elements left."""
    pointer = state.frames[-1].regs[1]
    slot = (-(pointer.off + pointer.num.smin) - 1) // 8
    detail = state.frames[pointer.frameno].stack[slot].value.detail
    return isinstance(detail, tuple) and detail[1] == ITER_ACTIVE


def _maybe_looping(old: State, new: State) -> bool:
    """All registers of the running frame are the same, ids included."""
    if len(old.frames) != len(new.frames):
        return False
    for before, after in zip(old.frames[-1].regs, new.frames[-1].regs, strict=True):
        if before is not after and (
            before.type != after.type
            or before.id != after.id
            or before.ref != after.ref
            or not before.same_but_ids(after)
        ):
            return False
    return True


def _iterator_depths_differ(old: State, new: State) -> bool:
    """Some active iterator took another number of steps, so this is no infinite loop."""
    for before, after in zip(old.frames, new.frames, strict=True):
        for number, slot in enumerate(before.stack):
            if slot.kinds[0] != ITER or not isinstance(slot.value.detail, tuple):
                continue
            if slot.value.detail[1] == ITER_ACTIVE and after.stack[number].value.detail != slot.value.detail:
                return True
    return False


def _hit(env: Env, kept: Kept, state: State, insn: int, loop: bool) -> bool:
    """The state is safe because `kept` is: carry over what `kept` relied on."""
    kept.hits += 1
    old = kept.state
    if env.loop_entries and loop:
        update_loop_entry(state, get_loop_entry(old) or old if not old.branches else old)
    env.liveness.propagate(old, state)
    if env.jmp_points[insn]:
        env.push_history()
    propagate_precision(env, old, state, env.insn_idx)
    if env.component_loops and loop:
        _add_backedge(env, old, state, insn)
    return True


def _keep(env: Env, kept: list[Kept], state: State, insn: int) -> None:
    """Make the current state a checkpoint and go on below it."""
    env.total_states += 1
    env.explored_count += 1
    update_peak(env)
    env.prev_jmps_processed = env.jmps_processed
    env.prev_insn_processed = env.insn_processed
    mark_all_imprecise(state)
    if env.clears_singular_ids:
        clear_singular_ids(state)
    new = state.fork()
    new.insn = insn
    new.branches = state.branches
    if env.component_loops:
        _enter_component(env, new)
    state.parent = new
    state.first_insn = insn
    state.dfs_depth = new.dfs_depth + 1
    state.history = []
    for frame in state.frames:
        frame.fresh = False
        frame.r0_frame = -1
        frame.read = frame.read32 = frame.written = 0
        frame.stack_read = frame.stack_written = 0
    kept.append(Kept(new))


def _drop(env: Env, kept: Kept) -> None:
    """A checkpoint that seldom helps leaves the list; paths behind it may still need it."""
    env.explored_count -= 1
    kept.waits = True
    if env.component_loops:
        if kept.state.branches == 0 and not _incomplete(env, kept.state):
            return
        env.freed_count += 1
        env.waiting[id(kept.state)] = kept
        return
    if not kept.state.cleaned or kept.state.used_as_loop_entry:
        env.freed_count += 1
    update_peak(env)


def update_peak(env: Env) -> None:
    """Most states held at one time; older kernels count those that are held at the end."""
    held = env.explored_count + env.freed_count + env.backedge_count
    if held > env.peak_states or not env.component_loops:
        env.peak_states = held


def update_branch_counts(env: Env, state: State) -> None:
    """A path ended: the checkpoints behind it have one open path less."""
    current: State | None = state
    done: Kept | None = None
    while current is not None:
        current.branches -= 1
        if env.loop_entries and current.branches == 0 and current.parent is not None and current.loop_entry is not None:
            update_loop_entry(current.parent, current.loop_entry)
        if current.branches:
            return
        if env.component_loops:
            _exit_component(env, current)
            if done is not None:
                _free_if_possible(env, done)
            parent = current.parent
            done = env.waiting.get(id(parent)) if parent is not None else None
        current = current.parent


def _free_if_possible(env: Env, kept: Kept) -> None:
    if kept.state.branches == 0 and not _incomplete(env, kept.state):
        env.waiting.pop(id(kept.state), None)
        env.freed_count -= 1


# Loops by loop entries: kernels from 6.7 to 6.16.


def get_loop_entry(state: State) -> State | None:
    """The outermost loop header on the current path that this state's loop belongs to."""
    topmost = state.loop_entry
    while topmost is not None and topmost.loop_entry is not None and topmost is not topmost.loop_entry:
        topmost = topmost.loop_entry
    current: State | None = state
    while current is not None and current.loop_entry is not topmost:
        following = current.loop_entry
        current.loop_entry = topmost
        current = following
    return topmost


def update_loop_entry(state: State, header: State) -> None:
    """`state` reached the loop of `header`."""
    mine = get_loop_entry(state) or state
    other = get_loop_entry(header) or header
    if other.branches and other.dfs_depth <= mine.dfs_depth:
        state.loop_entry = header
        header.used_as_loop_entry = True


def _is_unfinished_loop(env: Env, old: State) -> bool:
    if env.component_loops:
        return _incomplete(env, old)
    if env.loop_entries:
        entry = get_loop_entry(old)
        return entry is not None and entry.branches > 0
    return False


# Loops by components: kernels from 6.17 on.


def _call_chain(env: Env, state: State) -> tuple[int, ...] | None:
    """The call sites up to the first instruction inside a loop, and that loop's component."""
    sites: list[int] = []
    last = len(state.frames) - 1
    for number in range(last + 1):
        insn = state.insn if number == last else state.frames[number + 1].callsite
        component = env.aux[insn].scc
        if component:
            return (*sites, -component)
        sites.append(insn)
    return None


def _incomplete(env: Env, state: State) -> bool:
    chain = _call_chain(env, state)
    visit = env.visits.get(chain) if chain is not None else None
    return visit is not None and bool(visit.backedges)


def _enter_component(env: Env, state: State) -> None:
    chain = _call_chain(env, state)
    if chain is None:
        return
    visit = env.visits.get(chain)
    if visit is None:
        visit = env.visits[chain] = Visit()
    if visit.entry is None:
        visit.entry = state
        _log_component(env, "enter", chain)


def _exit_component(env: Env, state: State) -> None:
    chain = _call_chain(env, state)
    if chain is None:
        return
    visit = env.visits.get(chain)
    if visit is None:
        env.refuse(LOOP_LEFT_BEFORE_CHECKPOINT, chain=_chain_text(chain))
    if visit.entry is not state:
        return
    _log_component(env, "exit", chain)
    visit.entry = None
    env.backedge_count -= len(visit.backedges)
    update_peak(env)
    rounds = 0
    changed = bool(visit.backedges)
    while changed:
        rounds += 1
        if rounds > _MAX_BACKEDGE_ROUNDS:
            for edge in visit.backedges:
                mark_all_precise(env, edge)
            break
        changed = False
        for edge in visit.backedges:
            if edge.equal_state is not None:
                changed |= propagate_precision(env, edge.equal_state, edge, edge.insn)
    visit.backedges = []


def _add_backedge(env: Env, old: State, state: State, insn: int) -> None:
    chain = _call_chain(env, old)
    visit = env.visits[chain] if chain is not None else Visit()
    edge = state.fork()
    edge.equal_state = old
    edge.insn = insn
    if chain is not None:
        _log_component(env, "backedge", chain)
    visit.backedges.insert(0, edge)
    env.backedge_count += 1
    update_peak(env)


def _log_component(env: Env, what: str, chain: tuple[int, ...]) -> None:
    if env.log is not None and env.log.level > 1:
        env.log.write(f"SCC {what} ({_chain_text(chain)})\n")


def _chain_text(chain: tuple[int, ...]) -> str:
    return "".join(f"{site}," for site in chain[:-1]) + str(-chain[-1])
