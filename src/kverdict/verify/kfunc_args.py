"""Arguments of a kfunc call, one after the other. Source: check_kfunc_args() of the kernel.

What holds for all pointers is in rules/kfunc_args.py; here is what each kind of argument asks for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kverdict.btf.args import has_suffix, is_scalar
from kverdict.btf.btf import Btf
from kverdict.btf.layout import size_or_none, skip_modifiers
from kverdict.btf.types import KIND_STRUCT, Ptr, Struct
from kverdict.btf.walk import struct_ids_match, type_ids_nocast_alias, walk_rules
from kverdict.catalogue.calls import MUST_BE_KNOWN_CONSTANT, NOT_A_CONST, NOT_A_SCALAR
from kverdict.catalogue.kfuncs import (
    ALLOCATED_NOT_REFERENCED,
    ARG_EXPECTED_FOR,
    ARG_MEM_LEN,
    ARG_NO_REFCOUNT,
    ARG_NOT_ALLOCATED,
    ARG_NOT_CONST_STRING,
    ARG_NOT_CONTEXT,
    ARG_NOT_FUNC,
    ARG_NOT_MAP_VALUE,
    ARG_NOT_OWNING,
    ARG_SIZE_UNKNOWN,
    ARG_STRUCT_MISMATCH,
    ARG_TYPE_UNTRUSTED,
    ARG_UNRECOGNIZED,
    ARG_WITHOUT_RECORD,
    CSS_ITER_PROGRAM,
    KPTR_GET_NO_KPTR,
    KPTR_GET_NOT_MAP_VALUE,
    KPTR_GET_STRUCT,
    KPTR_GET_VARIABLE_OFFSET,
    REFCOUNT_ACQUIRE_DISABLED,
    RELEASE_NOT_REFERENCED,
)
from kverdict.catalogue.maps import MAP_POINTER_MISMATCH, NOT_A_MAP_POINTER
from kverdict.diagnostic import Diagnostic
from kverdict.domain.value import (
    CONST_PTR_TO_DYNPTR,
    CONST_PTR_TO_MAP,
    PTR_TO_BTF_ID,
    PTR_TO_CTX,
    PTR_TO_FUNC,
    PTR_TO_MAP_VALUE,
    PTR_TO_STACK,
    SCALAR,
    type_text,
)
from kverdict.kernel import proto
from kverdict.kernel.proto import (
    BASE_MASK,
    DYNPTR_TYPE_FILE,
    DYNPTR_TYPE_SKB,
    DYNPTR_TYPE_SKB_META,
    DYNPTR_TYPE_XDP,
    KF_ACQUIRE,
    KF_RELEASE,
    MEM_ALLOC,
    MEM_PERCPU,
    MEM_RDONLY,
    MEM_UNINIT,
    NON_OWN_REF,
    OBJ_RELEASE,
    PTR_MAYBE_NULL,
)
from kverdict.program.program import Map
from kverdict.verify import kfunc_kinds as kinds
from kverdict.verify.call_meta import KfuncMeta
from kverdict.verify.dynptr import check_dynptr_arg, state_of
from kverdict.verify.env import Env
from kverdict.verify.graph import check_list_node, check_root, check_tree_node
from kverdict.verify.irq_flags import check_irq_flag_arg
from kverdict.verify.iterators import check_iterator_arg
from kverdict.verify.map_calls import check_constant_string
from kverdict.verify.map_fields import check_map_field
from kverdict.verify.nullness import known_not_null
from kverdict.verify.precision import mark_chain_precision
from kverdict.verify.records import find_field, has_field, record_of
from kverdict.verify.refusal import Refusal
from kverdict.verify.res_locks import check_res_lock
from kverdict.verify.rules.helper_args import check_offset
from kverdict.verify.rules.kfunc_args import (
    KFUNC_ARGUMENT_RULES,
    KFUNC_OBJECT_RULES,
    KfuncArgument,
    apply_rules,
    wants_trusted,
)
from kverdict.verify.rules.program_type import is_projection, kernel_context
from kverdict.verify.sections import in_sleepable
from kverdict.verify.stack_objects import offset_of
from kverdict.verify.trust import has_unsafe_modifiers, is_rcu, struct_behind, trusted_modifiers

_ALLOCATED: Final = PTR_TO_BTF_ID | MEM_ALLOC
_DYNPTRS: Final = {
    "bpf_dynptr_from_skb": DYNPTR_TYPE_SKB,
    "bpf_dynptr_from_xdp": DYNPTR_TYPE_XDP,
    "bpf_dynptr_from_skb_meta": DYNPTR_TYPE_SKB_META,
    "bpf_dynptr_from_file": DYNPTR_TYPE_FILE,
}
_SKB_DYNPTRS: Final = ("bpf_dynptr_from_skb", "bpf_dynptr_from_skb_meta")


def check_arguments(env: Env, meta: KfuncMeta) -> None:
    """Check all arguments and note in `meta` what the rest of the call has to know."""
    params = meta.kfunc.params
    if len(params) > 5:
        env.unsupported(f"{meta.name}, which has more than 5 arguments")
    skip = False
    for place, param in enumerate(params):
        if skip:
            skip = False
            continue
        skip = _check_one(env, meta, place, param.type_id)
    if meta.flags & KF_RELEASE and not meta.release_reg and not env.does("DERIVED_OBJECTS_TRACKED"):
        env.refuse(RELEASE_NOT_REFERENCED, callee=meta.name, reg=1, arg=0)


def _check_one(env: Env, meta: KfuncMeta, place: int, type_id: int) -> bool:
    """True if the next argument is this one's size, and done with it."""
    btf = env.profile.btf
    param = meta.kfunc.params[place]
    if has_suffix(param.name, "__ign") or has_suffix(param.name, "__prog") or _is_program_aux(env, type_id):
        return False
    pointer_id = skip_modifiers(btf, type_id)
    if is_scalar(btf, type_id):
        check_number(env, meta, place, param.name)
        return False
    found = btf.type(pointer_id)
    if not isinstance(found, Ptr):
        env.refuse(ARG_UNRECOGNIZED, arg=place, reg=place + 1, kind=kinds.kind_name(found.kind))
    arg = KfuncArgument(env, meta, place, param, pointer_id, skip_modifiers(btf, found.type_id))
    apply_rules(KFUNC_ARGUMENT_RULES, arg)
    _note_reference(arg)
    kind = kinds.kind_of(arg)
    if kind == kinds.NULL:
        return False
    if kind == kinds.MAP:
        _note_map(arg)
    if kind in (kinds.MAP, kinds.ALLOCATED, kinds.STRUCT):
        apply_rules(KFUNC_OBJECT_RULES, arg)
    _check_offset(arg, kind)
    _CHECKS[kind](arg)
    return kind == kinds.SIZED_MEMORY


