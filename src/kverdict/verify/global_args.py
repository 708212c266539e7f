"""Arguments of the program's own functions by prototype: what a global function may assume and a caller must give.

Source: btf_prepare_func_args(), btf_check_func_arg_match(), do_check_common() of the kernel.
"""

from __future__ import annotations

from errno import EFAULT
from typing import Final, NamedTuple, NoReturn

from kverdict.btf.layout import resolved, size_or_none
from kverdict.btf.tags import decl_tags
from kverdict.btf.types import Enum, FuncProto, Int, Ptr, Struct, Type, Void
from kverdict.catalogue.calls import NOT_A_SCALAR
from kverdict.catalogue.functions import (
    GLOBAL_ARG_COUNT,
    GLOBAL_ARG_NOT_CONTEXT,
    GLOBAL_ARG_NULL,
    GLOBAL_ARG_PACKET,
    GLOBAL_ARG_SIZE,
    GLOBAL_ARG_TYPE,
    GLOBAL_NO_BTF,
    GLOBAL_RETURN,
    GLOBAL_TAGS,
    INVALID_ARGS,
    STACK_ARGUMENT_MISSING,
)
from kverdict.diagnostic import Message
from kverdict.domain.state import Frame
from kverdict.domain.value import (
    PTR_TO_BTF_ID,
    PTR_TO_CTX,
    PTR_TO_MEM,
    SCALAR,
    UNKNOWN_SCALAR,
    Value,
    pointer,
)
from kverdict.kernel.proto import (
    ARG_PTR_TO_CTX,
    DYNPTR_TYPE_LOCAL,
    MEM_RDONLY,
    PTR_MAYBE_NULL,
    PTR_TRUSTED,
    PTR_UNTRUSTED,
)
from kverdict.verify.dynptr import dynptr_value
from kverdict.verify.env import Env, Subprog
from kverdict.verify.everywhere import is_packet_pointer
from kverdict.verify.global_pointers import (
    check_tags,
    is_untrusted_memory,
    kernel_struct,
    match_arena,
    match_dynptr,
    match_struct,
)
from kverdict.verify.log_arguments import log_arguments
from kverdict.verify.refusal import Refusal
from kverdict.verify.rules.helper_args import check_offset
from kverdict.verify.rules.program_type import is_context_pointer

_MAX_ARGUMENTS: Final = 5
_KNOWN_TAGS: Final = frozenset(("ctx", "trusted", "untrusted", "nonnull", "nullable", "arena"))


class Argument(NamedTuple):
    """kind: "scalar", "ctx", "mem", "btf", "dynptr", "arena"; flags as in types; size in bytes (mem).

    type_id: in the kernel's BTF (btf).
    """

    kind: str
    flags: int = 0
    size: int = 0
    type_id: int = 0


class _Unusable(Exception):
    """A static function whose prototype says nothing that the verifier can use: its arguments are just registers."""


def _proto(env: Env, subprog: Subprog) -> FuncProto | None:
    btf = env.program.btf
    if btf is None or not subprog.func_proto_id:
        return None
    found = btf.type(subprog.func_proto_id)
    return found if isinstance(found, FuncProto) else None


def prepare(env: Env, number: int) -> tuple[Argument, ...] | None:
    """What the prototype says of each argument; None for a static function where it says nothing useful."""
    subprog = env.subprogs[number]
    if subprog.arg_cached:
        return subprog.args
    try:
        subprog.args = _read_prototype(env, number, subprog)
    except _Unusable:
        return None
    subprog.arg_cached = True
    return subprog.args


def _give_up(env: Env, subprog: Subprog, message: Message, **facts: object) -> None:
    if subprog.is_global:
        env.refuse(message, **facts)
    raise _Unusable


def _read_prototype(env: Env, number: int, subprog: Subprog) -> tuple[Argument, ...]:
    proto = _proto(env, subprog)
    btf = env.program.btf
    if proto is None or btf is None:
        _give_up(env, subprog, GLOBAL_NO_BTF)
        raise _Unusable
    if len(proto.params) > _MAX_ARGUMENTS:
        _give_up(env, subprog, GLOBAL_ARG_COUNT, callee=subprog.name, count=len(proto.params), limit=_MAX_ARGUMENTS)
    returned = resolved(btf, proto.return_id)
    if isinstance(returned, Void) and subprog.is_global and env.does("VOID_GLOBAL_FUNCTIONS"):
        subprog.returns_void = True
    elif not isinstance(returned, (Int, Enum)):
        _give_up(env, subprog, GLOBAL_RETURN, callee=subprog.name)
    func = next((info.type_id for info in env.program.func_info if info.insn == subprog.start), 0)
    return tuple(
        _argument(env, subprog, place, type_id, _tags(env, subprog, func, place))
        for place, (_, type_id) in enumerate(proto.params)
    )


