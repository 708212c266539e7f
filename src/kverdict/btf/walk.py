"""What lies at an offset in a structure: the kernel's walk through members, to a scalar, a pointer or a refusal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from kverdict.btf.btf import Btf
from kverdict.btf.layout import MODIFIERS, POINTER_SIZE, resolved, skip_modifiers
from kverdict.btf.types import KIND_UNION, Array, Enum, Float, Int, Member, Ptr, Reference, Struct, Type, TypeTag
from kverdict.errors import InputError

# Walk.kind
WALK_SCALAR: Final = 0
WALK_POINTER: Final = 1  # to the structure type_id
WALK_MEMORY: Final = 2  # a pointer to something else, which may only be read, and untrusted
WALK_STRUCT: Final = 3  # the offset is the start of the structure type_id

_DEEPEST: Final = 32  # kernel: MAX_RESOLVE_DEPTH
_STEPS: Final = 256  # structures within structures


class WalkRules(NamedTuple):
    """How a kernel walks, as named behaviours (kernel/behaviours.py); see walk_rules()."""

    union_member: bool
    union_itself: bool
    beyond_member: bool
    flexible_ints: bool
    leaf_pointers: bool
    modifiers: bool


def walk_rules(does: Callable[[str], bool]) -> WalkRules:
    """The rules of the kernel that answers `does(behaviour)`; ask once, hand on to the functions below."""
    return WalkRules(
        does("WALK_UNION_IS_UNTRUSTED"),
        does("WALK_FROM_UNION_IS_UNTRUSTED"),
        does("WALK_BEYOND_MEMBER_OF_UNION"),
        does("WALK_FLEXIBLE_INT_ARRAY"),
        does("WALK_LEAF_POINTER_IS_READABLE"),
        does("WALK_SKIPS_MODIFIERS"),
    )


class Walk(NamedTuple):
    """Where a walk ended.

    kind: WALK_*. type_id: for WALK_POINTER the structure pointed to, for WALK_STRUCT the one embedded. tag: "rcu",
    "user" or "percpu" in front of the pointee, else "". untrusted: the way led through a union. member: name of the
    pointer member (WALK_POINTER), "(anon)" if it has none.
    """

    kind: int
    type_id: int = 0
    tag: str = ""
    untrusted: bool = False
    member: str = ""


@dataclass(frozen=True, slots=True)
class WalkRefusal:
    """Why there is no such access: `message` is the id of the sentence in catalogue/structs.py, with its facts."""

    message: str
    facts: Mapping[str, object] = field(default_factory=dict)


def struct_access(btf: Btf, type_id: int, off: int, size: int, rules: WalkRules) -> Walk | WalkRefusal:
    """What `size` bytes at `off` (0 or more, bytes) of structure type_id are: never WALK_STRUCT.

    Kernel: btf_struct_access(), without the special fields of allocated objects. Raises InputError for types that
    make no sense.
    """
    key = (type_id, off, size, rules)
    known = btf.memo.get(key)
    if isinstance(known, (Walk, WalkRefusal)):
        return known
    untrusted = False
    inner = type_id
    for _ in range(_STEPS):
        found = struct_walk(btf, inner, off, size, rules, untrusted)
        if isinstance(found, WalkRefusal) or found.kind != WALK_STRUCT:
            btf.memo[key] = found
            return found
        inner, off = found.type_id, 0
        untrusted = found.untrusted and rules.union_itself
    raise InputError(btf.name, f"BTF type {type_id}", f"structures nested more than {_STEPS} deep")


def struct_walk(
    btf: Btf, type_id: int, off: int, size: int, rules: WalkRules, untrusted: bool = False
) -> Walk | WalkRefusal:
    """One walk down to `off`, which ends where a member of structure type begins there. Kernel: btf_struct_walk()."""
    outer: Type = resolved(btf, type_id) if rules.modifiers else btf.type(type_id)
    for _ in range(_STEPS):
        name = outer.name or "(anon)"
        if not isinstance(outer, Struct):
            return WalkRefusal("not-a-struct", {"name": name})
        if rules.union_itself and _is_real_union(outer):
            untrusted = True
        if off + size > outer.size:
            element = _flexible_element(btf, outer, off)
            if isinstance(element, Int) and rules.flexible_ints:
                return Walk(WALK_SCALAR, untrusted=untrusted)
            if not isinstance(element, Struct):
                return WalkRefusal("beyond-struct", {"struct": name, "off": off, "size": size})
            off = (off - outer.members[-1].bit_offset // 8) % max(element.size, 1)
            outer = element
            continue
        step = _Step(btf, outer, name, off, size, rules, untrusted)
        found = step.find()
        if not isinstance(found, Struct):
            return found
        off, outer, untrusted = step.off, found, step.untrusted
    raise InputError(btf.name, f"BTF type {type_id}", f"structures nested more than {_STEPS} deep")


def _is_real_union(found: Struct) -> bool:
    """A union of one member (such as __bpf_md_ptr) does not count."""
    return found.kind == KIND_UNION and len(found.members) != 1


def _flexible_element(btf: Btf, outer: Struct, off: int) -> Type | None:
    """The element type if `off` lies in an array without size at the end of `outer`."""
    if not outer.members:
        return None
    last = outer.members[-1]
    array = resolved(btf, last.type_id)
    if not isinstance(array, Array) or array.count or off < last.bit_offset // 8:
        return None
    return resolved(btf, array.type_id)


class _Sized(NamedTuple):
    """A member's type. type_id: behind its modifiers, for an array as its element is written; size in bytes of all."""

    found: Type
    type_id: int
    size: int
    elements: int
    is_array: bool