def _is_program_aux(env: Env, type_id: int) -> bool:
    """struct bpf_prog_aux *: the kernel passes the program's own (kernels that fill in arguments)."""
    if not env.does("IMPLICIT_ARGS"):
        return False
    btf = env.profile.btf
    found = btf.type(skip_modifiers(btf, type_id))
    return isinstance(found, Ptr) and btf.type(skip_modifiers(btf, found.type_id)).name == "bpf_prog_aux"


def check_number(env: Env, meta: KfuncMeta, place: int, name: str) -> None:
    """A scalar; constant where the name says so."""
    regno = place + 1
    value = env.regs[regno]
    if value.type != SCALAR:
        env.refuse(NOT_A_SCALAR, reg=regno, callee=meta.name)
    if has_suffix(name, "__k"):
        if value.num.mask:
            env.refuse(MUST_BE_KNOWN_CONSTANT, reg=regno, callee=meta.name)
        mark_chain_precision(env, regno)
        meta.constant = value.num.value
    elif name in ("rdonly_buf_size", "rdwr_buf_size"):
        meta.r0_rdonly = name == "rdonly_buf_size"
        if value.num.mask:
            env.refuse(NOT_A_CONST, reg=regno)
        if value.num.value >> 32:
            env.unsupported(f"{meta.name} with a size of more than 32 bits")
        meta.r0_size = value.num.value
        mark_chain_precision(env, regno)


