"""Exceptions: the callback that a program names for them, and where bpf_throw() may not stand.

Source: bpf_find_exception_callback_insn_off(), check_max_stack_depth_subprog(), do_check_common() of the kernel.
"""

from __future__ import annotations

from typing import Final

from kverdict.btf.tags import decl_tags
from kverdict.btf.types import KIND_FUNC, LINKAGE_GLOBAL, Func
from kverdict.catalogue.functions import (
    EXCEPTION_CALLBACK_ARGUMENT,
    EXCEPTION_CALLBACK_CALLED,
    EXCEPTION_CALLBACK_LINKAGE,
    EXCEPTION_CALLBACK_MISSING,
    EXCEPTION_CALLBACK_TAGS,
    EXCEPTION_CALLBACK_TAIL_CALL,
    THROW_FROM_CALLBACK,
)
from kverdict.domain.state import Frame
from kverdict.isa.opcode import CALL_KFUNC
from kverdict.verify.env import Env
from kverdict.verify.traits import kfunc_name

_TAG: Final = "exception_callback:"
IN_EXCEPTION: Final = 3  # Frame.callback of an exception callback


def find_exception_callback(env: Env) -> int:
    """The first instruction of the exception callback that the main program names by a tag; 0: it names none."""
    btf = env.program.btf
    if btf is None or not env.program.func_info or not env.does("EXCEPTIONS"):
        return 0
    names = [tag for tag in decl_tags(btf, env.program.func_info[0].type_id) if tag.startswith(_TAG)]
    if not names:
        return 0
    if len(names) > 1:
        env.refuse(EXCEPTION_CALLBACK_TAGS)
    name = names[0].removeprefix(_TAG)
    type_id = btf.find(name, KIND_FUNC)
    func = btf.type(type_id) if type_id else None
    if not isinstance(func, Func):
        env.refuse(EXCEPTION_CALLBACK_MISSING, callee=name)
    if func.linkage != LINKAGE_GLOBAL:
        env.refuse(EXCEPTION_CALLBACK_LINKAGE, callee=name)
    found = [info.insn for info in env.program.func_info if info.type_id == type_id]
    if not found or not found[-1]:
        env.refuse(EXCEPTION_CALLBACK_MISSING, callee=name)
    return found[-1]


def check_throw(env: Env, index: int, number: int, callers: list[int]) -> None:
    """bpf_throw() cannot unwind through the kernel: not from a callback, nor from what a callback calls."""
    insn = env.insns[index]
    if insn.op != CALL_KFUNC or insn.off or kfunc_name(env, insn) != "bpf_throw":
        return
    if any(env.subprogs[caller].is_cb for caller in (number, *callers)):
        env.insn_idx = index
        env.refuse(THROW_FROM_CALLBACK, at=index, number=number)


def check_direct_call(env: Env, index: int, number: int) -> None:
    """The exception callback is the kernel's to call."""
    if env.subprogs[number].exception_cb:
        env.insn_idx = index
        env.refuse(EXCEPTION_CALLBACK_CALLED, at=index)


def check_tail_call(env: Env, number: int, callers: list[int]) -> None:
    """What an exception callback calls may not leave by a tail call."""
    if env.subprogs[number].has_tail_call and any(env.subprogs[caller].exception_cb for caller in callers):
        env.refuse(EXCEPTION_CALLBACK_TAIL_CALL)


def enter_exception_callback(env: Env, number: int, frame: Frame) -> None:
    """It gets the cookie given to bpf_throw(), and its result is the program's."""
    subprog = env.subprogs[number]
    if not subprog.exception_cb:
        return
    frame.callback = IN_EXCEPTION
    if [argument.kind for argument in subprog.args] != ["scalar"]:
        env.refuse(EXCEPTION_CALLBACK_ARGUMENT)
