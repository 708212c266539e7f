"""Special fields of map values and allocated objects: locks, timers, kptrs, lists, trees."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple, final

from kverdict.btf.btf import Btf
from kverdict.btf.layout import skip_modifiers
from kverdict.btf.types import (
    KIND_ARRAY,
    KIND_DECL_TAG,
    KIND_STRUCT,
    KIND_VOLATILE,
    Datasec,
    DeclTag,
    Ptr,
    Reference,
    Struct,
    TypeTag,
)
from kverdict.errors import UnsupportedError
from kverdict.kernel.profile import KernelProfile
from kverdict.program.program import RecordField

_MOST: Final = 11  # fields of one record; kernel: BTF_FIELDS_MAX
_DEEPEST: Final = 15  # structures in structures; kernel: MAX_RESOLVE_DEPTH less one
_PAGE: Final = 4096
_MOST_MEMBERS: Final = 200_000  # looked at for one record; unions in unions could go on for ever


class _Kind(NamedTuple):
    """A structure with a meaning: its name, size and alignment in bytes, how many one record may have."""

    kind: str
    struct: str
    size: int
    align: int
    unique: bool = False
    behaviour: str = ""


_KINDS: Final = (
    _Kind("spin_lock", "bpf_spin_lock", 4, 4, True),
    _Kind("res_spin_lock", "bpf_res_spin_lock", 4, 4, True, "RES_SPIN_LOCK"),
    _Kind("timer", "bpf_timer", 16, 8, True),
    _Kind("wq", "bpf_wq", 16, 8, True, "BPF_WQ"),
    _Kind("task_work", "bpf_task_work", 8, 8, True, "TASK_WORK"),
    _Kind("list_head", "bpf_list_head", 16, 8, False, "BPF_LISTS"),
    _Kind("list_node", "bpf_list_node", 24, 8, False, "BPF_LISTS"),
    _Kind("rb_root", "bpf_rb_root", 16, 8, False, "BPF_RBTREE"),
    _Kind("rb_node", "bpf_rb_node", 32, 8, False, "BPF_RBTREE"),
    _Kind("refcount", "bpf_refcount", 4, 4, False, "BPF_REFCOUNT"),
)
_OLD_NODE_SIZES: Final = {"list_node": 16, "rb_node": 24}
KPTRS: Final = ("kptr_unref", "kptr_ref", "kptr_percpu", "uptr")
_REPEATABLE: Final = frozenset({*KPTRS, "list_head", "rb_root"})
# What a map value may have, and what an object of bpf_obj_new() may have.
MAP_FIELDS: Final = frozenset(
    {"spin_lock", "res_spin_lock", "timer", "wq", "task_work", "list_head", "rb_root", "refcount", *KPTRS}
)
OBJECT_FIELDS: Final = frozenset(
    {"spin_lock", "res_spin_lock", "list_head", "list_node", "rb_root", "rb_node", "refcount", *KPTRS} - {"uptr"}
)


class _Refused(Exception):
    """The kernel's btf_parse_fields() fails, with this errno name."""


class _Found(NamedTuple):
    """A field before its pointee or contents are looked up."""

    kind: str
    offset: int
    size: int
    type_id: int = 0
    node: str = ""


@final
class Record(NamedTuple):
    """The special fields of a type, by offset; `error`: why the kernel gives up on them ("" if it does not).

    A map whose fields the kernel cannot parse is created all the same, but without any: fields is () then.
    """

    fields: tuple[RecordField, ...]
    error: str = ""


def parse_fields(btf: Btf, type_id: int, profile: KernelProfile, wanted: frozenset[str], size: int) -> Record:
    """The fields of a structure or data section of `size` bytes, as this kernel sees them.

    wanted: kinds to look for, MAP_FIELDS or OBJECT_FIELDS. Kernel: btf_parse_fields(), map_check_btf().
    """
    parser = _Parser(btf, profile, wanted)
    try:
        found = parser.find(type_id)
        fields = [parser.complete(field) for field in found]
        _check(fields, size)
    except _Refused as problem:
        return Record((), str(problem))
    return Record(tuple(sorted(fields, key=lambda field: field.offset)))


