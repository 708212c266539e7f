"""Pointers that global functions take by tag: kernel structures, untrusted memory, dynptrs, arena pointers.

Source: btf_prepare_func_args(), btf_get_ptr_to_btf_id(), btf_check_func_arg_match() of the kernel.
"""

from __future__ import annotations

from typing import Final

from kverdict.btf.flavour import essential_name
from kverdict.btf.types import KIND_STRUCT, Enum, Int, Struct, Type, Void
from kverdict.catalogue.functions import (
    GLOBAL_ARG_ARENA,
    GLOBAL_NO_CANDIDATE,
    GLOBAL_TAG_ARENA_ALONE,
    GLOBAL_TAG_COMBINATION,
    GLOBAL_TAG_UNTRUSTED_ALONE,
)
from kverdict.domain.value import PTR_TO_ARENA, SCALAR, Value
from kverdict.kernel import proto
from kverdict.kernel.helpers import Helper
from kverdict.kernel.proto import MEM_RDONLY, PTR_MAYBE_NULL, PTR_TRUSTED
from kverdict.verify.call_meta import HelperMeta
from kverdict.verify.dynptr import check_dynptr_arg
from kverdict.verify.env import Env
from kverdict.verify.rules.helper_args import check_offset, check_register_type

_NO_HELPER: Final = Helper(0, "", (), {}, {}, 0, "", False, False, False, False)


def check_tags(env: Env, place: int, tags: frozenset[str], kind: str) -> None:
    """Tags that do not go together; kind: what the argument is taken for ("ctx", "dynptr", "trusted", …)."""
    if kind == "untrusted" and tags != {"untrusted"}:
        env.refuse(GLOBAL_TAG_UNTRUSTED_ALONE, arg=place)
    if kind == "arena" and tags != {"arena"}:
        env.refuse(GLOBAL_TAG_ARENA_ALONE, arg=place)
    wrong = {
        "ctx": tags - {"ctx"},
        "dynptr": tags,
        "trusted": tags & {"nonnull"},
        "mem": tags & {"nullable"},
    }
    if wrong.get(kind):
        env.refuse(GLOBAL_TAG_COMBINATION, arg=place)


def kernel_struct(env: Env, place: int, target: Type) -> int:
    """The id in the kernel's BTF of the structure that the argument's type names, whatever its flavour."""
    btf = env.profile.btf
    name = essential_name(target.name)
    kind = KIND_STRUCT if isinstance(target, Struct) and not target.is_union else 0
    found = [type_id for type_id in btf.find_all(name) if btf.type(type_id).kind == kind] if kind else []
    if len(found) != 1:
        ending = "is ambiguous" if found else "has no matches"
        env.refuse(GLOBAL_NO_CANDIDATE, arg=place, kind=type(target).__name__.upper(), name=target.name, ending=ending)
    return found[0]


def is_untrusted_memory(target: Type) -> bool:
    """Behind an untrusted pointer: plain memory of no known size."""
    return isinstance(target, (Void, Int, Enum))


def match_struct(env: Env, flags: int, type_id: int, value: Value, regno: int) -> None:
    """The register may be passed as a trusted pointer to this structure; refuses with the kernel's first line."""
    if flags & PTR_MAYBE_NULL and value.type == SCALAR and value.num.mask == 0 and value.num.value == 0:
        return
    arg_type = proto.ARG_PTR_TO_BTF_ID | PTR_TRUSTED | (flags & PTR_MAYBE_NULL)
    check_register_type(env, HelperMeta(_NO_HELPER), regno, arg_type, env.profile.btf.type(type_id).name)
    check_offset(env, value, regno, arg_type)


def match_dynptr(env: Env, value: Value, regno: int) -> None:
    """The register is an initialized dynptr, which the callee only reads."""
    check_offset(env, value, regno, proto.ARG_PTR_TO_DYNPTR)
    check_dynptr_arg(env, regno, proto.ARG_PTR_TO_DYNPTR | MEM_RDONLY)


def match_arena(env: Env, value: Value, regno: int) -> None:
    """Anything that a pointer into the arena may be made of."""
    if value.type not in (PTR_TO_ARENA, SCALAR):
        env.refuse(GLOBAL_ARG_ARENA, reg=regno)
