"""Sentences about references and protected sections: what was taken must be given back, on every path, in order."""

from __future__ import annotations

from errno import EINVAL, EPROTO
from typing import Final

from kverdict.diagnostic import Message

LEAK: Final = "ONE_LEAK_CHECK"

UNRELEASED_REFERENCE: Final = Message(
    "unreleased-reference",
    EINVAL,
    "{where} would lead to reference leak",
    "the reference that {taken_by} is still held here, and nobody will drop it",
    ((LEAK, "Unreleased reference id={id} alloc_insn={alloc_insn}"),),
)
UNRELEASED_REFERENCE_LINE: Final = Message(
    "unreleased-reference-line",
    EINVAL,
    "Unreleased reference id={id} alloc_insn={alloc_insn}",
    "the reference taken at instruction {alloc_insn} is still held",
)
UNRELEASED_TAIL_CALL: Final = Message(
    "unreleased-tail-call",
    EINVAL,
    "tail_call would lead to reference leak",
    "a reference is still held at a tail call",
)
LD_ABS_WITH_REFERENCE: Final = Message(
    "ld-abs-with-reference",
    EINVAL,
    "BPF_LD_[ABS|IND] would lead to reference leak",
    "a reference is still held at a packet load that may end the program",
    ((LEAK, "BPF_LD_[ABS|IND] cannot be mixed with socket references"),),
)
SPIN_LOCK_HELD: Final = Message(
    "spin-lock-held",
    EINVAL,
    "{where} cannot be used inside bpf_spin_lock-ed region",
    "the lock is still held here",
    ((LEAK, "bpf_spin_unlock is missing"),),
)
RCU_LOCK_HELD: Final = Message(
    "rcu-lock-held",
    EINVAL,
    "{where} cannot be used inside bpf_rcu_read_lock-ed region",
    "bpf_rcu_read_unlock() is missing on this path",
    ((LEAK, "bpf_rcu_read_unlock is missing"),),
)
PREEMPT_DISABLED: Final = Message(
    "preempt-disabled",
    EINVAL,
    "{where} cannot be used inside bpf_preempt_disable-ed region",
    "bpf_preempt_enable() is missing on this path",
    ((LEAK, "{count} bpf_preempt_enable{plural} missing"),),
)
IRQ_DISABLED: Final = Message(
    "irq-disabled",
    EINVAL,
    "{where} cannot be used inside bpf_local_irq_save-ed region",
    "bpf_local_irq_restore() is missing on this path",
)
NESTED_RCU_LOCK: Final = Message(
    "nested-rcu-lock",
    EINVAL,
    "nested rcu read lock (kernel function {callee})",
    "bpf_rcu_read_lock() is called inside an RCU read section; this kernel does not nest them",
)
UNMATCHED_RCU_UNLOCK: Final = Message(
    "unmatched-rcu-unlock",
    EINVAL,
    "unmatched rcu read unlock (kernel function {callee})",
    "bpf_rcu_read_unlock() is called outside of an RCU read section",
)
UNMATCHED_PREEMPT_ENABLE: Final = Message(
    "unmatched-preempt-enable",
    EINVAL,
    "unmatched attempt to enable preemption (kernel function {callee})",
    "bpf_preempt_enable() is called while preemption is on",
)
RCU_LOCK_IN_RBTREE_CALLBACK: Final = Message(
    "rcu-lock-in-rbtree-callback",
    13,
    "Calling bpf_rcu_read_{{lock,unlock}} in unnecessary rbtree callback",
)
EXPECTED_RCU_SECTION: Final = Message(
    "expected-rcu-section",
    EPROTO,
    "expected an RCU CS when using {callee}",
    "{callee}() is used outside of the RCU read section that the iterator was made in",
)
RELEASE_UNREFERENCED: Final = Message(
    "release-unreferenced",
    EINVAL,
    "release helper {callee} expects referenced PTR_TO_BTF_ID passed to R{reg}",
    "{callee}() takes over a reference, but {subject} holds none",
    (("MESSAGES_NAME_REGISTERS", "R{reg} must be referenced when passed to release function"),),
)
RELEASE_UNACQUIRED_DYNPTR: Final = Message(
    "release-unacquired-dynptr",
    EINVAL,
    "arg {reg} is an unacquired reference",
    "{subject} is released, but holds no reference",
)
HELPER_NOT_ACQUIRED: Final = Message(
    "helper-not-acquired", EINVAL, "func {callee}#{number} reference has not been acquired before"
)
