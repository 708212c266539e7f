"""Registers of callbacks at their entry: what a helper or kfunc passes to the function that it calls.

Each function is a set_callee_state of subprog_call.push_callback_call(). Source: set_*_callback_state() of the kernel.
"""

from __future__ import annotations

from typing import Final

from kverdict.btf.types import KIND_STRUCT
from kverdict.catalogue.maps import CALLBACK_NOT_FOR_MAP, TAIL_CALL_ABUSE
from kverdict.domain.state import Frame
from kverdict.domain.value import (
    CONST_PTR_TO_MAP,
    NOTHING,
    PTR_TO_BTF_ID,
    PTR_TO_MAP_KEY,
    PTR_TO_MAP_VALUE,
    UNKNOWN_SCALAR,
    Value,
    pointer,
)
from kverdict.kernel.proto import DYNPTR_TYPE_LOCAL, MEM_ALLOC
from kverdict.program.program import Map, RecordField
from kverdict.verify.dynptr import dynptr_value
from kverdict.verify.env import Env
from kverdict.verify.records import find_field, record_of
from kverdict.verify.references import set_non_owning
from kverdict.verify.stack_objects import offset_of

SYNCHRONOUS: Final = 1
ASYNCHRONOUS: Final = 2
_S32: Final = (-(1 << 31), (1 << 31) - 1)
# Map types with map_for_each_callback; kernel: struct bpf_map_ops of each type.
_ITERABLE: Final = ("hash", "percpu_hash", "lru_hash", "lru_percpu_hash", "array", "percpu_array")


def _enter(callee: Frame, kind: int, returns: tuple[int, int], *arguments: Value) -> None:
    for number in range(1, 6):
        callee.regs[number] = arguments[number - 1] if number <= len(arguments) else NOTHING
    callee.callback = kind
    callee.return_range = returns


def for_each_map_elem(env: Env, caller: Frame, callee: Frame, insn: int) -> None:
    """callback(map, key, value, context)."""
    if env.aux[insn].map_poisoned and not env.does("ITERATED_MAPS_MAY_DIFFER"):
        env.refuse(TAIL_CALL_ABUSE)
    map = env.aux[insn].map_ptr
    types = env.profile.map_types
    if not isinstance(map, Map) or map.map_type not in {types.get(name) for name in _ITERABLE}:
        env.refuse(CALLBACK_NOT_FOR_MAP)
    first = caller.regs[1]
    subject = first.subject
    _enter(
        callee,
        SYNCHRONOUS,
        (0, 1),
        first,
        pointer(PTR_TO_MAP_KEY, subject, _map_uid(env, first)),
        pointer(PTR_TO_MAP_VALUE, subject, _map_uid(env, first)),
        caller.regs[3],
    )


def loop(env: Env, caller: Frame, callee: Frame, insn: int) -> None:
    """callback(index, context)."""
    _enter(callee, SYNCHRONOUS, (0, 1), UNKNOWN_SCALAR, caller.regs[3])


def timer(env: Env, caller: Frame, callee: Frame, insn: int) -> None:
    """callback(map, key, value), later; also of work queues."""
    returns = (0, 0) if env.does("TIMER_CALLBACK_RETURNS_ZERO") else (0, 1)
    _enter_with_map(env, callee, caller.regs[1], returns)


def task_work(env: Env, caller: Frame, callee: Frame, insn: int) -> None:
    """callback(map, key, value), later, in the task's context."""
    _enter_with_map(env, callee, caller.regs[3], _S32)


def _map_uid(env: Env, origin: Value) -> object:
    """Which of the inner maps that look alike it is."""
    return origin.detail if env.does("CALLBACKS_KEEP_MAP_UID") else 0


def _enter_with_map(env: Env, callee: Frame, origin: Value, returns: tuple[int, int]) -> None:
    map, uid = origin.subject, _map_uid(env, origin)
    _enter(
        callee,
        ASYNCHRONOUS,
        returns,
        pointer(CONST_PTR_TO_MAP, map, uid),
        pointer(PTR_TO_MAP_KEY, map, uid),
        pointer(PTR_TO_MAP_VALUE, map, uid),
    )


def find_vma(env: Env, caller: Frame, callee: Frame, insn: int) -> None:
    """callback(task, vma, context)."""
    btf = env.profile.btf
    vma = pointer(PTR_TO_BTF_ID, btf, btf.find("vm_area_struct", KIND_STRUCT))
    _enter(callee, SYNCHRONOUS, (0, 1), caller.regs[1], vma, caller.regs[4])


def user_ringbuf(env: Env, caller: Frame, callee: Frame, insn: int) -> None:
    """callback(dynptr, context)."""
    _enter(callee, SYNCHRONOUS, (0, 1), dynptr_value(DYNPTR_TYPE_LOCAL, True, env.new_id()), caller.regs[3])


def graph_node(env: Env, root: RecordField, owner: object) -> Value:
    """A pointer to the node in an object of the kind that a list or tree holds; kernel: mark_reg_graph_node()."""
    return pointer(PTR_TO_BTF_ID | MEM_ALLOC, owner, root.type_id, off=root.node_offset)


def root_owner(env: Env, value: Value) -> object:
    """The BTF that the contents of a list or tree in this map value or object are described in."""
    return value.subject.btf if isinstance(value.subject, Map) else value.subject


def rbtree_less(env: Env, caller: Frame, callee: Frame, insn: int) -> None:
    """less(node, node): both borrowed."""
    root = caller.regs[1]
    field = find_field(record_of(env, root), offset_of(root), "rb_root")
    if field is None:
        env.unsupported("bpf_rbtree_add() without a tree")
    node = set_non_owning(env, graph_node(env, field, root_owner(env, root)))
    _enter(callee, SYNCHRONOUS, (0, 1), node, node)
