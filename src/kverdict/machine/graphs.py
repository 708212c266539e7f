"""Lists and red-black trees of allocated objects: which nodes hang on which head or root, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kverdict.machine import kptr

if TYPE_CHECKING:
    from kverdict.machine.world import World


class Collections:
    """members: address of a list head or tree root → addresses of the nodes' link fields, in order."""

    __slots__ = ("members",)

    def __init__(self) -> None:
        self.members: dict[int, list[int]] = {}

    def of(self, head: int) -> list[int]:
        return self.members.setdefault(head, [])

    def head_of(self, node: int) -> int:
        """Address of the head or root that a node hangs on, 0 if on none."""
        for head, nodes in self.members.items():
            if node in nodes:
                return head
        return 0

    def drain(self, world: World, head: int, node_offset: int, why: str) -> None:
        """Drop every object that still hangs there; kernel: bpf_list_head_free(), bpf_rb_root_free()."""
        for node in self.members.pop(head, []):
            kptr.drop_allocated(world, node - node_offset, why)

    def clone(self) -> Collections:
        other = Collections()
        other.members = {head: list(nodes) for head, nodes in self.members.items()}
        return other


class Allocated:
    """An object from bpf_obj_new(): its type's name, special fields, and offset of its bpf_refcount (or -1)."""

    __slots__ = ("fields", "name", "percpu", "refcount_offset")

    def __init__(self, name: str, fields: tuple[object, ...], refcount_offset: int, percpu: bool = False) -> None:
        from kverdict.program.program import RecordField

        self.name = name
        self.fields = tuple(field for field in fields if isinstance(field, RecordField))
        self.refcount_offset = refcount_offset
        self.percpu = percpu
