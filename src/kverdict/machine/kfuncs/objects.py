"""Kfuncs on objects that programs allocate: bpf_obj_new and friends, linked lists, red-black trees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kverdict.errors import UnsupportedError
from kverdict.machine import call, kptr
from kverdict.machine.alu import U32
from kverdict.machine.fault import INVALID, Fault
from kverdict.machine.graphs import Allocated
from kverdict.machine.local_types import local_type
from kverdict.machine.maps.base import EINVAL
from kverdict.machine.memory import ALLOCATED, Region
from kverdict.machine.pending import Pending
from kverdict.machine.run import Run

if TYPE_CHECKING:
    from kverdict.machine.world import World


def obj_new(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    """bpf_obj_new(local type id): zeroed memory, and a count of 1 if it has a bpf_refcount."""
    program = run.code.program
    if program is None or program.btf is None:
        raise UnsupportedError("bpf_obj_new in a program without BTF")
    size, info = local_type(program.btf, a & U32)
    region = Region(ALLOCATED, info.name, bytearray(size), run.id)
    address = world.memory.add(region)
    if info.refcount_offset >= 0:
        region.store(info.refcount_offset, 4, 1)
    world.allocated[region.id] = info
    run.held[address] = ("object", run.insn)
    world.ledger.note(world.clock, region.id, "object", 1, 1, world.who(), "bpf_obj_new")
    return address


def obj_drop(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    run.held.pop(a, None)
    kptr.drop_allocated(world, a, "bpf_obj_drop")
    return 0


def refcount_acquire(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    """Take another reference; NULL if the count is 0 (only for pointers that are not owned)."""
    info = info_of(world, a)
    region = world.memory.find(a)
    count = region.load(info.refcount_offset, 4)
    if not count:
        return 0
    region.store(info.refcount_offset, 4, count + 1)
    world.ledger.note(world.clock, region.id, "refcount", 1, count + 1, world.who(), "bpf_refcount_acquire")
    run.held[a] = ("object", run.insn)
    return a


def info_of(world: World, address: int) -> Allocated:
    """What is known of the allocated object at an address. Raises Fault."""
    region = world.memory.find(address)
    info = world.allocated.get(region.id)
    if info is None:
        raise Fault(INVALID, f"{region.kind} {region.name} was not made by bpf_obj_new", address)
    return info


def _base(address: int) -> int:
    return address >> 32 << 32


def _move_in(world: World, run: Run, node: int) -> bool:
    """The collection takes over the program's reference; False if the node hangs somewhere already."""
    if world.collections.head_of(node):
        kptr.drop_allocated(world, _base(node), "the node was in a collection already")
        run.held.pop(_base(node), None)
        return False
    run.held.pop(_base(node), None)
    return True


def list_push_front(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    if not _move_in(world, run, b):
        return EINVAL
    world.collections.of(a).insert(0, b)
    return 0


def list_push_back(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    if not _move_in(world, run, b):
        return EINVAL
    world.collections.of(a).append(b)
    return 0


def _take(world: World, run: Run, head: int, at: int) -> int:
    nodes = world.collections.of(head)
    if not nodes:
        return 0
    node = nodes.pop(at)
    run.held[_base(node)] = ("object", run.insn)
    return node


def list_pop_front(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    return _take(world, run, a, 0)


def list_pop_back(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    return _take(world, run, a, -1)


def first_of(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    nodes = world.collections.of(a)
    return nodes[0] if nodes else 0


def last_of(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    nodes = world.collections.of(a)
    return nodes[-1] if nodes else 0


def rbtree_remove(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    nodes = world.collections.of(a)
    return _take(world, run, a, nodes.index(b)) if b in nodes else 0


class TreeInsert(Pending):
    """bpf_rbtree_add(root, node, less): asks the program's less() along the order until it says yes."""

    __slots__ = ("at", "less", "node", "root")

    name = "bpf_rbtree_add"

    def __init__(self, root: int, node: int, less: int, at: int = 0) -> None:
        self.root = root
        self.node = node
        self.less = less
        self.at = at

    def step(self, world: World, run: Run) -> int | None:
        nodes = world.collections.of(self.root)
        if self.at >= len(nodes):
            nodes.append(self.node)
            return 0
        call.enter(world, run, self.less, [self.node, nodes[self.at]], self)
        return None

    def resume(self, world: World, run: Run, returned: int) -> int | None:
        if returned & U32:
            world.collections.of(self.root).insert(self.at, self.node)
            return 0
        self.at += 1
        return self.step(world, run)

    def clone(self) -> TreeInsert:
        return TreeInsert(self.root, self.node, self.less, self.at)

    def canonical(self) -> tuple[object, ...]:
        return self.name, ("address", self.root), ("address", self.node), self.less, self.at


def rbtree_add(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int | Pending:
    if not _move_in(world, run, b):
        return EINVAL
    return TreeInsert(a, b, c & U32)


TABLE: Final = (
    ("bpf_obj_new_impl", obj_new, "allocate an object of a type of the program"),
    ("bpf_obj_drop_impl", obj_drop, "drop it"),
    ("bpf_percpu_obj_new_impl", obj_new, "allocate a percpu object (one copy here)"),
    ("bpf_percpu_obj_drop_impl", obj_drop, "drop it"),
    ("bpf_refcount_acquire_impl", refcount_acquire, "take another reference to it"),
    ("bpf_list_push_front_impl", list_push_front, "hang an object at the front of a list"),
    ("bpf_list_push_back_impl", list_push_back, "at the back"),
    ("bpf_list_pop_front", list_pop_front, "take the first object off a list"),
    ("bpf_list_pop_back", list_pop_back, "take the last one"),
    ("bpf_list_front", first_of, "look at the first"),
    ("bpf_list_back", last_of, "look at the last"),
    ("bpf_rbtree_add_impl", rbtree_add, "insert an object into a tree by the program's order"),
    ("bpf_rbtree_remove", rbtree_remove, "take an object out of a tree"),
    ("bpf_rbtree_first", first_of, "the least object of a tree"),
)
