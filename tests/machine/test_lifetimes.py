"""The interleavings that separate the four designs of bpf_task_acquire, each replayed step by step."""

from __future__ import annotations

import pytest

from kverdict.machine.fault import REFCOUNT, UNION_CORRUPTION, USE_AFTER_FREE, Fault
from kverdict.machine.objects.task_design import (
    NAIVE,
    NAIVE_NOT_ZERO,
    RCU_USERS_COUNT,
    UNION,
    USAGE_COUNT,
    TaskDesign,
)
from kverdict.machine.run import Run
from kverdict.machine.step import run_to_end
from kverdict.machine.views import TaskHandle
from kverdict.machine.world import World
from tests.machine.programs import ACQUIRE, DROP, READ, STASH, program, world

ALL = (UNION, USAGE_COUNT, RCU_USERS_COUNT, NAIVE)


def stashed(design: TaskDesign, *more: str) -> tuple[World, TaskHandle]:
    """A world in which a living task is in the slot."""
    texts = dict(zip(("reader", "second"), more, strict=False))
    codes = [program("stash", STASH), program("drop", DROP)]
    codes += [program(name, text) for name, text in texts.items()]
    found = world(design, *codes)
    task = found.fork("worker")
    assert found.run("stash", [task.address]).result == 1
    return found, task


def step_until_loaded(found: World, run: Run) -> None:
    """Step the reader until it has loaded the pointer from the slot."""
    while run.frame.pc != 3:
        found.step(run)


@pytest.mark.parametrize("design", ALL, ids=lambda d: d.name)
def test_stash_and_drop_bring_all_counts_back(design: TaskDesign) -> None:
    found, task = stashed(design)
    found.run("drop")
    assert (task.usage, task.rcu_users) == (1, 2)
    task.exit()
    found.settle()
    assert not task.alive
    found.assert_no_leaks()


@pytest.mark.parametrize("design", (USAGE_COUNT, RCU_USERS_COUNT, NAIVE), ids=lambda d: d.name)
@pytest.mark.parametrize("delayed", (False, True))
def test_the_map_keeps_the_task_alive_and_its_destructor_frees_it(design: TaskDesign, delayed: bool) -> None:
    found, task = stashed(design.with_free(delayed))
    task.exit()
    found.settle()
    assert task.alive
    found.destroy_maps()
    found.settle()
    assert not task.alive
    found.assert_no_leaks()


def test_1_naive_design_frees_under_the_reader() -> None:
    found, task = stashed(NAIVE, READ)
    task.exit()
    reader = found.begin(found.code("reader"), [0])
    step_until_loaded(found, reader)
    found.run("drop")
    callback = found.rcu.ready()[0]
    assert callback.waits == set()
    found.rcu.run(callback)
    with pytest.raises(Fault) as caught:
        run_to_end(found, reader)
    assert caught.value.kind == USE_AFTER_FREE
    assert found.findings[-1].insn == 5


def test_1_patched_design_makes_the_callback_wait_for_the_reader() -> None:
    found, task = stashed(RCU_USERS_COUNT, READ)
    task.exit()
    assert found.rcu.callbacks == []
    reader = found.begin(found.code("reader"), [0])
    step_until_loaded(found, reader)
    found.run("drop")
    assert found.rcu.ready() == []
    run_to_end(found, reader)
    assert reader.result == task.pid
    found.settle()
    assert not task.alive
    found.assert_no_leaks()


def test_1_delayed_free_hides_the_naive_bug() -> None:
    found, task = stashed(NAIVE.with_free(delayed=True), READ)
    task.exit()
    reader = found.begin(found.code("reader"), [0])
    step_until_loaded(found, reader)
    found.run("drop")
    found.settle()
    run_to_end(found, reader)
    assert reader.result == task.pid


@pytest.mark.parametrize("design", (NAIVE, NAIVE_NOT_ZERO), ids=lambda d: d.name)
def test_2_acquire_on_freed_memory(design: TaskDesign) -> None:
    found, task = stashed(design, ACQUIRE)
    task.exit()
    reader = found.begin(found.code("reader"), [0])
    while reader.frame.pc != 5:
        found.step(reader)
    found.run("drop")
    found.settle()
    with pytest.raises(Fault, match=USE_AFTER_FREE):
        run_to_end(found, reader)


def test_2_inc_not_zero_on_usage_is_clean_with_delayed_free() -> None:
    found, task = stashed(NAIVE_NOT_ZERO.with_free(delayed=True), ACQUIRE)
    task.exit()
    reader = found.begin(found.code("reader"), [0])
    while reader.frame.pc != 5:
        found.step(reader)
    found.run("drop")
    found.settle()
    run_to_end(found, reader)
    assert reader.result == 0
    found.settle()
    found.assert_no_leaks()


