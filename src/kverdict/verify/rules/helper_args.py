"""Which types of registers fit an argument of a helper, and at which offsets.

Source: compatible_reg_types[], check_reg_type(), check_func_arg_reg_off() of the kernel.
"""

from __future__ import annotations

from typing import Final

from kverdict.btf.btf import Btf
from kverdict.btf.types import KIND_STRUCT
from kverdict.btf.walk import struct_ids_match, walk_rules
from kverdict.catalogue.calls import (
    ARGUMENT_STRUCT,
    ARGUMENT_TYPE,
    HELPER_MAY_WRITE,
    MAYBE_NULL_HELPER_ARG,
    NONZERO_RELEASE_OFFSET,
)
from kverdict.domain.value import (
    CONST_PTR_TO_DYNPTR,
    CONST_PTR_TO_MAP,
    PTR_TO_ARENA,
    PTR_TO_BTF_ID,
    PTR_TO_BUF,
    PTR_TO_CTX,
    PTR_TO_FUNC,
    PTR_TO_MAP_KEY,
    PTR_TO_MAP_VALUE,
    PTR_TO_MEM,
    PTR_TO_PACKET,
    PTR_TO_PACKET_META,
    PTR_TO_SOCK_COMMON,
    PTR_TO_SOCKET,
    PTR_TO_STACK,
    PTR_TO_TCP_SOCK,
    PTR_TO_XDP_SOCK,
    SCALAR,
    Value,
    type_text,
)
from kverdict.kernel import proto
from kverdict.kernel.proto import (
    BASE_MASK,
    DYNPTR_TYPE_MASK,
    MEM_ALLOC,
    MEM_PERCPU,
    MEM_RCU,
    MEM_RDONLY,
    MEM_RINGBUF,
    NON_OWN_REF,
    OBJ_RELEASE,
    PTR_MAYBE_NULL,
    PTR_TRUSTED,
)
from kverdict.verify import dynptr_unprotected
from kverdict.verify.call_meta import HelperMeta
from kverdict.verify.env import Env
from kverdict.verify.records import find_field, record_of
from kverdict.verify.rules.kptr import check_kptr_type

KPTR_XCHG: Final = "bpf_kptr_xchg"
_TRUSTED: Final = PTR_TO_BTF_ID | PTR_TRUSTED
_ALLOCATED: Final = PTR_TO_BTF_ID | MEM_ALLOC
_SOCKETS: Final = (PTR_TO_SOCK_COMMON, PTR_TO_SOCKET, PTR_TO_TCP_SOCK, PTR_TO_XDP_SOCK)
_INTEGER_MEMORY: Final = (PTR_TO_STACK, PTR_TO_PACKET, PTR_TO_PACKET_META, PTR_TO_MAP_KEY, PTR_TO_MAP_VALUE)
_MEMORY: Final = (*_INTEGER_MEMORY, PTR_TO_MEM, PTR_TO_MEM | MEM_RINGBUF, PTR_TO_BUF)
_BORROWED: Final = (_ALLOCATED | NON_OWN_REF, _ALLOCATED | NON_OWN_REF | MEM_RCU)
_ONE: Final[dict[int, tuple[int, ...]]] = {
    proto.ARG_SCALAR: (SCALAR,),
    proto.ARG_CONST_SIZE: (SCALAR,),
    proto.ARG_CONST_SIZE_OR_ZERO: (SCALAR,),
    proto.ARG_CONST_ALLOC_SIZE_OR_ZERO: (SCALAR,),
    proto.ARG_CONST_MAP_PTR: (CONST_PTR_TO_MAP,),
    proto.ARG_PTR_TO_CTX: (PTR_TO_CTX,),
    proto.ARG_PTR_TO_SOCK_COMMON: _SOCKETS,
    proto.ARG_PTR_TO_BTF_ID_SOCK_COMMON: (*_SOCKETS, PTR_TO_BTF_ID, _TRUSTED),
    proto.ARG_PTR_TO_SOCKET: (PTR_TO_SOCKET,),
    proto.ARG_PTR_TO_BTF_ID: (PTR_TO_BTF_ID, _TRUSTED, PTR_TO_BTF_ID | MEM_RCU),
    proto.ARG_PTR_TO_SPIN_LOCK: (PTR_TO_MAP_VALUE, _ALLOCATED),
    proto.ARG_PTR_TO_RINGBUF_MEM: (PTR_TO_MEM | MEM_RINGBUF,),
    proto.ARG_PTR_TO_FUNC: (PTR_TO_FUNC,),
    proto.ARG_PTR_TO_STACK: (PTR_TO_STACK,),
    proto.ARG_PTR_TO_CONST_STR: (PTR_TO_MAP_VALUE,),
    proto.ARG_PTR_TO_TIMER: (PTR_TO_MAP_VALUE,),
    proto.ARG_PTR_TO_DYNPTR: (PTR_TO_STACK, CONST_PTR_TO_DYNPTR),
}
_NEWER: Final = (_TRUSTED, PTR_TO_BTF_ID | MEM_RCU, _ALLOCATED)
_MEMORY_ARGUMENTS: Final = (proto.ARG_PTR_TO_MEM, proto.ARG_PTR_TO_MAP_KEY, proto.ARG_PTR_TO_MAP_VALUE)


