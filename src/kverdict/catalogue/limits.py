"""Sentences about the verifier's limits: instructions, stack, calls, jumps, loops."""

from __future__ import annotations

from errno import E2BIG, EACCES, EFAULT, EINVAL
from typing import Final

from kverdict.diagnostic import Message

TOO_LARGE: Final = Message(
    "program-too-large",
    E2BIG,
    "BPF program is too large. Processed {processed} insn",
    "the verifier gave up after {processed} instructions on all paths together",
)
TOO_MANY_JUMPS: Final = Message(
    "too-many-jumps",
    EFAULT,
    "The sequence of {count} jumps is too complex.",
    "more than 8192 branches were waiting to be explored",
)
INFINITE_LOOP: Final = Message(
    "infinite-loop",
    EINVAL,
    "infinite loop detected at insn {at}\ncur state:{current}\nold state:{old}",
    "the program comes back to instruction {at} in the same state",
    (("INFINITE_LOOP_SHOWS_STATES", "infinite loop detected at insn {at}"),),
)
LOOP_LEFT_BEFORE_CHECKPOINT: Final = Message(
    "loop-left-before-checkpoint",
    EFAULT,
    "verifier bug: scc exit: no visit info for call chain ({chain})",
    "an exception ends the program inside of a loop, which this kernel's verifier does not expect",
)
COMBINED_STACK: Final = Message(
    "combined-stack",
    EACCES,
    "combined stack size of {frames} calls is {depth}. Too large",
    "{frames} nested calls need {depth} bytes of stack; 512 are allowed",
)
SUBPROGRAM_STACK: Final = Message("subprogram-stack", EACCES, "stack size of subprog {number} is {depth}. Too large")
TAIL_CALL_STACK: Final = Message(
    "tail-call-stack",
    EACCES,
    "tail_calls are not allowed when call stack of previous frames is {depth} bytes. Too large",
)
CALL_DEPTH: Final = Message(
    "call-depth", E2BIG, "the call stack of {frames} frames is too deep !", "calls are nested too deeply"
)
CALL_DEPTH_WALK: Final = Message("call-depth-walk", E2BIG, "the call stack of {frames} frames is too deep")
RECURSION: Final = Message(
    "recursion",
    EINVAL,
    "recursive call from {caller}() to {callee}()",
    "functions of a program may not call themselves",
)
STACK_ANALYSIS_TOO_COMPLEX: Final = Message(
    "stack-analysis-too-complex",
    E2BIG,
    "liveness analysis exceeded complexity limit ({count} calls)",
    "functions call each other with pointers into the stack in more than 10000 ways",
)
TOO_MANY_SUBPROGRAMS: Final = Message("too-many-subprograms", E2BIG, "too many subprograms")
TOO_MANY_KFUNCS: Final = Message("too-many-kfuncs", E2BIG, "too many different kernel function calls")
TOO_MANY_MAPS: Final = Message(
    "too-many-maps", E2BIG, "The total number of maps per program has reached the limit of {limit}"
)