def _check(fields: list[RecordField], size: int) -> None:
    after = 0
    kinds = {field.kind for field in fields}
    for field in fields:
        if field.offset + field.size > size:
            raise _Refused("-EFAULT: a field ends after its value")
        if field.offset < after:
            raise _Refused("-EEXIST: fields overlap")
        after = field.offset + field.size
    locks = kinds & {"spin_lock", "res_spin_lock"}
    if len(locks) == 2:
        raise _Refused("-EINVAL: bpf_spin_lock and bpf_res_spin_lock in one value")
    if kinds & {"list_head", "rb_root"} and not locks:
        raise _Refused("-EINVAL: bpf_list_head and bpf_rb_root need a bpf_spin_lock beside them")
    if {"list_node", "rb_node"} <= kinds and "refcount" not in kinds:
        raise _Refused("-EINVAL: bpf_list_node and bpf_rb_node together need a bpf_refcount")


class _Parser:
    """Walks one type. Kernel: btf_find_field() and below."""

    def __init__(self, btf: Btf, profile: KernelProfile, wanted: frozenset[str]) -> None:
        self.btf = btf
        self.profile = profile
        self.wanted = wanted
        self.nested = profile.does("NESTED_FIELDS")
        self.members_seen = 0
        self.kinds = {
            kind.struct: kind._replace(size=self._size(kind))
            for kind in _KINDS
            if kind.kind in wanted and (not kind.behaviour or profile.does(kind.behaviour))
        }

    def _size(self, kind: _Kind) -> int:
        if kind.kind in _OLD_NODE_SIZES and not self.profile.does("GRAPH_NODE_OWNER"):
            return _OLD_NODE_SIZES[kind.kind]
        return kind.size

    def find(self, type_id: int) -> list[_Found]:
        """All fields, in the order of members or variables."""
        outer = self.btf.type(type_id)
        if isinstance(outer, Struct):
            return self._in_struct(type_id, outer, _MOST, 0)
        if not isinstance(outer, Datasec):
            raise _Refused("-EINVAL")
        seen: set[str] = set()
        found: list[_Found] = []
        for entry in outer.entries:
            variable = self.btf.type(entry.type_id)
            if isinstance(variable, Reference):
                found += self._one(
                    entry.type_id, -1, variable.type_id, entry.offset, entry.size, seen, _MOST - len(found), 0
                )
        return found

    def _in_struct(self, type_id: int, outer: Struct, room: int, level: int) -> list[_Found]:
        seen: set[str] = set()
        found: list[_Found] = []
        self.members_seen += len(outer.members)
        if self.members_seen > _MOST_MEMBERS:
            raise UnsupportedError(f"special fields of a value with more than {_MOST_MEMBERS} members")
        for number, member in enumerate(outer.members):
            if member.bit_offset % 8:
                if self.nested or self._special(member.type_id):
                    raise _Refused("-EINVAL: a bit field beside special fields")
                continue
            found += self._one(
                type_id, number, member.type_id, member.bit_offset // 8, 0, seen, room - len(found), level
            )
        return found

    def _special(self, type_id: int) -> bool:
        found = self.btf.type(type_id)
        return found.name in self.kinds or "kptr_ref" in self.wanted

    def _one(
        self, owner: int, number: int, type_id: int, offset: int, expected: int, seen: set[str], room: int, level: int
    ) -> list[_Found]:
        """The fields of one member or variable. owner, number: what a `contains:` tag would be attached to."""
        count = 1
        if self.nested:
            while self.btf.kind(type_id) == KIND_ARRAY:
                array_type = self.btf.type(type_id)
                count *= getattr(array_type, "count", 0)
                type_id = getattr(array_type, "type_id", 0)
            if not count:
                return []
        found = self.btf.type(type_id)
        kind = self.kinds.get(found.name)
        if kind is None and isinstance(found, Struct):
            return self._in_member(type_id, found, offset, count, expected, room, level) if self.nested else []
        if kind is None:
            if "kptr_ref" not in self.wanted:
                return []
            kind = _Kind("kptr_ref", "", 8, 8)
        elif kind.unique:
            if kind.kind in seen:
                raise _Refused(f"-E2BIG: two fields of struct {kind.struct}")
            seen.add(kind.kind)
        if (expected and expected != kind.size * count) or offset % kind.align:
            return []
        field = self._field(kind, owner, number, type_id, offset)
        if field is None:
            return []
        if room < 1:
            raise _Refused(f"-E2BIG: more than {_MOST} special fields")
        return _repeated([field], count, kind.size, room)

    def _in_member(
        self, type_id: int, found: Struct, offset: int, count: int, expected: int, room: int, level: int
    ) -> list[_Found]:
        """Kernel: btf_find_nested_struct()."""
        if expected and expected != found.size * count:
            return []
        if level + 1 > _DEEPEST:
            raise _Refused("-E2BIG: structures nested too deep")
        inner = [f._replace(offset=f.offset + offset) for f in self._in_struct(type_id, found, room, level + 1)]
        return _repeated(inner, count, found.size, room) if inner else []

    def _field(self, kind: _Kind, owner: int, number: int, type_id: int, offset: int) -> _Found | None:
        if kind.kind == "kptr_ref":
            return self._kptr(type_id, offset)
        found = self.btf.type(type_id)
        if not isinstance(found, Struct) or found.size != kind.size:
            return None
        if kind.kind in ("list_head", "rb_root"):
            value, node = self._contains(owner, number)
            return _Found(kind.kind, offset, kind.size, value, node)
        return _Found(kind.kind, offset, kind.size)

    def _kptr(self, type_id: int, offset: int) -> _Found | None:
        """Kernel: btf_find_kptr()."""
        found = self.btf.type(type_id)
        if found.kind == KIND_VOLATILE and isinstance(found, Reference):
            found = self.btf.type(found.type_id)
        if not isinstance(found, Ptr):
            return None
        tag = self.btf.type(found.type_id)
        if not isinstance(tag, TypeTag) or tag.attribute:
            return None
        if isinstance(self.btf.type(tag.type_id), TypeTag):
            raise _Refused("-EINVAL: a pointer with several tags")
        kind = _tag_kind(tag.name, self.profile)
        if not kind:
            raise _Refused(f"-EINVAL: unknown pointer tag {tag.name!r}")
        if kind not in self.wanted:
            return None
        target = skip_modifiers(self.btf, tag.type_id)
        if not isinstance(self.btf.type(target), Struct):
            raise _Refused(f"-EINVAL: {tag.name} pointer to something that is no struct")
        return _Found(kind, offset, 8, target)

    def _contains(self, owner: int, number: int) -> tuple[int, str]:
        """Value type and node name of __contains(type, node). Kernel: btf_find_graph_root()."""
        tags = [t.name for t in self._tags(owner, number) if t.name.startswith("contains:")]
        if len(tags) != 1:
            raise _Refused("-EINVAL: a list head or tree root without one __contains()")
        value, separator, node = tags[0].removeprefix("contains:").partition(":")
        if not separator:
            raise _Refused("-EINVAL: __contains() without a node")
        value_id = self.btf.find(value, KIND_STRUCT)
        if not value_id:
            raise _Refused(f"-ENOENT: __contains() names struct {value}, which the program does not have")
        if not node:
            raise _Refused("-EINVAL: __contains() without a node")
        return value_id, node

    def _tags(self, owner: int, number: int) -> Iterator[DeclTag]:
        for type_id in range(1, len(self.btf)):
            if self.btf.kind(type_id) == KIND_DECL_TAG:
                tag = self.btf.type(type_id)
                if isinstance(tag, DeclTag) and tag.type_id == owner and tag.component_idx == number:
                    yield tag

    def complete(self, field: _Found) -> RecordField:
        """The field with its pointee in the kernel, or its contents."""
        if field.kind in KPTRS:
            return self._complete_kptr(field)
        if field.kind in ("list_head", "rb_root"):
            return self._complete_root(field)
        return RecordField(field.kind, field.offset, field.size)

    def _complete_kptr(self, field: _Found) -> RecordField:
        """Kernel: btf_parse_kptr(), btf_check_and_fixup_fields()."""
        target = self.btf.type(field.type_id)
        kernel_id = self.profile.btf.find(target.name, target.kind) if target.name else 0
        if field.kind == "uptr":
            size = target.size if isinstance(target, Struct) else 0
            if kernel_id or not size or size > _PAGE:
                raise _Refused("-EINVAL: a uptr to a kernel structure, or to more than a page")
        if not kernel_id:
            if not self.profile.does("KPTR_TO_LOCAL_TYPES"):
                raise _Refused(f"-ENOENT: kptr to struct {target.name}, which the kernel does not have")
            return RecordField(field.kind, field.offset, field.size, field.type_id, in_kernel=False)
        destructor = ""
        if field.kind == "kptr_ref":
            destructor = self.profile.kptr_destructors.get(target.name, "")
            if not destructor:
                raise _Refused(f"-ENOENT: struct {target.name} has no destructor, it cannot be kept in a map")
        return RecordField(field.kind, field.offset, field.size, kernel_id, True, destructor)

    def _complete_root(self, field: _Found) -> RecordField:
        """Kernel: btf_parse_graph_root()."""
        value = self.btf.type(field.type_id)
        node_struct = "bpf_list_node" if field.kind == "list_head" else "bpf_rb_node"
        nodes = [m for m in value.members if m.name == field.node] if isinstance(value, Struct) else []
        if len(nodes) != 1:
            raise _Refused(f"-ENOENT: struct {value.name} has no single member {field.node}")
        node = self.btf.type(nodes[0].type_id)
        if not isinstance(node, Struct) or node.name != node_struct or nodes[0].bit_offset % 64:
            raise _Refused(f"-EINVAL: {value.name}.{field.node} is no struct {node_struct}")
        offset = nodes[0].bit_offset // 8
        return RecordField(field.kind, field.offset, field.size, field.type_id, False, node_offset=offset)