def compatible_types(env: Env, base: int) -> tuple[int, ...]:
    """Types of registers that fit an argument of this base type, as this kernel lists them."""
    if base in _MEMORY_ARGUMENTS:
        if base != proto.ARG_PTR_TO_MEM and not env.does("MEMORY_VALUES_AS_MEMORY"):
            return _INTEGER_MEMORY
        types: tuple[int, ...] = _MEMORY
        if env.does("HELPERS_READ_TRUSTED_POINTERS"):
            types = (*types, _TRUSTED)
        return (*types, PTR_TO_CTX) if env.does("CONTEXT_IS_HELPER_MEMORY") else types
    if base == proto.ARG_PTR_TO_PERCPU_BTF_ID:
        percpu = PTR_TO_BTF_ID | MEM_PERCPU
        if env.does("PERCPU_KPTR"):
            return percpu, percpu | MEM_RCU, percpu | PTR_TRUSTED
        return (percpu, percpu | PTR_TRUSTED) if env.does("TRUSTED_POINTERS") else (percpu,)
    if base == proto.ARG_KPTR_XCHG_DEST:
        types = (PTR_TO_MAP_VALUE,)
        if env.does("KPTR_XCHG_INTO_ALLOCATED"):
            types = (*types, _ALLOCATED)
        return (*types, *_BORROWED) if env.does("KPTR_XCHG_INTO_BORROWED") else types
    types = _ONE.get(base, ())
    return types if env.does("TRUSTED_POINTERS") else tuple(type for type in types if type not in _NEWER)


def check_register_type(env: Env, meta: HelperMeta, regno: int, arg_type: int, struct: str) -> None:
    """The register's type fits the argument. struct: the kernel structure that the prototype names, or "".

    Kernel: check_reg_type().
    """
    value = env.regs[regno]
    base = arg_type & BASE_MASK
    fitting = compatible_types(env, base)
    if not fitting:
        env.unsupported(f"an argument of {meta.name}() of type {base}")
    type = _folded(env, meta, regno, arg_type, value.type)
    if type not in fitting:
        actual, expected = type_text(value.type), ", ".join(map(type_text, fitting))
        if not env.does("RING_BUFFER_MEMORY_NAMED"):
            actual, expected = actual.replace("ringbuf_", "alloc_"), expected.replace("ringbuf_", "alloc_")
        env.refuse(ARGUMENT_TYPE, reg=regno, type=actual, expected=expected, callee=meta.name)
    if value.base != PTR_TO_BTF_ID:
        return
    if base in _MEMORY_ARGUMENTS:
        if not arg_type & MEM_RDONLY:
            env.refuse(HELPER_MAY_WRITE, callee=meta.name, reg=regno, type=type_text(value.type))
        return
    _check_pointee(env, meta, regno, arg_type, value, struct)


def _folded(env: Env, meta: HelperMeta, regno: int, arg_type: int, type: int) -> int:
    """The register's type less the flags that do not count for this argument."""
    if arg_type & MEM_RDONLY:
        type &= ~MEM_RDONLY
    if arg_type & PTR_MAYBE_NULL:
        type &= ~PTR_MAYBE_NULL
    if arg_type & BASE_MASK == proto.ARG_PTR_TO_MEM and env.does("DYNPTR_SLICES_ARE_MEMORY"):
        type &= ~DYNPTR_TYPE_MASK
    is_source = regno == 2 or not env.does("KPTR_XCHG_INTO_ALLOCATED")
    if meta.name == KPTR_XCHG and is_source and type & MEM_ALLOC and env.does("KPTR_TO_LOCAL_TYPES"):
        type &= ~(MEM_ALLOC | MEM_PERCPU) if env.does("PERCPU_KPTR") else ~MEM_ALLOC
    return type


