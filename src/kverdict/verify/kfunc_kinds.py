"""What kind of thing a pointer argument of a kfunc is: by its type, the suffix of its name, and the register.

Source: get_kfunc_ptr_arg_type() of the kernel.
"""

from __future__ import annotations

from typing import Final

from kverdict.btf.args import callback_proto, has_suffix, is_scalar, scalar_struct, struct_pointer
from kverdict.btf.types import KIND_NAMES, KIND_STRUCT, KIND_UNION, Ptr, Struct, Type, Void
from kverdict.catalogue.kfuncs import ARG_MUST_BE_SCALAR_STRUCT, ARG_STRUCT_UNSUPPORTED, KPTR_GET_NO_DOUBLE_POINTER
from kverdict.domain.value import PTR_TO_BTF_ID, SCALAR
from kverdict.kernel.proto import KF_ITER_DESTROY, KF_ITER_NEW, KF_ITER_NEXT, KF_KPTR_GET
from kverdict.verify.env import Env
from kverdict.verify.rules.kfunc_args import KfuncArgument
from kverdict.verify.rules.program_type import is_context_pointer
from kverdict.verify.trust import struct_behind

(
    CONTEXT,
    NULL,
    ALLOCATED,
    REFCOUNTED,
    KPTR,
    DYNPTR,
    ITERATOR,
    LIST_HEAD,
    LIST_NODE,
    RB_ROOT,
    RB_NODE,
    STRING,
    MAP,
    WORK_QUEUE,
    TIMER,
    TASK_WORK,
    IRQ_FLAG,
    RES_SPIN_LOCK,
    STRUCT,
    CALLBACK,
    MEMORY,
    SIZED_MEMORY,
) = range(22)

# Structures whose address is an argument of a kind of its own, in the kernel's order.
_BY_STRUCT_FIRST: Final = (("bpf_dynptr", DYNPTR),)
_BY_STRUCT: Final = (
    ("bpf_list_head", LIST_HEAD),
    ("bpf_list_node", LIST_NODE),
    ("bpf_rb_root", RB_ROOT),
    ("bpf_rb_node", RB_NODE),
)
_ITERATES: Final = KF_ITER_NEW | KF_ITER_NEXT | KF_ITER_DESTROY


def kind_name(kind: int) -> str:
    """A BTF kind as the kernel prints it: STRUCT; kernel: btf_type_str()."""
    return "UNKNOWN" if kind == 0 else KIND_NAMES[kind].upper()


def _name(pointee: Type) -> str:
    return "" if isinstance(pointee, Void) else pointee.name


def _struct_name(arg: KfuncArgument) -> str:
    if arg.pointee_id <= 0:
        return ""
    found = arg.env.profile.btf.type(arg.pointee_id)
    return found.name if found.kind == KIND_STRUCT else ""


def kind_of(arg: KfuncArgument) -> int:
    """The kind of a pointer argument; refuses what the kernel cannot make sense of."""
    env, meta = arg.env, arg.meta
    if meta.plain == "bpf_cast_to_kern_ctx":
        return CONTEXT
    if meta.plain in ("bpf_session_is_return", "bpf_session_cookie") and env.does("SESSION_KFUNCS_TAKE_CONTEXT"):
        return CONTEXT
    if is_context_pointer(env, env.profile.btf, arg.pointer_id):
        return CONTEXT
    name = arg.param.name
    sized = is_sized(arg)
    may_be_null = has_suffix(name, "__nullable") and env.does("NULLABLE_ARGUMENTS")
    if may_be_null and arg.is_null() and not (sized and env.does("NULLABLE_MEMORY")):
        return NULL
    if has_suffix(name, "__alloc"):
        return ALLOCATED
    if arg.place == 0 and meta.flags & KF_KPTR_GET:
        return _kptr(arg)
    special = _special_kind(arg, name)
    if special >= 0:
        return special
    btf = env.profile.btf
    pointee = btf.type(arg.pointee_id)
    base = arg.value.base
    if base == PTR_TO_BTF_ID or struct_behind(env, base):
        if not isinstance(pointee, Struct):
            env.refuse(ARG_STRUCT_UNSUPPORTED, **arg.facts(), kind=kind_name(pointee.kind), struct=_name(pointee))
        return STRUCT
    if callback_proto(btf, arg.pointer_id):
        return CALLBACK
    return _memory(arg, sized)