def _tag_kind(tag: str, profile: KernelProfile) -> str:
    # Since Linux kernel commit 03b77e17aeb2 ("bpf: Rename __kptr_ref -> __kptr and __kptr -> __kptr_untrusted.")
    # (in v6.4), `kptr` is a referenced pointer; before that, an unreferenced one.
    if not profile.does("KPTR_TAG_IS_REFERENCED"):
        return {"kptr": "kptr_unref", "kptr_ref": "kptr_ref"}.get(tag, "")
    if tag == "percpu_kptr" and not profile.does("PERCPU_KPTR"):
        return ""
    if tag == "uptr" and not profile.does("USER_KPTR"):
        return ""
    return {
        "kptr": "kptr_ref",
        "kptr_untrusted": "kptr_unref",
        "percpu_kptr": "kptr_percpu",
        "uptr": "uptr",
    }.get(tag, "")


def _repeated(fields: list[_Found], count: int, step: int, room: int) -> list[_Found]:
    """The fields of every element of an array. Kernel: btf_repeat_fields()."""
    if count <= 1:
        return fields
    if any(field.kind not in _REPEATABLE for field in fields):
        raise _Refused("-EINVAL: an array of locks, timers or nodes")
    if len(fields) * count > room:
        raise _Refused(f"-E2BIG: more than {_MOST} special fields")
    return [field._replace(offset=field.offset + i * step) for i in range(count) for field in fields]
