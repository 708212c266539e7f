"""Whether a program of this kind may be attached where its section says.

Source: check_attach_btf_id(), bpf_check_attach_target(), bpf_lsm_verify_prog() of the kernel.
"""

from __future__ import annotations

from typing import Final

from kverdict.catalogue.program import (
    ATTACH_NORETURN,
    ATTACH_REJECTED,
    DISABLED_LSM_HOOK,
    NOT_MODIFIABLE,
    NOT_SLEEPABLE,
    SLEEPABLE_PROGRAM_TYPE,
    STRUCT_OPS_GPL,
    SYSCALL_SLEEPABLE,
)
from kverdict.kernel.proto import KF_SLEEPABLE
from kverdict.verify.btf_access import is_gpl
from kverdict.verify.env import Env
from kverdict.verify.struct_ops import check_struct_ops

_TRAMPOLINES: Final = ("trace_fentry", "trace_fexit", "modify_return", "trace_fsession")
_ERROR_INJECTION_PREFIXES: Final = ("__x64_sys_", "bpf_fentry_test", "security_")


def check_attach(env: Env) -> None:
    """Program type, sleepable or not, against the attach target."""
    program = env.program
    kind, attach = program.prog_type, program.attach_type
    if kind == "syscall":
        if not program.sleepable:
            env.refuse(SYSCALL_SLEEPABLE)
        return
    if program.sleepable and not _may_sleep(env):
        env.refuse(SLEEPABLE_PROGRAM_TYPE)
    if kind == "struct_ops":
        if not is_gpl(env):
            env.refuse(STRUCT_OPS_GPL)
        check_struct_ops(env)
    if kind == "ext":
        env.unsupported(f"programs of type {kind}")
    if kind not in ("tracing", "lsm"):
        return
    if attach in ("trace_raw_tp", "trace_iter"):
        return
    name = program.attach_name
    function = f"bpf_lsm_{name}" if kind == "lsm" else name
    if program.sleepable:
        _check_sleepable_target(env, kind, function)
    elif attach == "modify_return":
        _check_modifiable(env, function)
    if kind == "lsm":
        _check_lsm(env, function)
    elif function in env.profile.sets.get("btf_id_deny", ()):
        env.refuse(ATTACH_REJECTED, function=function)
    if attach in ("trace_fexit", "trace_fsession", "modify_return") and function in env.profile.sets.get(
        "noreturn_deny", ()
    ):
        env.refuse(ATTACH_NORETURN, function=function)


def _may_sleep(env: Env) -> bool:
    """Program types that can be sleepable; kernel: can_be_sleepable()."""
    kind, attach = env.program.prog_type, env.program.attach_type
    if kind == "tracing":
        return attach in (*_TRAMPOLINES, "trace_iter")
    return kind in ("lsm", "kprobe") or (kind == "struct_ops" and env.does("STRUCT_OPS_MAY_SLEEP"))


def _check_sleepable_target(env: Env, kind: str, function: str) -> None:
    hooks = env.profile.sets
    if kind == "lsm":
        known = hooks.get("sleepable_lsm_hooks")
        if known is None:
            env.unsupported("which LSM hooks may sleep in this kernel")
        if function not in known:
            env.refuse(NOT_SLEEPABLE, function=function)
        return
    if function.startswith("__x64_") and env.does("SYSCALLS_MODIFIABLE"):
        return
    kfunc = env.profile.kfunc(function)
    if kfunc is not None and "fmodret" in kfunc.hooks and kfunc.flags & KF_SLEEPABLE:
        return
    if env.profile.setting("CONFIG_FUNCTION_ERROR_INJECTION") == "n":
        env.refuse(NOT_SLEEPABLE, function=function)
    if not function.startswith(_ERROR_INJECTION_PREFIXES):
        env.unsupported(f"whether {function}() may be slept in (error injection list of the kernel)")


def _check_modifiable(env: Env, function: str) -> None:
    """fmod_ret is for functions of the error injection list, kfuncs registered for it, and security hooks."""
    if function.startswith("security_"):
        return
    kfunc = env.profile.kfunc(function)
    if kfunc is not None and "fmodret" in kfunc.hooks:
        return
    if function.startswith("__x64_") and env.does("SYSCALLS_MODIFIABLE"):
        return
    if env.profile.setting("CONFIG_FUNCTION_ERROR_INJECTION") == "n":
        env.refuse(NOT_MODIFIABLE, function=function)
    if not function.startswith("__x64_sys_"):
        env.unsupported(f"whether {function}() may be modified (error injection list of the kernel)")


def _check_lsm(env: Env, function: str) -> None:
    """Hooks that programs may not use; kernel: bpf_lsm_verify_prog()."""
    program = env.program
    disabled = env.profile.sets.get("bpf_lsm_disabled_hooks", ())
    if function in disabled:
        env.refuse(DISABLED_LSM_HOOK, btf_id=program.attach_btf_id, function=function)
