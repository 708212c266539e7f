"""What the check of a call's arguments finds out for the rest of the check: one object a call.

Source: struct bpf_call_arg_meta and struct bpf_kfunc_call_arg_meta of the kernel.
"""

from __future__ import annotations

from kverdict.btf.btf import Btf
from kverdict.kernel.helpers import Helper
from kverdict.kernel.kfuncs import Kfunc
from kverdict.program.program import Map, RecordField


class HelperMeta:
    """raw_mode, regno, access_size: uninitialized memory that the helper fills, to be marked as written.

    msize_max_value: greatest value of a size argument. map, map_uid: the map argument. const_key: constant key, -1 if
    not known. mem_size: constant allocation size. ref: reference of the argument that has one. release_reg: register of
    the argument that is given away. subprog: the callback. pointee: (Btf, type id) behind a percpu pointer.
    """

    __slots__ = (
        "access_size",
        "const_key",
        "dynptr_id",
        "helper",
        "kptr_field",
        "map",
        "map_uid",
        "mem_size",
        "msize_max_value",
        "name",
        "number",
        "pkt_access",
        "pointee",
        "raw_mode",
        "ref",
        "regno",
        "release_reg",
        "subprog",
    )

    def __init__(self, helper: Helper) -> None:
        self.helper = helper
        self.name = helper.name
        self.number = helper.number
        self.pkt_access = helper.pkt_access
        self.raw_mode = False
        self.regno = 0
        self.access_size = 0
        self.msize_max_value = 0
        self.map: Map | None = None
        self.map_uid: object = 0
        self.const_key = 0
        self.mem_size = 0
        self.ref = 0
        self.release_reg = 0
        self.subprog = 0
        self.dynptr_id = 0
        self.kptr_field: RecordField | None = None
        self.pointee: tuple[Btf, int] | None = None


class KfuncMeta:
    """flags: proto.KF_* in this program's hook. plain: name without "_impl". ref, release_reg, map, map_uid, subprog:
    as in HelperMeta. constant: value of a __k argument. r0_size, r0_rdonly: memory that is returned. object: (Btf, type
    id) of an allocated object argument; owning: it is an owning reference. root: the list or tree argument.
    """

    __slots__ = (
        "constant",
        "context_id",
        "dynptr_id",
        "dynptr_ref",
        "dynptr_type",
        "flags",
        "iter_frame",
        "iter_slot",
        "kfunc",
        "map",
        "map_uid",
        "name",
        "object",
        "owning",
        "plain",
        "r0_rdonly",
        "r0_size",
        "ref",
        "release_reg",
        "root",
        "root_owner",
        "subprog",
    )

    def __init__(self, kfunc: Kfunc, flags: int) -> None:
        self.kfunc = kfunc
        self.name = kfunc.name
        self.plain = kfunc.name.removesuffix("_impl")
        self.flags = flags
        self.ref = 0
        self.release_reg = 0
        self.constant: int | None = None
        self.r0_size = 0
        self.r0_rdonly = False
        self.subprog = 0
        self.map: Map | None = None
        self.map_uid: object = 0
        self.object: tuple[Btf, int] | None = None
        self.owning = False
        self.root: RecordField | None = None
        self.root_owner: object = None
        self.context_id = 0
        self.dynptr_type: object = 0
        self.dynptr_id = 0
        self.dynptr_ref = 0
        self.iter_frame = 0
        self.iter_slot = 0
