"""Sentences about calls between functions of a program: static, global, callbacks, exception callbacks."""

from __future__ import annotations

from errno import EACCES, EFAULT, EINVAL, ENOENT, EOPNOTSUPP
from typing import Final

from kverdict.diagnostic import Message

INVALID_ARGS: Final = Message(
    "invalid-global-args",
    EINVAL,
    "Caller passes invalid args into func#{number} ('{callee}')",
    "the arguments passed to the global function {callee}() do not match its prototype",
    (("GLOBAL_CALL_IS_NAMED", "Caller passes invalid args into func#{number}"),),
)
GLOBAL_ARG_NOT_CONTEXT: Final = Message(
    "global-arg-not-context",
    EINVAL,
    "R{reg} expects pointer to ctx",
    "",
    (("MESSAGES_NAME_REGISTERS", "arg#{arg} expects pointer to ctx"),),
)
GLOBAL_ARG_NULL: Final = Message(
    "global-arg-null",
    EINVAL,
    "R{reg} is expected to be non-NULL",
    "",
    (("MESSAGES_NAME_REGISTERS", "arg#{arg} is expected to be non-NULL"),),
)
GLOBAL_ARG_PACKET: Final = Message(
    "global-arg-packet",
    EINVAL,
    "R{reg} is a packet pointer, but func#{number} may change packet data",
    "the function may move the packet, and would then use a pointer to where it was",
)
STACK_ARGUMENT_MISSING: Final = Message(
    "stack-argument-missing",
    EFAULT,
    "callee expects {count} args, stack arg1 is not initialized",
    "only five arguments fit into registers, and the others were not stored",
)
GLOBAL_ARG_ARENA: Final = Message("global-arg-arena", EINVAL, "R{reg} is not a pointer to arena or scalar.")
GLOBAL_RETURN: Final = Message(
    "global-return",
    EINVAL,
    "Global function {callee}() return value not void or scalar. Only those are supported.",
    "a global function must return a number",
    (("VOID_GLOBAL_FUNCTIONS", "Global function {callee}() doesn't return scalar. Only those are supported."),),
)
GLOBAL_ARG_COUNT: Final = Message(
    "global-arg-count", EINVAL, "Global function {callee}() with {count} > {limit} args. Buggy compiler."
)
GLOBAL_ARG_TYPE: Final = Message("global-arg-type", EINVAL, "Arg#{arg} type {kind} in {callee}() is not supported yet.")
GLOBAL_ARG_SIZE: Final = Message(
    "global-arg-size", EINVAL, "arg#{arg} reference type('{kind} {name}') size cannot be determined: -22"
)
GLOBAL_TAGS: Final = Message("global-arg-tags", EOPNOTSUPP, "arg#{arg} has unsupported set of tags")
GLOBAL_TAG_COMBINATION: Final = Message("global-tag-combination", EINVAL, "arg#{arg} has invalid combination of tags")
GLOBAL_TAG_UNTRUSTED_ALONE: Final = Message(
    "global-tag-untrusted-alone", EINVAL, "arg#{arg} untrusted cannot be combined with any other tags"
)
GLOBAL_TAG_ARENA_ALONE: Final = Message(
    "global-tag-arena-alone", EINVAL, "arg#{arg} arena cannot be combined with any other tags"
)
GLOBAL_NO_CANDIDATE: Final = Message(
    "global-arg-no-candidate",
    ENOENT,
    "arg#{arg} reference type('{kind} {name}') {ending}",
    "{name} is no structure of this kernel that could be told apart",
)
GLOBAL_NO_BTF: Final = Message("global-no-btf", EFAULT, "Global functions need valid BTF")
GLOBAL_MIGHT_SLEEP: Final = Message(
    "global-might-sleep",
    EINVAL,
    "sleepable global function {callee}() called in {region}",
    "{callee}() may sleep, which is not possible here",
    (
        (
            "SLEEPABLE_HELPER_IS_NAMED",
            "global functions that may sleep are not allowed in non-sleepable context,\n"
            "i.e., in a RCU/IRQ/preempt-disabled section, or in\na non-sleepable BPF program context",
        ),
    ),
)
EXCEPTION_CALLBACK_CALLED: Final = Message(
    "exception-callback-called", EINVAL, "insn {at} cannot call exception cb directly"
)
EXCEPTION_CALLBACK_ARGUMENT: Final = Message(
    "exception-callback-argument", EINVAL, "exception cb only supports single integer argument"
)
EXCEPTION_CALLBACK_TAGS: Final = Message(
    "exception-callback-tags", EINVAL, "multiple exception callback tags for main subprog"
)
EXCEPTION_CALLBACK_MISSING: Final = Message(
    "exception-callback-missing", EINVAL, "exception callback '{callee}' could not be found in BTF"
)
EXCEPTION_CALLBACK_LINKAGE: Final = Message(
    "exception-callback-linkage", EINVAL, "exception callback '{callee}' must have global linkage"
)
EXCEPTION_CALLBACK_TAIL_CALL: Final = Message(
    "exception-callback-tail-call", EINVAL, "cannot tail call within exception cb"
)
THROW_FROM_CALLBACK: Final = Message(
    "throw-from-callback",
    EINVAL,
    "bpf_throw kfunc (insn {at}) cannot be called from callback subprog {number}",
)
MISSING_FUNC_INFO: Final = Message(
    "missing-func-info",
    EINVAL,
    "missing btf func_info",
    "the address of a function is taken, and the program has no BTF that describes its functions (compile with -g)",
)
CALLBACK_NOT_STATIC: Final = Message("callback-not-static", EINVAL, "callback function not static")
CALLBACK_IS_MAIN: Final = Message("callback-is-main", EINVAL, "callback function cannot be the main program")
CALL_DESTINATION: Final = Message("call-destination", EINVAL, "call to invalid destination")
TAIL_CALL_WITHOUT_BTF: Final = Message(
    "tail-call-without-btf", EINVAL, "tail_call is not allowed in subprogs without BTF"
)
LD_ABS_WITHOUT_BTF: Final = Message("ld-abs-without-btf", EINVAL, "LD_ABS is not allowed in subprogs without BTF")
LD_ABS_RETURN: Final = Message("ld-abs-return", EINVAL, "LD_ABS is only allowed in functions that return 'int'.")
TAIL_CALL_RETURN: Final = Message(
    "tail-call-return", EINVAL, "tail_call is only allowed in functions that return 'int'."
)
TAIL_CALL_IN_CALLBACK: Final = Message("tail-call-in-callback", EINVAL, "cannot tail call within callback")
FUNC_INFO_COUNT: Final = Message(
    "func-info-count", EINVAL, "number of funcs in func_info doesn't match number of subprogs"
)
BACKTRACKED_REGISTERS: Final = Message(
    "backtracked-registers",
    EFAULT,
    "verifier bug: {where} unexpected regs {regs}",
    "a fault of the kernel: it followed the path backwards into the wrong function, and gives up",
)
CALLBACK_FAILED: Final = Message("callback-failed", EACCES, "kfunc {callee}#{number} failed callback verification")
