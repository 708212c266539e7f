"""The story of a refusal: what is marked, what is said about it, what is left out."""

from __future__ import annotations

from kverdict.catalogue.kfuncs import MAYBE_NULL_ARG
from kverdict.catalogue.lifetime import UNRELEASED_REFERENCE
from kverdict.report.story import tell
from kverdict.report.text import result_text
from tests.report.made import rejected

NO_CHECK = rejected(MAYBE_NULL_ARG.at(3, reg=1, callee="bpf_task_release"), (0, 1, 2, 3))
LEAK = rejected(
    UNRELEASED_REFERENCE.at(5, id=2, alloc_insn=1, where="BPF_EXIT instruction in main prog"), (0, 1, 2, 3, 4, 5)
)


def test_the_argument_is_primary_and_its_producer_secondary() -> None:
    primary, secondary = tell(NO_CHECK).spans
    assert primary.place.source[primary.column :][: primary.width] == "acquired"
    assert secondary.place.source[secondary.column :][: secondary.width] == "bpf_task_acquire(task)"
    assert "rcu_users is 0" in secondary.labels[0]
    assert secondary.labels[1] == "kfunc flags: KF_ACQUIRE | KF_RET_NULL | KF_RCU"


def test_the_headline_names_the_variable_and_the_callee() -> None:
    assert tell(NO_CHECK).headline == "`acquired` may be NULL when it is passed to bpf_task_release()"


def test_it_is_said_that_no_branch_tests_the_pointer() -> None:
    assert tell(NO_CHECK).remark == "no branch on it tests `acquired`"


def test_a_leak_points_at_the_exit_and_at_the_call_that_took_the_reference() -> None:
    primary, secondary = tell(LEAK).spans
    assert primary.place.source.strip() == "return 0;"
    assert secondary.labels[0] == "bpf_task_acquire() takes the reference here"
    assert tell(LEAK).remark == ""


def test_the_text_is_complete() -> None:
    text = result_text(NO_CHECK, tell(NO_CHECK))
    where = "program no_null_check (tp_btf/task_newtask), instruction 3, kernel 6.18"
    assert (
        text
        == f"""\
error[maybe-null-arg]: `acquired` may be NULL when it is passed to bpf_task_release()
  --> examples/task_kptr/no_null_check.bpf.c:12:19   {where}
   |
11 |     acquired = bpf_task_acquire(task);
   |                ---------------------- returns NULL when the task is already exiting (rcu_users is 0)
   |                kfunc flags: KF_ACQUIRE | KF_RET_NULL | KF_RCU
12 |     bpf_task_release(acquired);
   |                      ^^^^^^^^ must be a non-NULL task_struct whose reference this program holds (KF_RELEASE)
   |
   = path: entry → 11 → 12; no branch on it tests `acquired`
help: test the pointer first
note: the kernel says: Possibly NULL pointer passed to trusted arg0
see: kverdict explain maybe-null-arg"""
    )


def test_newer_kernels_are_quoted_in_their_own_words() -> None:
    newer = rejected(MAYBE_NULL_ARG.at(3, reg=1, callee="bpf_task_release"), (0, 1, 2, 3), "7.2")
    assert "the kernel says: Possibly NULL pointer passed to trusted R1" in result_text(newer, tell(newer))