def _special_kind(arg: KfuncArgument, name: str) -> int:
    env, meta = arg.env, arg.meta
    struct = _struct_name(arg)
    if has_suffix(name, "__refcounted_kptr"):
        return REFCOUNTED
    if struct == "bpf_dynptr":
        return DYNPTR
    if arg.place == 0 if meta.flags & _ITERATES else has_suffix(name, "__iter"):
        return ITERATOR
    for wanted, kind in _BY_STRUCT:
        if struct == wanted:
            return kind
    if has_suffix(name, "__str"):
        return STRING
    if has_suffix(name, "__map"):
        return MAP
    if struct == "bpf_wq":
        return WORK_QUEUE
    if struct == "bpf_timer" and env.does("TIMER_KFUNCS"):
        return TIMER
    if struct == "bpf_task_work":
        return TASK_WORK
    if has_suffix(name, "__irq_flag"):
        return IRQ_FLAG
    return RES_SPIN_LOCK if struct == "bpf_res_spin_lock" else -1


def is_sized(arg: KfuncArgument) -> bool:
    """The next parameter is the size of this one's memory (__sz, __szk) and its register a number."""
    params = arg.meta.kfunc.params
    after = arg.place + 1
    if after >= len(params) or after > 4:
        return False
    name, type_id = params[after]
    if not has_suffix(name, "__sz") and not has_suffix(name, "__szk"):
        return False
    return is_scalar(arg.env.profile.btf, type_id) and arg.env.regs[after + 1].type == SCALAR


def _kptr(arg: KfuncArgument) -> int:
    """KF_KPTR_GET: the address of a kptr, a pointer to a pointer to a structure."""
    env = arg.env
    btf = env.profile.btf
    inner = btf.type(arg.pointee_id)
    if not isinstance(inner, Ptr):
        env.refuse(KPTR_GET_NO_DOUBLE_POINTER)
    if not struct_pointer(btf, arg.pointee_id):
        found = btf.type(inner.type_id)
        env.refuse(ARG_STRUCT_UNSUPPORTED, **arg.facts(), kind=kind_name(found.kind), struct=found.name)
    return KPTR


def _memory(arg: KfuncArgument, sized: bool) -> int:
    check_plain(arg, sized)
    return SIZED_MEMORY if sized else MEMORY


def check_plain(arg: KfuncArgument, sized: bool) -> None:
    """Plain memory is only for scalars and structures of scalars, or void with a size."""
    env = arg.env
    btf = env.profile.btf
    pointee = btf.type(arg.pointee_id)
    plain = is_scalar(btf, arg.pointee_id)
    if not plain and pointee.kind in (KIND_STRUCT, KIND_UNION):
        plain = bool(scalar_struct(btf, arg.pointee_id))
    if not plain and not (sized and isinstance(pointee, Void)):
        _refuse_memory(env, arg, sized)


def _refuse_memory(env: Env, arg: KfuncArgument, sized: bool) -> None:
    pointee = env.profile.btf.type(arg.pointee_id)
    nested = isinstance(pointee, Struct) and scalar_struct(env.profile.btf, arg.pointee_id) is None
    before = ("max struct nesting depth exceeded",) if nested else ()
    env.refuse(
        ARG_MUST_BE_SCALAR_STRUCT,
        *before,
        **arg.facts(),
        kind=kind_name(pointee.kind),
        struct=_name(pointee),
        void="void, " if sized else "",
    )
