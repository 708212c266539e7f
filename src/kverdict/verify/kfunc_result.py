"""What r0 holds after a kfunc call. Source: the second half of check_kfunc_call(), check_special_kfunc()."""

from __future__ import annotations

from typing import Final

from kverdict.btf.args import is_scalar, scalar_struct
from kverdict.btf.layout import size_or_none, skip_modifiers
from kverdict.btf.types import KIND_STRUCT, Ptr, Struct, Type, Void
from kverdict.catalogue.kfuncs import (
    ACQUIRE_RETURNS_NO_POINTER,
    OBJ_NEW_NEEDS_BTF,
    OBJ_NEW_NOT_STRUCT,
    OBJ_NEW_TYPE_ID,
    PERCPU_OBJ_NEW_FIELDS,
    PERCPU_OBJ_NEW_SCALARS,
    PERCPU_OBJ_NEW_SIZE,
    RDONLY_CAST_TYPE,
    RDONLY_CAST_UNKNOWN,
    RETURN_TYPE_UNSUPPORTED,
)
from kverdict.catalogue.memory import PACKET_WRITES_NOT_ALLOWED
from kverdict.domain.value import PTR_TO_BTF_ID, PTR_TO_MEM, UNKNOWN_SCALAR, ZERO_SCALAR, Value, pointer
from kverdict.kernel.proto import (
    KF_ACQUIRE,
    KF_ITER_NEXT,
    KF_RCU_PROTECTED,
    KF_RET_NULL,
    MEM_ALLOC,
    MEM_PERCPU,
    MEM_RCU,
    MEM_RDONLY,
    PTR_MAYBE_NULL,
    PTR_TRUSTED,
    PTR_UNTRUSTED,
)
from kverdict.verify.call_meta import KfuncMeta
from kverdict.verify.callbacks import graph_node
from kverdict.verify.env import Env
from kverdict.verify.iterators import iterator_state
from kverdict.verify.kfunc_kinds import kind_name
from kverdict.verify.records import LOCKS, has_field, local_record, record_of
from kverdict.verify.references import acquire_reference, set_non_owning
from kverdict.verify.rules.program_type import may_access_packet

_NEW: Final = ("bpf_obj_new", "bpf_percpu_obj_new")
_OWN_OBJECTS: Final = (*_NEW, "bpf_refcount_acquire")
_SLICES: Final = ("bpf_dynptr_slice", "bpf_dynptr_slice_rdwr")
_NODES: Final = ("bpf_list_node", "bpf_rb_node")
_MAX_PERCPU: Final = 512


def set_result(env: Env, meta: KfuncMeta) -> None:
    """Give r0 of the running frame what the kfunc returns."""
    btf = env.profile.btf
    type_id = skip_modifiers(btf, meta.kfunc.return_id)
    found = btf.type(type_id)
    if meta.flags & KF_ACQUIRE and not _returns_object(env, meta, found):
        env.refuse(ACQUIRE_RETURNS_NO_POINTER)
    if is_scalar(btf, type_id):
        env.regs[0] = ZERO_SCALAR if meta.name.startswith("bpf_res_spin_lock") else UNKNOWN_SCALAR
    elif isinstance(found, Ptr):
        env.regs[0] = _pointer(env, meta, skip_modifiers(btf, found.type_id))


def _returns_object(env: Env, meta: KfuncMeta, found: Type) -> bool:
    if meta.plain in _OWN_OBJECTS:
        return True
    btf = env.profile.btf
    return isinstance(found, Ptr) and isinstance(btf.type(skip_modifiers(btf, found.type_id)), Struct)


def _pointer(env: Env, meta: KfuncMeta, pointee_id: int) -> Value:
    """A returned pointer: its type, its link for the test for NULL, and the reference that comes with it."""
    pointee = env.profile.btf.type(pointee_id)
    value = _special(env, meta, pointee)
    if value is None:
        value = _plain(env, meta, pointee_id, pointee)
    maybe_null = bool(meta.flags & KF_RET_NULL) and not (meta.plain == "bpf_refcount_acquire" and meta.owning)
    if maybe_null:
        value = value.with_type(value.type | PTR_MAYBE_NULL).with_id(env.new_id())
    if meta.flags & KF_ACQUIRE:
        ref = acquire_reference(env)
        value = value.with_ref(ref)
        if maybe_null or env.does("DERIVED_OBJECTS_TRACKED"):
            value = value.with_id(ref)
    elif _is_borrowed_node(env, meta, pointee):
        value = set_non_owning(env, value)
    if not value.id and value.base == PTR_TO_BTF_ID and has_field(record_of(env, value), *LOCKS):
        value = value.with_id(env.new_id())
    return value


def _is_node(pointee: Type) -> bool:
    return pointee.kind == KIND_STRUCT and pointee.name in _NODES


def _is_borrowed_node(env: Env, meta: KfuncMeta, pointee: Type) -> bool:
    """A node that stays in its list or tree."""
    return _is_node(pointee) and meta.root is not None


