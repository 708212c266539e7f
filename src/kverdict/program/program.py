"""A program of an object, linked against one kernel profile and frozen: what the verifier and the machine read."""

from __future__ import annotations

from dataclasses import dataclass, field

from kverdict.btf.btf import Btf
from kverdict.diagnostic import Place
from kverdict.isa.insn import Insn
from kverdict.kernel.profile import KernelProfile


@dataclass(frozen=True, slots=True)
class RecordField:
    """A special field inside a map value or an allocated object; kernel: struct btf_field.

    kind: "spin_lock", "res_spin_lock", "timer", "wq", "task_work", "kptr_unref", "kptr_ref", "kptr_percpu", "uptr",
    "list_head", "list_node", "rb_root", "rb_node", "refcount". offset and size in bytes. For pointers: `type_id` of
    the pointee, in the kernel's BTF if `in_kernel`, else in the program's; `destructor`: name of the kernel function.
    For list_head and rb_root: `type_id` is the contained structure (program BTF), `node_offset` its node member.
    """

    kind: str
    offset: int
    size: int
    type_id: int = 0
    in_kernel: bool = True
    destructor: str = ""
    node_offset: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Map:
    """A map as the program sees it (each object is a map of its own: equality is identity). Sizes in bytes.

    map_type is BPF_MAP_TYPE_*; flags are BPF_F_* of creation. contents: initial bytes of .data/.rodata/.bss/.kconfig
    maps (presets and externs applied), else None. read_only: frozen and BPF_F_RDONLY_PROG (the verifier reads
    constants out of it). fields_error: why the kernel gave up on the special fields; the map then has none.
    slots: initial values of a map of maps (index → map name) or of a program array (index → program name).
    """

    name: str
    map_type: int
    key_size: int
    value_size: int
    max_entries: int
    flags: int = 0
    extra: int = 0
    key_type_id: int = 0
    value_type_id: int = 0
    btf: Btf | None = None
    inner: Map | None = None
    contents: bytes | None = None
    read_only: bool = False
    fields: tuple[RecordField, ...] = ()
    fields_error: str = ""
    slots: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class FuncInfo:
    """Where a subprogram starts (instruction index) and the FUNC type in the program's BTF."""

    insn: int
    type_id: int


@dataclass(frozen=True, slots=True)
class Program:
    """One loadable program: everything that bpf(BPF_PROG_LOAD) would get, and where it came from.

    insns: one entry a kernel slot (LD_IMM64 takes two, the second with op 0). Maps are numbered by `maps`, kfuncs by
    BTF ids of `profile.btf`. prog_type, attach_type: names without BPF_PROG_TYPE_ / BPF_, in lower case ("tracing",
    "trace_raw_tp"). attach_name: the kernel function, tracepoint, hook or struct_ops member ("task_newtask");
    attach_btf_id: its id in `profile.btf`, 0 if none. variant: the name used by the facts files ("tp_btf", "fentry.s",
    "iter/task"). subprogs: start indexes, first is 0. places: one for each slot.

    extra, of linked programs: line_info (instructions at which a line record starts) and line_records (the records);
    poisoned ((instruction, what CO-RE could not resolve)…); unresolved ((instruction, weak extern that this kernel
    lacks)…); btf_refused (why the kernel has no BTF of the program, or ""); parts ((start, function, first slot in its
    section)…); member_index (of a struct_ops callback, else -1); variables (see program/variables.py).
    """

    object_name: str
    name: str
    section: str
    prog_type: str
    attach_type: str
    attach_name: str
    attach_btf_id: int
    sleepable: bool
    variant: str
    insns: tuple[Insn, ...]
    maps: tuple[Map, ...]
    profile: KernelProfile
    btf: Btf | None = None
    func_info: tuple[FuncInfo, ...] = ()
    subprogs: tuple[int, ...] = (0,)
    places: tuple[Place, ...] = ()
    license: str = "GPL"
    flags: int = 0
    struct_ops_type: str = ""
    extra: dict[str, object] = field(default_factory=dict)

    def place(self, insn: int) -> Place:
        """Where instruction `insn` stands in the source, as far as it is known."""
        return self.places[insn] if 0 <= insn < len(self.places) else Place(insn)
