"""verify(): what one kernel says to one linked program. The only place where refusals become verdicts.

Source: bpf_check() of the kernel.
"""

from __future__ import annotations

from kverdict.catalogue.instructions import INVALID_REGISTER
from kverdict.catalogue.memory import ARENA_SIGN_EXTENDING_LOAD
from kverdict.domain.value import PTR_TO_BTF_ID, PTR_TO_MEM
from kverdict.errors import UnsupportedError
from kverdict.isa.opcode import CLASS_MASK, FP, JA, JMP, LD_IMM64, LDX, X
from kverdict.isa.validity import LOADED, STORED, fields_check, stack_argument, static_check
from kverdict.kernel.proto import MEM_ALLOC, MEM_RDONLY, PTR_UNTRUSTED
from kverdict.program.program import Program
from kverdict.verify.attach import check_attach
from kverdict.verify.backtrack import backward_effects
from kverdict.verify.cfg import check_cfg, check_subprogs, find_subprogs
from kverdict.verify.constants import compute_constants, fold_branches
from kverdict.verify.env import Env
from kverdict.verify.fastcall import mark_fastcall_patterns, remove_fastcall_stack
from kverdict.verify.flow import compute_components, compute_live_registers, postorders, successors
from kverdict.verify.func_info import check_func_info
from kverdict.verify.liveness.collected import CollectedLiveness
from kverdict.verify.liveness.computed import ComputedLiveness
from kverdict.verify.liveness.tables import log_order
from kverdict.verify.liveness.traced import TracedLiveness
from kverdict.verify.log import Log, log_live_registers, log_subprograms
from kverdict.verify.map_compatibility import check_maps
from kverdict.verify.refusal import Refusal
from kverdict.verify.stack_depth import check_max_stack_depth
from kverdict.verify.steps import refuse_encoding
from kverdict.verify.topology import callees_first
from kverdict.verify.verdict import Accepted, Rejected, Stats, Unsupported, Verdict
from kverdict.verify.walk import walk_program

_PROBED = frozenset(
    {
        PTR_TO_BTF_ID,
        PTR_TO_BTF_ID | PTR_UNTRUSTED,
        PTR_TO_BTF_ID | MEM_ALLOC | PTR_UNTRUSTED,
        PTR_TO_MEM | MEM_RDONLY | PTR_UNTRUSTED,
    }
)


def verify(program: Program, *, log_level: int = 0) -> Verdict:
    """The verdict of the kernel that `program` was linked against. log_level: 0, or 1 or 2 as in bpf(2)."""
    log = Log(log_level) if log_level else None
    env = Env(program, log)
    try:
        _check(env)
    except Refusal as refusal:
        return _rejected(env, refusal)
    except UnsupportedError as error:
        insn = error.insn if error.insn >= 0 else env.insn_idx
        return Unsupported(error.what, insn, _stats(env), log.text() if log else "")
    if log is not None:
        _close(env, log)
    return Accepted(_stats(env), log.text() if log else "", _probe_loads(env))


def _check(env: Env) -> None:
    """All passes, in the kernel's order."""
    find_subprogs(env)
    log_subprograms(env)
    check_subprogs(env)
    check_func_info(env)
    try:
        check_encodings(env)
    except Refusal:
        check_maps(env, env.insn_idx)  # the kernel looks at one instruction after the other
        raise
    check_maps(env, env.count)
    check_cfg(env)
    env.successors = [successors(env.insns, index) for index in range(env.count)]
    check_attach(env)
    _analyse_flow(env)
    env.backward_effects = backward_effects(env)
    mark_fastcall_patterns(env)
    walk_program(env)
    remove_fastcall_stack(env)
    check_max_stack_depth(env)
    check_conversions(env)


def _analyse_flow(env: Env) -> None:
    """What the flow graph tells before the walk: loops, and what is alive where."""
    orders = postorders(env)
    topological: list[int] = []
    if env.computes_liveness:
        env.constants = compute_constants(env, orders)
        if fold_branches(env):
            env.successors = [successors(env.insns, index) for index in range(env.count)]
            orders = postorders(env)
        topological = callees_first(env, orders)
        log_order(env, topological)
    if env.component_loops:
        compute_components(env)
    if env.computes_liveness:
        env.liveness = ComputedLiveness()
        env.liveness.compute(env, orders, topological)
    else:
        env.liveness = TracedLiveness() if env.traced_liveness else CollectedLiveness(orders)
    if env.static_registers:
        compute_live_registers(env, orders)
        log_live_registers(env)


