"""Searches over a transition system: all states, all within a number of preemptions, the best witness, random samples.

A verdict is "proved" only if every state was seen. Nothing here knows of kernels: see model.System.
"""

from __future__ import annotations

import gc
import heapq
import random
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from kverdict.explore.model import System

PROVED: Final = "proved"
VIOLATED: Final = "violated"
BOUNDED: Final = "bounded"
SAMPLED: Final = "sampled"
INTERRUPTED: Final = "interrupted"

CHECK_EVERY: Final = 0x7FF  # states between two looks at the clock
WITNESS_NODES: Final = 3_000_000
LONGEST_SAMPLE: Final = 10_000

Progress = Callable[["Figures"], None]


@dataclass(slots=True)
class Budget:
    """Limits: states, seconds, bytes of memory of the process (0: none). A search that hits one stops honestly."""

    states: int = 5_000_000
    seconds: float = 0.0
    memory: int = 0


@dataclass(slots=True)
class Figures:
    """What a search has seen so far. frontier: states still to look at; depth: steps from the start."""

    states: int = 0
    transitions: int = 0
    depth: int = 0
    frontier: int = 0
    seconds: float = 0.0
    stopped: str = ""

    @property
    def rate(self) -> float:
        """States a second."""
        return self.states / self.seconds if self.seconds else 0.0


@dataclass(slots=True)
class Witness:
    """A way into a violation. actors: who does each step, as schedules name them."""

    violation: int
    labels: tuple[int, ...]
    actors: tuple[str, ...]
    preemptions: int
    switches: int

    @property
    def steps(self) -> int:
        """How many visible steps it takes."""
        return len(self.labels)

    def cost(self) -> tuple[int, int, int]:
        """What the shortest witness has least of: (preemptions, switches, steps)."""
        return self.preemptions, self.switches, self.steps


@dataclass(slots=True)
class Result:
    """The end of a search. verdict: one of the constants above; violations: numbers of all that were seen.

    bound: preemptions up to which all schedules were looked at, -1 if there is no such bound; samples, seed: random
    schedules. shortest: whether the witness is certainly the best one.
    """

    verdict: str
    figures: Figures
    violations: set[int] = field(default_factory=set)
    witness: Witness | None = None
    bound: int = -1
    samples: int = 0
    seed: int = 0
    shortest: bool = True


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """States hold no cycles; looking for some costs more than the search."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


class Clock:
    """Watches a budget; tells the progress."""

    __slots__ = ("budget", "figures", "progress", "start")

    def __init__(self, budget: Budget, figures: Figures, progress: Progress | None) -> None:
        self.budget = budget
        self.figures = figures
        self.progress = progress
        self.start = time.monotonic()

    def over(self) -> bool:
        """Whether a limit is reached; then figures.stopped says which."""
        figures, budget = self.figures, self.budget
        figures.seconds = time.monotonic() - self.start
        if budget.states and figures.states >= budget.states:
            figures.stopped = f"{budget.states:,} states"
        elif budget.seconds and figures.seconds >= budget.seconds:
            figures.stopped = f"{budget.seconds:g} seconds"
        elif budget.memory and memory_used() >= budget.memory:
            figures.stopped = f"{budget.memory >> 20:,} MiB of memory"
        if self.progress is not None:
            self.progress(figures)
        return bool(figures.stopped)

    def stop(self) -> None:
        self.figures.seconds = time.monotonic() - self.start


def memory_used() -> int:
    """Bytes that this process holds now where the system tells, else the most that it ever held."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except OSError:
        scale = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale


def breadth_first(
    system: System, budget: Budget | None = None, progress: Progress | None = None, *, stop_at_first: bool = False
) -> Result:
    """Every reachable state, nearest first. A state behind a violation is not followed.

    An interrupt gives what was found so far. stop_at_first: one violation is enough.
    """
    figures = Figures()
    clock = Clock(budget or Budget(), figures, progress)
    result = Result(PROVED, figures)
    with no_garbage_collection():
        try:
            _breadth_first(system, clock, result, stop_at_first)
        except KeyboardInterrupt:
            figures.stopped = "interrupt"
    clock.stop()
    if result.violations:
        result.verdict = VIOLATED
    elif figures.stopped:
        result.verdict = INTERRUPTED
    return result


