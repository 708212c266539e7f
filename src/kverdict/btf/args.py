"""Parameters of functions: what the suffix of a name tells (`buf__sz`), and what kind of type stands there."""

from __future__ import annotations

from typing import Final

from kverdict.btf.btf import Btf
from kverdict.btf.layout import resolved, skip_modifiers
from kverdict.btf.types import KIND_ENUM, KIND_INT, Array, FuncProto, Ptr, Struct

# Documentation/bpf/kfuncs.rst 2.3 and btf_param_match_suffix() in kernel/bpf/verifier.c. No suffix ends in another.
SUFFIXES: Final = (
    "__sz",
    "__szk",
    "__k",
    "__ign",
    "__uninit",
    "__opt",
    "__str",
    "__alloc",
    "__refcounted_kptr",
    "__nullable",
    "__map",
    "__iter",
    "__irq_flag",
    "__prog",
    "__ref",
)
_SCALARS: Final = (KIND_INT, KIND_ENUM)
_NESTING: Final = 3  # levels of structures in a structure of scalars


def has_suffix(name: str, suffix: str) -> bool:
    """Whether a parameter's name ends in `suffix` and is longer. Kernel: btf_param_match_suffix()."""
    return len(name) > len(suffix) and name.endswith(suffix)


def param_name_suffix(name: str) -> str:
    """The known suffix of a parameter's name ("__sz", "__k", …), "" if it has none.

    Whether a kernel heeds it depends on its version.
    """
    if "__" not in name:
        return ""
    return next((suffix for suffix in SUFFIXES if has_suffix(name, suffix)), "")


def is_scalar(btf: Btf, type_id: int) -> bool:
    """An integer or enumeration (not of 64-bit values) behind modifiers. Kernel: btf_type_is_scalar()."""
    return resolved(btf, type_id).kind in _SCALARS


def pointee(btf: Btf, type_id: int) -> int:
    """Id of what a pointer (behind modifiers) points to, modifiers removed (0 is void); -1 if it is no pointer."""
    found = resolved(btf, type_id)
    return skip_modifiers(btf, found.type_id) if isinstance(found, Ptr) else -1


def struct_pointer(btf: Btf, type_id: int) -> int:
    """Id of the structure or union that a pointer points to, 0 if it is none."""
    target = pointee(btf, type_id)
    return target if target > 0 and isinstance(btf.type(target), Struct) else 0


def callback_proto(btf: Btf, type_id: int) -> int:
    """Id of the FuncProto that a pointer points to, 0 if it is none. Kernel: btf_type_resolve_func_ptr()."""
    target = pointee(btf, type_id)
    return target if target > 0 and isinstance(btf.type(target), FuncProto) else 0


def scalar_struct(btf: Btf, type_id: int) -> bool | None:
    """Whether a structure has only scalars in it, also in arrays and up to 4 levels of structures.

    None: nested deeper ("max struct nesting depth exceeded"). Kernel: btf_type_is_scalar_struct().
    """
    return _scalar_struct(btf, type_id, 0)


def _scalar_struct(btf: Btf, type_id: int, level: int) -> bool | None:
    key = ("scalar_struct", type_id, level)
    if key not in btf.memo:
        btf.memo[key] = _find_scalar_struct(btf, type_id, level)
    known = btf.memo[key]
    return None if known is None else bool(known)


def _find_scalar_struct(btf: Btf, type_id: int, level: int) -> bool | None:
    outer = resolved(btf, type_id)
    if not isinstance(outer, Struct):
        return False
    for member in outer.members:
        found = resolved(btf, member.type_id)
        if isinstance(found, Struct):
            if level >= _NESTING:
                return None
            inner = _scalar_struct(btf, member.type_id, level + 1)
            if not inner:
                return inner
            continue
        if isinstance(found, Array):
            if not found.count:
                return False
            found = resolved(btf, found.type_id)
        if found.kind not in _SCALARS:
            return False
    return True


def func_proto(btf: Btf, func_id: int) -> FuncProto | None:
    """The prototype of a Func (or a FuncProto itself), None if it is neither."""
    found = btf.type(func_id)
    if isinstance(found, FuncProto):
        return found
    proto = btf.type(getattr(found, "type_id", 0))
    return proto if isinstance(proto, FuncProto) else None
