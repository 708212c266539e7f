"""Finds kernel variables and functions for an object's `__ksym` externs, as libbpf does, in a profile's types."""

from __future__ import annotations

from typing import Final, NamedTuple

from kverdict.btf.btf import Btf
from kverdict.btf.layout import skip_modifiers
from kverdict.btf.types import KIND_FUNC, KIND_NAMES, KIND_VAR, Reference, Type
from kverdict.errors import LinkError, UnsupportedError
from kverdict.kernel.profile import KernelProfile
from kverdict.objfile.externs import Extern
from kverdict.program.core_types import Budget, types_are_compatible

# Where untyped symbols "lie": kernel text addresses, one for each. Profiles know none; what a verdict may depend on is
# whether two symbols are the same.
_TEXT: Final = 0xFFFFFFFF81000000
_APART: Final = 64


class Symbol(NamedTuple):
    """What an extern was resolved to. btf_id: of its VAR or FUNC in the kernel; else `address` of an untyped one."""

    btf_id: int
    address: int = 0


def resolve(extern: Extern, btf: Btf, profile: KernelProfile) -> Symbol | None:
    """The kernel's symbol; None for a weak one that this kernel lacks. Raises LinkError for a strong one.

    libbpf: bpf_object__resolve_ksym_var_btf_id(), bpf_object__resolve_ksym_func_btf_id().
    """
    if extern.kind == "function":
        return _function(extern, btf, profile)
    if not extern.type_id:
        return _untyped(extern, profile)
    found = profile.btf.find(extern.name, KIND_VAR)
    if not found:
        if extern.weak:
            return None
        raise LinkError(f"extern (var ksym) '{extern.name}': not found in kernel BTF")
    target = _target(profile.btf.type(found))
    if not types_are_compatible(btf, extern.type_id, profile.btf, target, Budget()):
        ours, theirs = btf.type(extern.type_id), profile.btf.type(skip_modifiers(profile.btf, target))
        raise LinkError(
            f"extern (var ksym) '{extern.name}': incompatible types, expected {KIND_NAMES[ours.kind]} {ours.name}, "
            f"but kernel has {KIND_NAMES[theirs.kind]} {theirs.name}"
        )
    return Symbol(found)


def _function(extern: Extern, btf: Btf, profile: KernelProfile) -> Symbol | None:
    found = _function_id(extern.kernel_name, profile)
    if not found:
        if extern.weak:
            return None
        raise LinkError(f"extern (func ksym) '{extern.name}': not found in kernel or module BTFs")
    prototype = _target(profile.btf.type(found))
    if types_are_compatible(btf, extern.type_id, profile.btf, prototype, Budget()):
        return Symbol(found)
    if extern.weak:
        return None
    raise LinkError(
        f"extern (func ksym) '{extern.name}': func_proto [{extern.type_id}] incompatible with vmlinux [{prototype}]"
    )


def _function_id(name: str, profile: KernelProfile) -> int:
    kfunc = profile.kfunc(name)
    if kfunc is not None:
        return kfunc.btf_id
    found = profile.btf.find(name, KIND_FUNC)
    if found and profile.btf.base is not None and "bpf_" in name:
        # The types are borrowed from a later kernel: a BPF function that this kernel's own list lacks is not in it.
        return 0
    return found


def _target(found: Type) -> int:
    return found.type_id if isinstance(found, Reference) else 0


def _untyped(extern: Extern, profile: KernelProfile) -> Symbol | None:
    """`extern const void name __ksym`: libbpf looks into /proc/kallsyms, of which a profile has what its BTF names."""
    known = any(profile.btf.kind(type_id) in (KIND_FUNC, KIND_VAR) for type_id in profile.btf.find_all(extern.name))
    if not known:
        raise UnsupportedError(f"address of kernel symbol {extern.name}: profile {profile.name} does not know it")
    return Symbol(0, _TEXT + _APART * max(profile.btf.find_all(extern.name)))