def _breadth_first(system: System, clock: Clock, result: Result, stop_at_first: bool) -> None:
    figures, violations = result.figures, result.violations
    successors = system.successors
    seen = {system.initial}
    frontier = [system.initial]
    transitions = looked = 0
    while frontier:
        following: list[int] = []
        for state in frontier:
            steps = successors(state)
            transitions += len(steps)
            looked += 1
            if not looked & CHECK_EVERY:
                figures.states, figures.transitions = len(seen), transitions
                figures.frontier = len(following)
                if clock.over():
                    return
            if not steps:
                violation = system.final(state)
                if violation:
                    violations.add(violation)
            for _, new, violation in steps:
                if violation:
                    violations.add(violation)
                elif new not in seen:
                    seen.add(new)
                    following.append(new)
            if violations and stop_at_first:
                figures.states, figures.transitions = len(seen), transitions
                figures.stopped = "first violation"
                return
        frontier = following
        if following:
            figures.depth += 1
    figures.states, figures.transitions, figures.frontier = len(seen), transitions, 0


def shortest_witness(
    system: System,
    accept: Callable[[int], bool] = bool,
    *,
    preemptions: int = 1 << 20,
    budget: Budget | None = None,
    progress: Progress | None = None,
    figures: Figures | None = None,
) -> Witness | None:
    """The witness with the fewest (preemptions, switches, steps) of a violation that `accept` accepts.

    A preemption is a switch away from a program or kernel actor that has begun and could have gone on. None if there
    is none within that many preemptions, or within the budget (figures.stopped tells).
    """
    figures = figures if figures is not None else Figures()
    clock = Clock(budget or Budget(states=WITNESS_NODES), figures, progress)
    with no_garbage_collection():
        found = _Best(system, accept, preemptions, clock).search()
    clock.stop()
    return found


class _Best:
    """Dijkstra over (state, who did the last step); the cost is one integer: preemptions, switches, steps."""

    def __init__(self, system: System, accept: Callable[[int], bool], preemptions: int, clock: Clock) -> None:
        self.system = system
        self.accept = accept
        self.most = preemptions
        self.clock = clock
        self.parents: dict[tuple[int, str], tuple[tuple[int, str], int]] = {}

    def search(self) -> Witness | None:
        start = (self.system.initial, "")
        heap: list[tuple[int, int, tuple[int, str]]] = [(0, 0, start)]
        best = {start: 0}
        done: set[tuple[int, str]] = set()
        goal: tuple[int, tuple[int, str], int, int] | None = None  # cost, node, label, violation
        tie = 0
        figures = self.clock.figures
        while heap:
            cost, _, node = heapq.heappop(heap)
            if goal is not None and goal[0] <= cost:
                break
            if node in done:
                continue
            done.add(node)
            if not len(done) & CHECK_EVERY:
                figures.states, figures.frontier = len(done), len(heap)
                if self.clock.over():
                    break
            steps = self.system.successors(node[0])
            figures.transitions += len(steps)
            if not steps:
                violation = self.system.final(node[0])
                if violation and self.accept(violation) and (goal is None or cost < goal[0]):
                    goal = cost, node, -1, violation
                continue
            for price, label, new, violation in self._priced(node[1], steps):
                total = cost + price
                if total >> 40 > self.most:
                    continue
                if violation:
                    if self.accept(violation) and (goal is None or total < goal[0]):
                        goal = total, node, label, violation
                    continue
                if total < best.get(new, 1 << 62):
                    best[new] = total
                    self.parents[new] = node, label
                    tie += 1
                    heapq.heappush(heap, (total, tie, new))
        figures.states = len(done)
        return None if goal is None else self._path(*goal)

    def _priced(self, last: str, steps: list[tuple[int, int, int]]) -> Iterator[tuple[int, int, tuple[int, str], int]]:
        actor = self.system.actor
        able = any(same_actor(actor(label), last) for label, _, _ in steps)
        for label, new, violation in steps:
            who = actor(label)
            stays = not last or same_actor(who, last)
            price = 1 if stays else 1 + (1 << 20) + (1 << 40 if able else 0)
            yield price, label, (new, who), violation

    def _path(self, cost: int, node: tuple[int, str], label: int, violation: int) -> Witness:
        labels = [label] if label >= 0 else []
        while node in self.parents:
            node, label = self.parents[node]
            labels.append(label)
        labels.reverse()
        actors = tuple(self.system.actor(one) for one in labels)
        return Witness(violation, tuple(labels), actors, cost >> 40, cost >> 20 & 0xFFFFF)


def same_actor(one: str, other: str) -> bool:
    """Callbacks are separate pieces of work: after one nobody is interrupted in the middle of anything."""
    return one == other and not one.startswith("Q")


