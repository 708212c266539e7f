"""Programs that implement a function of a kernel structure: where they attach, their arguments, what they may write.

Source: check_struct_ops_btf_id(), prepare_arg_info() and the bpf_verifier_ops of each structure in the kernel.
"""

from __future__ import annotations

from typing import NoReturn

from kverdict.btf.btf import Btf
from kverdict.btf.types import KIND_STRUCT, Struct
from kverdict.catalogue.context import CONTEXT_REFERENCE_RELEASED, NO_WRITE_SUPPORT
from kverdict.catalogue.memory import (
    CANNOT_WRITE_INTO_STRUCT,
    DUMMY_STATE_ONLY,
    ONLY_READ_IS_SUPPORTED,
    WRITE_BEYOND_MEMBER,
    WRITE_BEYOND_STATE,
)
from kverdict.catalogue.program import (
    STRUCT_OPS_INVALID_MEMBER,
    STRUCT_OPS_MEMBER,
    STRUCT_OPS_STRUCT,
    STRUCT_OPS_TAIL_CALL,
)
from kverdict.diagnostic import Message
from kverdict.domain.references import find_reference
from kverdict.domain.value import PTR_TO_BTF_ID, Value, pointer
from kverdict.kernel.proto import PTR_MAYBE_NULL, PTR_TRUSTED
from kverdict.kernel.struct_ops import (
    AT_START,
    CONTAINED,
    OPERATIONS,
    SCHED_EXT,
    Field,
    extent,
    is_supported,
    marked_arguments,
    member_proto,
    original,
)
from kverdict.verify.env import Env
from kverdict.verify.references import acquire_reference


def check_struct_ops(env: Env) -> None:
    """The structure and the member, after the licence; kernel: check_struct_ops_btf_id()."""
    program = env.program
    profile, btf = env.profile, env.profile.btf
    structure, member = program.struct_ops_type, program.attach_name
    if not btf.find(f"bpf_struct_ops_{structure}", KIND_STRUCT):
        env.refuse(STRUCT_OPS_STRUCT, btf_id=program.attach_btf_id, struct=structure)
    if structure not in OPERATIONS:
        env.unsupported(f"struct_ops of {structure}")
    if member_proto(btf, program.attach_btf_id, member) is None:
        facts = {"member": member, "index": program.extra["member_index"], "struct": structure}
        env.refuse(STRUCT_OPS_INVALID_MEMBER, **facts)
    may_sleep = OPERATIONS[structure].may_sleep
    if not is_supported(profile, structure, member) or (
        program.sleepable and may_sleep is not None and original(structure, member) not in may_sleep
    ):
        env.refuse(STRUCT_OPS_MEMBER, member=member, struct=structure)
    if _held_arguments(env) and any(subprog.has_tail_call for subprog in env.subprogs):
        env.refuse(STRUCT_OPS_TAIL_CALL)


def asks_for_private_stack(env: Env) -> bool:
    """The subsystem wants a stack of its own for the program; kernel: bpf_scx_check_member()."""
    sched_ext = env.program.struct_ops_type in SCHED_EXT and env.program.attach_name == "dispatch"
    return sched_ext and env.profile.setting("CONFIG_EXT_SUB_SCHED") == "y"


def _held_arguments(env: Env) -> frozenset[int]:
    """Arguments that the program gets with a reference."""
    program = env.program
    if not program.struct_ops_type or not env.does("STRUCT_OPS_ARGUMENT_REFERENCES"):
        return frozenset()
    return marked_arguments(env.profile, program.struct_ops_type, program.attach_name, "__ref")


def enter_struct_ops(env: Env) -> None:
    """The references of arguments are held from the start; kernel: do_check_common()."""
    env.extra["argument_references"] = {number: acquire_reference(env) for number in sorted(_held_arguments(env))}


def special_argument(env: Env, off: int) -> Value | None:
    """An argument whose type the subsystem decides, whatever the access; kernel: bpf_qdisc_is_valid_access()."""
    program = env.program
    if (program.struct_ops_type, program.attach_name) == ("Qdisc_ops", "enqueue") and off // 8 == 2:
        btf = env.profile.btf
        return pointer(PTR_TO_BTF_ID | PTR_TRUSTED, btf, btf.find("bpf_sk_buff_ptr", KIND_STRUCT))
    return None


