"""Words of our own beside the kernel's sentences: what a place in the source did wrong, and what to try."""

from __future__ import annotations

from typing import Final

# What stands under the place that the kernel refused, by message id. Fields: facts, {subject}, {struct}, {need}.
AT_FAILURE: Final[dict[str, str]] = {
    "maybe-null-arg": "must be a non-NULL {struct}{need}",
    "maybe-null-helper-arg": "must not be NULL",
    "not-trusted-arg": "must be a trusted or referenced {struct}{need}",
    "not-rcu-arg": "must be a trusted or RCU-protected {struct}{need}",
    "release-not-referenced": "must be a {struct} whose reference this program holds{need}",
    "release-unreferenced": "must be a pointer whose reference this program holds",
    "arg-not-plain-pointer": "must be a plain {expected}{need}",
    "arg-must-be-scalar-struct": "does not point to a {struct} of the kernel",
    "arg-struct-mismatch": "points to a {actual}, not to a {expected}",
    "invalid-mem-access": "is used as an address, but is {a_type}",
    "unreleased-reference": "the path ends here with the reference still held",
    "rcu-lock-held": "the path ends here inside the RCU read section",
    "preempt-disabled": "the path ends here with preemption off",
    "irq-disabled": "the path ends here with interrupts off",
    "spin-lock-held": "the path ends here with the lock held",
    "kfunc-not-allowed": "not available to {hook} programs",
    "unknown-helper": "not available to {hook} programs",
    "kfunc-needs-rcu-section": "needs bpf_rcu_read_lock() around it",
    "beyond-member": "reads {size} bytes at offset {off}; `{member}` ends at {end}",
    "helper-may-write": "may be written by {callee}()",
    "argument-type": "is {a_type}",
    "read-before-write": "was never set on this path",
    "only-read-is-supported": "structures of the kernel may only be read",
    "kptr-not-referenced": "is an unreferenced kptr",
    "return-range": "must lie between {low} and {high}",
    "min-value-negative-index": "may be negative",
    "min-value-negative": "may be negative",
    "max-value-outside": "may be too large",
    "unbounded-access": "has no upper bound",
    "unbounded-size": "has no upper bound",
    "outside-packet": "was not compared with data_end",
    "program-too-large": "the verifier gave up here",
}

# What to try, by message id, where nothing better could be worked out and verified.
HELP: Final[dict[str, str]] = {
    "maybe-null-arg": "test the pointer first",
    "maybe-null-helper-arg": "test the pointer first",
    "not-trusted-arg": "take a reference first, or use a pointer that the kernel passed to the program",
    "not-rcu-arg": "take the pointer from a trusted argument, or read it between bpf_rcu_read_lock() and its unlock",
    "release-not-referenced": "release only what an acquiring function returned, and only once",
    "unreleased-reference": "release it, or store it with bpf_kptr_xchg(), on every path",
    "rcu-lock-held": "call bpf_rcu_read_unlock() on every path",
    "preempt-disabled": "call bpf_preempt_enable() on every path",
    "irq-disabled": "call bpf_local_irq_restore() on every path",
    "spin-lock-held": "call bpf_spin_unlock() on every path",
    "kfunc-not-allowed": "`kverdict kfuncs {callee}` lists the programs that may call it",
    "unknown-helper": "`kverdict helpers {callee}` lists the programs that may call it",
    "kfunc-needs-rcu-section": "put bpf_rcu_read_lock() before and bpf_rcu_read_unlock() after it",
    "outside-packet": "compare the end of the access with data_end before it",
    "only-read-is-supported": "use a helper or kfunc that changes the object, if there is one",
    "invalid-stack-read": "set all bytes first, padding too, e.g. with `= {{}}` and __builtin_memset()",
    "invalid-indirect-stack-read": "set all bytes first, padding too, e.g. with __builtin_memset()",
    "min-value-negative-index": "use an unsigned type, or compare with 0 first",
    "min-value-negative": "use an unsigned type, or mask the size",
    "max-value-outside": "compare the index with the size first, or mask it",
    "unbounded-access": "compare the index with the size first, or mask it",
    "unbounded-size": "compare the size with a constant first, or mask it",
    "kptr-store": "use bpf_kptr_xchg(), and release what it returns",
    "kfunc-no-rcu-tags": "build the kernel with clang, or with a gcc that writes BTF type tags",
    "program-too-large": "fewer branches inside loops, bpf_loop() or an open-coded iterator, or global functions",
    "pointer-arithmetic-maybe-null": "test the pointer first",
}