def sampled(
    system: System,
    seed: int,
    runs: int,
    *,
    depth: int = 3,
    budget: Budget | None = None,
    progress: Progress | None = None,
) -> Result:
    """Random schedules by random priorities (PCT): each actor has a priority, which drops at `depth` random places."""
    chance = random.Random(seed)
    figures = Figures()
    clock = Clock(budget or Budget(states=0), figures, progress)
    result = Result(SAMPLED, figures, seed=seed)
    longest = 16
    with no_garbage_collection():
        try:
            for _ in range(runs):
                witness, length = _sample(system, chance, depth, longest, figures)
                longest = max(longest, length)
                result.samples += 1
                if witness is not None:
                    result.witness, result.shortest, result.verdict = witness, False, VIOLATED
                    result.violations.add(witness.violation)
                    break
                if not result.samples & 63 and clock.over():
                    break
        except KeyboardInterrupt:
            figures.stopped = "interrupt"
    clock.stop()
    figures.depth = longest
    return result


def _sample(
    system: System, chance: random.Random, depth: int, longest: int, figures: Figures
) -> tuple[Witness | None, int]:
    priorities: dict[str, float] = {}
    drops = {chance.randrange(longest) for _ in range(depth)}
    state = system.initial
    labels: list[int] = []
    while (steps := system.successors(state)) and len(labels) < LONGEST_SAMPLE:
        for label, _, _ in steps:
            if system.actor(label) not in priorities:
                priorities[system.actor(label)] = chance.random()
        step = max(steps, key=lambda one: priorities[system.actor(one[0])])
        if len(labels) in drops:
            priorities[system.actor(step[0])] = -chance.random()
            step = max(steps, key=lambda one: priorities[system.actor(one[0])])
        labels.append(step[0])
        figures.transitions += 1
        figures.states += 1
        if step[2]:
            return _witness_of(system, labels, step[2]), len(labels)
        state = step[1]
    violation = system.final(state) if not steps else 0
    return (_witness_of(system, labels, violation) if violation else None), len(labels)


def _witness_of(system: System, labels: list[int], violation: int) -> Witness:
    """Preemptions are counted anew along the path."""
    state = system.initial
    last = ""
    preemptions = switches = 0
    for label in labels:
        steps = system.successors(state)
        who = system.actor(label)
        if last and not same_actor(who, last):
            switches += 1
            preemptions += any(same_actor(system.actor(one), last) for one, _, _ in steps)
        last = who
        state = next(new for one, new, _ in steps if one == label)
    return Witness(violation, tuple(labels), tuple(system.actor(one) for one in labels), preemptions, switches)


def explore(
    system: System,
    *,
    budget: Budget | None = None,
    bounds: tuple[int, ...] = (1, 2, 3),
    seed: int = 1,
    samples: int = 2000,
    progress: Progress | None = None,
) -> Result:
    """All states if the budget allows; else all schedules with few preemptions; else random ones; it says which."""
    budget = budget or Budget()
    result = breadth_first(system, budget, progress)
    if result.verdict == VIOLATED:
        figures = Figures()
        result.witness = shortest_witness(system, progress=progress, figures=figures)
        if result.witness is None:
            result.witness, result.shortest = _any_witness(system), False
    if result.verdict != INTERRUPTED or result.figures.stopped == "interrupt":
        return result
    for bound in bounds:
        figures = Figures()
        witness = shortest_witness(system, preemptions=bound, budget=budget, progress=progress, figures=figures)
        if witness is not None:
            result.verdict, result.witness = VIOLATED, witness
            result.violations.add(witness.violation)
            return result
        if figures.stopped:
            break
        result.verdict, result.bound = BOUNDED, bound
    if result.verdict == BOUNDED:
        return result
    tried = sampled(system, seed, samples, budget=Budget(0, budget.seconds, 0), progress=progress)
    tried.figures.stopped = result.figures.stopped
    return tried


def _any_witness(system: System) -> Witness | None:
    """The nearest witness by steps alone: parents are kept, costs are not."""
    parents: dict[int, tuple[int, int]] = {system.initial: (-1, -1)}
    frontier = [system.initial]
    while frontier:
        following: list[int] = []
        for state in frontier:
            steps = system.successors(state)
            ends = [(-1, system.final(state))] if not steps else [(label, bad) for label, _, bad in steps if bad]
            for label, violation in ends:
                if violation:
                    labels = [label] if label >= 0 else []
                    while parents[state][1] >= 0:
                        state, label = parents[state]
                        labels.append(label)
                    return _witness_of(system, labels[::-1], violation)
            for label, new, _ in steps:
                if new not in parents:
                    parents[new] = state, label
                    following.append(new)
        frontier = following
    return None


def executions(system: System, limit: int = 0) -> int:
    """How many maximal schedules there are, by going through each one of them: no state is remembered.

    The oracle of the others. limit: stop after that many (0: never). A violation ends a schedule.
    """
    count = 0
    stack: list[tuple[int, int]] = [(system.initial, 0)]
    while stack:
        state, violation = stack.pop()
        steps = [] if violation else system.successors(state)
        if not steps:
            count += 1
            if limit and count >= limit:
                break
        stack.extend((new, bad) for _, new, bad in steps)
    return count
