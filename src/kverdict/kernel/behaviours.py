"""Named differences between kernels that are logic, not data: one line each, asked by name with `profile.does(NAME)`.

A profile of version V has the behaviours with since <= V < until. `since` "" means: no version has it by itself, a
profile (its meta.json) or an overlay must name it. Facts about kfunc flags, types and sets are not behaviours: they
are in the data of each profile.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from kverdict.kernel.call_behaviours import CALL_BEHAVIOURS
from kverdict.kernel.walk_behaviours import WALK_BEHAVIOURS


class Behaviour(NamedTuple):
    """One named rule. Versions are strings ("6.4", "6.18.3"); `commit` is Linux, 12 digits, "" where not known."""

    name: str
    since: str
    until: str = ""
    commit: str = ""
    subject: str = ""
    note: str = ""


_TABLE: Final[tuple[Behaviour, ...]] = (
    # Kptrs and RCU
    Behaviour(
        "KPTR_TAG_IS_REFERENCED",
        "6.4",
        commit="03b77e17aeb2",
        subject="bpf: Rename __kptr_ref -> __kptr and __kptr -> __kptr_untrusted.",
        note='BTF tag "kptr" is referenced, "kptr_untrusted" unreferenced; before: "kptr_ref" and "kptr"',
    ),
    Behaviour("KPTR_GET_FLAG", "", until="6.4", commit="7b4ddf3920d2", note="KF_KPTR_GET kfuncs take a kptr's address"),
    Behaviour(
        "KPTR_RCU_LOADS",
        "6.4",
        commit="20c09d92faee",
        subject="bpf: Introduce kptr_rcu.",
        note="loading a referenced kptr of an RCU-protected type inside a read section gives an RCU pointer",
    ),
    Behaviour(
        "RCU_FIELDS_ENFORCED",
        "6.4",
        commit="6fcd486b3a0a",
        subject="bpf: Refactor RCU enforcement in the verifier.",
        note="walking gives trusted or RCU pointers by safe-field lists, else untrusted; before: by __safe_fields",
    ),
    Behaviour(
        "RELEASE_IMPLIES_TRUSTED",
        "6.4",
        commit="6c831c468412",
        subject="bpf: Treat KF_RELEASE kfuncs as KF_TRUSTED_ARGS",
        note='releasing a maybe-NULL pointer says "Possibly NULL pointer passed to trusted arg0"',
    ),
    Behaviour("RCU_READ_LOCK", "6.2", commit="9bb00b2895cb", note="bpf_rcu_read_lock and bpf_rcu_read_unlock"),
    Behaviour("TRUSTED_POINTERS", "6.2", commit="3f00c5239344", note="KF_TRUSTED_ARGS accepts PTR_TRUSTED"),
    Behaviour("KFUNC_RCU_ARGS", "6.2", commit="fca1aa75518c", note="KF_RCU"),
    Behaviour("KFUNC_RCU_PROTECTED", "6.7", note="KF_RCU_PROTECTED, for the css and task iterators"),
    Behaviour(
        "RCU_PROTECTED_AT_CALL",
        "6.18",
        commit="1512231b6cc8",
        subject="bpf: Enforce RCU protection for KF_RCU_PROTECTED",
        note="every KF_RCU_PROTECTED kfunc: kernel func X requires RCU critical section protection",
    ),
    Behaviour("NESTED_RCU", "6.19", commit="4167096cb964", note="bpf_rcu_read_lock may nest"),
    # Compiler of the kernel: only a profile can know it
    Behaviour(
        "BTF_HAS_TYPE_TAGS",
        "",
        note="the kernel's BTF carries rcu, user and percpu tags (clang, gcc >= 16)",
    ),
    Behaviour(
        "RCU_LOCK_NEEDS_TYPE_TAGS",
        "6.2",
        until="6.4",
        note="without tags, bpf_rcu_read_lock: no vmlinux btf rcu tag support for kfunc X",
    ),
    # Arguments of kfuncs
    Behaviour("TRUSTED_ARGS_BY_DEFAULT", "7.0", commit="1a5c01d2508a", note="arguments of kfuncs must be trusted"),
    Behaviour("TRUSTED_ARGS_FLAG", "6.1", until="7.0", commit="7646c7afd9a9", note="KF_TRUSTED_ARGS exists"),
    Behaviour("IMPLICIT_ARGS", "7.0", note="KF_IMPLICIT_ARGS: the kernel fills in the last argument"),
    Behaviour("ARENA_KFUNC_FLAGS", "6.15", commit="ea145d530a2d", note="KF_ARENA_RET, KF_ARENA_ARG1, KF_ARENA_ARG2"),
    Behaviour("FASTCALL_KFUNCS", "6.12", commit="b2ee6d27e9c6", note="bpf_fastcall for kfuncs"),
    Behaviour(
        "REFCOUNT_ACQUIRE_DISABLED",
        "6.4",
        until="6.6",
        note="bpf_refcount_acquire calls are disabled for now",
    ),
    # Which program types may use whose kfuncs; kernel: bpf_prog_type_to_kfunc_hook()
    Behaviour("SKB_KFUNC_HOOKS", "6.4", note="hooks cgroup_skb, sched_act, sk_skb, socket_filter, lwt, netfilter"),
    Behaviour("CGROUP_KFUNC_HOOK", "6.12", note="all cgroup program types share a hook (between 6.4 and 6.12)"),
    Behaviour("KPROBE_KFUNC_HOOK", "6.10", note="kprobes have a hook (between 6.4 and 6.12)"),
    Behaviour("TRACEPOINT_KFUNCS", "6.12", note="tracepoint and perf_event belong to the tracing hook"),
    Behaviour("SOCK_OPS_KFUNCS", "6.18", note="sock_ops belongs to the cgroup hook (between 6.12 and 6.18)"),
    Behaviour("RAW_TRACEPOINT_KFUNCS", "7.0", note="raw_tracepoint belongs to the tracing hook (6.19 to 7.2)"),
    Behaviour("UPROBE_SESSION", "6.13", note="attach type trace_uprobe_session"),
    # Contexts
    Behaviour(
        "CONTEXT_POINTERS_WHOLE",
        "6.17",
        note="pointers in a context are read whole; before: narrow reads of their upper half (backported to stable)",
    ),
    Behaviour("KPROBE_WRITES_CONTEXT", "7.0", note="kprobes may write pt_regs (between 6.18 and 7.2)"),
    Behaviour("TRUSTED_ITERATOR_ARGS", "6.8", note="task, map and cgroup of iterators are trusted (6.4 to 6.12)"),
    # Leaks, locks
    Behaviour(
        "ONE_LEAK_CHECK",
        "6.13",
        commit="d402755ced2e",
        subject="bpf: Unify resource leak checks",
        note='references, locks, RCU: "BPF_EXIT instruction in main prog would lead to reference leak"',
    ),
    Behaviour("LOCAL_IRQ_SAVE", "6.14", note="bpf_local_irq_save and bpf_local_irq_restore"),
    # Null
    Behaviour(
        "CONST_ARRAY_KEY_NOT_NULL",
        "6.14",
        commit="d2102f2f5d75",
        subject="bpf: verifier: Support eliding map lookup nullness",
        note="no NULL check after an array lookup with a constant key in range",
    ),
    # Words
    Behaviour(
        "TRUSTED_NULL_SENTENCE",
        "6.4",
        note="Possibly NULL pointer passed to trusted arg0; before: arg#0 is ptr_or_null_ expected ptr_ or socket",
    ),
    Behaviour(
        "MESSAGES_NAME_REGISTERS",
        "7.0",
        note="R1 instead of arg0, arg#0, args#0; kfunc instead of kernel function (between 6.19 and 7.2)",
    ),
    Behaviour(
        "CANNOT_USE_HELPER_SENTENCE", "6.12", note="program of this type cannot use helper; before: unknown func"
    ),
    Behaviour("STRUCT_OPS_MAY_SLEEP", "6.3", note="list of sleepable program types (between 6.1 and 6.3)"),
    Behaviour("INFINITE_LOOP_SHOWS_STATES", "6.12", note="cur state, old state (between 6.4 and 6.12)"),
    Behaviour(
        "RETURN_RANGE_BY_SIGNED_BOUNDS", "6.12", note="has smin=2 smax=2 should have been in [0, 1]; before: tnums"
    ),
    Behaviour(
        "GLOBAL_CALL_IS_NAMED", "6.12", note="Caller passes invalid args into func#1 ('f'); before: without name"
    ),
    Behaviour("CONST_DYNPTR_ARGUMENT", "6.12", note="expected pointer to stack or const struct bpf_dynptr"),
    Behaviour("KPTR_XCHG_INTO_ALLOCATED", "6.12", note="R1 has no valid kptr; before: map 'name' has no valid kptr"),
    Behaviour(
        "STACK_MESSAGES_NAME_OFFSET", "6.12", note="invalid variable-offset access: also off= (between 6.4 and 6.12)"
    ),
    Behaviour("STACK_MESSAGES_SAY_READ_OR_WRITE", "6.18", note="read from, write to; before: indirect (6.12 to 6.18)"),
    Behaviour("RBTREE_MESSAGES_NAME_KFUNC", "6.18", note="bpf_rbtree_remove not allowed in rbtree cb (6.12 to 6.18)"),
    Behaviour("RDONLY_CAST_TO_VOID", "6.18", note="bpf_rdonly_cast also to void (between 6.12 and 6.18)"),
    Behaviour("NORETURN_IS_NAMED", "6.18", note="the refused __noreturn function is named (between 6.12 and 6.18)"),
    Behaviour("SLEEPABLE_HELPER_IS_NAMED", "7.0", note="sleepable helper X in non-sleepable prog (6.18 to 7.2)"),
    Behaviour("VOID_GLOBAL_FUNCTIONS", "7.0", note="global functions may return void (between 6.18 and 7.2)"),
    Behaviour("FSESSION", "7.0", note="fsession attach type (between 6.18 and 7.2)"),
    # Walking structures
    Behaviour(
        "WALK_UNION_IS_UNTRUSTED",
        "6.4",
        commit="6fcd486b3a0a",
        subject="bpf: Refactor RCU enforcement in the verifier.",
        note="a pointer found inside a union member is untrusted",
    ),
    Behaviour(
        "WALK_FLEXIBLE_INT_ARRAY",
        "6.4",
        commit="2569c7b8726f",
        subject="bpf: support access variable length array of integer type",
    ),
    Behaviour(
        "WALK_FROM_UNION_IS_UNTRUSTED",
        "6.6",
        commit="7ce4dc3e4a9d",
        subject="bpf: Fix an error around PTR_UNTRUSTED",
        note="also where the walk starts at the union, and whatever structure follows",
    ),
    Behaviour(
        "WALK_BEYOND_MEMBER_OF_UNION",
        "6.6",
        commit="33937607efa0",
        subject="bpf: Fix an error in verifying a field in a union",
        note="inside a union, reading beyond the end of the first member that fits is no error",
    ),
    Behaviour(
        "WALK_LEAF_POINTER_IS_READABLE",
        "6.17",
        subject="bpf: rdonly_untrusted_mem for btf id walk pointer leafs",
        note="a pointer to something other than a structure is untrusted read-only memory; before: a scalar",
    ),
    Behaviour("WALK_SKIPS_MODIFIERS", "6.12", note="a typedef of a structure may be walked (between 6.4 and 6.12)"),
    # What the machine simulates
    Behaviour(
        "RCU_USERS_HAS_OWN_PLACE",
        "6.4",
        commit="d02c48fa1139",
        subject="bpf: Make struct task_struct an RCU-safe type",
        note="rcu_users of a task is not overwritten when its rcu_head is queued; before: a union",
    ),
    Behaviour("TASK_FREE_DELAYED", "6.17", note="put_task_struct() frees after one more grace period; before: at once"),
    Behaviour(
        "READS_UNINIT_STACK",
        "6.3",
        commit="6715df8d5d24",
        subject="bpf: Allow reads from uninit stack",
        note="privileged programs may read stack bytes that were never written",
    ),
    # Instructions
    Behaviour("CPU_V4", "6.6", note="sign-extending loads and moves, signed division, byte swap"),
    Behaviour("GOTOL", "6.6", commit="4cd58e9af8b9", note="jumps with an offset of 32 bits (also in stable kernels)"),
    Behaviour("MAY_GOTO", "6.9", note="may_goto and open-coded loops bounded by it"),
    Behaviour("MAY_GOTO_NOWHERE", "6.14", note="may_goto with offset 0 (6.12 to 6.18)"),
    Behaviour(
        "ADDR_SPACE_CAST", "6.9", commit="6082b6c328b5", note="addr_space_cast between arena and kernel pointers"
    ),
    Behaviour("LOAD_ACQUIRE", "6.15", note="load-acquire and store-release"),
    # Special fields of map values and objects (program/fields.py)
    Behaviour("BPF_LISTS", "6.2", commit="f0c5941ff5b2", note="bpf_list_head and bpf_list_node"),
    Behaviour("BPF_RBTREE", "6.3", commit="9c395c1b99bd", note="bpf_rb_root and bpf_rb_node"),
    Behaviour("BPF_REFCOUNT", "6.4", commit="d54730b50bae", note="bpf_refcount"),
    Behaviour("KPTR_TO_LOCAL_TYPES", "6.4", commit="c8e187540914", note="a kptr may point to a type of the program"),
    Behaviour("GRAPH_NODE_OWNER", "6.6", commit="c3c510ce431c", note="list and tree nodes are 8 bytes larger"),
    Behaviour("PERCPU_KPTR", "6.7", note="BTF tag percpu_kptr"),
    Behaviour("ARG_CTX_TAG", "6.8", note="the decl tag arg:ctx; before, libbpf rewrites the prototype"),
    Behaviour("BPF_WQ", "6.10", note="bpf_wq"),
    Behaviour(
        "NESTED_FIELDS",
        "6.11",
        commit="64e8ee814819",
        subject="bpf: look into the types of the fields of a struct type recursively.",
        note="special fields inside inner structures and arrays count",
    ),
    Behaviour("KPTR_IN_OBJECTS", "6.12", commit="b0966c724584", note="kptrs inside objects of bpf_obj_new"),
    Behaviour("USER_KPTR", "6.13", note="BTF tag uptr"),
    Behaviour("RES_SPIN_LOCK", "6.15", note="bpf_res_spin_lock"),
    Behaviour("TASK_WORK", "6.18", note="bpf_task_work"),
    # Scalars (domain/rules.py); stable kernels have many of these earlier: see `behaviours` in their meta.json
    Behaviour(
        "BOUNDS_LEARN_FROM_EVERY_DOMAIN",
        "6.8",
        commit="d7f008738171",
        subject="bpf: try harder to deduce register bounds from different numeric domains",
        note="with its series; before: signed and unsigned ranges of one width only",
    ),
    Behaviour(
        "BOUNDS_OF_SIGN_EXTENDED_LOAD",
        "6.12",
        subject="bpf: Get better reg range with ldsx and 32bit compare",
        note="a sign-extended number whose low half is not negative is not",
    ),
    Behaviour(
        "BOUNDS_DEDUCED_IN_THREE_ROUNDS",
        "6.17",
        commit="5dbb19b16ac4",
        subject="bpf: Add third round of bounds deduction",
        note="before: two",
    ),
    Behaviour(
        "BOUNDS_S64_SPLIT_BY_U64",
        "6.17",
        commit="00bf8d0c6c9b",
        subject="bpf: Improve bounds when s64 crosses sign boundary",
    ),
    Behaviour(
        "BOUNDS_S32_SPLIT_BY_U32",
        "7.0",
        commit="fbc7aef517d8",
        subject="bpf: Fix u32/s32 bounds when ranges cross min/max boundary",
    ),
    Behaviour(
        "BOUNDS_OF_SINGLE_TNUM_VALUE",
        "7.0",
        commit="efc11a667878",
        subject="bpf: Improve bounds when tnum has a single possible value",
    ),
    Behaviour(
        "BOUNDS_ARE_CIRCULAR",
        "7.2",
        commit="bbc631085503",
        subject="bpf: replace min/max fields with struct cnum{32,64}",
    ),
    Behaviour(
        "ALU_BITWISE_WITH_ANY_OPERAND",
        "6.10",
        commit="41d047a87106",
        subject="bpf/verifier: relax MUL range computation check",
        note="MUL, OR, XOR by an unknown number; before: by constants",
    ),
    Behaviour(
        "ALU_BITWISE_SIGNED_FROM_UNSIGNED",
        "6.12",
        subject="bpf, verifier: improve signed ranges inference for BPF_AND",
        note="OR and XOR since 6.10",
    ),
    Behaviour(
        "ALU_PRODUCT_OF_SIGNED", "6.14", commit="9aa0ebde0014", subject="bpf, verifier: Improve precision of BPF_MUL"
    ),
    Behaviour(
        "ALU_SUM_MAY_WRAP_WHOLE",
        "6.17",
        commit="7a998a731627",
        subject="bpf, verifier: Improve precision for BPF_ADD and BPF_SUB",
    ),
    Behaviour(
        "ALU_NEG_TRACKED",
        "6.17",
        commit="aced132599b3",
        subject="bpf: Add range tracking for BPF_NEG",
        note="before: nothing is known of the result",
    ),
    Behaviour(
        "TNUM_MUL_JOINS_PATHS", "6.18", commit="1df7dad4d5c4", subject="bpf: Improve the general precision of tnum_mul"
    ),
    Behaviour(
        "ALU_SHIFT_BY_32_KEEPS_SIGN",
        "7.0",
        commit="d18dec4b8990",
        subject="bpf: verifier improvement in 32bit shift sign extension pattern",
    ),
    Behaviour(
        "ALU_SPLITS_SIGN_MASK",
        "7.0",
        commit="bffacdb80b93",
        subject="bpf: Recognize special arithmetic shift in the verifier",
        note="AND, OR of a number that is 0 or -1: two paths",
    ),
    Behaviour(
        "ALU_BYTE_SWAP_TRACKED",
        "7.0",
        commit="9d2119984224",
        subject="bpf: Add bitwise tracking for BPF_END",
        note="before: nothing is known of the result",
    ),
    Behaviour(
        "ALU_DIV_MOD_TRACKED",
        "7.0",
        commit="44fdd581d273",
        subject="bpf: Add range tracking for BPF_DIV and BPF_MOD",
        note="by constants; before: nothing is known",
    ),
    Behaviour(
        "BRANCH_EQUALITY_USES_RANGE",
        "6.4",
        commit="13fbcee55706",
        subject="bpf: Improve verifier JEQ/JNE insn branch taken checking",
    ),
    Behaviour(
        "BRANCH_CONSTANT_ON_LEFT",
        "6.4",
        commit="953d9f5beaf7",
        subject="bpf: Improve handling of pattern '<const> <cond_op> <non_const>' in verifier",
    ),
    Behaviour(
        "BRANCH_COMPARES_RANGES",
        "6.8",
        commit="96381879a370",
        subject="bpf: generalize is_scalar_branch_taken() logic",
        note="before: scalars are compared with constants only",
    ),
    Behaviour(
        "BRANCH_EQUALITY_USES_TNUM",
        "6.18",
        commit="f41345f47fb2",
        subject="bpf: Use tnums for JEQ/JNE is_branch_taken logic",
    ),
    Behaviour(
        "BRANCH_SAME_REGISTER",
        "6.19",
        commit="d43ad9da8052",
        subject="bpf: Skip bounds adjustment for conditional jumps on same scalar register",
    ),
    Behaviour(
        "BRANCH_SIMULATED",
        "7.1",
        commit="b254c6d816e5",
        subject="bpf: Simulate branches to prune based on range violations",
    ),
    Behaviour(
        "JSET_FORGETS_RANGES", "6.17", commit="6279846b9b25", subject="bpf: Forget ranges when refining tnum after JSET"
    ),
    Behaviour(
        "LOG_COMPACT_RANGES",
        "6.8",
        commit="0f8dbdbc641b",
        subject="bpf: smarter verifier log number printing logic",
        note="smin=umin=5; before: umin=5",
    ),
)

_ALL: Final = _TABLE + tuple(
    Behaviour(name, since, until, commit, note=note)
    for name, since, until, commit, note in (*WALK_BEHAVIOURS, *CALL_BEHAVIOURS)
)
BEHAVIOURS: Final[dict[str, Behaviour]] = {behaviour.name: behaviour for behaviour in _ALL}


def version_numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version or release: "6.18.44-generic" is (6, 18, 44). Empty for text without any."""
    numbers: list[int] = []
    for part in version.split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if digits:
            numbers.append(int(digits))
        if digits != part:
            break
    return tuple(numbers)


def behaviours_of(version: str, extra: Iterable[str] = ()) -> frozenset[str]:
    """Names of the behaviours that a kernel of this version has, with those that its profile adds by name.

    `extra` entries are "NAME", "+NAME" or "-NAME", applied in order.
    """
    at = version_numbers(version)
    found = {b.name for b in _ALL if _covers(b, at)}
    for entry in extra:
        name = entry.lstrip("+-")
        if entry.startswith("-"):
            found.discard(name)
        else:
            found.add(name)
    return frozenset(found)


def _covers(behaviour: Behaviour, at: tuple[int, ...]) -> bool:
    if not behaviour.since and not behaviour.until:
        return False
    after = version_numbers(behaviour.since) <= at
    return after and (not behaviour.until or at < version_numbers(behaviour.until))