# Kernel types as people say them, for "invalid mem access '...'" and the like.
TYPES: Final[dict[str, str]] = {
    "scalar": "a plain number",
    "map_value": "memory of a map",
    "map_value_or_null": "a map value that may be NULL",
    "map_ptr": "a map",
    "map_key": "a key of a map",
    "ptr_": "a kernel pointer without guarantee",
    "ptr_or_null_": "a kernel pointer that may be NULL",
    "trusted_ptr_": "a trusted kernel pointer",
    "trusted_ptr_or_null_": "a trusted kernel pointer that may be NULL",
    "rcu_ptr_": "an RCU-protected kernel pointer",
    "rcu_ptr_or_null_": "an RCU-protected kernel pointer that may be NULL",
    "untrusted_ptr_": "a kernel pointer that nobody keeps valid",
    "untrusted_ptr_or_null_": "a kernel pointer that nobody keeps valid and that may be NULL",
    "mem": "memory",
    "mem_or_null": "memory that may be NULL",
    "rdonly_mem": "read-only memory",
    "ringbuf_mem": "a record of a ring buffer",
    "ringbuf_mem_or_null": "a record of a ring buffer that may be NULL",
    "sock_or_null": "a socket that may be NULL",
    "pkt": "a pointer into the packet",
    "pkt_end": "the end of the packet",
    "fp": "an address on the stack",
    "ctx": "the program's context",
}

# Headlines where the pointer is not merely maybe NULL: it is the constant.
WITH_NULL: Final[dict[str, str]] = {
    "maybe-null-arg": "{callee}() is called with NULL",
    "maybe-null-helper-arg": "{callee}() is called with NULL",
}

# Headlines where the value was given up before: every copy of the pointer went with it.
AFTER_RELEASE: Final[dict[str, str]] = {
    "invalid-mem-access": "{subject} is used after {released_by} gave it up",
    "argument-type": "{subject} is passed to {callee}() after {released_by} gave it up",
    "arg-must-be-scalar-struct": "{subject} is passed to {callee}() after {released_by} gave it up",
    "not-a-scalar": "{subject} is passed to {callee}() after {released_by} gave it up",
}
RELEASED_LABEL: Final = "{callee}() takes the reference over: from here on, the pointer must not be used"

# Helpers that take a reference over, and in which argument register.
RELEASED_BY_HELPER: Final[dict[str, int]] = {
    "bpf_kptr_xchg": 2,
    "bpf_sk_release": 1,
    "bpf_ringbuf_submit": 1,
    "bpf_ringbuf_discard": 1,
}

# libbpf replaces an instruction that asks for a field or type that the kernel lacks by a call that no kernel accepts.
POISONED: Final = "this kernel has no {spec}"
POISONED_LABEL: Final = "asks for something that this kernel lacks"
POISONED_HELP: Final = "guard it with bpf_core_field_exists() or bpf_core_type_exists()"

# When functions return NULL, as their kernel documentation says.
RETURNS_NULL: Final[dict[str, str]] = {
    "bpf_task_acquire": "returns NULL when the task is already exiting (rcu_users is 0)",
    "bpf_task_from_pid": "returns NULL when no task of the initial pid namespace has this pid",
    "bpf_task_from_vpid": "returns NULL when no task of the current pid namespace has this pid",
    "bpf_cgroup_acquire": "returns NULL when the cgroup is already going away",
    "bpf_cgroup_from_id": "returns NULL when no cgroup has this id",
    "bpf_cgroup_ancestor": "returns NULL when the cgroup has no ancestor at this level",
    "bpf_map_lookup_elem": "returns NULL when the map has no such key",
    "bpf_kptr_xchg": "returns what was in the map before, NULL if nothing was",
    "bpf_ringbuf_reserve": "returns NULL when the buffer is full",
    "bpf_obj_new_impl": "returns NULL when there is no memory",
    "bpf_obj_new": "returns NULL when there is no memory",
    "bpf_cpumask_create": "returns NULL when there is no memory",
    "bpf_task_kptr_get": "returns NULL when the map holds nothing, and in 6.3 always",
}