def _check_registers(env: Env, index: int) -> None:
    """Register numbers, of code that is never reached too; kernel: check_and_resolve_insns()."""
    insn = env.insns[index]
    env.insn_idx = index
    on_stack = stack_argument(insn) if env.does("STACK_ARGUMENTS") else -1
    for number, place in ((insn.dst, STORED), (insn.src, LOADED)):
        if number > FP and on_stack != place:
            env.refuse(INVALID_REGISTER, reg=number)
    if on_stack >= 0:
        env.unsupported("arguments on the stack (r11)")
    if insn.op & 0xFF == JMP | JA | X and env.does("INDIRECT_JUMPS"):
        env.unsupported("indirect jumps")


def _check_fields(env: Env, index: int) -> None:
    """Reserved fields, of code that is never reached too; kernel: check_insn_fields()."""
    insn = env.insns[index]
    env.insn_idx = index
    violation = fields_check(insn, env.does)
    if violation is not None:
        refuse_encoding(env, violation)


def check_conversions(env: Env) -> None:
    """Accesses that were walked but that no JIT can carry out; kernel: convert_ctx_accesses()."""
    if "arena_sign_extends" in env.extra and not env.does("ARENA_SIGN_EXTENDING_LOADS"):
        env.insn_idx = env.extra["arena_sign_extends"]
        env.refuse(ARENA_SIGN_EXTENDING_LOAD)


def check_encodings(env: Env) -> None:
    """Instructions that no kernel, or not this one, knows; kernel: resolve_pseudo_ldimm64()."""
    fields_first = env.does("FIELDS_CHECKED_FIRST")
    index = 0
    while index < env.count:
        if fields_first:
            _check_registers(env, index)
        violation = static_check(env.insns, index, env.does)
        if violation is not None:
            env.insn_idx = index
            refuse_encoding(env, violation)
        if fields_first:
            _check_fields(env, index)
        index += 2 if env.insns[index].op & 0xFF == LD_IMM64 else 1


def _probe_loads(env: Env) -> frozenset[int]:
    """Loads through pointers that may be stale; kernel: convert_ctx_accesses()."""
    return frozenset(
        index
        for index, (insn, aux) in enumerate(zip(env.insns, env.aux, strict=True))
        if insn.op & CLASS_MASK == LDX and aux.ptr_type in _PROBED
    )


def _stats(env: Env) -> Stats:
    unvisited = sum(1 for index, insn in enumerate(env.insns) if not env.seen[index] and insn.op)
    return Stats(
        env.insn_processed,
        env.total_states,
        env.peak_states,
        env.max_states_per_insn,
        tuple(subprog.stack_depth for subprog in env.subprogs),
        unvisited,
    )


def _close(env: Env, log: Log) -> None:
    """The closing line; kernel: print_verification_stats()."""
    walk = env.liveness.longest_walk if isinstance(env.liveness, TracedLiveness) else 0
    log.write(
        f"processed {env.insn_processed} insns (limit 1000000) max_states_per_insn {env.max_states_per_insn} "
        f"total_states {env.total_states} peak_states {env.peak_states} mark_read {walk}\n"
    )


def _rejected(env: Env, refusal: Refusal) -> Rejected:
    diagnostic = refusal.diagnostic
    sentence = diagnostic.message.says(env.does, diagnostic.facts)
    registers = ""
    if env.state.frames:
        registers = env.describe_state(env.state, len(env.state.frames) - 1, True).strip()
    if env.log is not None:
        for line in (*diagnostic.before, sentence):
            env.log.write(line + "\n")
        _close(env, env.log)
    text = env.log.text() if env.log else ""
    last = sentence.rstrip("\n").rpartition("\n")[2]
    return Rejected(diagnostic, last, _stats(env), failing_path(env), registers, text)


def failing_path(env: Env) -> tuple[int, ...]:
    """Instructions from the entry to the failing one, by the histories of the checkpoints behind it."""
    pieces: list[int] = []
    state = env.state if env.state.frames else None
    last = env.insn_idx
    while state is not None and last >= 0:
        history = state.history
        count = len(history)
        index = last
        while len(pieces) < 100_000:
            pieces.append(index)
            at_first = index == state.first_insn
            if at_first and (count == 0 or (count == 1 and history[0][0] == index)):
                break
            if count and history[count - 1][0] == index:
                index = history[count - 1][1]
                count -= 1
            else:
                index -= 1
            if index < 0:
                break
        state = state.parent
        last = state.last_insn if state is not None else -1
    pieces.reverse()
    return tuple(pieces)
