"""Differences between kernels in how the verifier checks calls; part of the table in behaviours.py.

Each row as in walk_behaviours.py: name, since, until, commit ("" where not known), what it does. "A to B" in a note
means that the change lies between those two kernels, which were compared.
"""

from __future__ import annotations

from typing import Final

from kverdict.kernel.walk_behaviours import Row

CALL_BEHAVIOURS: Final[tuple[Row, ...]] = (
    # Arguments of helpers
    ("CONTEXT_IS_HELPER_MEMORY", "7.0", "", "", "ctx is memory for helpers, syscall: at any offset (6.18 to 7.2)"),
    ("DYNPTR_SLICES_ARE_MEMORY", "6.5", "", "2012c867c800", "helpers take slices of skb and xdp dynptrs as memory"),
    ("HELPERS_READ_TRUSTED_POINTERS", "6.4", "", "3e30be4288b3", "memory that a helper reads may be a trusted object"),
    ("HELPER_NULL_SENTENCE", "6.4", "", "", "Possibly NULL pointer passed to helper; before: R1 type=… expected=…"),
    ("HELPER_WRITES_ARE_MARKED", "6.12", "", "6fad274f06f0", "MEM_WRITE in prototypes; before: MEM_UNINIT tells"),
    ("INNER_MAPS_MAY_DIFFER", "7.0", "", "", "a constant key of an inner array may be out of range (6.18 to 7.2)"),
    (
        "ITERATED_MAPS_MAY_DIFFER",
        "6.10",
        "",
        "9d2127d2b6ee",
        "one bpf_for_each_map_elem() for several maps (6.4 to 6.12)",
    ),
    ("KPTR_XCHG_INTO_BORROWED", "7.0", "", "", "bpf_kptr_xchg() into fields of borrowed nodes (6.18 to 7.2)"),
    (
        "LOCAL_STORAGE_FLAGS_PRECISE",
        "7.0",
        "",
        "",
        "flags of get_local_storage() are relied on (6.18.44 to 7.2; also 6.12)",
    ),
    ("RING_BUFFER_MEMORY_NAMED", "6.2", "", "894f2a8b1673", "ringbuf_mem; before: alloc_mem"),
    ("DYNPTRS_PROTECTED", "6.3", "", "79168a669d81", "dynptrs have ids, and writes to their slots destroy them"),
    ("MEMORY_VALUES_AS_MEMORY", "6.3", "", "", "keys and values of maps may lie where memory may (6.1 to 6.3)"),
    ("RELEASE_OFFSET_FIRST", "6.3", "", "", "what is released must have no offset, whatever it is (6.1 to 6.3)"),
    ("SOCKMAP_DELETE_RESTRICTED", "6.10", "", "98e948fb60d4", "deletes from a sockmap only where updates are allowed"),
    ("UNIX_NAMES_WITHOUT_SOCKOPT", "7.0", "", "", "no socket options at unix names (6.18.44 to 7.2; also 6.12)"),
    ("SLEEPABLE_QUEUES", "6.9", "", "", "queues and stacks in programs that may sleep (6.1 to 6.12)"),
    ("SLEEPABLE_TRIES", "7.0", "", "", "tries and program arrays in programs that may sleep (6.18.44 to 7.2)"),
    ("SOCKMAP_UPDATE_BY_LOOKUP_PROGRAMS_ONLY", "7.3", "", "", "sockmap updates by sk_reuseport and sk_lookup only"),
    ("TAIL_CALL_MAP_SENTENCE", "6.16", "", "", "expected prog array map for tail call; before: misconfigured verifier"),
    ("ZERO_BASED_ARGUMENTS", "6.12", "", "", "dynptrs, iterators: arg #0 is the first; before: arg #1 (6.4 to 6.12)"),
    (
        "FORMATS_BEYOND_ASCII",
        "7.1",
        "",
        "",
        "formats of bpf_snprintf() may hold UTF-8 (6.18.44 to 7.2; also 6.1, 6.12)",
    ),
    # Results of helpers
    ("CPU_NUMBER_IN_RANGE", "6.9", "", "", "bpf_get_smp_processor_id() is less than the number of CPUs"),
    ("RETVAL_RANGE_CHECKED", "7.2", "", "", "bpf_set_retval() wants and bpf_get_retval() gives -4095..0 (6.18 to 7.2)"),
    ("TAIL_CALL_CHANGES_PACKET", "6.12", "", "1a4607ffba35", "a tail call voids packet pointers (6.13 and backports)"),
    ("TAIL_CALL_CHECKS_SECTIONS", "6.12", "", "46f7ed32f7a8", "no tail calls inside of sections (6.13 and backports)"),
    ("TAIL_CALL_REFUSED_IN_CALLBACK", "7.0", "", "", "no tail call right in a callback (6.18.44 to 7.2)"),
    ("TAIL_CALL_RETURNS", "6.18", "", "e3245f899043", "a function may return from a tail call in it"),
    # Arguments of kfuncs
    ("BUGS_NAMED", "6.16", "", "", "verifier bug: ...; before: verifier internal error: ... (6.12 to 6.18)"),
    ("ACQUIRE_MATCHES_STRICTLY", "", "6.12", "6f64f866aa1a", "KF_ACQUIRE kfuncs take exactly their structure"),
    ("CONTEXT_SENTENCE_NAMES_REGISTER_TYPE", "6.12", "", "", "expected pointer to ctx, but got fp; before: got PTR"),
    ("ITERATOR_ARGUMENTS_CHECKED", "6.12", "", "", "iterators are pointers to the stack; __iter suffix (6.4 to 6.12)"),
    ("KFUNC_ARGUMENTS_BY_KIND", "6.2", "", "00b85860feb8", "the parameter decides what fits; before: the register"),
    ("KFUNC_ARGUMENTS_BEFORE_SECTIONS", "6.7", "", "", "arguments before sections (6.4 to 6.12)"),
    ("MAP_POINTER_IS_STRUCT", "6.6", "", "5ba190c29cf9", "kfuncs take map pointers as struct bpf_map"),
    ("NULLABLE_MEMORY", "7.0", "", "", "sized memory is named __nullable instead of __opt (6.18 to 7.2)"),
    ("OWNER_HOLDS_REFERENCE", "7.0", "", "", "bpf_refcount_acquire() of a held object cannot fail (also 6.12)"),
    ("PROJECTIONS_MATCH", "6.5", "", "", "kfuncs that take __sk_buff take sk_buff too"),
    ("RCU_ARGUMENTS_NOT_NULL", "6.4", "", "", "KF_RCU arguments must not be NULL"),
    ("SESSION_KFUNCS_TAKE_CONTEXT", "7.0", "", "", "bpf_session_cookie() takes the context (6.18 to 7.2)"),
    ("STRUCT_POINTERS_ARE_TRUSTED", "6.6", "", "831deb2976de", "sockets and map pointers are trusted arguments"),
    ("TIMER_KFUNCS", "7.0", "", "", "kfuncs that take a bpf_timer (6.18 to 7.2)"),
    ("TRUSTED_ARGS_ZERO_OFFSET", "", "6.12", "605c96997d89", "trusted arguments must point to an object's start"),
    ("WORK_QUEUE_FIELD_CHECKED", "6.18", "", "", "work queues are looked for as timers are (6.12 to 6.18)"),
    # Results of kfuncs
    ("DROP_CHECKS_NMI", "7.2", "", "", "bpf_obj_drop in tracing programs on fields unsafe in NMI (6.18 to 7.2)"),
    ("ITERATOR_RESULTS_TRUSTED", "6.12", "", "4cc8c50c9abc", "what an iterator returns is trusted (or RCU)"),
    ("KFUNC_RESULTS_TRUSTED", "7.0", "", "", "pointers to structures from kfuncs are trusted (6.18 to 7.2)"),
    ("KFUNC_RETURNS_SIZED_MEMORY", "6.4", "", "", "kfuncs may return pointers to types with a size"),
    ("VOID_POINTER_RESULTS_ARE_NUMBERS", "6.9", "", "", "a kfunc that returns void * returns a number"),
    # Functions of the program and callbacks (6.18.44 to 7.2)
    (
        "CALLBACKS_KEEP_MAP_UID",
        "7.0",
        "",
        "",
        "keys and values given to callbacks belong to that inner map (also 6.12)",
    ),
    (
        "GLOBAL_CALLS_MAY_THROW",
        "7.0",
        "",
        "",
        "what is held when a global function that may throw is called would leak",
    ),
    ("GLOBAL_NONNULL_REFUSES_NULL", "7.0", "", "", "the constant NULL is refused for arg:nonnull"),
    ("GLOBAL_PACKET_ARGUMENTS", "7.0", "", "", "no packet pointers for global functions that may change the packet"),
    (
        "STACK_ARGUMENTS",
        "7.1",
        "",
        "",
        "more than five arguments, those past the fifth through r11 (6.18 to 7.2)",
    ),
    # Exceptions
    (
        "ASYNC_RETURN_RANGE",
        "6.8",
        "",
        "0ef24c8dfae2",
        "At async callback return; before: At async callback (6.4 to 6.12)",
    ),
    ("EXCEPTIONS", "6.7", "", "f18b03fabaa9", "bpf_throw() and exception callbacks"),
    ("THROW_CHECKED_AS_SUCH", "6.18.20", "", "6c2128505f61", "bpf_throw() names itself (6.18.2 to 6.18.44)"),
    ("GLOBAL_CALLS_IN_SECTIONS", "6.13", "", "", "global functions with preemption disabled (6.12 to 6.18)"),
    # References, locks, sections
    ("ARENA_UNDER_LOCK", "7.0", "", "", "arena and stream kfuncs while a lock is held (6.18 to 7.2)"),
    ("CALLBACKS_MAY_RELEASE", "6.13", "", "ae6e3a273f59", "callbacks may release the caller's references"),
    ("DERIVED_OBJECTS_TRACKED", "7.2", "", "", "objects have parents: slices, casts, dynptr clones (6.18 to 7.2)"),
    ("KPTR_XCHG_UNDER_LOCK", "7.0", "", "", "bpf_kptr_xchg() while a lock is held (6.18 to 7.2)"),
    ("LOCKS_ARE_A_STACK", "6.14", "", "f6b9a69a9e56", "several locks, released in reverse order"),
    ("LOCKS_PROTECT_AS_RCU", "6.6", "", "0816b8c6bf7f", "a held bpf_spin_lock protects RCU pointers"),
    ("NON_OWNING_REFERENCES_TRUSTED", "6.6", "", "0816b8c6bf7f", "borrowed nodes are trusted, refcounted ones RCU"),
    ("NUMBER_ITERATOR_UNDER_LOCK", "6.15", "", "", "bpf_iter_num while a lock is held (6.12 to 6.18)"),
    ("ONE_SLEEP_CHECK", "7.0", "", "", "one question for all sections that forbid sleeping (6.18 to 7.2)"),
    ("RCU_ITERATORS", "6.7", "", "dfab99df147b", "iterators of KF_RCU_PROTECTED kfuncs belong to their section"),
    ("RBTREE_CALLBACK_IN_ANY_FRAME", "7.0", "", "", "what the comparison of a tree calls is part of it (also 6.12)"),
    ("RES_LOCK_REFUSED_IN_RBTREE_CALLBACK", "7.0", "", "", "no bpf_res_spin_lock() in the comparison of a tree"),
    ("RCU_LOCK_REFUSED_IN_RBTREE_CALLBACK", "6.5", "", "", "no bpf_rcu_read_lock() in the comparison of a tree"),
    ("REFERENCES_KEEP_ORDER", "6.14", "", "c8e2ee1f3df0", "before, the last reference took a released one's place"),
    ("SECTIONS_SPAN_CALLS", "6.9", "", "6fceea0fa59f", "functions may be called inside of locks and RCU sections"),
    (
        "UNLOCKING_ENDS_RCU",
        "7.0",
        "",
        "",
        "where only a lock protected RCU pointers, unlocking voids them (6.18 to 7.2)",
    ),
    ("STRUCT_OPS_RETURN_REFERENCE", "6.16", "", "8d9f547f74c7", "struct_ops programs may return a reference"),
    ("TIMER_CALLBACK_RETURNS_ZERO", "6.8", "", "", "timer callbacks return 0; before: 0 or 1"),
)
