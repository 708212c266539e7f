"""What the context of an iterator program holds besides its meta data: facts of the kernel's iterator targets.

Source: bpf_iter_reg_target() calls and their ctx_arg_info. Each entry: target -> ((argument, kind, structure), …);
argument counts 8-byte fields of the context from 0 (0 is meta); kind: "trusted" (may be NULL, trusted since some
version), "plain" (may be NULL), "buffer" or "read-only buffer" (may be NULL).
"""

from __future__ import annotations

from typing import Final, NamedTuple


class IterArgument(NamedTuple):
    """argument: number of the context's 8-byte field. trusted_since: behaviour that makes it trusted, "" for never."""

    argument: int
    kind: str
    struct: str = ""
    trusted_since: str = ""


_NEW: Final = "ITER_ARGUMENTS_TRUSTED"

ITER_ARGUMENTS: Final[dict[str, tuple[IterArgument, ...]]] = {
    "task": (IterArgument(1, "btf", "task_struct", _NEW),),
    "task_file": (IterArgument(1, "btf", "task_struct"), IterArgument(3, "btf", "file")),
    "task_vma": (IterArgument(1, "btf", "task_struct"), IterArgument(2, "btf", "vm_area_struct")),
    "cgroup": (IterArgument(1, "btf", "cgroup", _NEW),),
    "bpf_map": (IterArgument(1, "btf", "bpf_map", _NEW),),
    "bpf_map_elem": (IterArgument(2, "read-only buffer"), IterArgument(3, "buffer")),
    "bpf_prog": (IterArgument(1, "btf", "bpf_prog"),),
    "bpf_link": (IterArgument(1, "btf", "bpf_link"),),
    "bpf_sk_storage_map": (IterArgument(2, "btf", "sock"), IterArgument(3, "buffer")),
    "sockmap": (IterArgument(2, "read-only buffer"), IterArgument(3, "btf", "sock")),
    "tcp": (IterArgument(1, "btf", "sock_common", _NEW),),
    "udp": (IterArgument(1, "btf", "udp_sock", _NEW),),
    "unix": (IterArgument(1, "btf", "unix_sock"),),
    "netlink": (IterArgument(1, "btf", "netlink_sock"),),
    "ipv6_route": (IterArgument(1, "btf", "fib6_info"),),
    "ksym": (IterArgument(1, "btf", "kallsym_iter"),),
    "kmem_cache": (IterArgument(1, "btf", "kmem_cache", _NEW),),
    "dmabuf": (IterArgument(1, "btf", "dma_buf"),),
}
