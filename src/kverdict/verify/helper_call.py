"""Calls of helpers: may the program call it here, do the arguments fit, what is returned, taken and given back.

Source: check_helper_call() of the kernel; arguments are in helper_args.py, results in helper_result.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kverdict.catalogue.calls import (
    DYNPTR_FROM_MEM_TYPE,
    HELPER_FOR_TRACING_ONLY,
    HELPER_MIGHT_SLEEP,
    HELPER_NEEDS_GPL,
    HELPER_NOT_FOR_PROGRAM_TYPE,
    HELPER_NOT_IN_PROBE,
    INVALID_FORMAT_STRING,
    INVALID_HELPER,
    LOCAL_STORAGE_FLAGS,
    LSM_CGROUP_VOID,
    NOT_A_SCALAR,
    SLEEPABLE_HELPER_IN_REGION,
    UNKNOWN_HELPER,
)
from kverdict.catalogue.functions import TAIL_CALL_IN_CALLBACK
from kverdict.catalogue.lifetime import HELPER_NOT_ACQUIRED
from kverdict.domain.value import PTR_TO_MAP_VALUE, SCALAR, UNKNOWN_SCALAR, Value, type_text
from kverdict.isa.insn import Insn
from kverdict.isa.opcode import B
from kverdict.kernel import proto
from kverdict.kernel.helpers import GPL, Helper
from kverdict.kernel.kfuncs import Unknown
from kverdict.kernel.proto import BASE_MASK, DYNPTR_TYPE_SKB, DYNPTR_TYPE_SKB_META, MEM_ALLOC, MEM_PERCPU, MEM_RCU
from kverdict.program.program import Map
from kverdict.verify import callbacks
from kverdict.verify.call_meta import HelperMeta
from kverdict.verify.dynptr import forget_dynptrs_of, release_dynptr, state_of
from kverdict.verify.env import Env
from kverdict.verify.everywhere import forget_packet_pointers, rewrite
from kverdict.verify.helper_args import check_argument, is_null
from kverdict.verify.helper_result import set_result
from kverdict.verify.map_calls import constant_string, record_key, record_map
from kverdict.verify.precision import mark_chain_precision
from kverdict.verify.references import check_resource_leak, drop_reference, release_reference, without_reference
from kverdict.verify.refusal import Refusal
from kverdict.verify.registers import clobber_caller_saved
from kverdict.verify.return_code import attach_returns_void, hook_range, range_holds, refuse_range
from kverdict.verify.rules.helper_args import KPTR_XCHG
from kverdict.verify.rules.map_helpers import map_fits_helper
from kverdict.verify.sections import in_rcu_section, in_sleepable, region
from kverdict.verify.stack_objects import offset_of
from kverdict.verify.traits import changes_packet

_TRAMPOLINES: Final = ("trace_fentry", "trace_fexit", "modify_return", "trace_fsession")
_MAX_ERRNO: Final = 4095


def check_helper_call(env: Env, insn: Insn) -> int:
    """Walk one helper call; returns the index of the next instruction."""
    helper = _callable_helper(env, insn.imm)
    meta = HelperMeta(helper)
    for place in range(len(helper.args)):
        check_argument(env, meta, place)
    record_map(env, meta)
    record_key(env, meta)
    _fill_uninitialized(env, meta)
    _release(env, meta)
    frame = env.frame
    changes_packet = _changes_packet(env, meta)
    special = _SPECIAL.get(helper.name)
    if special is not None:
        special(env, insn, meta)
    callee = env.frame
    env.frame, env.regs = frame, frame.regs
    percpu_object = _is_percpu_object(meta, frame.regs[1])
    clobber_caller_saved(env)
    set_result(env, meta, percpu_object)
    if meta.map is not None:
        objection = map_fits_helper(env, meta.map, meta.name, meta.number)
        if objection is not None:
            raise Refusal(objection)
    if helper.name == "bpf_get_func_ip":
        _check_func_ip(env, meta)
    if helper.name == "bpf_tail_call" and env.does("TAIL_CALL_RETURNS"):
        if frame.number:
            return _tail_call_from_subprog(env)
        changes_packet = False
    if changes_packet:
        forget_packet_pointers(env.state)
    env.frame, env.regs = callee, callee.regs
    return env.insn_idx + 1 if callee is frame else env.subprogs[callee.subprog].start


def _callable_helper(env: Env, number: int) -> Helper:
    """The prototype, if programs of this kind may call the helper at this place."""
    program = env.program
    profile = env.profile
    name = profile.helper_name(number)
    refusal = profile.helper_refused(number, program.variant, program.attach_name)
    helper = profile.helper_proto(number, program.variant)
    in_probe = refusal == "helper call is not allowed in probe"
    if isinstance(refusal, Unknown):
        env.unsupported(refusal.why)
    if isinstance(refusal, str) and not in_probe:
        message = INVALID_HELPER if refusal.startswith("invalid func") else UNKNOWN_HELPER
        env.refuse(message, callee=name, number=number)
    if helper is None:
        env.unsupported(f"the helper {name}#{number}, whose prototype is not known")
    if helper.gpl_only and program.license not in GPL:
        env.refuse(HELPER_NEEDS_GPL, callee=name)
    if in_probe:
        env.refuse(HELPER_NOT_IN_PROBE, callee=name)
    if helper.might_sleep:
        _check_may_sleep(env, name, number)
    return helper


def _check_may_sleep(env: Env, name: str, number: int) -> None:
    one_check = env.does("ONE_SLEEP_CHECK")
    if not one_check and not in_sleepable(env):
        env.refuse(HELPER_MIGHT_SLEEP, callee=name, number=number)
    where = region(env)
    if where:
        env.refuse(SLEEPABLE_HELPER_IN_REGION, callee=name, number=number, region=where)
    if one_check and not in_sleepable(env):
        env.refuse(HELPER_MIGHT_SLEEP, callee=name, number=number)


def _fill_uninitialized(env: Env, meta: HelperMeta) -> None:
    """Bytes that the helper fills count as written, one by one."""
    if not meta.access_size:
        return
    from kverdict.verify.memory import check_mem_access

    for off in range(meta.access_size):
        check_mem_access(env, meta.regno, off, B, True, -1)


def _release(env: Env, meta: HelperMeta) -> None:
    """The argument that the helper takes over is given away."""
    regno = meta.release_reg
    if not regno:
        return
    value = env.regs[regno]
    if meta.helper.args[regno - 1] & BASE_MASK == proto.ARG_PTR_TO_DYNPTR:
        released = release_dynptr(env, value)
    elif meta.name == KPTR_XCHG and meta.ref and env.does("PERCPU_KPTR"):
        released = _give_to_map(env, meta.ref)
    elif meta.ref:
        released = release_reference(env, meta.ref)
    else:
        released = is_null(value)
    if not released:
        env.refuse(HELPER_NOT_ACQUIRED, callee=meta.name, number=meta.number)


def _give_to_map(env: Env, ref: int) -> bool:
    """bpf_kptr_xchg(): percpu objects stay usable under RCU, other pointers are void."""
    protects = in_rcu_section(env)
    if not drop_reference(env, ref):
        return False
    forget_dynptrs_of(env, ref)

    def changed(value: Value) -> Value:
        if value.ref != ref:
            return value
        if protects and value.type & MEM_ALLOC and value.type & MEM_PERCPU:
            return without_reference(env, value).with_type(value.type & ~MEM_ALLOC | MEM_RCU)
        return UNKNOWN_SCALAR

    rewrite(env.state, changed)
    return True


def _changes_packet(env: Env, meta: HelperMeta) -> bool:
    """The helper may move the packet, so that pointers into it are void afterwards."""
    if meta.name == "bpf_dynptr_write":
        state = next(
            (
                state_of(env, env.regs[place + 1])
                for place, arg in enumerate(meta.helper.args)
                if arg & BASE_MASK == proto.ARG_PTR_TO_DYNPTR
            ),
            None,
        )
        return state is not None and state.subject in (DYNPTR_TYPE_SKB, DYNPTR_TYPE_SKB_META)
    return changes_packet(env, meta.name)


def _is_percpu_object(meta: HelperMeta, first: Value) -> bool:
    return meta.name in ("bpf_per_cpu_ptr", "bpf_this_cpu_ptr") and bool(first.type & MEM_RCU)


def _check_func_ip(env: Env, meta: HelperMeta) -> None:
    program = env.program
    if program.prog_type == "tracing":
        if program.attach_type not in _TRAMPOLINES:
            env.refuse(HELPER_FOR_TRACING_ONLY, callee=meta.name, number=meta.number)
    elif program.prog_type != "kprobe":
        prog_type = env.profile.prog_types.get(program.prog_type, 0)
        env.refuse(HELPER_NOT_FOR_PROGRAM_TYPE, callee=meta.name, number=meta.number, prog_type=prog_type)


def _tail_call_from_subprog(env: Env) -> int:
    """The tail call may succeed, and then the function returns whatever the other program returned."""
    from kverdict.verify.subprog_call import leave_frame

    if env.frame.callback == callbacks.SYNCHRONOUS:
        if not env.does("TAIL_CALL_REFUSED_IN_CALLBACK"):
            env.unsupported("a tail call in a callback on this kernel")
        env.refuse(TAIL_CALL_IN_CALLBACK)
    env.push_state(env.insn_idx + 1, env.insn_idx)
    forget_packet_pointers(env.state)
    env.regs[0] = UNKNOWN_SCALAR
    env.frame.precise &= ~1
    return leave_frame(env)


def _tail_call(env: Env, insn: Insn, meta: HelperMeta) -> None:
    check_resource_leak(env, False, True, "tail_call")


def _local_storage(env: Env, insn: Insn, meta: HelperMeta) -> None:
    if not is_null(env.regs[2]):
        env.refuse(LOCAL_STORAGE_FLAGS)
    if env.does("LOCAL_STORAGE_FLAGS_PRECISE"):
        mark_chain_precision(env, 2)


def _calling(set_callee: Callable[..., None]) -> Callable[[Env, Insn, HelperMeta], None]:
    def push(env: Env, insn: Insn, meta: HelperMeta) -> None:
        from kverdict.verify.subprog_call import push_callback_call

        push_callback_call(env, insn, meta.subprog, set_callee)

    return push


def _loop(env: Env, insn: Insn, meta: HelperMeta) -> None:
    from kverdict.verify.subprog_call import push_callback_call

    _note_inlining(env, meta.subprog)
    if not env.does("CALLBACKS_VERIFIED_AS_LOOPS"):
        push_callback_call(env, insn, meta.subprog, callbacks.loop)
        return
    if env.regs[1].type != SCALAR:
        env.unsupported("bpf_loop() with a pointer as the number of rounds")
    mark_chain_precision(env, 1)
    if env.frame.callback_depth < env.regs[1].num.umax:
        push_callback_call(env, insn, meta.subprog, callbacks.loop)
        return
    env.frame.callback_depth = 0
    if env.log is not None and env.log.level > 1:
        env.log.write(f"frame{env.frame.number} bpf_loop iteration limit reached\n")


def _note_inlining(env: Env, subprog: int) -> None:
    """The kernel replaces bpf_loop() if flags are always 0 and the callback the same; it relies on the flags then."""
    known: dict[int, tuple[bool, int]] = env.extra.setdefault("inlined_loops", {})
    fits, callback = known.get(env.insn_idx, (True, -1))
    if not fits:
        return
    if is_null(env.regs[4]):
        mark_chain_precision(env, 4)
        fits = callback in (-1, subprog)
    else:
        fits = False
    known[env.insn_idx] = (fits, subprog if callback < 0 else callback)


def _snprintf(env: Env, insn: Insn, meta: HelperMeta) -> None:
    from kverdict.verify.rules.format_string import is_valid_format

    text, size = env.regs[3], env.regs[5]
    map = text.subject
    if not isinstance(map, Map):
        env.unsupported("bpf_snprintf() with a format outside of a map")
    if size.num.value % 8:
        env.refuse(INVALID_FORMAT_STRING)
    format = constant_string(map, offset_of(text)) or b""
    if not is_valid_format(format, size.num.value // 8, env.does("FORMATS_BEYOND_ASCII")):
        env.refuse(INVALID_FORMAT_STRING)


def _dynptr_from_mem(env: Env, insn: Insn, meta: HelperMeta) -> None:
    if env.regs[1].type != PTR_TO_MAP_VALUE:
        env.refuse(DYNPTR_FROM_MEM_TYPE, type=type_text(env.regs[1].type))


def _set_retval(env: Env, insn: Insn, meta: HelperMeta) -> None:
    program = env.program
    is_cgroup_hook = program.prog_type == "lsm" and program.attach_type == "lsm_cgroup"
    checks_range = env.does("RETVAL_RANGE_CHECKED")
    value = env.regs[1]
    if checks_range:
        if value.type != SCALAR:
            env.refuse(NOT_A_SCALAR, reg=1, callee=meta.name)
        if program.prog_type == "cgroup_sockopt" and program.attach_type == "cgroup_getsockopt":
            return
    if is_cgroup_hook and attach_returns_void(env):
        env.refuse(LSM_CGROUP_VOID)
    if not checks_range:
        return
    range_ = hook_range(env) if is_cgroup_hook else (-_MAX_ERRNO, 0)
    mark_chain_precision(env, 1)
    if not range_holds(env, range_, value, False):
        refuse_range(env, value, range_, "bpf_set_retval", 1, False)


def _dynptr_data(env: Env, insn: Insn, meta: HelperMeta) -> None:
    state = next(
        (
            state_of(env, env.regs[place + 1])
            for place, arg in enumerate(meta.helper.args)
            if arg & BASE_MASK == proto.ARG_PTR_TO_DYNPTR
        ),
        None,
    )
    if state is None:
        env.unsupported("bpf_dynptr_data() without a dynptr")
    meta.dynptr_id = state.id
    meta.ref = state.ref


_SPECIAL: Final[dict[str, Callable[[Env, Insn, HelperMeta], None]]] = {
    "bpf_tail_call": _tail_call,
    "bpf_get_local_storage": _local_storage,
    "bpf_for_each_map_elem": _calling(callbacks.for_each_map_elem),
    "bpf_timer_set_callback": _calling(callbacks.timer),
    "bpf_find_vma": _calling(callbacks.find_vma),
    "bpf_user_ringbuf_drain": _calling(callbacks.user_ringbuf),
    "bpf_snprintf": _snprintf,
    "bpf_loop": _loop,
    "bpf_dynptr_from_mem": _dynptr_from_mem,
    "bpf_set_retval": _set_retval,
    "bpf_dynptr_data": _dynptr_data,
}
