"""How a kernel counts references to task_struct: the designs of bpf_task_acquire and the rule that frees the memory.

A design is data: a kernel profile names one, and an overlay may invent another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

INC: Final = "inc"
INC_NOT_ZERO: Final = "inc_not_zero"
ALWAYS_NULL: Final = "null"
USAGE: Final = "usage"
RCU_USERS: Final = "rcu_users"


@dataclass(frozen=True, slots=True)
class TaskDesign:
    """acquire, kptr_get: how the count is taken ("inc", "inc_not_zero", "null": never); count: "usage" or "rcu_users".

    shares_rcu_head: rcu_users lies in a union with the rcu_head, so that queueing a callback overwrites it.
    rcu_safe: a task_struct kptr loaded inside a read section is an RCU pointer (else untrusted).
    delayed_free: when usage reaches 0 the memory is freed after one more grace period (else at once).
    """

    name: str
    acquire: str
    count: str
    kptr_get: str = ALWAYS_NULL
    shares_rcu_head: bool = False
    rcu_safe: bool = False
    delayed_free: bool = False

    def with_free(self, delayed: bool) -> TaskDesign:
        """The same with another rule for the memory."""
        return TaskDesign(
            self.name, self.acquire, self.count, self.kptr_get, self.shares_rcu_head, self.rcu_safe, delayed
        )


UNION: Final = TaskDesign("union", INC, RCU_USERS, kptr_get=INC_NOT_ZERO, shares_rcu_head=True)
USAGE_COUNT: Final = TaskDesign("usage", INC, USAGE, shares_rcu_head=True)
RCU_USERS_COUNT: Final = TaskDesign("rcu_users", INC_NOT_ZERO, RCU_USERS, rcu_safe=True)
NAIVE: Final = TaskDesign("naive", INC, USAGE, rcu_safe=True)
NAIVE_NOT_ZERO: Final = TaskDesign("naive_not_zero", INC_NOT_ZERO, USAGE, rcu_safe=True)
DESIGNS: Final = {d.name: d for d in (UNION, USAGE_COUNT, RCU_USERS_COUNT, NAIVE, NAIVE_NOT_ZERO)}


def design_by_facts(*, acquire_may_fail: bool, rcu_safe: bool, shares_rcu_head: bool, delayed: bool) -> TaskDesign:
    """The design that a kernel's facts amount to.

    acquire_may_fail: bpf_task_acquire has KF_RET_NULL; rcu_safe: task_struct is an RCU-protected type;
    shares_rcu_head: before d02c48fa1139 ("bpf: Make struct task_struct an RCU-safe type") (in v6.4).
    """
    if acquire_may_fail:
        base = RCU_USERS_COUNT if rcu_safe else TaskDesign("rcu_users, untrusted", INC_NOT_ZERO, RCU_USERS)
    else:
        base = NAIVE if rcu_safe else USAGE_COUNT
    return TaskDesign(base.name, base.acquire, base.count, base.kptr_get, shares_rcu_head, base.rcu_safe, delayed)