def _note_reference(arg: KfuncArgument) -> None:
    meta, ref = arg.meta, arg.value.ref
    if ref:
        meta.ref = ref
        if meta.flags & KF_RELEASE:
            meta.release_reg = arg.regno


def _note_map(arg: KfuncArgument) -> None:
    """A __map argument belongs to the field argument before it."""
    env, meta, value = arg.env, arg.meta, arg.value
    if value.base == PTR_TO_BTF_ID:
        if meta.map is not None:
            env.unsupported("a kernel map in place of the program's own")
        return
    map = value.subject if value.base in (CONST_PTR_TO_MAP, PTR_TO_MAP_VALUE) else None
    if not isinstance(map, Map):
        env.refuse(NOT_A_MAP_POINTER, reg=arg.regno)
    differs = meta.map is not None and (meta.map is not map or meta.map_uid != value.detail)
    if differs and has_field(map.fields, "wq", "task_work"):
        task_work = has_field(map.fields, "task_work")
        env.refuse(
            MAP_POINTER_MISMATCH,
            field="bpf_task_work" if task_work else "workqueue",
            reg=2 if task_work else 1,
            map_reg=3 if task_work else 2,
            uid=meta.map_uid,
            map_uid=value.detail,
        )
    meta.map = map
    meta.map_uid = value.detail


def _check_offset(arg: KfuncArgument, kind: int) -> None:
    env, meta = arg.env, arg.meta
    arg_type = 0
    if env.does("DERIVED_OBJECTS_TRACKED"):
        arg_type = {kinds.CONTEXT: proto.ARG_PTR_TO_CTX, kinds.DYNPTR: proto.ARG_PTR_TO_DYNPTR}.get(kind, 0)
        if meta.flags & KF_RELEASE and arg.place == 0:
            arg_type |= OBJ_RELEASE
    elif meta.flags & KF_RELEASE and arg.value.ref:
        arg_type |= OBJ_RELEASE
    if env.does("TRUSTED_ARGS_ZERO_OFFSET") and (
        kind == kinds.CONTEXT or (kind in (kinds.STRUCT, kinds.ALLOCATED) and _asks_trust(arg))
    ):
        arg_type |= OBJ_RELEASE
    fixed = not (env.does("DERIVED_OBJECTS_TRACKED") and kind == kinds.REFCOUNTED)
    check_offset(env, arg.value, arg.regno, arg_type, fixed)


def _asks_trust(arg: KfuncArgument) -> bool:
    return wants_trusted(arg.env, arg.meta) or bool(arg.meta.flags & proto.KF_RCU)


def _context(arg: KfuncArgument) -> None:
    env, meta = arg.env, arg.meta
    if arg.value.type != PTR_TO_CTX:
        kind = type_text(arg.value.type)
        if not env.does("CONTEXT_SENTENCE_NAMES_REGISTER_TYPE"):
            kind = kinds.kind_name(env.profile.btf.type(arg.pointer_id).kind)
        env.refuse(ARG_NOT_CONTEXT, **arg.facts(), type=kind)
    if meta.plain == "bpf_cast_to_kern_ctx":
        meta.context_id = kernel_context(env)
        if not meta.context_id:
            env.unsupported(f"bpf_cast_to_kern_ctx() in {env.program.prog_type} programs")