def _sized(btf: Btf, type_id: int) -> _Sized | None:
    """Kernel: __btf_resolve_size(). None for a type without size."""
    count, element, is_array = 1, type_id, False
    for _ in range(_DEEPEST):
        found = btf.type(type_id)
        if isinstance(found, (Int, Struct, Enum, Float, Ptr)):
            size = POINTER_SIZE if isinstance(found, Ptr) else found.size
            total = count * size
            if total >= 1 << 32:
                return None
            return _Sized(found, element if is_array else type_id, total, count, is_array)
        if isinstance(found, Array):
            is_array, count, element = True, count * found.count, found.type_id
            type_id = found.type_id
            if count >= 1 << 32:
                return None
        elif isinstance(found, Reference) and found.kind in MODIFIERS:
            type_id = found.type_id
        else:
            return None
    return None


class _Step:
    """The search for `off` among the members of one structure."""

    __slots__ = ("btf", "name", "off", "outer", "rules", "size", "untrusted")

    def __init__(
        self, btf: Btf, outer: Struct, name: str, off: int, size: int, rules: WalkRules, untrusted: bool
    ) -> None:
        self.btf = btf
        self.outer = outer
        self.name = name
        self.off = off
        self.size = size
        self.rules = rules
        self.untrusted = untrusted

    def find(self) -> Walk | WalkRefusal | Struct:
        """The end of the walk, or the structure to go on in; `off` is then relative to it."""
        off, end = self.off, self.off + self.size
        for member in self.outer.members:
            at = member.bit_offset // 8
            if end <= at:
                break
            if member.bitfield_size:
                if off <= at and (member.bit_offset + member.bitfield_size + 7) // 8 <= end:
                    return Walk(WALK_SCALAR, untrusted=self.untrusted)
                continue
            if off < at:
                break
            sized = _sized(self.btf, member.type_id)
            if sized is None:
                return WalkRefusal("member-without-size", {"member": member.name or "(anon)"})
            if off < at + sized.size:
                return self._enter(member, sized, at)
        return WalkRefusal("no-field-at-offset", {"struct": self.name, "off": off})

    def _enter(self, member: Member, sized: _Sized, at: int) -> Walk | WalkRefusal | Struct:
        member_end = at + sized.size
        size = sized.size
        if sized.is_array:
            size //= sized.elements
            at += (self.off - at) // size * size
        found = sized.found
        if isinstance(found, Struct):
            if self.rules.union_member and not self.rules.union_itself and _is_real_union(found):
                self.untrusted = True
            if self.off == at:
                return Walk(WALK_STRUCT, sized.type_id, untrusted=self.untrusted)
            self.off -= at
            return found
        if isinstance(found, Ptr):
            return self._pointer(found, member, size, at)
        if self.off + self.size > member_end and not (self.untrusted and self.rules.beyond_member):
            facts = {"member": member.name or "(anon)", "end": member_end, "struct": self.name}
            return WalkRefusal("beyond-member", {**facts, "off": self.off, "size": self.size})
        return Walk(WALK_SCALAR, untrusted=self.untrusted)

    def _pointer(self, found: Ptr, member: Member, size: int, at: int) -> Walk | WalkRefusal:
        if size != self.size or self.off != at:
            facts = {"member": member.name or "(anon)", "member_off": at, "struct": self.name}
            return WalkRefusal("pointer-member-part", {**facts, "off": self.off, "size": self.size})
        target = skip_modifiers(self.btf, found.type_id)
        if isinstance(self.btf.type(target), Struct):
            tag = pointer_tag(self.btf, found)
            return Walk(WALK_POINTER, target, tag, self.untrusted, member.name or "(anon)")
        return Walk(WALK_MEMORY if self.rules.leaf_pointers else WALK_SCALAR, untrusted=self.untrusted)


def pointer_tag(btf: Btf, pointer: Ptr) -> str:
    """The tag that the kernel heeds: the first thing behind the pointer, if it is "rcu", "user" or "percpu"."""
    first = btf.type(pointer.type_id)
    if isinstance(first, TypeTag) and not first.attribute and first.name in ("rcu", "user", "percpu"):
        return first.name
    return ""


def types_are_same(first: Btf, first_id: int, second: Btf, second_id: int) -> bool:
    """The very same type, where two split BTFs may share their base's. Kernel: btf_types_are_same()."""
    if first_id != second_id:
        return False
    return first is second or first.type(first_id) is second.type(second_id)


def struct_ids_match(
    btf: Btf, type_id: int, off: int, need_btf: Btf, need_id: int, strict: bool, rules: WalkRules
) -> bool:
    """Whether `off` bytes into type_id a structure need_id begins: itself at 0, or embedded at any depth.

    strict: only itself. Kernel: btf_struct_ids_match().
    """
    if off == 0 and types_are_same(btf, type_id, need_btf, need_id):
        return True
    if strict:
        return False
    for _ in range(_STEPS):
        found = struct_walk(btf, type_id, off, 1, rules)
        if isinstance(found, WalkRefusal) or found.kind != WALK_STRUCT:
            return False
        if types_are_same(btf, found.type_id, need_btf, need_id):
            return True
        type_id, off = found.type_id, 0
    raise InputError(btf.name, f"BTF type {type_id}", f"structures nested more than {_STEPS} deep")


def type_ids_nocast_alias(first: Btf, first_id: int, second: Btf, second_id: int) -> bool:
    """Whether one type's name is the other's with ___init at its end, so that no cast between them is allowed.

    Kernel: btf_type_ids_nocast_alias().
    """
    one, other = sorted((first.type(first_id).name, second.type(second_id).name), key=len)
    # The kernel looks at the first ___init in the name only.
    return other == one + "___init" and other.find("___init") == len(one)
