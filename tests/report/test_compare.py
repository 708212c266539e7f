"""The rule behind a difference between kernels is found by asking, and it is the smallest."""

from __future__ import annotations

from kverdict.api import Result, check_object, profiles_for
from kverdict.kernel.diff import differences, laid_over
from kverdict.kernel.profile import load_profile
from kverdict.report.compare import answer, clauses, explain, kernel_notes
from kverdict.report.story import tell
from kverdict.report.suggest import proved_help
from tests.report.made import example

MAIN = ("6.3", "6.4", "6.12", "6.18", "7.2")


def on(kernel: str) -> Result:
    return next(check_object(example(), profiles_for([kernel])))


def test_the_flag_is_the_rule() -> None:
    change = explain(on("6.3"), on("6.4"))
    assert [rule.text for rule in change.rules] == ["bpf_task_acquire() gained KF_RET_NULL"]
    assert change.rules[0].commit == "d02c48fa1139"


def test_other_words_have_the_behaviour_as_their_rule() -> None:
    assert [rule.name for rule in explain(on("6.18"), on("7.2")).rules] == ["MESSAGES_NAME_REGISTERS"]


def test_the_difference_laid_over_the_old_kernel_gives_the_new_answer() -> None:
    old, new = load_profile("6.3"), load_profile("6.4")
    found = differences(old, new, ["bpf_task_acquire", "bpf_task_release"])
    (result,) = check_object(example(), [laid_over(old, found)])
    assert answer(result) == answer(on("6.4"))


def test_differences_can_be_undone() -> None:
    old, new = load_profile("6.4"), load_profile("6.3")
    there = laid_over(old, differences(old, new, ["bpf_task_acquire"]))
    assert [d.text for d in differences(there, new, ["bpf_task_acquire"]) if d.kind == "flag"] == []
    kfunc = there.kfunc("bpf_task_acquire")
    assert kfunc is not None and kfunc.flag_names() == ("KF_ACQUIRE", "KF_TRUSTED_ARGS")


def test_flags_of_one_function_are_one_clause() -> None:
    found = differences(load_profile("6.3"), load_profile("6.4"), ["bpf_task_acquire"])
    flags = [difference for difference in found if difference.kind == "flag"]
    assert clauses(flags) == [
        "bpf_task_acquire() gained KF_RCU and KF_RET_NULL",
        "bpf_task_acquire() lost KF_TRUSTED_ARGS",
    ]


def test_notes_name_the_kernels_and_the_commit() -> None:
    notes = kernel_notes(on("6.18"), profiles_for(MAIN))
    assert notes == (
        "6.3 accepts this, 6.4 and later refuse it: bpf_task_acquire() gained KF_RET_NULL\n"
        '("bpf: Make struct task_struct an RCU-safe type", d02c48fa1139)',
    )


def test_the_suggestion_names_the_kernels_on_which_it_was_verified() -> None:
    result = on("6.18")
    advice = proved_help(result, tell(result), profiles_for(MAIN))
    assert advice is not None
    assert advice.proved == ("6.4", "6.12", "6.18", "7.2")
    assert advice.lines == ((12, "    if (!acquired)"), (13, "        return 0;"))