def _allocated(arg: KfuncArgument) -> None:
    env, meta, value = arg.env, arg.meta, arg.value
    percpu = value.type == _ALLOCATED | MEM_PERCPU and env.does("PERCPU_KPTR")
    if value.type != _ALLOCATED and not percpu:
        env.refuse(ARG_NOT_ALLOCATED, **arg.facts())
    wanted = "bpf_percpu_obj_drop" if percpu else "bpf_obj_drop"
    if meta.plain != wanted and env.does("PERCPU_KPTR"):
        suffix = "" if env.does("IMPLICIT_ARGS") else "_impl"
        env.refuse(ARG_EXPECTED_FOR, reg=arg.regno, arg=arg.place, callee=wanted + suffix)
    if not value.ref:
        env.refuse(ALLOCATED_NOT_REFERENCED)
    _note_object(arg)


def _note_object(arg: KfuncArgument) -> None:
    subject, detail = arg.value.subject, arg.value.detail
    if isinstance(subject, Btf) and isinstance(detail, int):
        arg.meta.object = (subject, detail)


def _refcounted(arg: KfuncArgument) -> None:
    env, meta, value = arg.env, arg.meta, arg.value
    if value.base != PTR_TO_BTF_ID or not value.type & MEM_ALLOC:
        env.refuse(ARG_NOT_OWNING, **arg.facts())
    meta.owning = not value.type & NON_OWN_REF and (bool(value.ref) or not env.does("OWNER_HOLDS_REFERENCE"))
    record = record_of(env, value)
    if not record:
        env.refuse(ARG_WITHOUT_RECORD)
    if not has_field(record, "refcount"):
        env.refuse(ARG_NO_REFCOUNT, **arg.facts())
    if env.does("REFCOUNT_ACQUIRE_DISABLED"):
        env.refuse(REFCOUNT_ACQUIRE_DISABLED)
    _note_object(arg)


def check_kptr(arg: KfuncArgument) -> None:
    """KF_KPTR_GET: a referenced kptr in a map value, of the structure that the kfunc returns."""
    env, meta, value = arg.env, arg.meta, arg.value
    if value.type != PTR_TO_MAP_VALUE or not isinstance(value.subject, Map):
        env.refuse(KPTR_GET_NOT_MAP_VALUE, callee=meta.name)
    if value.num.mask:
        env.refuse(KPTR_GET_VARIABLE_OFFSET)
    off = offset_of(value)
    field = find_field(value.subject.fields, off, "kptr_ref")
    if field is None:
        env.refuse(KPTR_GET_NO_KPTR, off=off)
    btf = env.profile.btf
    inner = btf.type(arg.pointee_id)
    wanted = inner.type_id if isinstance(inner, Ptr) else 0
    if not field.in_kernel or field.type_id != wanted:
        found = btf.type(wanted)
        env.refuse(
            KPTR_GET_STRUCT, callee=meta.name, arg=arg.place, kind=kinds.kind_name(found.kind), struct=found.name
        )


def _dynptr(arg: KfuncArgument) -> None:
    env, meta = arg.env, arg.meta
    arg_type = proto.ARG_PTR_TO_DYNPTR
    clone_of = 0
    if arg.value.type == CONST_PTR_TO_DYNPTR and not env.does("DERIVED_OBJECTS_TRACKED"):
        arg_type |= MEM_RDONLY
    constructs = has_suffix(arg.param.name, "__uninit")
    if constructs:
        arg_type |= MEM_UNINIT
        if env.does("DERIVED_OBJECTS_TRACKED") and meta.ref and meta.name in _DYNPTRS:
            if meta.name not in _SKB_DYNPTRS:
                env.unsupported(f"{meta.name} of an object that the program holds a reference to")
            clone_of = meta.ref
    arg_type |= _DYNPTRS.get(meta.name, 0)
    if meta.name == "bpf_dynptr_file_discard":
        arg_type |= DYNPTR_TYPE_FILE
        if env.does("DERIVED_OBJECTS_TRACKED"):
            arg_type |= OBJ_RELEASE
        meta.release_reg = arg.regno
    elif meta.name == "bpf_dynptr_clone" and constructs:
        if not isinstance(meta.dynptr_type, int):
            env.unsupported("bpf_dynptr_clone() of an unknown dynptr")
        arg_type |= meta.dynptr_type
        clone_of = meta.dynptr_ref
    check_dynptr_arg(env, arg.regno, arg_type, clone_of)
    if not constructs:
        state = state_of(env, env.regs[arg.regno])
        assert state is not None
        meta.dynptr_id, meta.dynptr_type, meta.dynptr_ref = state.id, state.subject, state.ref