def _special(env: Env, meta: KfuncMeta, pointee: Type) -> Value | None:
    """Kfuncs whose result depends on more than their prototype; kernel: check_special_kfunc()."""
    if meta.plain in _NEW:
        return _new_object(env, meta)
    if meta.plain == "bpf_refcount_acquire" and meta.object is not None:
        return pointer(PTR_TO_BTF_ID | MEM_ALLOC, *meta.object)
    if _is_node(pointee) and meta.root is not None:
        return graph_node(env, meta.root, meta.root_owner)
    if meta.plain == "bpf_cast_to_kern_ctx":
        return pointer(PTR_TO_BTF_ID | PTR_TRUSTED, env.profile.btf, meta.context_id)
    if meta.plain == "bpf_rdonly_cast":
        return _cast(env, meta)
    if meta.plain in _SLICES:
        return _slice(env, meta)
    return None


def _new_object(env: Env, meta: KfuncMeta) -> Value:
    type_id = meta.constant
    percpu = meta.plain == "bpf_percpu_obj_new"
    if type_id is None or type_id >> 32:
        env.refuse(OBJ_NEW_TYPE_ID)
    btf = env.program.btf
    if btf is None:
        env.refuse(OBJ_NEW_NEEDS_BTF)
    struct = btf.type(type_id) if type_id < len(btf) else None
    if not isinstance(struct, Struct) or struct.is_union:
        env.refuse(OBJ_NEW_NOT_STRUCT)
    if percpu:
        if struct.size > _MAX_PERCPU:
            env.refuse(PERCPU_OBJ_NEW_SIZE, size=struct.size, limit=_MAX_PERCPU)
        if not scalar_struct(btf, type_id):
            env.refuse(PERCPU_OBJ_NEW_SCALARS)
        if local_record(env, btf, type_id):
            env.refuse(PERCPU_OBJ_NEW_FIELDS)
    return pointer(PTR_TO_BTF_ID | MEM_ALLOC | (MEM_PERCPU if percpu else 0), btf, type_id)


def _cast(env: Env, meta: KfuncMeta) -> Value:
    btf = env.profile.btf
    type_id = meta.constant
    if type_id is None or type_id >= len(btf):
        env.refuse(RDONLY_CAST_UNKNOWN if env.does("RDONLY_CAST_TO_VOID") else RDONLY_CAST_TYPE, id=type_id)
    target = btf.type(type_id)
    if isinstance(target, Struct):
        return pointer(PTR_TO_BTF_ID | PTR_UNTRUSTED, btf, type_id)
    if isinstance(target, Void) and env.does("RDONLY_CAST_TO_VOID"):
        return pointer(PTR_TO_MEM | MEM_RDONLY | PTR_UNTRUSTED, 0)
    env.refuse(RDONLY_CAST_TYPE)


def _slice(env: Env, meta: KfuncMeta) -> Value:
    if meta.constant is None or not isinstance(meta.dynptr_type, int):
        env.unsupported(f"{meta.name} without a constant size")
    type = PTR_TO_MEM | meta.dynptr_type
    if meta.plain == "bpf_dynptr_slice":
        type |= MEM_RDONLY
    elif not may_access_packet(env, True):
        env.refuse(PACKET_WRITES_NOT_ALLOWED)
    return pointer(type, meta.constant, meta.dynptr_id)


def _plain(env: Env, meta: KfuncMeta, pointee_id: int, pointee: Type) -> Value:
    """A pointer that is what the prototype says."""
    if isinstance(pointee, Void) and env.does("VOID_POINTER_RESULTS_ARE_NUMBERS"):
        return UNKNOWN_SCALAR
    if not isinstance(pointee, Struct):
        return _returned_memory(env, meta, pointee_id, pointee)
    type = PTR_TO_BTF_ID
    if meta.name == "bpf_get_kmem_cache":
        type |= PTR_UNTRUSTED
    elif meta.flags & KF_RCU_PROTECTED and env.does("RCU_PROTECTED_AT_CALL"):
        type |= MEM_RCU
    elif env.does("KFUNC_RESULTS_TRUSTED"):
        type |= MEM_RCU if _iterates_under_rcu(env, meta) else PTR_TRUSTED
    if meta.flags & KF_ITER_NEXT and env.does("ITERATOR_RESULTS_TRUSTED") and not env.does("KFUNC_RESULTS_TRUSTED"):
        type |= MEM_RCU if _iterates_under_rcu(env, meta) else PTR_TRUSTED
    return pointer(type, env.profile.btf, pointee_id)


def _iterates_under_rcu(env: Env, meta: KfuncMeta) -> bool:
    return bool(meta.flags & KF_ITER_NEXT) and bool(iterator_state(env.state, meta).type & MEM_RCU)


def _returned_memory(env: Env, meta: KfuncMeta, pointee_id: int, pointee: Type) -> Value:
    size, read_only = meta.r0_size, meta.r0_rdonly
    is_cookie = meta.name == "bpf_session_cookie"
    if not size and env.does("KFUNC_RETURNS_SIZED_MEMORY"):
        size = size_or_none(env.profile.btf, pointee_id) or 0
        read_only = not is_cookie
    if not size:
        env.refuse(RETURN_TYPE_UNSUPPORTED, callee=meta.name, kind=kind_name(pointee.kind), struct=pointee.name)
    type = PTR_TO_MEM | (MEM_RDONLY if read_only else 0)
    if meta.flags & KF_RCU_PROTECTED and env.does("RCU_PROTECTED_AT_CALL"):
        type |= MEM_RCU
    return pointer(type, size, ref=meta.ref)
