"""Arguments of a kfunc call as kernels before 6.2 check them: by the register first, then by the parameter's type.

Source: btf_check_func_arg_match() in btf.c of Linux 6.1.
"""

from __future__ import annotations

from typing import Final

from kverdict.btf.args import is_scalar
from kverdict.btf.btf import Btf
from kverdict.btf.layout import skip_modifiers
from kverdict.btf.types import Ptr, Struct
from kverdict.btf.walk import struct_ids_match, walk_rules
from kverdict.catalogue.kfuncs import (
    ARG_DYNPTR_NOT_INITIALIZED,
    ARG_DYNPTR_NOT_STACK,
    ARG_DYNPTR_TYPE,
    ARG_NOT_CONTEXT,
    ARG_STRUCT_MISMATCH,
    ARG_STRUCT_UNSUPPORTED,
    ARG_UNRECOGNIZED,
    KFUNC_SLEEPABLE_ONLY,
    KPTR_GET_NO_DOUBLE_POINTER,
    NOT_REFERENCED_ARG,
    RELEASE_NOT_REFERENCED,
)
from kverdict.domain.value import PTR_TO_BTF_ID, PTR_TO_CTX, PTR_TO_STACK
from kverdict.kernel.proto import (
    BASE_MASK,
    DYNPTR_TYPE_LOCAL,
    KF_KPTR_GET,
    KF_RELEASE,
    KF_SLEEPABLE,
    KF_TRUSTED_ARGS,
    OBJ_RELEASE,
)
from kverdict.verify import dynptr_unprotected
from kverdict.verify import kfunc_kinds as kinds
from kverdict.verify.call_meta import KfuncMeta
from kverdict.verify.env import Env
from kverdict.verify.kfunc_args import check_kptr, check_memory, check_number, check_sized_memory
from kverdict.verify.rules.helper_args import check_offset
from kverdict.verify.rules.kfunc_args import KfuncArgument
from kverdict.verify.rules.program_type import is_context_pointer
from kverdict.verify.trust import struct_behind

_DYNPTR: Final = "bpf_dynptr_kern"


def check_arguments(env: Env, meta: KfuncMeta) -> None:
    """Check all arguments and note in `meta` which reference takes part, and whether it is given away."""
    btf = env.profile.btf
    params = meta.kfunc.params
    skip = False
    for place, param in enumerate(params):
        if skip:
            skip = False
            continue
        found = btf.type(skip_modifiers(btf, param.type_id))
        if is_scalar(btf, param.type_id):
            check_number(env, meta, place, param.name)
        elif isinstance(found, Ptr):
            pointer_id = skip_modifiers(btf, param.type_id)
            arg = KfuncArgument(env, meta, place, param, pointer_id, skip_modifiers(btf, found.type_id))
            skip = _check_pointer(arg)
        else:
            env.refuse(ARG_UNRECOGNIZED, arg=place, reg=place + 1, kind=kinds.kind_name(found.kind))
    if meta.flags & KF_RELEASE and not meta.ref:
        env.refuse(RELEASE_NOT_REFERENCED, callee=meta.name, reg=1, arg=0)
    if meta.flags & KF_SLEEPABLE and not env.program.sleepable:
        env.refuse(KFUNC_SLEEPABLE_ONLY, callee=meta.name)


def _check_pointer(arg: KfuncArgument) -> bool:
    """True if the next argument is this one's size, and done with it."""
    env, meta, value = arg.env, arg.meta, arg.value
    trusts = bool(meta.flags & KF_TRUSTED_ARGS)
    is_object = value.type in (PTR_TO_CTX, PTR_TO_BTF_ID) or bool(struct_behind(env, value.base))
    if trusts and is_object and value.type != PTR_TO_CTX and not value.ref:
        env.refuse(NOT_REFERENCED_ARG, reg=arg.regno, callee=meta.name)
    releases = bool(meta.flags & KF_RELEASE and value.ref)
    check_offset(env, value, arg.regno, OBJ_RELEASE if releases or (trusts and is_object) else 0)
    if value.ref:
        meta.ref = value.ref
        if meta.flags & KF_RELEASE:
            meta.release_reg = arg.regno
    if arg.place == 0 and meta.flags & KF_KPTR_GET:
        _check_kptr(arg)
        return False
    if is_context_pointer(env, env.profile.btf, arg.pointer_id):
        if value.type != PTR_TO_CTX:
            env.refuse(ARG_NOT_CONTEXT, **arg.facts(), type="PTR")
        return False
    plain_struct = struct_behind(env, value.base) and not value.type & ~BASE_MASK
    if value.type == PTR_TO_BTF_ID or plain_struct:
        _check_struct(arg, trusts or releases)
        return False
    return _check_memory(arg)


def _check_kptr(arg: KfuncArgument) -> None:
    if not isinstance(arg.env.profile.btf.type(arg.pointee_id), Ptr):
        arg.env.refuse(KPTR_GET_NO_DOUBLE_POINTER)
    check_kptr(arg)


def _check_struct(arg: KfuncArgument, strict: bool) -> None:
    env, value = arg.env, arg.value
    btf = env.profile.btf
    wanted = btf.type(arg.pointee_id)
    if not isinstance(wanted, Struct):
        name = getattr(wanted, "name", "")
        env.refuse(ARG_STRUCT_UNSUPPORTED, **arg.facts(), kind=kinds.kind_name(wanted.kind), struct=name)
    source: Btf = btf
    struct_id = struct_behind(env, value.base)
    if value.type == PTR_TO_BTF_ID and isinstance(value.subject, Btf) and isinstance(value.detail, int):
        source, struct_id = value.subject, value.detail
    struct_id = skip_modifiers(source, struct_id)
    if not struct_ids_match(source, struct_id, value.off, btf, arg.pointee_id, strict, walk_rules(env.does)):
        actual = source.type(struct_id)
        env.refuse(
            ARG_STRUCT_MISMATCH,
            **arg.facts(),
            kind=kinds.kind_name(wanted.kind),
            expected=wanted.name,
            actual_reg=arg.regno,
            actual_kind=kinds.kind_name(actual.kind),
            actual=actual.name,
        )


def _check_memory(arg: KfuncArgument) -> bool:
    env = arg.env
    pointee = env.profile.btf.type(arg.pointee_id)
    if isinstance(pointee, Struct) and pointee.name == _DYNPTR:
        _check_dynptr(arg)
        return False
    sized = kinds.is_sized(arg)
    kinds.check_plain(arg, sized)
    if sized:
        check_sized_memory(arg)
        return True
    check_memory(arg)
    return False


def _check_dynptr(arg: KfuncArgument) -> None:
    env, value = arg.env, arg.value
    if value.type != PTR_TO_STACK:
        env.refuse(ARG_DYNPTR_NOT_STACK, arg=arg.place)
    state = dynptr_unprotected.initialized(env, value)
    if state is None:
        env.refuse(ARG_DYNPTR_NOT_INITIALIZED, arg=arg.place)
    if state.subject != DYNPTR_TYPE_LOCAL:
        env.refuse(ARG_DYNPTR_TYPE, arg=arg.place)
