"""Lists and trees of allocated objects: the root must be locked, the node must fit it.

Source: __process_kf_arg_ptr_to_graph_root(), __process_kf_arg_ptr_to_graph_node() of the kernel.
"""

from __future__ import annotations

from typing import Final

from kverdict.btf.args import has_suffix
from kverdict.btf.btf import Btf
from kverdict.btf.walk import types_are_same
from kverdict.catalogue.kfuncs import (
    ALLOCATED_NOT_REFERENCED,
    ARG_NOT_ALLOCATED,
    ARG_NOT_MAP_VALUE_OR_ALLOCATED,
)
from kverdict.catalogue.locks import LOCK_NOT_HELD_FOR
from kverdict.catalogue.maps import FIELD_VARIABLE_OFFSET
from kverdict.catalogue.objects import (
    GRAPH_NODE_OFFSET,
    GRAPH_NODE_STRUCT,
    GRAPH_ROOT_NOT_FOUND,
    RBTREE_IN_CALLBACK,
    RBTREE_NODE_INPUT,
)
from kverdict.domain.value import PTR_TO_BTF_ID, PTR_TO_MAP_VALUE
from kverdict.kernel.proto import MEM_ALLOC, NON_OWN_REF
from kverdict.verify.callbacks import root_owner
from kverdict.verify.locks import is_allocation_locked
from kverdict.verify.records import FIELD_NAMES, find_field, offset_of, record_of
from kverdict.verify.references import in_rbtree_callback
from kverdict.verify.rules.kfunc_args import KfuncArgument
from kverdict.verify.stack_objects import offset_of as pointer_offset

_ALLOCATED: Final = PTR_TO_BTF_ID | MEM_ALLOC
_NODE_OF: Final = {"list_head": "list_node", "rb_root": "rb_node"}


def check_root(arg: KfuncArgument, kind: str) -> None:
    """The argument is a locked list ("list_head") or tree ("rb_root") in a map value or an object."""
    env, meta, value = arg.env, arg.meta, arg.value
    if value.type not in (PTR_TO_MAP_VALUE, _ALLOCATED):
        env.refuse(ARG_NOT_MAP_VALUE_OR_ALLOCATED, **arg.facts())
    if value.type == _ALLOCATED and not value.ref:
        env.refuse(ALLOCATED_NOT_REFERENCED)
    name = FIELD_NAMES[kind]
    if value.num.mask:
        env.refuse(FIELD_VARIABLE_OFFSET, reg=arg.regno, field=name)
    record = record_of(env, value)
    off = pointer_offset(value)
    field = find_field(record, off, kind)
    if field is None:
        env.refuse(GRAPH_ROOT_NOT_FOUND, field=name, off=off)
    locked, lines = is_allocation_locked(env, value)
    if not locked:
        env.refuse(LOCK_NOT_HELD_FOR, *lines, off=offset_of(record, "spin_lock"), field=name)
    meta.root = field
    meta.root_owner = root_owner(env, value)


def check_list_node(arg: KfuncArgument) -> None:
    """The argument is a list node of an object that the program owns."""
    value = arg.value
    borrowed = bool(value.type & NON_OWN_REF) and not value.ref
    if not (borrowed and has_suffix(arg.param.name, "__nonown_allowed")):
        _check_owned(arg)
    _check_node(arg, "list_head")


def _check_owned(arg: KfuncArgument) -> None:
    if arg.value.type != _ALLOCATED:
        arg.env.refuse(ARG_NOT_ALLOCATED, **arg.facts())
    if not arg.value.ref:
        arg.env.refuse(ALLOCATED_NOT_REFERENCED)


def check_tree_node(arg: KfuncArgument) -> None:
    """The argument is a tree node: owned to be added, borrowed or held for everything else."""
    env, meta, value = arg.env, arg.meta, arg.value
    if meta.plain == "bpf_rbtree_add":
        _check_owned(arg)
    else:
        borrowed = bool(value.type & NON_OWN_REF)
        fits = borrowed if not value.ref else env.does("RBTREE_MESSAGES_NAME_KFUNC")
        if not fits:
            env.refuse(RBTREE_NODE_INPUT, callee=meta.name)
        if in_rbtree_callback(env):
            env.refuse(RBTREE_IN_CALLBACK, callee=meta.name)
    _check_node(arg, "rb_root")


def _check_node(arg: KfuncArgument, root_kind: str) -> None:
    env, meta, value = arg.env, arg.meta, arg.value
    node_kind = _NODE_OF[root_kind]
    name = FIELD_NAMES[node_kind]
    if value.num.mask:
        env.refuse(FIELD_VARIABLE_OFFSET, reg=arg.regno, field=name)
    off = pointer_offset(value)
    if find_field(record_of(env, value), off, node_kind) is None:
        env.refuse(GRAPH_ROOT_NOT_FOUND, field=name, off=off)
    root, owner = meta.root, meta.root_owner
    if root is None or not isinstance(owner, Btf) or not isinstance(value.subject, Btf):
        env.unsupported(f"{meta.name} with a node but no list or tree")
    struct_id = value.detail
    assert isinstance(struct_id, int)
    expected = owner.type(root.type_id).name
    if not types_are_same(value.subject, struct_id, owner, root.type_id):
        env.refuse(
            GRAPH_NODE_STRUCT,
            root=FIELD_NAMES[root_kind],
            field=name,
            expected_off=root.node_offset,
            expected=expected,
            off=off,
            actual=value.subject.type(struct_id).name,
        )
    meta.object = (value.subject, struct_id)
    if off != root.node_offset:
        env.refuse(GRAPH_NODE_OFFSET, off=off, field=name, expected_off=root.node_offset, struct=expected)
