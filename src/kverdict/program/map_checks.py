"""Would BPF_MAP_CREATE take this map? Sizes, entries and flags by map type, and whether its BTF fits its type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kverdict.btf.btf import Btf
from kverdict.btf.layout import resolved, size_or_none
from kverdict.btf.types import Datasec, Int, Struct
from kverdict.objfile.maps import MapDef

HASH: Final = frozenset({1, 5, 9, 10})  # hash, percpu_hash, lru_hash, lru_percpu_hash
ARRAYS: Final = frozenset({2, 6})  # array, percpu_array
FD_ARRAYS: Final = frozenset({3, 4, 8, 12})  # prog_array, perf_event_array, cgroup_array, array_of_maps
HASH_OF_MAPS: Final = 13
STACK_TRACE: Final = 7
LPM_TRIE: Final = 11
CPUMAP: Final = 16
CGROUP_STORAGES: Final = frozenset({19, 21})
QUEUES: Final = frozenset({22, 23})
STORAGES: Final = frozenset({24, 28, 29, 32})  # sk_, inode_, task_, cgrp_storage
RINGBUFS: Final = frozenset({27, 31})
BLOOM_FILTER: Final = 30
ARENA: Final = 33
PERCPU: Final = frozenset({5, 6, 10, 21})
F_NO_PREALLOC: Final = 1 << 0
F_NO_COMMON_LRU: Final = 1 << 1
F_STACK_BUILD_ID: Final = 1 << 5
F_RDONLY_PROG: Final = 1 << 7
F_WRONLY_PROG: Final = 1 << 8
F_MMAPABLE: Final = 1 << 10
F_INNER_MAP: Final = 1 << 12
_ACCESS: Final = F_RDONLY_PROG | F_WRONLY_PROG
_KMALLOC_MAX: Final = 4 << 20
_PERCPU_MAX: Final = 32 << 10
_STACK_DEPTH: Final = 127  # sysctl kernel.perf_event_max_stack
_STORAGE_MAX: Final = 0xFFFF - 128


def refusal(definition: MapDef) -> str:
    """The error with which the kernel refuses the map whatever its BTF, "" if it takes it. Kernel: map_create()."""
    map_type = definition.map_type
    if definition.extra and map_type not in (BLOOM_FILTER, ARENA):
        return "-EINVAL"
    if definition.flags & _ACCESS == _ACCESS:
        return "-EINVAL"
    for types, check in _CHECKS:
        if map_type in types:
            return check(definition)
    return ""


def _array(d: MapDef) -> str:
    """array_map_alloc_check()."""
    empty = not d.max_entries and d.map_type != 4  # libbpf gives a perf_event_array an entry for each CPU
    if empty or d.key_size != 4 or not d.value_size:
        return "-EINVAL"
    if d.map_type != 2 and d.flags & (F_MMAPABLE | F_INNER_MAP):
        return "-EINVAL"
    too_big = d.value_size > 0x7FFFFFFF or (d.map_type in PERCPU and d.value_size > _PERCPU_MAX)
    return "-E2BIG" if too_big else ""


def _fd_array(d: MapDef) -> str:
    """fd_array_map_alloc_check()."""
    if d.value_size != 4 or d.flags & _ACCESS:
        return "-EINVAL"
    return _array(d) or _inner(d)


def _inner(d: MapDef) -> str:
    if d.map_type not in (12, HASH_OF_MAPS):
        return ""
    return refusal(d.inner) if d.inner else "-EINVAL"


def _hash(d: MapDef) -> str:
    """htab_map_alloc_check()."""
    lru = d.map_type in (9, 10)
    if d.flags & F_NO_COMMON_LRU and not lru:
        return "-EINVAL"
    if lru and d.flags & F_NO_PREALLOC:
        return "-ENOTSUPP"
    if not d.max_entries or not d.key_size or not d.value_size:
        return "-EINVAL"
    if d.key_size + d.value_size >= _KMALLOC_MAX - 48 or (d.map_type in PERCPU and d.value_size > _PERCPU_MAX):
        return "-E2BIG"
    return ""


def _hash_of_maps(d: MapDef) -> str:
    return "-EINVAL" if d.value_size != 4 else _hash(d) or _inner(d)


def _queue(d: MapDef) -> str:
    """queue_stack_map_alloc_check()."""
    if not d.max_entries or d.key_size or not d.value_size:
        return "-EINVAL"
    return "-E2BIG" if d.value_size > _KMALLOC_MAX else ""


def _stack_trace(d: MapDef) -> str:
    """stack_map_alloc(). A build id takes 32 bytes."""
    step = 32 if d.flags & F_STACK_BUILD_ID else 8
    if not d.max_entries or d.key_size != 4 or d.value_size < 8 or d.value_size % step:
        return "-EINVAL"
    return "-EINVAL" if d.value_size // step > _STACK_DEPTH else ""


def _ringbuf(d: MapDef) -> str:
    """ringbuf_map_alloc(); libbpf rounds the size up before."""
    return "-EINVAL" if d.key_size or d.value_size or not d.max_entries else ""


def _storage(d: MapDef) -> str:
    """bpf_local_storage_map_alloc_check()."""
    if not d.flags & F_NO_PREALLOC or d.max_entries or d.key_size != 4 or not d.value_size:
        return "-EINVAL"
    if not d.key_type_id or not d.value_type_id:
        return "-EINVAL"
    return "-E2BIG" if d.value_size > _STORAGE_MAX else ""


def _cgroup_storage(d: MapDef) -> str:
    """cgroup_storage_map_alloc()."""
    if d.key_size not in (8, 16) or not d.value_size or d.max_entries:
        return "-EINVAL"
    return "-E2BIG" if d.value_size > (_PERCPU_MAX if d.map_type in PERCPU else _STORAGE_MAX) else ""


def _lpm_trie(d: MapDef) -> str:
    """trie_alloc(): a key of 5 to 260 bytes."""
    fits = d.max_entries and d.flags & F_NO_PREALLOC and 5 <= d.key_size <= 260 and d.value_size
    return "" if fits else "-EINVAL"


def _bloom_filter(d: MapDef) -> str:
    """bloom_map_alloc()."""
    fits = not d.key_size and d.value_size and d.max_entries and not d.extra & ~0xF
    return "" if fits else "-EINVAL"


def _arena(d: MapDef) -> str:
    """arena_map_alloc()."""
    fits = not d.key_size and not d.value_size and d.max_entries and d.flags & F_MMAPABLE
    return "" if fits else "-EINVAL"


def _cpumap(d: MapDef) -> str:
    """cpu_map_alloc()."""
    return "" if d.max_entries and d.key_size == 4 and d.value_size in (4, 8) else "-EINVAL"


_CHECKS: Final[tuple[tuple[frozenset[int], Callable[[MapDef], str]], ...]] = (
    (ARRAYS, _array),
    (HASH, _hash),
    (FD_ARRAYS, _fd_array),
    (frozenset({HASH_OF_MAPS}), _hash_of_maps),
    (QUEUES, _queue),
    (frozenset({STACK_TRACE}), _stack_trace),
    (RINGBUFS, _ringbuf),
    (STORAGES, _storage),
    (CGROUP_STORAGES, _cgroup_storage),
    (frozenset({LPM_TRIE}), _lpm_trie),
    (frozenset({BLOOM_FILTER}), _bloom_filter),
    (frozenset({ARENA}), _arena),
    (frozenset({CPUMAP}), _cpumap),
)


def btf_fits(definition: MapDef, btf: Btf) -> bool:
    """Whether the kernel takes key and value type of a map of this kind. Kernel: map_check_btf() and .map_check_btf.

    If not, libbpf creates the map a second time, without BTF.
    """
    if not definition.value_type_id:
        return not definition.key_type_id
    map_type = definition.map_type
    if size_or_none(btf, definition.value_type_id) != definition.value_size:
        return False
    if not definition.key_type_id:
        value = btf.type(definition.value_type_id)
        data = map_type == 2 and definition.max_entries == 1 and isinstance(value, Datasec)
        return data or map_type in (BLOOM_FILTER, ARENA)
    if size_or_none(btf, definition.key_type_id) != definition.key_size:
        return False
    key = resolved(btf, definition.key_type_id)
    if map_type in ARRAYS or map_type in STORAGES:
        return isinstance(key, Int) and key.size == 4 and key.bits == 32 and not key.offset
    if map_type == LPM_TRIE:
        return isinstance(key, Struct) and not key.is_union
    if map_type in CGROUP_STORAGES:
        return isinstance(key, Struct) or (isinstance(key, Int) and key.bits == 64)
    return map_type in HASH