def _check_pointee(env: Env, meta: HelperMeta, regno: int, arg_type: int, value: Value, struct: str) -> None:
    """A pointer to a structure: it is the wanted one, and not NULL where that matters."""
    type = value.type
    if type & MEM_PERCPU and not type & MEM_ALLOC:
        return
    if type & MEM_ALLOC:
        if meta.name == KPTR_XCHG:
            if regno == 2 and env.does("KPTR_TO_LOCAL_TYPES"):
                check_kptr_type(env, meta.kptr_field, value, regno, meta.map)
        elif meta.name not in ("bpf_spin_lock", "bpf_spin_unlock"):
            env.unsupported(f"an allocated object passed to {meta.name}()")
        return
    releases = bool(arg_type & OBJ_RELEASE)
    forbidden = type & PTR_MAYBE_NULL and (not arg_type & PTR_MAYBE_NULL or releases)
    if forbidden and env.does("HELPER_NULL_SENTENCE"):
        env.refuse(MAYBE_NULL_HELPER_ARG, reg=regno, callee=meta.name)
    if meta.name == KPTR_XCHG:
        check_kptr_type(env, meta.kptr_field, value, regno, meta.map)
        return
    if not struct and arg_type & BASE_MASK == proto.ARG_PTR_TO_BTF_ID_SOCK_COMMON:
        struct = "sock_common"
    btf = env.profile.btf
    wanted = btf.find(struct, KIND_STRUCT) if struct else 0
    if not wanted or not isinstance(value.detail, int):
        env.unsupported(f"the structure that argument {regno} of {meta.name}() points to")
    source = value.subject
    if not isinstance(source, Btf):
        env.unsupported("a pointer to a type without BTF")
    if env.does("DERIVED_OBJECTS_TRACKED"):
        from kverdict.verify.memory import check_fixed_ptr_off

        check_fixed_ptr_off(env, value, regno, True)
    strict = releases and meta.name != "bpf_sk_release"
    if not struct_ids_match(source, value.detail, value.off, btf, wanted, strict, walk_rules(env.does)):
        actual = source.type(value.detail).name
        env.refuse(ARGUMENT_STRUCT, reg=regno, actual=actual, expected=struct, callee=meta.name)


_ANY_OFFSET: Final = frozenset(
    (
        PTR_TO_STACK,
        PTR_TO_PACKET,
        PTR_TO_PACKET_META,
        PTR_TO_MAP_KEY,
        PTR_TO_MAP_VALUE,
        PTR_TO_MEM,
        PTR_TO_MEM | MEM_RDONLY,
        PTR_TO_MEM | MEM_RINGBUF,
        PTR_TO_BUF,
        PTR_TO_BUF | MEM_RDONLY,
        PTR_TO_ARENA,
        SCALAR,
    )
)
_FIXED_OFFSET: Final = frozenset(
    (PTR_TO_BTF_ID, _ALLOCATED, _TRUSTED, PTR_TO_BTF_ID | MEM_RCU, *_BORROWED),
)


def check_offset(env: Env, value: Value, regno: int, arg_type: int, fixed_allowed: bool = True) -> None:
    """The pointer's offset suits the argument; kernel: check_func_arg_reg_off().

    fixed_allowed: a pointer to a structure may point into it.
    """
    from kverdict.verify.memory import check_fixed_ptr_off

    if not env.does("RELEASE_OFFSET_FIRST"):
        _check_older_offset(env, value, regno, arg_type)
        return
    if arg_type & OBJ_RELEASE:
        if arg_type & BASE_MASK == proto.ARG_PTR_TO_DYNPTR and value.type == PTR_TO_STACK:
            return
        if _is_graph_node(env, value):
            check_fixed_ptr_off(env, value, regno, True)
            return
        if value.off or (env.folds_offsets and (value.num.mask or value.num.value)):
            env.refuse(NONZERO_RELEASE_OFFSET, reg=regno)
        check_fixed_ptr_off(env, value, regno, False)
        return
    if value.type in _ANY_OFFSET:
        return
    if value.type == PTR_TO_CTX and arg_type != proto.ARG_PTR_TO_CTX and _context_may_move(env):
        return
    check_fixed_ptr_off(env, value, regno, fixed_allowed and value.type in _FIXED_OFFSET)


def _check_older_offset(env: Env, value: Value, regno: int, arg_type: int) -> None:
    """Kernels before 6.3 look at the kind of pointer first, and at what becomes of it only for structures."""
    from kverdict.verify.memory import check_fixed_ptr_off

    if value.type in _ANY_OFFSET:
        if arg_type & BASE_MASK == proto.ARG_PTR_TO_DYNPTR:
            dynptr_unprotected.check_offset(env, value)
        if arg_type & BASE_MASK == proto.ARG_PTR_TO_RINGBUF_MEM:
            check_fixed_ptr_off(env, value, regno, False)
        return
    is_struct = value.type in _FIXED_OFFSET
    if is_struct and arg_type & OBJ_RELEASE and value.off:
        env.refuse(NONZERO_RELEASE_OFFSET, reg=regno)
    check_fixed_ptr_off(env, value, regno, is_struct)


def _is_graph_node(env: Env, value: Value) -> bool:
    """Kernels before 6.6 let a node inside of an allocated object be released."""
    if env.does("NON_OWNING_REFERENCES_TRUSTED") or not value.off or not value.type & MEM_ALLOC:
        return False
    kinds = ("list_head", "list_node", "rb_root", "rb_node")
    return find_field(record_of(env, value), value.off, *kinds) is not None


def _context_may_move(env: Env) -> bool:
    """Syscall programs may pass parts of their context as memory; kernel: is_var_ctx_off_allowed()."""
    return env.does("CONTEXT_IS_HELPER_MEMORY") and env.program.prog_type == "syscall"
