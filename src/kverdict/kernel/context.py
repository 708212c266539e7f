"""What a program may do with its context (and with pointers to sockets): tables asked with an offset and a size."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

from kverdict.btf.layout import find_member, size_of
from kverdict.btf.types import KIND_STRUCT
from kverdict.errors import UnsupportedError
from kverdict.kernel.context_tables import CONTEXTS, ITERATORS, OBJECTS, Context, Rule

if TYPE_CHECKING:
    from kverdict.btf.btf import Btf
    from kverdict.kernel.profile import KernelProfile

_ARGUMENTS: Final = 8 * 12  # MAX_BPF_FUNC_ARGS of 8 bytes
_TRACE_RECORD: Final = 8192  # PERF_MAX_TRACE_SIZE
_SYSCALL: Final = 0xFFFF


class ContextAccess(NamedTuple):
    """What an allowed access is about.

    kind: of the value that a read gives: "scalar", "packet", "packet_meta", "packet_end", "flow_keys", "socket",
    "sock_common", "tp_buffer", "btf" (trusted pointer to the kernel structure `btf`), "argument" (the type of the
    attached function's argument decides; kernel: btf_ctx_access()). whole: bytes that the kernel loads to answer a
    narrower access, 0 if it loads what was asked.
    """

    kind: str
    maybe_null: bool = False
    whole: int = 0
    btf: str = ""


class _Range(NamedTuple):
    first: int
    end: int
    rule: Rule


class _Layout(NamedTuple):
    """A Context with offsets of one kernel."""

    size: int
    hidden: tuple[_Range, ...]
    writable: tuple[_Range, ...]
    rules: tuple[_Range, ...]


class ContextRules:
    """The contexts of one kernel."""

    def __init__(self, btf: Btf, does: Callable[[str], bool]) -> None:
        self._btf: Final = btf
        self._does: Final = does
        self._layouts: dict[str, _Layout] = {}

    def access(
        self, prog_type: str, attach_type: str, offset: int, size: int, is_write: bool, signed: bool = False
    ) -> ContextAccess | None:
        """What the access to the context is about; None: "invalid bpf_context access off=… size=…".

        prog_type, attach_type: as in Program. signed: a sign-extending load. Raises UnsupportedError for a program type
        whose context is not modelled. Kernel: bpf_verifier_ops.is_valid_access().
        """
        plain = _PLAIN.get(prog_type)
        if plain is not None:
            return plain(self, offset, size, is_write)
        context = CONTEXTS.get(prog_type)
        if context is None:
            raise UnsupportedError(f"context of {prog_type} programs")
        return self._ask(prog_type, context, attach_type, offset, size, is_write, signed)

    def object_access(self, kind: str, offset: int, size: int, is_write: bool) -> ContextAccess | None:
        """The same for pointers of kind "socket", "sock_common", "tcp_sock", "xdp_sock"; check_sock_access()."""
        return self._ask(f"*{kind}", OBJECTS[kind], "", offset, size, is_write, False)

    def iterator_argument(self, target: str, member: str) -> frozenset[str]:
        """What an iterator says about a member of its context ("maybe_null", "trusted", "buffer", "read_only").

        Empty: the argument's type alone decides. Raises UnsupportedError for an iterator that is not in the table.
        """
        if target not in ITERATORS:
            raise UnsupportedError(f"iterator {target}")
        words = frozenset(ITERATORS[target].get(member, ()))
        return words if self._does("TRUSTED_ITERATOR_ARGS") else words - {"trusted"}

    def kprobe(self, offset: int, size: int, is_write: bool) -> ContextAccess | None:
        """struct pt_regs: any part of it; kernel: kprobe_prog_is_valid_access()."""
        if is_write and not self._does("KPROBE_WRITES_CONTEXT"):
            return None
        registers = size_of(self._btf, self._btf.find("pt_regs", KIND_STRUCT))
        return _within(0, registers - size + 1, offset, size)

    def syscall(self, offset: int, size: int, is_write: bool) -> ContextAccess | None:
        """Whatever the caller gave, so only where it begins is asked; kernel: syscall_prog_is_valid_access()."""
        del is_write
        aligned = offset % size == 0 or self._does("SYSCALL_CONTEXT_UNALIGNED")
        return ContextAccess("scalar") if aligned and 0 <= offset < _SYSCALL else None

    def _ask(
        self, key: str, context: Context, attach_type: str, offset: int, size: int, is_write: bool, signed: bool
    ) -> ContextAccess | None:
        layout = self._layouts.get(key)
        if layout is None:
            layout = self._layouts[key] = self._lay_out(context)
        end = offset + size if context.whole_end else offset + 1
        if offset < 0 or end > layout.size or offset % size:
            return None
        if any(r.first <= offset < r.end for r in layout.hidden):
            return None
        if is_write and context.writable is not None and not any(r.first <= offset < r.end for r in layout.writable):
            return None
        found = next((r for r in layout.rules if r.first <= offset < r.end), None)
        rule = found.rule if found else context.rest
        if found and rule.inside and offset + size > found.end:
            return None
        if (rule.attach and attach_type not in rule.attach) or (signed and rule.unsigned):
            return None
        if is_write and rule.write_attach and attach_type not in rule.write_attach:
            return None
        if rule.wide and found and size == 8 and (offset % 8 or offset + 8 > found.end):
            return None
        sizes = rule.write if is_write else rule.read
        if size not in sizes and not (rule.wide and size == 8):
            return None
        whole = rule.whole if rule.whole > size else 0
        return ContextAccess(rule.kind, rule.maybe_null, whole, rule.btf)

    def _lay_out(self, context: Context) -> _Layout:
        struct_id = self._btf.find(context.struct, KIND_STRUCT)
        if not struct_id:
            raise UnsupportedError(f"struct {context.struct}, which this kernel's types lack")
        whole_pointers = self._does("CONTEXT_POINTERS_WHOLE")

        def ranges(rules: tuple[Rule, ...]) -> tuple[_Range, ...]:
            found: list[_Range] = []
            for rule in rules:
                place = self._place(struct_id, rule.fields)
                if place is not None:
                    first, end = place
                    found.append(_Range(first, end if whole_pointers or not rule.pointer else first + 1, rule))
            return tuple(found)

        def named(names: tuple[str, ...]) -> tuple[_Range, ...]:
            return ranges(tuple(Rule(name) for name in names))

        size = size_of(self._btf, struct_id)
        return _Layout(size, named(context.hidden), named(context.writable or ()), ranges(context.rules))

    def _place(self, struct_id: int, fields: str) -> tuple[int, int] | None:
        """First byte and end of "member", "=member", "first..last" or "first>last"; None if this kernel lacks it."""
        name, dots, last = fields.lstrip("=").partition(".." if ".." in fields else ">")
        first = self._member(struct_id, name)
        other = self._member(struct_id, last) if dots else first
        if first is None or other is None:
            return None
        if fields.startswith("="):
            return first[0], first[0] + 1
        if ">" in fields:
            return first[1], other[0]
        return first[0], other[1]

    def _member(self, struct_id: int, name: str) -> tuple[int, int] | None:
        place = find_member(self._btf, struct_id, name)
        if place is None:
            return None
        return place.offset, place.offset + size_of(self._btf, place.member.type_id)


def _within(first: int, end: int, offset: int, size: int) -> ContextAccess | None:
    return ContextAccess("scalar") if first <= offset < end and offset % size == 0 else None


def _tracepoint(_: ContextRules, offset: int, size: int, is_write: bool) -> ContextAccess | None:
    """tp_prog_is_valid_access(): the record, without the pointer to pt_regs in front."""
    return None if is_write else _within(8, _TRACE_RECORD, offset, size)


def _raw_tracepoint(_: ContextRules, offset: int, size: int, is_write: bool) -> ContextAccess | None:
    """bpf_tracing_ctx_access(): arguments as plain numbers."""
    return None if is_write else _within(0, _ARGUMENTS, offset, size)


def _writable_tracepoint(_: ContextRules, offset: int, size: int, is_write: bool) -> ContextAccess | None:
    """raw_tp_writable_prog_is_valid_access(): the first argument is the buffer."""
    if is_write or (offset == 0 and size != 8):
        return None
    return ContextAccess("tp_buffer") if offset == 0 else _within(0, _ARGUMENTS, offset, size)


def _lirc(_: ContextRules, offset: int, size: int, is_write: bool) -> ContextAccess | None:
    """lirc_mode2_is_valid_access(): one number."""
    return None if is_write or offset or size != 4 else ContextAccess("scalar")


def _arguments(_: ContextRules, offset: int, size: int, is_write: bool) -> ContextAccess | None:
    """bpf_tracing_btf_ctx_access(): the outer check; the argument's type is the verifier's question."""
    inside = None if is_write else _within(0, _ARGUMENTS, offset, size)
    return ContextAccess("argument") if inside else None


_PLAIN: Final[dict[str, Callable[[ContextRules, int, int, bool], ContextAccess | None]]] = {
    "kprobe": ContextRules.kprobe,
    "tracepoint": _tracepoint,
    "raw_tracepoint": _raw_tracepoint,
    "raw_tracepoint_writable": _writable_tracepoint,
    "syscall": ContextRules.syscall,
    "lirc_mode2": _lirc,
    "tracing": _arguments,
    "lsm": _arguments,
    "struct_ops": _arguments,
}


def context_access(
    profile: KernelProfile,
    prog_type: str,
    attach_type: str,
    offset: int,
    size: int,
    is_write: bool,
    signed: bool = False,
) -> ContextAccess | None:
    """ContextRules.access() of a profile."""
    return profile.contexts.access(prog_type, attach_type, offset, size, is_write, signed)
