"""Differences between kernels in how the verifier walks, prunes and tracks the stack; part of behaviours.py's table.

Each row: name, since, until, commit ("" where not known), what it does. Versions between the kernels that were read
(6.1, 6.3, 6.4, 6.12, 6.18, 7.2) are as reported.
"""

from __future__ import annotations

from typing import Final

Row = tuple[str, str, str, str, str]

WALK_BEHAVIOURS: Final[tuple[Row, ...]] = (
    # What is alive
    ("STATIC_REGISTER_LIVENESS", "6.15", "", "14c8552db644", "registers alive are computed before the walk"),
    ("STATIC_STACK_LIVENESS", "6.18", "", "", "slots alive are collected by call chain (kernel/bpf/liveness.c)"),
    # Order
    ("GLOBALS_VERIFIED_WHEN_CALLED", "6.8", "", "2afae08c9dcb", "global functions after the main program, if called"),
    ("FALLTHROUGH_CLOSES_LOOP", "6.7", "", "", "a loop may be closed by falling through, or by a call (6.4 to 6.12)"),
    # The log
    ("LOG_TELLS_LIVE_REGISTERS", "6.16", "", "", "level 2 begins with the registers alive before each instruction"),
    ("LOG_SHOWS_STACK_READS", "6.8", "", "", "slots that an instruction reads are printed, not only those it writes"),
    ("LOG_SHOWS_OBJECT_READS", "6.4", "", "", "slots of iterators that a call uses are printed"),
    ("STATIC_ARGUMENTS_COMPARED", "", "6.8", "", "the log tells which arguments do not fit a static function"),
    ("LOG_NAMES_GLOBAL_FUNCTIONS", "6.8", "", "", "functions that are verified by themselves are told by name"),
    ("LOG_NAMES_SOURCE_LINE", "6.9", "", "", "source lines come with file and number, each line once"),
    (
        "REFERENCES_HELD_BY_FEW_TYPES",
        "",
        "6.2",
        "",
        "the log tells of references of sockets, memory, kernel types only",
    ),
    # Precision
    ("PRECISION_ACROSS_FRAMES", "6.5", "", "fde2a3882bd0", "precision follows calls; before: all scalars precise"),
    ("JUMP_TO_NEW_CHECKPOINT_IN_HISTORY", "6.2", "", "", "a jump is noted even where it ends at a new checkpoint"),
    ("PRECISION_THROUGH_LOOPS", "6.7", "", "4bb7ea946a37", "a loop back to a checkpoint is walked backwards too"),
    ("PRECISE_SCALAR_IDS", "6.4", "6.12", "904e6ddf4133", "scalars of one id become precise together"),
    ("STACK_ACCESS_IN_HISTORY", "6.8", "", "41f6f64e6999", "stack accesses are noted in the history of the path"),
    ("ATOMIC_FETCH_IS_LOAD", "7.0", "", "", "precision: what an atomic instruction returns comes from its stack slot"),
    ("STACK_COMPARE_IN_HISTORY", "6.16", "", "e2d2115e56c4", "comparisons of stack pointers are noted too"),
    ("LINKED_REGISTERS_IN_HISTORY", "6.12", "", "4bf79f9be434", "linked registers are noted too, at most six"),
    ("RETURN_VALUE_IS_PRECISE", "6.8", "", "eabe518de533", "what a program returns is relied on"),
    (
        "PRECISION_ACROSS_CALLBACKS",
        "7.0",
        "",
        "",
        "arguments of a call that takes a callback stay looked for behind the callback (also in stable 6.12)",
    ),
    (
        "NULL_ARGUMENT_IS_PRECISE",
        "7.0",
        "",
        "",
        "NULL passed to a helper is relied on (also in stable 6.12, not 6.18.44)",
    ),
    # Loops and checkpoints
    ("LOOPS_COMPARED_EXACTLY", "6.7", "", "2793a8b015f7", "states inside loops are compared by exact ranges"),
    ("LOOPS_BY_ENTRY", "6.7", "6.17", "", "a loop is found by its entry on the current path"),
    ("LOOPS_BY_COMPONENT", "6.17", "", "c9e31900b54c", "a loop is a strongly connected component of the flow graph"),
    ("LOOP_STATES_KEPT_WHOLE", "6.15", "", "9e63fdb0cbdf", "states of an unfinished loop are not cleaned"),
    ("CALLBACKS_VERIFIED_AS_LOOPS", "6.7", "", "ab5cfac139ab", "a callback is walked as often as its state changes"),
    ("HISTORY_FORCES_CHECKPOINT", "6.12", "", "96a30e469ca1", "a checkpoint after 40 entries of history"),
    ("CURRENT_STATE_CLEANED", "7.1", "", "", "dead registers are forgotten before states are compared (6.18 to 7.2)"),
    # Comparing states
    ("STATES_MAP_IDS", "6.3", "", "", "ids of two states are compared by their roles; before: mostly as numbers"),
    ("PRECISE_SCALARS_COMPARE_IDS", "6.4", "", "1ffc85d9298e", "links of precise scalars must agree"),
    (
        "SCALAR_WITHOUT_LINK_EQUALS_LINKED",
        "7.0",
        "",
        "b0388bafa494",
        "a scalar that was linked to nothing equals any linked one (also in stable kernels)",
    ),
    ("MEMORY_RANGES_COMPARED", "6.4", "", "", "pointers to memory are compared by ranges, as map values are"),
    ("PACKET_END_RANGE_COMPARED", "7.0", "", "", "pointers at or past the end of a packet equal only their kind"),
    ("MISC_SLOT_IS_UNKNOWN_SCALAR", "6.9", "", "6efbde200bf3", "a slot of plain bytes equals an unknown scalar"),
    # Links between scalars
    ("SCALAR_IDS_LINK_REGISTERS", "5.11", "", "75748837b7e5", "a test of one copy tells of the others"),
    ("LINKED_REGISTERS_ADD_CONST", "6.11", "", "98d7ca374ba4", "also of copies to which a constant was added"),
    ("LINKED_REGISTERS_OF_ANY_SUM", "7.0", "", "7a433e519364", "negative constants, subtraction and 32 bits link too"),
    ("LINKED_DELTA_KEEPS_ID", "7.0", "", "af9e89d8dd39", "a linked copy with another constant keeps its own link"),
    ("LINKED_DELTA_SYNCED", "6.18.3", "", "", "and its ranges learn from each other (6.18.2 to 6.18.44)"),
    (
        "LINKED_REGISTERS_COLLECTED_FIRST",
        "7.2",
        "",
        "",
        "links beyond the sixth are cut even where only one side is possible (6.18.44 to 7.2)",
    ),
    ("LINKED_REGISTERS_ALIVE_ONLY", "7.0", "", "", "dead registers are not collected (also in stable 6.18)"),
    ("CONSTANTS_GET_NO_ID", "6.2", "", "", "a copied constant is not linked"),
    ("NARROW_SPILLS_LINK", "6.9", "", "", "also of a copy in a slot that was spilled with less than 8 bytes"),
    ("NARROW_MOVES_LINK", "6.4", "", "3be49f79555e", "a 32-bit copy of a 32-bit value is linked"),
    # Stack
    ("EMPTY_STACK_ACCESS_HAS_END", "6.8", "", "a833a17aeac7", "an access of no bytes ends where its offset may end"),
    ("STACK_GROWS_ON_ACCESS", "6.8", "", "6b4a64bafd10", "the frame grows at the bounds check"),
    ("UNINITIALIZED_STACK_READABLE", "6.3", "", "6715df8d5d24", "privileged programs may read what was never written"),
    ("SPILLS_ALL_SCALARS", "6.9", "", "e67ddd9b1cff", "unknown scalars and zero are spilled as values too"),
    ("SPILLS_ZERO_IMMEDIATE", "6.8", "", "", "so is the constant zero"),
    ("ZERO_BESIDE_SPILL_STAYS", "6.8", "", "eaf18febd6eb", "bytes beside a narrow spill that were zero stay so"),
    ("SPILLED_IMMEDIATE_SIGN_EXTENDED", "6.7", "", "811c363645b3", "a stored constant is sign-extended"),
    ("SPILL_LINKS_SCALARS", "6.9", "", "87e51ac6cb19", "a spilled scalar is linked to its register"),
    ("SPILLED_ZERO_READ_AS_ZERO", "6.8", "", "18a433b62061", "part of a spilled zero is zero"),
    ("NARROW_FILL_OF_WIDE_SPILL", "6.9", "", "c1e6148cb4f8", "a narrow load of a wide spill keeps the value"),
    (
        "ZERO_SIZED_READ_CHECKED_EARLY",
        "6.8",
        "",
        "8a021e7fa105",
        "a size that may be zero is refused before the access",
    ),
    # Branches
    ("BRANCH_READS_DST_FIRST", "6.8", "", "", "of two registers compared, dst is looked at first"),
    ("POINTER_COMPARE_TELLS_NOT_NULL", "6.2", "", "befae75856ab", "equal to a pointer that is not NULL"),
    ("TRUSTED_POINTER_NOT_NULL", "6.5", "", "51302c951c8f", "a trusted pointer is known not to be NULL"),
    ("MAP_POINTER_NOT_NULL", "6.16", "", "5534e58f2e9b", "a map pointer is known not to be NULL"),
    ("POINTERS_TESTED_WHOLE", "7.2", "", "", "32 bits of a pointer may be zero (also in stable 6.12, not 6.18.44)"),
    (
        "NOT_NULL_NEAR_BASE_ONLY",
        "7.2",
        "",
        "",
        "a pointer far from its base may have wrapped to NULL; buffers and XDP sockets are not NULL (also in 6.12)",
    ),
    (
        "POINTER_COMPARE_ASKS_NOT_NULL",
        "7.2",
        "",
        "",
        "equal to a pointer whose kind is never NULL; before: to one not marked so (also in stable 6.12)",
    ),
    ("NULL_TESTED_BY_REGISTER", "7.1", "", "", "comparing with a register that is 0 is a test for NULL (6.18 to 7.2)"),
    # Memory
    ("KINDS_OF_POINTERS_MERGE", "6.4", "", "", "one load may see trusted and untrusted pointers"),
    ("GPL_FOR_STRUCT_ACCESS", "6.2", "", "", "kernel structures are for GPL-compatible programs"),
    ("HELPERS_READ_BTF_POINTERS", "6.4", "", "", "helpers may read through a trusted pointer"),
    ("LOCAL_KPTR_IS_RCU_SAFE", "6.6", "", "", "a kptr to an object of the program's own type is RCU-protected"),
    ("UNTRUSTED_MEM", "6.17", "", "", "pointers to untrusted read-only memory"),
    ("CONTEXT_TAKES_CONSTANTS", "6.4", "", "0d80a619c113", "a constant may be stored into the context at once"),
    ("POINTER_OFFSETS_FOLDED", "7.1", "", "022ac0750883", "a pointer has one offset; below its start it is unusable"),
    ("CTX_FIXED_OFFSET", "7.1", "", "", "a fixed offset may be added to the context pointer"),
    ("CTX_POINTERS_READ_WHOLE", "6.14", "", "659b9ba7cb2d", "a pointer argument must be read with 8 bytes"),
    ("RAW_TP_ARGUMENTS_MAYBE_NULL", "6.12", "", "838a10bd2ebf", "listed tracepoint arguments may be NULL"),
    ("NULLABLE_ARGUMENTS", "6.11", "", "8aeaed21befc", "arguments named ...__nullable may be NULL"),
    ("ITER_ARGUMENTS_TRUSTED", "6.5", "", "", "what iterators pass is trusted"),
    ("ARENA_ATOMICS", "6.10", "", "d503a04f8bc0", "atomic instructions on arena memory (where the JIT has them)"),
    ("ARENA_SIGN_EXTENDING_LOADS", "6.18", "", "a91ae3c89311", "sign-extending loads from arena memory (amd64)"),
    # Functions of the program
    ("GLOBAL_ARGUMENT_TAGS", "6.8", "", "94e1c70a3452", "arg:ctx, arg:nonnull and other tags"),
    ("GLOBAL_UNTRUSTED_TAG", "6.17", "", "", "arg:untrusted (6.12 to 6.18)"),
    ("GLOBAL_CALL_INVALIDATES_PACKET", "6.12", "", "81f6d0530ba0", "a global function may move the packet"),
    ("GLOBAL_CALL_LOCK_CHECK", "6.9", "", "a44b1334aadd", "no global function while a lock is held"),
    ("GLOBAL_MIGHT_SLEEP_CHECK", "6.15", "", "", "no sleeping global function where sleeping is forbidden"),
    ("JIT_INLINES_CURRENT_TASK", "7.0", "", "", "bpf_get_current_task is inlined and keeps registers"),
    ("RECURSION_CHECKED_FIRST", "7.1", "", "", "recursion is refused before the walk (6.18 to 7.2)"),
    ("FIELDS_CHECKED_FIRST", "7.1", "", "", "reserved fields are looked at before the walk (6.18 to 7.2)"),
    ("SYSCALLS_MODIFIABLE", "7.1", "", "", "system calls may be modified whatever is configured (6.18 to 7.2)"),
    ("SIXTEEN_FRAMES", "7.1", "", "", "16 nested calls; chains of global functions are limited by stack alone"),
    ("PRIVATE_STACK", "6.13", "", "a76ab5731e32", "tracing programs may get a stack of their own, apart from callers"),
    ("STACK_ROUNDED_TO_16", "6.8", "", "", "a frame takes whole 16 bytes when it is compiled; before: at least 32"),
    ("FASTCALL_STACK", "6.12", "", "5b5f51bff1b6", "spills around inlined calls take no stack"),
    ("LD_ABS_RETURNS", "7.1", "", "ee861486e377", "a function may return 0 from a packet load in it"),
    # Maps
    ("LOADS_FUNCTION_ADDRESS", "6.4", "", "58aa2afbb1e6", "a 64-bit load may give the address of a kernel function"),
    ("KPROBE_SESSION_RETURN_RANGE", "6.12", "", "", "kprobe sessions return 0 or 1 (6.4 to 6.12)"),
    ("SPIN_LOCK_IN_SLEEPABLE", "6.7", "", "5861d1e8dbc4", "sleepable programs may use maps with a bpf_spin_lock"),
    ("RES_SPIN_LOCK_IN_TRACING", "7.0", "", "", "tracing programs may use maps with a bpf_res_spin_lock (6.18 to 7.2)"),
    ("TIMERS_IN_TRACING", "7.0", "", "", "tracing programs may use maps with timers and work queues (6.18 to 7.2)"),
    # Returns
    ("LSM_RETURN_RANGES", "6.12", "", "5d99e198be27", "LSM hooks return 0 or an error, or a truth value"),
    ("UPROBE_SESSION_RETURN_RANGE", "6.13", "", "", "uprobe sessions return 0 or 1"),
)
