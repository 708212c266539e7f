"""Which helpers work on which types of maps: two tables, asked from both sides.

Source: check_map_func_compatibility() of the kernel.
"""

from __future__ import annotations

from typing import Final

from kverdict.catalogue.maps import MAP_TYPE_HELPER
from kverdict.diagnostic import Diagnostic
from kverdict.program.program import Map
from kverdict.verify.env import Env
from kverdict.verify.rules.program_type import may_update_sockmap

_STORAGE: Final = ("bpf_kptr_xchg",)
_RINGBUF: Final = (
    "bpf_ringbuf_output",
    "bpf_ringbuf_reserve",
    "bpf_ringbuf_query",
    "bpf_ringbuf_reserve_dynptr",
    "bpf_ringbuf_submit_dynptr",
    "bpf_ringbuf_discard_dynptr",
)
_PERF: Final = (
    "bpf_perf_event_read",
    "bpf_perf_event_output",
    "bpf_skb_output",
    "bpf_perf_event_read_value",
    "bpf_xdp_output",
)
_SOCKMAP: Final = (
    "bpf_sk_redirect_map",
    "bpf_sock_map_update",
    "bpf_msg_redirect_map",
    "bpf_sk_select_reuseport",
    "bpf_map_lookup_elem",
)
_SOCKHASH: Final = (
    "bpf_sk_redirect_hash",
    "bpf_sock_hash_update",
    "bpf_msg_redirect_hash",
    "bpf_sk_select_reuseport",
    "bpf_map_lookup_elem",
)
_QUEUE: Final = ("bpf_map_peek_elem", "bpf_map_pop_elem", "bpf_map_push_elem")
# Map type -> the only helpers that take it. Types that are not here go with every helper that does not object.
HELPERS_OF_MAP: Final[dict[str, tuple[str, ...]]] = {
    "prog_array": ("bpf_tail_call",),
    "perf_event_array": _PERF,
    "ringbuf": _RINGBUF,
    "user_ringbuf": ("bpf_user_ringbuf_drain",),
    "stack_trace": ("bpf_get_stackid",),
    "cgroup_array": ("bpf_skb_under_cgroup", "bpf_current_task_under_cgroup"),
    "cgroup_storage": ("bpf_get_local_storage",),
    "percpu_cgroup_storage": ("bpf_get_local_storage",),
    "devmap": ("bpf_redirect_map", "bpf_map_lookup_elem"),
    "devmap_hash": ("bpf_redirect_map", "bpf_map_lookup_elem"),
    "cpumap": ("bpf_redirect_map",),
    "xskmap": ("bpf_redirect_map", "bpf_map_lookup_elem"),
    "array_of_maps": ("bpf_map_lookup_elem",),
    "hash_of_maps": ("bpf_map_lookup_elem",),
    "sockmap": _SOCKMAP,
    "sockhash": _SOCKHASH,
    "reuseport_sockarray": ("bpf_sk_select_reuseport",),
    "queue": _QUEUE,
    "stack": _QUEUE,
    "sk_storage": ("bpf_sk_storage_get", "bpf_sk_storage_delete", *_STORAGE),
    "inode_storage": ("bpf_inode_storage_get", "bpf_inode_storage_delete", *_STORAGE),
    "task_storage": ("bpf_task_storage_get", "bpf_task_storage_delete", *_STORAGE),
    "cgrp_storage": ("bpf_cgrp_storage_get", "bpf_cgrp_storage_delete", *_STORAGE),
    "bloom_filter": ("bpf_map_peek_elem", "bpf_map_push_elem"),
    "insn_array": (),
}
_STORAGE_HELPERS: Final = ("sk", "inode", "task", "cgrp")
# Helper -> the only map types that it takes.
MAPS_OF_HELPER: Final[dict[str, tuple[str, ...]]] = {
    "bpf_tail_call": ("prog_array",),
    **dict.fromkeys(_PERF, ("perf_event_array",)),
    **dict.fromkeys(_RINGBUF, ("ringbuf",)),
    "bpf_user_ringbuf_drain": ("user_ringbuf",),
    "bpf_get_stackid": ("stack_trace",),
    "bpf_current_task_under_cgroup": ("cgroup_array",),
    "bpf_skb_under_cgroup": ("cgroup_array",),
    "bpf_redirect_map": ("devmap", "devmap_hash", "cpumap", "xskmap"),
    "bpf_sk_redirect_map": ("sockmap",),
    "bpf_msg_redirect_map": ("sockmap",),
    "bpf_sock_map_update": ("sockmap",),
    "bpf_sk_redirect_hash": ("sockhash",),
    "bpf_msg_redirect_hash": ("sockhash",),
    "bpf_sock_hash_update": ("sockhash",),
    "bpf_get_local_storage": ("cgroup_storage", "percpu_cgroup_storage"),
    "bpf_sk_select_reuseport": ("reuseport_sockarray", "sockmap", "sockhash"),
    "bpf_map_pop_elem": ("queue", "stack"),
    "bpf_map_peek_elem": ("queue", "stack", "bloom_filter"),
    "bpf_map_push_elem": ("queue", "stack", "bloom_filter"),
    "bpf_map_lookup_percpu_elem": ("percpu_array", "percpu_hash", "lru_percpu_hash"),
    **{f"bpf_{kind}_storage_{verb}": (f"{kind}_storage",) for kind in _STORAGE_HELPERS for verb in ("get", "delete")},
}


def map_fits_helper(env: Env, map: Map, name: str, number: int) -> Diagnostic | None:
    """The helper works on maps of this type. Kernel: check_map_func_compatibility()."""
    kind = map_type_name(env, map)
    helpers = HELPERS_OF_MAP.get(kind)
    fits = helpers is None or name in helpers
    before: tuple[str, ...] = ()
    if not fits and kind in ("sockmap", "sockhash"):
        fits = may_update_sockmap(env, name)
        if name in ("bpf_map_update_elem", "bpf_map_delete_elem"):
            before = ("cannot update sockmap in this context",)
    maps = MAPS_OF_HELPER.get(name)
    if fits and (maps is None or kind in maps):
        return None
    objection = MAP_TYPE_HELPER.at(env.insn_idx, map_type=map.map_type, callee=name, number=number)
    return Diagnostic(objection.message, objection.insn, objection.facts, before)


def map_type_name(env: Env, map: Map) -> str:
    """The type of a map, "hash"; the number if this kernel does not know it."""
    names: dict[int, str] = env.extra.setdefault("map_types", {})
    if not names:
        names.update({number: name.removesuffix("_deprecated") for name, number in env.profile.map_types.items()})
    return names.get(map.map_type, str(map.map_type))