def test_3_union_is_overwritten_by_the_last_put() -> None:
    found, task = stashed(UNION, ACQUIRE)
    task.exit()
    reader = found.begin(found.code("reader"), [0])
    while reader.frame.pc != 5:
        found.step(reader)
    found.run("drop")
    run_to_end(found, reader)
    assert reader.result == 1
    assert UNION_CORRUPTION in {finding.kind for finding in found.findings}


def test_3_patched_design_gives_null() -> None:
    found, task = stashed(RCU_USERS_COUNT, ACQUIRE)
    task.exit()
    reader = found.begin(found.code("reader"), [0])
    while reader.frame.pc != 5:
        found.step(reader)
    found.run("drop")
    run_to_end(found, reader)
    assert reader.result == 0
    assert found.findings == []


FROM_PID = """
    r1 = 100
    call bpf_task_from_pid
    if r0 == 0 goto done
    r1 = r0
    call bpf_task_release
    r0 = 1
done: exit
"""


@pytest.mark.parametrize(
    ("design", "kinds", "answer"),
    [(UNION, {UNION_CORRUPTION}, 1), (RCU_USERS_COUNT, set(), 0)],
    ids=("union", "rcu_users"),
)
def test_4_task_dies_between_find_and_acquire(design: TaskDesign, kinds: set[str], answer: int) -> None:
    found = world(design, program("lookup", FROM_PID))
    task = found.fork("worker", 100)
    run = found.begin(found.code("lookup"), [0])
    while run.pending is None or run.pending.canonical()[2] != "acquire":
        found.step(run)
    task.exit()
    run_to_end(found, run)
    assert run.result == answer
    assert {finding.kind for finding in found.findings} == kinds


def test_5_argument_that_only_usage_holds() -> None:
    """A tracepoint's argument may have rcu_users 0 already: this is why a trusted argument still can give NULL."""
    answers = {}
    for design in (UNION, RCU_USERS_COUNT):
        found = world(design, program("stash", STASH))
        task = found.fork("worker")
        task.exit()
        answers[design.name] = found.run("stash", [task.address]).result, len(found.findings)
    assert answers["rcu_users"] == (0, 0)
    assert answers["union"][0] == 1
    assert answers["union"][1] > 0


def test_6_only_the_patched_design_refuses_a_task_without_rcu_users() -> None:
    for design, expected in ((USAGE_COUNT, 1), (RCU_USERS_COUNT, 0)):
        found = world(design, program("stash", STASH))
        task = found.fork("worker")
        task.task.usage += 1
        task.exit()
        found.settle()
        assert found.run("stash", [task.address]).result == expected


def test_8_stale_load_of_a_sleepable_program_is_garbage_not_a_fault() -> None:
    code = program("reader", READ, sleepable=True)
    found = world(USAGE_COUNT, program("stash", STASH), program("drop", DROP), code)
    task = found.fork("worker")
    found.run("stash", [task.address])
    task.exit()
    reader = found.begin(code, [0])
    reader.probes = frozenset({5})
    step_until_loaded(found, reader)
    found.run("drop")
    found.settle()
    assert not task.alive
    run_to_end(found, reader)
    assert reader.result == 0x6B6B6B6B


def test_9_borrowing_hides_the_task_from_a_second_program() -> None:
    found, task = stashed(USAGE_COUNT, READ)
    borrower = found.begin(found.code("drop"), [0])
    while borrower.frame.pc != 5:
        found.step(borrower)
    assert found.run("reader").result == (1 << 64) - 1
    assert task.alive


def test_release_below_zero_is_reported_with_the_ledger() -> None:
    found = world(USAGE_COUNT, program("drop twice", "r6 = *(u64 *)(r1 +0)\nr1 = r6\ncall bpf_task_release\nexit"))
    task = found.fork("worker")
    task.task.usage = 0
    found.run("drop twice", [task.address])
    assert [finding.kind for finding in found.findings] == [REFCOUNT]
    with pytest.raises(AssertionError, match="underflow"):
        found.assert_no_leaks()
    assert "bpf_task_release" in task.ledger()


def test_reference_not_given_back_is_a_leak_with_its_instruction() -> None:
    found = world(RCU_USERS_COUNT, program("leak", "r1 = *(u64 *)(r1 +0)\ncall bpf_task_acquire\nr0 = 0\nexit"))
    task = found.fork("worker")
    found.run("leak", [task.address])
    with pytest.raises(
        AssertionError, match=r"task taken at instruction 1 of leak was not given back[\s\S]*rcu_users 3"
    ):
        found.assert_no_leaks()


def test_sleepable_program_does_not_hold_back_a_grace_period() -> None:
    for sleepable, ready in ((True, 1), (False, 0)):
        code = program("reader", READ, sleepable=sleepable)
        found = world(RCU_USERS_COUNT, code)
        task = found.fork("worker")
        found.begin(code, [0])
        task.exit()
        assert len(found.rcu.ready()) == ready
