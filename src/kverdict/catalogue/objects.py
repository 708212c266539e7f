"""Sentences about objects that live on the program's stack or in its graphs: dynptrs, iterators, lists and trees."""

from __future__ import annotations

from errno import EINVAL
from typing import Final

from kverdict.diagnostic import Message

NR: Final = "MESSAGES_NAME_REGISTERS"

DYNPTR_NOT_INITIALIZED: Final = Message(
    "dynptr-not-initialized",
    EINVAL,
    "Expected an initialized dynptr as R{reg}",
    "{subject} is not a dynptr that was made before",
    ((NR, "Expected an initialized dynptr as arg #{arg}"),),
)
DYNPTR_WRONG_TYPE: Final = Message(
    "dynptr-wrong-type",
    EINVAL,
    "Expected a dynptr of type {expected} as R{reg}",
    "",
    ((NR, "Expected a dynptr of type {expected} as arg #{arg}"),),
)
DYNPTR_UNALIGNED: Final = Message("dynptr-unaligned", EINVAL, "cannot pass in dynptr at an offset")
DYNPTR_INITIALIZED: Final = Message(
    "dynptr-initialized", EINVAL, "Dynptr has to be an uninitialized dynptr", "the dynptr is already in use"
)
DYNPTR_OVERWRITTEN: Final = Message(
    "dynptr-overwritten",
    EINVAL,
    "cannot overwrite referenced dynptr",
    "a dynptr that holds a reference is overwritten",
)
DYNPTR_POTENTIAL_WRITE: Final = Message(
    "dynptr-potential-write", 13, "potential write to dynptr at off={off} disallowed"
)
DYNPTR_NOT_STACK: Final = Message(
    "dynptr-not-stack",
    EINVAL,
    "R{reg} expected pointer to stack or const struct bpf_dynptr",
    "",
    (
        ("CONST_DYNPTR_ARGUMENT", "arg#{arg} expected pointer to stack or dynptr_ptr"),
        (NR, "arg#{arg} expected pointer to stack or const struct bpf_dynptr"),
    ),
)
DYNPTR_CONST: Final = Message("dynptr-const", EINVAL, "cannot pass pointer to const bpf_dynptr, the helper mutates it")
DYNPTR_CONST_RELEASE: Final = Message(
    "dynptr-const-release",
    EINVAL,
    "CONST_PTR_TO_DYNPTR cannot be released",
    "",
    ((NR, "cannot release unowned const bpf_dynptr"),),
)
OBJECT_CONSTANT_OFFSET: Final = Message("object-constant-offset", EINVAL, "{object} has to be at a constant offset")
OBJECT_AT_OFFSET: Final = Message("object-at-offset", EINVAL, "cannot pass in {object} at an offset={off}")
ITER_NOT_STACK: Final = Message(
    "iter-not-stack",
    EINVAL,
    "R{reg} expected pointer to an iterator on stack",
    "",
    ((NR, "arg#{arg} expected pointer to an iterator on stack"),),
)
ITER_NOT_VALID: Final = Message(
    "iter-not-valid",
    EINVAL,
    "expected valid iter pointer as R{reg}",
    "",
    ((NR, "expected valid iter pointer as arg #{arg}"),),
)
ITER_NOT_INITIALIZED: Final = Message(
    "iter-not-initialized",
    EINVAL,
    "expected an initialized iter_{iterator} as R{reg}",
    "{subject} is not an iterator that was made before",
    ((NR, "expected an initialized iter_{iterator} as arg #{arg}"),),
)
ITER_INITIALIZED: Final = Message(
    "iter-initialized",
    EINVAL,
    "expected uninitialized iter_{iterator} as R{reg}",
    "the iterator is already in use",
    ((NR, "expected uninitialized iter_{iterator} as arg #{arg}"),),
)
GRAPH_ROOT_NOT_FOUND: Final = Message("graph-root-not-found", EINVAL, "{field} not found at offset={off}")
GRAPH_NODE_OFFSET: Final = Message(
    "graph-node-offset",
    EINVAL,
    "arg#1 offset={off}, but expected {field} at offset={expected_off} in struct {struct}",
)
GRAPH_NODE_STRUCT: Final = Message(
    "graph-node-struct",
    EINVAL,
    "operation on {root} expects arg#1 {field} at offset={expected_off} in struct {expected}, "
    "but arg is at offset={off} in struct {actual}",
)
RBTREE_NODE_INPUT: Final = Message(
    "rbtree-node-input",
    EINVAL,
    "{callee} can only take non-owning or refcounted bpf_rb_node pointer",
    "",
    (("RBTREE_MESSAGES_NAME_KFUNC", "rbtree_remove node input must be non-owning ref"),),
)
RBTREE_IN_CALLBACK: Final = Message(
    "rbtree-in-callback",
    EINVAL,
    "{callee} not allowed in rbtree cb",
    "",
    (("RBTREE_MESSAGES_NAME_KFUNC", "rbtree_remove not allowed in rbtree cb"),),
)