def _iterator(arg: KfuncArgument) -> None:
    env, meta = arg.env, arg.meta
    if meta.name == "bpf_iter_css_task_new" and not _may_iterate_css_tasks(env):
        env.refuse(CSS_ITER_PROGRAM)
    check_iterator_arg(env, meta, arg.regno)


def _may_iterate_css_tasks(env: Env) -> bool:
    """Kernel: check_css_task_iter_allowlist()."""
    program = env.program
    if program.prog_type == "lsm":
        return True
    return (program.prog_type == "tracing" and program.attach_type == "trace_iter") or in_sleepable(env)


def _struct(arg: KfuncArgument) -> None:
    """A kernel object: of the right structure, and no pointer of a doubtful kind."""
    env, value = arg.env, arg.value
    doubtful = has_unsafe_modifiers(env, value.type) and not is_rcu(value)
    if (value.base != PTR_TO_BTF_ID or doubtful) and not struct_behind(env, value.base):
        expected = type_text(value.base | value.type & ~BASE_MASK & trusted_modifiers(env))
        env.refuse(ARG_TYPE_UNTRUSTED, **arg.facts(), type=type_text(value.type), expected=expected)
    _check_struct(arg, arg.pointee_id)


def _map(arg: KfuncArgument) -> None:
    arg.pointee_id = arg.env.profile.btf.find("bpf_map", KIND_STRUCT)
    _struct(arg)


def _check_struct(arg: KfuncArgument, wanted_id: int) -> None:
    """Kernel: process_kf_arg_ptr_to_btf_id()."""
    env, meta, value = arg.env, arg.meta, arg.value
    btf = env.profile.btf
    source: Btf = btf
    struct_id = struct_behind(env, value.base)
    if value.base == PTR_TO_BTF_ID and isinstance(value.subject, Btf) and isinstance(value.detail, int):
        source, struct_id = value.subject, value.detail
    strict = bool(meta.flags & KF_RELEASE and value.ref) or type_ids_nocast_alias(source, struct_id, btf, wanted_id)
    if meta.flags & KF_ACQUIRE and env.does("ACQUIRE_MATCHES_STRICTLY"):
        strict = True
    struct_id = skip_modifiers(source, struct_id)
    wanted, actual = btf.type(wanted_id), source.type(struct_id)
    if is_projection(wanted.name, actual.name) and env.does("PROJECTIONS_MATCH"):
        return
    if not struct_ids_match(source, struct_id, value.off, btf, wanted_id, strict, walk_rules(env.does)):
        env.refuse(
            ARG_STRUCT_MISMATCH,
            **arg.facts(),
            kind=kinds.kind_name(wanted.kind),
            expected=wanted.name,
            actual_reg=arg.regno,
            actual_kind=kinds.kind_name(actual.kind),
            actual=actual.name,
        )


def check_memory(arg: KfuncArgument) -> None:
    """Memory of the size of what the parameter points to."""
    from kverdict.verify.memory import check_mem_reg

    env = arg.env
    size = size_or_none(env.profile.btf, arg.pointee_id)
    if size is None:
        found = env.profile.btf.type(arg.pointee_id)
        name = found.name if isinstance(found, Struct) else ""
        env.refuse(ARG_SIZE_UNKNOWN, **arg.facts(), kind=kinds.kind_name(found.kind), struct=name, error=-22)
    check_mem_reg(env, arg.regno, size)


