"""Maps as this kernel would create them from an object's definitions: sizes, flags, BTF, special fields, contents."""

from __future__ import annotations

from typing import Final

from kverdict.btf.btf import Btf
from kverdict.btf.flavour import essential_name
from kverdict.btf.types import KIND_STRUCT, Datasec, Struct
from kverdict.errors import LinkError
from kverdict.kernel.profile import KernelProfile
from kverdict.objfile.maps import F_MMAPABLE, F_RDONLY_PROG, STRUCT_OPS, MapDef
from kverdict.program.fields import MAP_FIELDS, Record, parse_fields
from kverdict.program.map_checks import btf_fits, refusal
from kverdict.program.program import Map

_NAME_LENGTH: Final = 15
_PAGE: Final = 4096
_PERF_EVENT_ARRAY: Final = 4
_RINGBUFS: Final = frozenset({27, 31})
_DEVMAPS: Final = frozenset({14, 25})  # the kernel adds BPF_F_RDONLY_PROG: dev_map_init_map()
_ACCESS_FLAGS: Final = 1 << 7 | 1 << 8  # BPF_F_RDONLY_PROG, BPF_F_WRONLY_PROG
# libbpf creates these without BTF: perf_event_array, cgroup_array, stack_trace, maps of maps, devmap(_hash), cpumap,
# xskmap, sockmap, sockhash, queue, stack, arena. libbpf: bpf_object__create_map().
_WITHOUT_BTF: Final = frozenset({4, 8, 7, 12, 13, 14, 25, 16, 17, 15, 18, 22, 23, 33})
_STORAGES: Final = frozenset({24, 28, 29, 32})
# Kinds of fields → map types that may hold them. Kernel: map_check_btf().
_LOCK_MAPS: Final = frozenset({1, 2, 19, *_STORAGES})
_TIMER_MAPS: Final = frozenset({1, 9, 2})
_KPTR_MAPS: Final = frozenset({1, 5, 9, 10, 2, 6, *_STORAGES})
_HOLDERS: Final[dict[str, frozenset[int]]] = {
    "spin_lock": _LOCK_MAPS,
    "res_spin_lock": _LOCK_MAPS,
    "timer": _TIMER_MAPS,
    "wq": _TIMER_MAPS,
    "task_work": _TIMER_MAPS,
    "kptr_unref": _KPTR_MAPS,
    "kptr_ref": _KPTR_MAPS,
    "kptr_percpu": _KPTR_MAPS,
    "refcount": _KPTR_MAPS,
    "uptr": frozenset({29}),
    "list_head": _TIMER_MAPS,
    "rb_root": _TIMER_MAPS,
}


def build_map(definition: MapDef, btf: Btf | None, profile: KernelProfile, contents: bytes | None) -> Map:
    """The map; `contents`: initial bytes of global data. Raises LinkError if the kernel lacks its type or refuses it.

    A map that the kernel refuses for its BTF is created without it, as libbpf does; then it has no special fields.
    """
    if not definition.map_type or definition.map_type not in profile.map_types.values():
        raise LinkError(
            f"map '{definition.name}': failed to create: kernel {profile.name} has no map type {definition.map_type}"
        )
    refused = refusal(definition) if definition.map_type != STRUCT_OPS else ""
    if refused:
        raise LinkError(f"map '{definition.name}': failed to create: {refused}")
    with_btf = btf if btf is not None and definition.map_type not in _WITHOUT_BTF else None
    record = Record(())
    if with_btf is not None and definition.map_type != STRUCT_OPS:
        with_btf, record = _checked(definition, with_btf, profile)
    if record.fields and definition.kind != "user" and definition.flags & F_MMAPABLE:
        raise LinkError(f"map '{definition.name}': failed to re-mmap() contents: -ENOTSUPP")
    return Map(
        name=definition.name[:_NAME_LENGTH],
        map_type=definition.map_type,
        key_size=definition.key_size,
        value_size=_value_size(definition, btf, profile),
        max_entries=_max_entries(definition),
        flags=definition.flags | (F_RDONLY_PROG if definition.map_type in _DEVMAPS else 0),
        extra=definition.extra,
        key_type_id=definition.key_type_id if with_btf else 0,
        value_type_id=definition.value_type_id if with_btf else 0,
        btf=with_btf,
        inner=build_map(definition.inner, btf, profile, None) if definition.inner else None,
        contents=contents,
        read_only=definition.kind in ("rodata", "kconfig"),
        fields=record.fields,
        fields_error=record.error,
        slots=tuple(sorted(definition.slots.items())),
    )


def unused_map(definition: MapDef, contents: bytes | None) -> Map:
    """A map of the object that the program does not refer to: only there so that the others keep their index."""
    return Map(
        name=definition.name[:_NAME_LENGTH],
        map_type=definition.map_type,
        key_size=definition.key_size,
        value_size=definition.value_size,
        max_entries=_max_entries(definition),
        flags=definition.flags,
        extra=definition.extra,
        contents=contents,
        read_only=definition.kind in ("rodata", "kconfig"),
    )


def _max_entries(definition: MapDef) -> int:
    """libbpf: adjust_ringbuf_sz(), map_set_def_max_entries()."""
    size = definition.max_entries
    if definition.map_type == _PERF_EVENT_ARRAY and not size:
        return 1  # libbpf takes the number of possible CPUs; no verdict depends on it
    if definition.map_type not in _RINGBUFS or not size:
        return size
    pages = size // _PAGE
    if size % _PAGE == 0 and pages & pages - 1 == 0:
        return size
    rounded = _PAGE
    while rounded <= size:
        rounded <<= 1
    return rounded if rounded < 1 << 32 else size


def _value_size(definition: MapDef, btf: Btf | None, profile: KernelProfile) -> int:
    """Of a struct_ops map: the size of the kernel's struct bpf_struct_ops_TYPE."""
    if definition.map_type != STRUCT_OPS or btf is None:
        return definition.value_size
    type_name = essential_name(btf.type(definition.value_type_id).name)
    outer = profile.btf.type(profile.btf.find(f"bpf_struct_ops_{type_name}", KIND_STRUCT))
    return outer.size if isinstance(outer, Struct) else definition.value_size


def _checked(definition: MapDef, btf: Btf, profile: KernelProfile) -> tuple[Btf | None, Record]:
    """(BTF or None if the kernel refuses the map with it, special fields). Kernel: map_check_btf()."""
    nothing = Record(())
    if not definition.value_type_id or not btf_fits(definition, btf):
        return None, nothing
    outer = btf.type(definition.value_type_id)
    if not isinstance(outer, (Struct, Datasec)):
        return btf, nothing
    record = parse_fields(btf, definition.value_type_id, profile, MAP_FIELDS, definition.value_size)
    holds = all(definition.map_type in _HOLDERS[field.kind] for field in record.fields)
    if record.fields and (definition.flags & _ACCESS_FLAGS or not holds):
        return None, nothing
    return btf, record
