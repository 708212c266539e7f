"""The rules of kfunc arguments, in the kernel's order: NULL first, then trust."""

from __future__ import annotations

from kverdict.verify.rules.kfunc_args import KFUNC_ARGUMENT_RULES, KFUNC_OBJECT_RULES
from tests.verify.asking import says

PARENT = "r1 = *(u64 *)(r1 +0)\nr1 = *(u64 *)(r1 +task_struct.real_parent)\n"
RELEASE = "if r0 == 0 goto +2\nr1 = r0\ncall bpf_task_release\nr0 = 0\nexit"


def test_every_rule_says_what_it_asks_and_where_that_is_documented() -> None:
    for rule in (*KFUNC_ARGUMENT_RULES, *KFUNC_OBJECT_RULES):
        assert rule.__doc__


def test_null_is_objected_to_before_trust() -> None:
    assert says("r1 = 0\ncall bpf_task_acquire\nr0 = 0\nexit", "6.12") == "Possibly NULL pointer passed to trusted arg0"


def test_rcu_is_enough_where_the_kfunc_says_so() -> None:
    assert says(PARENT + "call bpf_task_acquire\n" + RELEASE) == ""


def test_rcu_is_not_enough_for_a_release() -> None:
    text = PARENT + "call bpf_task_release\nr0 = 0\nexit"
    assert says(text) == "R1 must be referenced or trusted"
