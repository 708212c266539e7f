"""What helper calls remember about maps: which map, which key, whether a lookup can fail.

Source: record_func_map(), record_func_key(), get_constant_map_key(), check_reg_const_str() of the kernel.
"""

from __future__ import annotations

from typing import Final

from kverdict.catalogue.calls import MISCONFIGURED_HELPER
from kverdict.catalogue.maps import (
    DIRECT_VALUE_ACCESS,
    NOT_CONSTANT_ADDRESS,
    READ_ONLY_MAP_NEEDED,
    STRING_NOT_TERMINATED,
    TAIL_CALL_MAP,
)
from kverdict.catalogue.memory import HELPER_MAP_WRITE_FORBIDDEN
from kverdict.domain.stack import SPILL, ZERO
from kverdict.domain.value import PTR_TO_STACK, Value
from kverdict.program.program import Map
from kverdict.verify.backtrack import Backtrack
from kverdict.verify.call_meta import HelperMeta
from kverdict.verify.env import Env
from kverdict.verify.precision import mark_chain_precision, run_backwards
from kverdict.verify.rules.map_helpers import map_type_name
from kverdict.verify.stack_objects import frame_of, offset_of

F_RDONLY_PROG: Final = 1 << 7
F_INNER_MAP: Final = 1 << 12
_REMEMBERED: Final = frozenset(
    (
        "bpf_tail_call",
        "bpf_map_lookup_elem",
        "bpf_map_update_elem",
        "bpf_map_delete_elem",
        "bpf_map_push_elem",
        "bpf_map_pop_elem",
        "bpf_map_peek_elem",
        "bpf_for_each_map_elem",
        "bpf_redirect_map",
        "bpf_map_lookup_percpu_elem",
    )
)
_WRITERS: Final = frozenset(
    ("bpf_map_delete_elem", "bpf_map_update_elem", "bpf_map_push_elem", "bpf_map_pop_elem"),
)
_DIRECT: Final = ("array", "percpu_array", "insn_array")


def record_map(env: Env, meta: HelperMeta) -> None:
    """Refuse writes into maps that programs may only read; remember the map of this call."""
    if meta.name not in _REMEMBERED:
        return
    map = meta.map
    if map is None:
        env.unsupported(f"{meta.name}() without a map")
    if map.flags & F_RDONLY_PROG and meta.name in _WRITERS:
        env.refuse(HELPER_MAP_WRITE_FORBIDDEN)
    aux = env.aux[env.insn_idx]
    if aux.map_ptr is not None and aux.map_ptr is not map:
        aux.map_poisoned = True
    aux.map_ptr = map


def record_key(env: Env, meta: HelperMeta) -> None:
    """A tail call at a constant index relies on it; kernel: record_func_key()."""
    if meta.name != "bpf_tail_call":
        return
    map = meta.map
    if map is None or map_type_name(env, map) != "prog_array":
        env.refuse(TAIL_CALL_MAP if env.does("TAIL_CALL_MAP_SENTENCE") else MISCONFIGURED_HELPER)
    index = env.regs[3]
    if index.is_const() and index.num.value < map.max_entries:
        mark_chain_precision(env, 3)


def may_be_certain(env: Env, map: Map) -> bool:
    """Looking up a constant key in range cannot fail in this map; kernel: can_elide_value_nullness()."""
    if not env.does("CONST_ARRAY_KEY_NOT_NULL"):
        return False
    if map.flags & F_INNER_MAP and env.does("INNER_MAPS_MAY_DIFFER"):
        return False
    return map_type_name(env, map) in ("array", "percpu_array")


def constant_key(env: Env, key: Value, size: int) -> int:
    """The constant in the stack that `key` points to, signed 64 bits as the kernel keeps it; -1 if not known."""
    if key.type != PTR_TO_STACK or key.num.mask:
        return -1
    offset = -offset_of(key) - 1
    place, byte = offset // 8, offset % 8
    frame = frame_of(env, key)
    if not 0 <= place < len(frame.stack):
        return -1
    slot = frame.stack[place]
    if _run(slot.kinds, byte, ZERO) >= size:
        return 0
    if not slot.is_spilled_scalar() or _run(slot.kinds, byte, SPILL) != size or slot.value.num.mask:
        return -1
    back = Backtrack(len(env.state.frames) - 1)
    back.slots[key.frameno] |= 1 << place
    run_backwards(env, env.state, back, env.insn_idx)
    value = slot.value.num.value
    return value - (1 << 64) if value >> 63 else value


def _run(kinds: bytes, first: int, kind: int) -> int:
    """How many bytes from `first` upwards in memory are of this kind."""
    count = 0
    while first - count >= 0 and kinds[first - count] == kind:
        count += 1
    return count


def check_constant_string(env: Env, regno: int) -> None:
    """The register points to a terminated string in a read-only map; kernel: check_reg_const_str()."""
    from kverdict.verify.map_access import check_map_access

    value = env.regs[regno]
    map = value.subject
    if not isinstance(map, Map):
        env.unsupported("a constant string outside of a map")
    if not (map.flags & F_RDONLY_PROG and map.read_only):
        env.refuse(READ_ONLY_MAP_NEEDED, reg=regno)
    if value.num.mask:
        env.refuse(NOT_CONSTANT_ADDRESS, reg=regno)
    if map_type_name(env, map) not in _DIRECT:
        env.refuse(DIRECT_VALUE_ACCESS)
    check_map_access(env, regno, value, value.off, map.value_size - value.off, False, False)
    if constant_string(map, offset_of(value)) is None:
        env.refuse(STRING_NOT_TERMINATED)


def constant_string(map: Map, offset: int) -> bytes | None:
    """The string at `offset` of the map's only value, without its end; None if it does not end."""
    contents = (map.contents or b"")[: map.value_size].ljust(map.value_size, b"\0")
    end = contents.find(b"\0", offset)
    return contents[offset:end] if end >= 0 else None
