"""What every pointer argument of a kfunc must be before its kind matters: not NULL, held, trusted or under RCU.

Documentation/bpf/kfuncs.rst 2.5; kernel: check_kfunc_args(). Each rule is one question and answers with an objection
or None; the lists are in the kernel's order, because the first objection is what the user sees.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kverdict.btf.args import has_suffix
from kverdict.catalogue.kfuncs import MAYBE_NULL_ARG, NOT_RCU_ARG, NOT_TRUSTED_ARG, RELEASE_NOT_REFERENCED
from kverdict.diagnostic import Diagnostic
from kverdict.domain.value import SCALAR, Value
from kverdict.kernel.kfuncs import KfuncParam
from kverdict.kernel.proto import KF_RCU, KF_RELEASE, KF_TRUSTED_ARGS, PTR_MAYBE_NULL
from kverdict.verify.call_meta import KfuncMeta
from kverdict.verify.env import Env
from kverdict.verify.refusal import Refusal
from kverdict.verify.trust import is_rcu, is_trusted


class KfuncArgument:
    """One argument: its place (from 0), register, parameter and value. pointer_id: the parameter's type behind
    modifiers; pointee_id: what it points to, behind modifiers (-1 for no pointer).
    """

    __slots__ = ("env", "meta", "param", "place", "pointee_id", "pointer_id", "value")

    def __init__(
        self, env: Env, meta: KfuncMeta, place: int, param: KfuncParam, pointer_id: int, pointee_id: int
    ) -> None:
        self.env = env
        self.meta = meta
        self.place = place
        self.param = param
        self.pointer_id = pointer_id
        self.pointee_id = pointee_id
        self.value: Value = env.regs[place + 1]

    @property
    def regno(self) -> int:
        """The register that carries it."""
        return self.place + 1

    def facts(self) -> dict[str, object]:
        """What most sentences name."""
        return {"reg": self.place + 1, "arg": self.place, "callee": self.meta.name}

    def is_null(self) -> bool:
        """The constant 0; kernel: register_is_null()."""
        value = self.value
        return value.type == SCALAR and value.num.mask == 0 and value.num.value == 0

    def is_dynptr(self) -> bool:
        """The parameter is a struct bpf_dynptr *."""
        return self.pointee_id > 0 and self.env.profile.btf.type(self.pointee_id).name == "bpf_dynptr"


Rule = Callable[[KfuncArgument], Diagnostic | None]


def wants_trusted(env: Env, meta: KfuncMeta) -> bool:
    """Arguments must be trusted: KF_TRUSTED_ARGS, KF_RELEASE (since 6.4), or all kfuncs (since 7.0)."""
    if env.does("TRUSTED_ARGS_BY_DEFAULT"):
        return True
    flags = KF_TRUSTED_ARGS | (KF_RELEASE if env.does("RELEASE_IMPLIES_TRUSTED") else 0)
    return bool(meta.flags & flags)


def not_null(arg: KfuncArgument) -> Diagnostic | None:
    """A trusted argument must not be NULL unless its name ends in __nullable. kfuncs.rst 2.5.4 (KF_TRUSTED_ARGS)."""
    env, meta = arg.env, arg.meta
    under_rcu = meta.flags & KF_RCU and env.does("RCU_ARGUMENTS_NOT_NULL")
    if not wants_trusted(env, meta) and not under_rcu:
        return None
    if not arg.is_null() and not arg.value.type & PTR_MAYBE_NULL:
        return None
    if has_suffix(arg.param.name, "__nullable") and env.does("NULLABLE_ARGUMENTS"):
        return None
    if has_suffix(arg.param.name, "__opt") and env.does("TRUSTED_ARGS_BY_DEFAULT"):
        return None
    return MAYBE_NULL_ARG.at(env.insn_idx, **arg.facts())


def release_is_referenced(arg: KfuncArgument) -> Diagnostic | None:
    """A release kfunc's first argument must carry a reference (asked here since 7.2). kfuncs.rst 2.5.2."""
    env, meta = arg.env, arg.meta
    if not meta.flags & KF_RELEASE or not env.does("DERIVED_OBJECTS_TRACKED") or arg.place:
        return None
    if arg.is_dynptr() or arg.value.ref or arg.is_null():
        return None
    return RELEASE_NOT_REFERENCED.at(env.insn_idx, **arg.facts())


def trusted_or_rcu(arg: KfuncArgument) -> Diagnostic | None:
    """KF_TRUSTED_ARGS asks for a trusted or held pointer, KF_RCU is content with one that RCU protects.

    kfuncs.rst 2.5.4 and 2.5.8.
    """
    env, meta = arg.env, arg.meta
    rcu_is_enough = bool(meta.flags & KF_RCU)
    if not wants_trusted(env, meta) and not rcu_is_enough:
        return None
    if is_trusted(env, arg.value):
        return None
    if not rcu_is_enough:
        return NOT_TRUSTED_ARG.at(env.insn_idx, **arg.facts())
    if not is_rcu(arg.value):
        return NOT_RCU_ARG.at(env.insn_idx, **arg.facts())
    return None


KFUNC_ARGUMENT_RULES: Final[tuple[Rule, ...]] = (not_null, release_is_referenced)
# Asked of pointers to kernel objects only, once their kind is known.
KFUNC_OBJECT_RULES: Final[tuple[Rule, ...]] = (trusted_or_rcu,)


def apply_rules(rules: tuple[Rule, ...], arg: KfuncArgument) -> None:
    """Refuse with the first objection."""
    for rule in rules:
        objection = rule(arg)
        if objection is not None:
            raise Refusal(objection)
