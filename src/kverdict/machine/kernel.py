"""What the machine asks of a kernel: layouts of its structures, the task design, and rules that differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kverdict.kernel import proto
from kverdict.machine.objects.base import Layouts
from kverdict.machine.objects.task_design import RCU_USERS_COUNT, TaskDesign, design_by_facts

if TYPE_CHECKING:
    from kverdict.btf.btf import Btf
    from kverdict.kernel.profile import KernelProfile


class Kernel:
    """One kernel for the machine. stack_may_be_unwritten: programs may read stack bytes that were never written.

    profile: None for hand-made worlds without facts.
    """

    __slots__ = ("btf", "design", "layouts", "name", "profile", "stack_may_be_unwritten")

    def __init__(self, name: str = "plain", design: TaskDesign = RCU_USERS_COUNT, btf: Btf | None = None) -> None:
        self.name = name
        self.design = design
        self.btf = btf
        self.layouts = Layouts(btf)
        self.profile: KernelProfile | None = None
        self.stack_may_be_unwritten = False

    @classmethod
    def of(cls, profile: KernelProfile) -> Kernel:
        """From a profile: the design follows from its facts, so that an overlay changes it."""
        kernel = cls(profile.name, task_design(profile), profile.btf)
        kernel.profile = profile
        kernel.stack_may_be_unwritten = profile.does("READS_UNINIT_STACK")
        return kernel


def task_design(profile: KernelProfile) -> TaskDesign:
    """The design of bpf_task_acquire that the profile's flags, RCU-protected types and behaviours amount to."""
    acquire = profile.kfunc("bpf_task_acquire")
    return design_by_facts(
        acquire_may_fail=acquire is not None and acquire.has(proto.KF_RET_NULL),
        rcu_safe="task_struct" in profile.rcu_protected_types,
        shares_rcu_head=not profile.does("RCU_USERS_HAS_OWN_PLACE"),
        delayed=profile.does("TASK_FREE_DELAYED"),
    )