def _tags(env: Env, subprog: Subprog, func: int, place: int) -> frozenset[str]:
    btf = env.program.btf
    assert btf is not None
    tags = [tag.removeprefix("arg:") for tag in decl_tags(btf, func, place) if tag.startswith("arg:")]
    if tags and not env.does("GLOBAL_ARGUMENT_TAGS"):
        return frozenset()
    if tags and not subprog.is_global:
        raise _Unusable
    if not _KNOWN_TAGS.issuperset(tags) or ("untrusted" in tags and not env.does("GLOBAL_UNTRUSTED_TAG")):
        env.refuse(GLOBAL_TAGS, arg=place)
    return frozenset(tags)


def _argument(env: Env, subprog: Subprog, place: int, type_id: int, tags: frozenset[str]) -> Argument:
    btf = env.program.btf
    assert btf is not None
    found = resolved(btf, type_id)
    if not isinstance(found, Ptr):
        if isinstance(found, (Int, Enum)) and not tags:
            return Argument("scalar")
        kind = _kind_name(found)
        _give_up(env, subprog, GLOBAL_ARG_TYPE, arg=place, kind=kind, callee=subprog.name)
    assert isinstance(found, Ptr)
    target = resolved(btf, found.type_id)
    if "ctx" in tags or is_context_pointer(env, btf, type_id):
        check_tags(env, place, tags, "ctx")
        return Argument("ctx")
    if isinstance(target, Struct) and target.name == "bpf_dynptr":
        check_tags(env, place, tags, "dynptr")
        return Argument("dynptr")
    if "trusted" in tags:
        check_tags(env, place, tags, "trusted")
        flags = PTR_TRUSTED | (PTR_MAYBE_NULL if "nullable" in tags else 0)
        return Argument("btf", flags, 0, kernel_struct(env, place, target))
    if "untrusted" in tags:
        check_tags(env, place, tags, "untrusted")
        if is_untrusted_memory(target):
            return Argument("mem", MEM_RDONLY | PTR_UNTRUSTED)
        return Argument("btf", PTR_UNTRUSTED, 0, kernel_struct(env, place, target))
    if "arena" in tags:
        check_tags(env, place, tags, "arena")
        return Argument("arena")
    if not subprog.is_global:
        kind = _kind_name(found)
        _give_up(env, subprog, GLOBAL_ARG_TYPE, arg=place, kind=kind, callee=subprog.name)
    check_tags(env, place, tags, "mem")
    size = size_or_none(btf, found.type_id)
    if size is None:
        kind = "UNKNOWN" if isinstance(target, Void) else _kind_name(target)
        env.refuse(GLOBAL_ARG_SIZE, arg=place, kind=kind, name="" if isinstance(target, Void) else target.name)
    return Argument("mem", 0 if "nonnull" in tags else PTR_MAYBE_NULL, size)


def _kind_name(found: Type) -> str:
    return type(found).__name__.upper()


def prepare_main(env: Env) -> None:
    """The kernel looks at the main program's prototype too; what it thinks of it never refuses the program."""
    env.subprogs[0].called = True
    if env.log is not None:
        log_arguments(env, 0, env.regs)


def entry_arguments(env: Env, number: int, frame: Frame) -> None:
    """Registers at the entry of a global function that is verified by itself."""
    arguments = prepare(env, number)
    if arguments is None:
        env.unsupported(f"the prototype of function {number}")
    for place, argument in enumerate(arguments):
        frame.regs[place + 1] = _entry_value(env, argument)