def typed_argument(env: Env, number: int, struct_id: int, off: int) -> Value | None:
    """A pointer to a structure that the member's stub tells more about; None: its type tells all."""
    program = env.program
    structure, member = program.struct_ops_type, program.attach_name
    btf = env.profile.btf
    held = env.extra.get("argument_references", {}).get(number, 0)
    if held:
        if find_reference(env.state.refs, held) is None:
            env.refuse(CONTEXT_REFERENCE_RELEASED, off=off)
        value = pointer(PTR_TO_BTF_ID | PTR_TRUSTED, btf, struct_id).with_ref(held)
        return value.with_id(held) if env.does("DERIVED_OBJECTS_TRACKED") else value
    if number in marked_arguments(env.profile, structure, member, "__nullable"):
        return pointer(PTR_TO_BTF_ID | PTR_TRUSTED | PTR_MAYBE_NULL, btf, struct_id)
    return None


def promoted(env: Env, struct_id: int) -> int:
    """The larger structure that an argument of this type stands for; kernel: bpf_tcp_ca_is_valid_access()."""
    rules = OPERATIONS.get(env.program.struct_ops_type)
    btf = env.profile.btf
    if rules is None or btf.type(struct_id).name != rules.promoted[0]:
        return struct_id
    return btf.find(rules.promoted[1], KIND_STRUCT)


def check_struct_write(env: Env, regno: int, btf: Btf, type_id: int, off: int, size: int) -> None:
    """A write into a kernel structure; kernel: bpf_verifier_ops.btf_struct_access()."""
    name = btf.type(type_id).name
    structure = env.program.struct_ops_type
    fields = OPERATIONS[structure].writable.get(name)
    if structure == "bpf_dummy_ops":
        _check_dummy_write(env, regno, btf, type_id, off, size)
        return
    if fields is None or all(field.rule == CONTAINED for field in fields):
        if fields is None or not any(_contains(btf, field, off, size) for field in fields):
            message = None if structure.startswith("sched_ext") else ONLY_READ_IS_SUPPORTED
            _refuse_write(env, regno, name, off, size, message)
        return
    end = next((end for field in fields if (end := _end_of_write(env, btf, field, off)) >= 0), -1)
    if end < 0:
        _refuse_write(env, regno, name, off, size, NO_WRITE_SUPPORT)
    if off + size > end:
        _refuse_write(env, regno, name, off, size, WRITE_BEYOND_MEMBER, end)


def _contains(btf: Btf, field: Field, off: int, size: int) -> bool:
    first, end = extent(btf, field.place)
    return first <= off and off + size <= end


def _end_of_write(env: Env, btf: Btf, field: Field, off: int) -> int:
    """Where the field ends that a write at `off` is for, -1 if it is not for this one."""
    first, end = extent(btf, field.place)
    if not (off == first if field.rule == AT_START else first <= off < end):
        return -1
    if field.since and not env.does(field.since):
        if not env.does(field.until):
            env.unsupported(f"writing {field.place}")
        return -1
    return end


def _check_dummy_write(env: Env, regno: int, btf: Btf, type_id: int, off: int, size: int) -> None:
    found = btf.type(type_id)
    if found.name != "bpf_dummy_ops_state":
        _refuse_write(env, regno, found.name, off, size, DUMMY_STATE_ONLY)
    if env.does("STRUCT_ACCESS_JUDGES_WRITES") and isinstance(found, Struct) and off + size > found.size:
        _refuse_write(env, regno, found.name, off, size, WRITE_BEYOND_STATE)


def _refuse_write(
    env: Env, regno: int, name: str, off: int, size: int, message: Message | None, end: int = 0
) -> NoReturn:
    facts = {"struct": name, "off": off, "size": size, "end": end}
    if not env.does("STRUCT_WRITE_REFUSALS_NAMED"):
        if message is None:
            env.unsupported("a refusal without a sentence")
        env.refuse(message, **facts)
    lines = [message.says(env.does, facts)] if message else []
    env.refuse(CANNOT_WRITE_INTO_STRUCT, *lines, reg=regno, **facts)
