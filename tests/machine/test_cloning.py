"""A clone lives its own life; canonical states forget numbers and nothing else."""

from __future__ import annotations

from kverdict.machine import canonical
from kverdict.machine.objects.task_design import NAIVE, RCU_USERS_COUNT
from kverdict.machine.operations import CALL, EXIT, LOAD, LOCAL, STEP, next_operation
from kverdict.machine.step import run_to_end
from kverdict.machine.world import World
from tests.machine.programs import ACQUIRE, DROP, READ, STASH, program, world


def test_clone_and_original_do_not_see_each_other() -> None:
    found = world(RCU_USERS_COUNT, program("stash", STASH), program("reader", READ))
    task = found.fork("worker")
    run = found.begin(found.code("stash"), [task.address])
    while run.frame.pc < 3:
        found.step(run)
    before = canonical.state(found)
    other = found.clone()
    assert canonical.state(other) == before
    run_to_end(other, other.runs[run.id])
    assert canonical.state(found) == before
    assert task.rcu_users == 2 + 1
    assert other.findings == []
    run_to_end(found, run)
    assert canonical.state(found) == canonical.state(other)


def test_same_history_by_different_numbers_is_the_same_state() -> None:
    def build(detour: bool) -> World:
        found = world(NAIVE, program("stash", STASH), program("drop", DROP))
        task = found.fork("worker", 100)
        if detour:
            found.run("stash", [task.address])
            found.run("drop")
            found.runs.clear()
        found.run("stash", [task.address])
        found.runs.clear()
        return found

    assert canonical.state(build(True)) == canonical.state(build(False))


def test_dead_registers_do_not_matter() -> None:
    states = set()
    for junk in (1, 2):
        text = f"r3 = {junk}\nr0 = 0\nr4 = *(u64 *)(r1 +0)\nexit"
        code = program("junk", text)
        found = world(NAIVE, code)
        run = found.begin(code, [0])
        found.step(run)
        states.add(canonical.state(found)[:1] + canonical.state(found)[2:])
    assert len(states) == 1


def test_operations_tell_local_from_visible_steps() -> None:
    found = world(RCU_USERS_COUNT, program("reader", ACQUIRE))
    run = found.begin(found.code("reader"), [0])
    kinds = []
    while run.status == "running":
        kinds.append(next_operation(found, run).kind)
        found.step(run)
    assert kinds == [LOCAL, LOAD, LOCAL, LOCAL, EXIT]


def test_finding_by_pid_takes_four_steps() -> None:
    found = world(
        RCU_USERS_COUNT, program("find", "r1 = 1\ncall bpf_task_from_pid\nr1 = r0\ncall bpf_task_release\nexit")
    )
    run = found.begin(found.code("find"), [0])
    kinds = []
    while run.status == "running":
        kinds.append(next_operation(found, run).kind)
        found.step(run)
    assert kinds == [LOCAL, CALL, STEP, STEP, STEP, STEP, LOCAL, CALL, EXIT]
    found.assert_no_leaks()