def _entry_value(env: Env, argument: Argument) -> Value:
    if argument.kind == "ctx":
        return pointer(PTR_TO_CTX)
    if argument.kind in ("scalar", "arena"):
        return UNKNOWN_SCALAR
    if argument.kind == "dynptr":
        return dynptr_value(DYNPTR_TYPE_LOCAL, True, env.new_id())
    if argument.kind == "mem":
        id = env.new_id() if argument.flags & PTR_MAYBE_NULL else 0
        return pointer(PTR_TO_MEM | argument.flags, argument.size, 0, id=id)
    return pointer(PTR_TO_BTF_ID | argument.flags, env.profile.btf, argument.type_id, id=env.new_id())


def check_call_arguments(env: Env, number: int, regs: list[Value]) -> bool:
    """Do the registers fit the callee's prototype? For static functions the answer does not matter."""
    subprog = env.subprogs[number]
    _check_stack_arguments(env, subprog)
    if not subprog.is_global:
        if env.log is not None:
            log_arguments(env, number, regs)
        return False
    try:
        arguments = prepare(env, number)
    except Refusal as refusal:
        _refuse_call(env, number, subprog, refusal)
    if arguments is None:
        return False
    for place, argument in enumerate(arguments):
        line = _mismatch(env, number, argument, regs[place + 1], place)
        if line:
            env.refuse(INVALID_ARGS, line, number=number, callee=subprog.name)
    return True


def _check_stack_arguments(env: Env, subprog: Subprog) -> None:
    """Arguments past the fifth, which no program that gets here has stored; kernel: check_outgoing_stack_args()."""
    proto = _proto(env, subprog) if env.does("STACK_ARGUMENTS") else None
    if proto is not None and len(proto.params) > _MAX_ARGUMENTS:
        env.refuse(STACK_ARGUMENT_MISSING, count=len(proto.params))


def _refuse_call(env: Env, number: int, subprog: Subprog, refusal: Refusal) -> NoReturn:
    """The callee's prototype is refused: so is the call, unless there is no prototype at all."""
    found = refusal.diagnostic
    if found.message.errno == EFAULT:
        raise refusal
    line = found.message.says(env.does, found.facts)
    env.refuse(INVALID_ARGS, *found.before, line, number=number, callee=subprog.name)


def _mismatch(env: Env, number: int, argument: Argument, value: Value, place: int) -> str:
    """ "" or the kernel's line about the argument; kernel: btf_check_func_arg_match()."""
    regno = place + 1
    facts = {"reg": regno, "arg": place, "number": number}
    if argument.kind == "scalar":
        return NOT_A_SCALAR.says(env.does, facts) if value.type != SCALAR else ""
    if argument.flags & PTR_UNTRUSTED:
        return ""
    if argument.kind in ("ctx", "mem"):
        try:
            check_offset(env, value, regno, ARG_PTR_TO_CTX if argument.kind == "ctx" else 0)
        except Refusal as refusal:
            return _lines(env, refusal)
    if argument.kind == "ctx":
        return GLOBAL_ARG_NOT_CONTEXT.says(env.does, facts) if value.type != PTR_TO_CTX else ""
    if argument.kind == "mem":
        return _mismatched_memory(env, argument, value, regno, facts)
    try:
        if argument.kind == "btf":
            match_struct(env, argument.flags, argument.type_id, value, regno)
        elif argument.kind == "dynptr":
            match_dynptr(env, value, regno)
        else:
            match_arena(env, value, regno)
    except Refusal as refusal:
        return _lines(env, refusal)
    return ""


def _lines(env: Env, refusal: Refusal) -> str:
    diagnostic = refusal.diagnostic
    return "\n".join([*diagnostic.before, diagnostic.message.says(env.does, diagnostic.facts)])


def _mismatched_memory(env: Env, argument: Argument, value: Value, regno: int, facts: dict[str, int]) -> str:
    from kverdict.verify.memory import check_mem_reg

    try:
        check_mem_reg(env, regno, argument.size)
    except Refusal as refusal:
        return _lines(env, refusal)
    changes = env.subprogs[facts["number"]].changes_pkt_data and env.does("GLOBAL_PACKET_ARGUMENTS")
    if changes and is_packet_pointer(value):
        return GLOBAL_ARG_PACKET.says(env.does, facts)
    null = value.is_const() and value.num.value == 0 and env.does("GLOBAL_NONNULL_REFUSES_NULL")
    if not argument.flags & PTR_MAYBE_NULL and (value.type & PTR_MAYBE_NULL or null):
        return GLOBAL_ARG_NULL.says(env.does, facts)
    return ""
