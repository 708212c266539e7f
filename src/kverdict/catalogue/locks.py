"""Sentences about bpf_spin_lock, bpf_res_spin_lock and the interrupt flag."""

from __future__ import annotations

from errno import EINVAL
from typing import Final

from kverdict.diagnostic import Message

LOCK_NOT_HELD_FOR: Final = Message(
    "lock-not-held-for",
    EINVAL,
    "bpf_spin_lock at off={off} must be held for {field}",
    "the {field} is used without holding the lock beside it",
)
LOCK_VARIABLE_OFFSET: Final = Message(
    "lock-variable-offset",
    EINVAL,
    "R{reg} doesn't have constant offset. {lock} has to be at the constant offset",
)
LOCK_NO_BTF: Final = Message("lock-no-btf", EINVAL, "map '{map}' has to have BTF in order to use {lock}")
NO_VALID_LOCK: Final = Message("no-valid-lock", EINVAL, "{owner} '{map}' has no valid {lock}")
NOT_AT_LOCK: Final = Message(
    "not-at-lock",
    EINVAL,
    "off {off} doesn't point to 'struct {lock}' that is at {lock_off}",
    "",
    (("RELEASE_OFFSET_FIRST", "off {off} doesn't point to 'struct {lock}'"),),
)
TWO_LOCKS: Final = Message(
    "two-locks", EINVAL, "Locking two bpf_spin_locks are not allowed", "a second lock is taken while one is held"
)
SAME_LOCK_TWICE: Final = Message(
    "same-lock-twice", EINVAL, "Acquiring the same lock again, AA deadlock detected", "the lock is already held"
)
UNLOCK_WITHOUT_LOCK: Final = Message(
    "unlock-without-lock", EINVAL, "{lock}_unlock without taking a lock", "no lock is held here"
)
UNLOCK_DIFFERENT: Final = Message(
    "unlock-different", EINVAL, "{lock}_unlock of different lock", "another lock than the one that is held is unlocked"
)
UNLOCK_OUT_OF_ORDER: Final = Message("unlock-out-of-order", EINVAL, "{lock}_unlock cannot be out of order")
CALL_WITH_LOCK: Final = Message(
    "call-with-lock",
    EINVAL,
    "function calls are not allowed while holding a lock",
    "a function is called while a lock is held",
)
GLOBAL_CALL_WITHOUT_PREEMPTION: Final = Message(
    "global-call-without-preemption",
    EINVAL,
    "global function calls are not allowed with preemption disabled,\nuse static function instead",
    "this kernel allows no calls of global functions while preemption is disabled",
)
GLOBAL_CALL_WITH_LOCK: Final = Message(
    "global-call-with-lock",
    EINVAL,
    "global function calls are not allowed while holding a lock,\nuse static function instead",
    "a global function is called while a lock is held",
)
NOT_SAME_ALLOCATION: Final = Message(
    "lock-of-other-object", EINVAL, "held lock and object are not in the same allocation"
)
IRQ_OUT_OF_ORDER: Final = Message(
    "irq-out-of-order",
    13,
    "cannot restore irq state out of order, expected id={id} acquired at insn_idx={at}",
    "interrupt flags must be restored in the reverse order of saving",
)
IRQ_WRONG_KIND: Final = Message(
    "irq-wrong-kind", EINVAL, "irq flag acquired by {saved} kfuncs cannot be restored with {used} kfuncs"
)
IRQ_UNINITIALIZED_EXPECTED: Final = Message(
    "irq-uninitialized-expected",
    EINVAL,
    "expected uninitialized irq flag as R{reg}",
    "",
    (("MESSAGES_NAME_REGISTERS", "expected uninitialized irq flag as arg#{arg}"),),
)
IRQ_INITIALIZED_EXPECTED: Final = Message(
    "irq-initialized-expected",
    EINVAL,
    "expected an initialized irq flag as R{reg}",
    "",
    (("MESSAGES_NAME_REGISTERS", "expected an initialized irq flag as arg#{arg}"),),
)
IRQ_NOT_ON_STACK: Final = Message(
    "irq-not-on-stack",
    EINVAL,
    "R{reg} doesn't point to an irq flag on stack",
    "",
    (("MESSAGES_NAME_REGISTERS", "arg#{arg} doesn't point to an irq flag on stack"),),
)