def check_sized_memory(arg: KfuncArgument) -> None:
    """Memory whose size is the next argument."""
    env, meta = arg.env, arg.meta
    optional = "__nullable" if env.does("NULLABLE_MEMORY") else "__opt"
    size = env.regs[arg.regno + 1]
    if not arg.is_null() or not has_suffix(arg.param.name, optional):
        try:
            _check_size(env, arg.regno)
        except Refusal as refusal:
            _refuse_pair(arg, refusal.diagnostic)
    if has_suffix(meta.kfunc.params[arg.place + 1].name, "__szk"):
        if size.num.mask:
            env.refuse(MUST_BE_KNOWN_CONSTANT, reg=arg.regno + 1, callee=meta.name)
        meta.constant = size.num.value


def _check_size(env: Env, regno: int) -> None:
    """Readable and writable, both; a pointer that may be NULL counts as not NULL here."""
    from kverdict.verify.memory import check_mem_size_reg

    value = env.regs[regno]
    if value.type & PTR_MAYBE_NULL:
        env.regs[regno] = known_not_null(env, value)
    check_mem_size_reg(env, regno + 1, False, True, None)
    check_mem_size_reg(env, regno + 1, True, True, None)
    env.regs[regno] = value


def _refuse_pair(arg: KfuncArgument, first: Diagnostic) -> None:
    """The kernel says what was wrong with the memory, and then that it was this pair of arguments."""
    env = arg.env
    lines = (*first.before, first.message.says(env.does, first.facts))
    facts = {**first.facts, **arg.facts(), "size_reg": arg.regno + 1, "size_arg": arg.place + 1}
    raise Refusal(Diagnostic(ARG_MEM_LEN, env.insn_idx, facts, lines))


def _callback(arg: KfuncArgument) -> None:
    if arg.value.type != PTR_TO_FUNC:
        arg.env.refuse(ARG_NOT_FUNC, **arg.facts())
    number = arg.value.subject
    assert isinstance(number, int)
    arg.meta.subprog = number


def _string(arg: KfuncArgument) -> None:
    if arg.value.type != PTR_TO_MAP_VALUE:
        arg.env.refuse(ARG_NOT_CONST_STRING, **arg.facts())
    check_constant_string(arg.env, arg.regno)


def _map_field(kind: str) -> Callable[[KfuncArgument], None]:
    def check(arg: KfuncArgument) -> None:
        if arg.value.type != PTR_TO_MAP_VALUE:
            arg.env.refuse(ARG_NOT_MAP_VALUE, **arg.facts())
        arg.meta.map = check_map_field(arg.env, arg.regno, kind)
        arg.meta.map_uid = arg.value.detail

    return check


def _irq_flag(arg: KfuncArgument) -> None:
    from kverdict.catalogue.locks import IRQ_NOT_ON_STACK

    if arg.value.type != PTR_TO_STACK:
        arg.env.refuse(IRQ_NOT_ON_STACK, **arg.facts())
    check_irq_flag_arg(arg.env, arg.meta.name, arg.regno)


_CHECKS: Final[dict[int, Callable[[KfuncArgument], None]]] = {
    kinds.CONTEXT: _context,
    kinds.ALLOCATED: _allocated,
    kinds.REFCOUNTED: _refcounted,
    kinds.KPTR: check_kptr,
    kinds.DYNPTR: _dynptr,
    kinds.ITERATOR: _iterator,
    kinds.LIST_HEAD: lambda arg: check_root(arg, "list_head"),
    kinds.LIST_NODE: check_list_node,
    kinds.RB_ROOT: lambda arg: check_root(arg, "rb_root"),
    kinds.RB_NODE: check_tree_node,
    kinds.STRING: _string,
    kinds.MAP: _map,
    kinds.WORK_QUEUE: _map_field("wq"),
    kinds.TIMER: _map_field("timer"),
    kinds.TASK_WORK: _map_field("task_work"),
    kinds.IRQ_FLAG: _irq_flag,
    kinds.RES_SPIN_LOCK: check_res_lock,
    kinds.STRUCT: _struct,
    kinds.CALLBACK: _callback,
    kinds.MEMORY: check_memory,
    kinds.SIZED_MEMORY: check_sized_memory,
}
