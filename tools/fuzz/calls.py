"""Random calls of every helper and kernel function, with arguments that nearly fit their prototypes.

Where generate.py makes long programs of few constructs, this makes short ones that try all callees: which kinds of
programs may call them, which kinds of arguments they take, and what may be done with what they return.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final

from kverdict.btf.layout import skip_modifiers
from kverdict.btf.types import Ptr
from kverdict.kernel import proto
from kverdict.kernel.helpers import Helper
from kverdict.kernel.kfuncs import Kfunc
from kverdict.kernel.profile import KernelProfile
from kverdict.program.assembled import program_from_text
from tools.fuzz.generate import Sample

_MAPS: Final = (
    "# map 0: array 4 64 1",
    "# map 1: hash 8 48 16",
    "# map 2: hash 4 16 8 kptr=task_struct@0",
    "# map 3: ringbuf 0 0 4096",
    "# map 4: array 4 64 1 rdonly",
    "# map 5: prog_array 4 4 4",
    "# map 6: sockmap 4 4 4",
    "# map 7: queue 0 8 4",
)
# How each kind of program begins: r9 keeps the context, r6 the first argument where it is a pointer.
_SECTIONS: Final = {
    "tp_btf/task_newtask": ("r9 = r1", "r6 = *(u64 *)(r9 +0)"),
    "lsm.s/file_open": ("r9 = r1", "r6 = *(u64 *)(r9 +0)"),
    "fentry/vfs_read": ("r9 = r1", "r6 = *(u64 *)(r9 +0)"),
    "tc": ("r9 = r1",),
    "xdp": ("r9 = r1",),
    "syscall": ("r9 = r1",),
    "iter/task": ("r9 = r1",),
    "cgroup/connect4": ("r9 = r1",),
}
_WITH_POINTER: Final = ("tp_btf/task_newtask", "lsm.s/file_open", "fentry/vfs_read")
_NEVER_ON_HOST: Final = ("lsm.s/file_open", "fentry/vfs_read")  # a running kernel may refuse them for its own reasons
_CURRENT: Final = "call bpf_get_current_task_btf"
_LOOKUP: Final = ("r2 = r10", "r2 += -16", "call bpf_map_lookup_elem")
# Ways to make a value in r7; each may use r0 to r5.
_VALUES: Final[dict[str, Sequence[str]]] = {
    "null": ("r7 = 0",),
    "one": ("r7 = 1",),
    "eight": ("r7 = 8",),
    "large": ("r7 = 100000",),
    "negative": ("r7 = -1",),
    "unknown": ("call bpf_get_prandom_u32", "r7 = r0"),
    "stack": ("r7 = r10", "r7 += -16"),
    "unwritten stack": ("r7 = r10", "r7 += -64"),
    "somewhere in the stack": ("call bpf_get_prandom_u32", "r0 &= 7", "r7 = r10", "r7 += -32", "r7 += r0"),
    "below the stack": ("r7 = r10", "r7 += -520"),
    "context": ("r7 = r9",),
    "in the context": ("r7 = r9", "r7 += 8"),
    "value": ("r7 = map[id:0][0]+0",),
    "end of a value": ("r7 = map[id:0][0]+40",),
    "constant": ("r7 = map[id:4][0]+0",),
    "maybe a value": ("r1 = map[id:1]", *_LOOKUP, "r7 = r0"),
    "task": (_CURRENT, "r7 = r0"),
    "in a task": (_CURRENT, "r7 = r0", "r7 += 8"),
    "parent": (_CURRENT, "r7 = *(u64 *)(r0 +task_struct.parent)"),
    "css_set": (_CURRENT, "r7 = *(u64 *)(r0 +task_struct.cgroups)"),
    "mm": (_CURRENT, "r7 = *(u64 *)(r0 +task_struct.mm)"),
    "cpus of a task": (_CURRENT, "r7 = r0", "r7 += task_struct.cpus_mask"),
    "cpus": (_CURRENT, "r7 = *(u64 *)(r0 +task_struct.cpus_ptr)"),
    "maybe a held task": ("r1 = 1", "call bpf_task_from_pid", "r7 = r0"),
    "held task": ("r1 = 1", "call bpf_task_from_pid", "if r0 == 0 goto out", "r7 = r0"),
    "cpumask": ("call bpf_cpumask_create", "if r0 == 0 goto out", "r7 = r0"),
    "cgroup": ("r1 = 1", "call bpf_cgroup_from_id", "if r0 == 0 goto out", "r7 = r0"),
    "kptr": ("r1 = map[id:2]", *_LOOKUP, "if r0 == 0 goto out", "r7 = *(u64 *)(r0 +0)"),
    "ring buffer": (
        "r1 = map[id:3]",
        "r2 = 64",
        "r3 = 0",
        "call bpf_ringbuf_reserve",
        "if r0 == 0 goto out",
        "r7 = r0",
    ),
    "dynptr": (
        *("r1 = map[id:0][0]+0", "r2 = 16", "r3 = 0", "r4 = r10", "r4 += -48", "call bpf_dynptr_from_mem"),
        *("r7 = r10", "r7 += -48"),
    ),
    "held dynptr": (
        *("r1 = map[id:3]", "r2 = 16", "r3 = 0", "r4 = r10", "r4 += -48", "call bpf_ringbuf_reserve_dynptr"),
        *("r7 = r10", "r7 += -48"),
    ),
    "function": ("r7 = subprog[callback]",),
    "argument": ("r7 = r6",),
    **{f"map {number}": (f"r7 = map[id:{number}]",) for number in (0, 1, 2, 3, 5, 6, 7)},
}
_AROUND: Final = ("call bpf_rcu_read_lock", "call bpf_rcu_read_lock", "call bpf_preempt_disable")
_ANY_MAP: Final = tuple(name for name in _VALUES if name.startswith("map "))
_NUMBERS: Final = ("one", "eight", "unknown", "null", "large")
_MEMORY: Final = (
    *("stack", "unwritten stack", "value", "end of a value", "constant", "maybe a value"),
    *("somewhere in the stack", "null", "ring buffer", "kptr"),
)
_TASKS: Final = ("task", "maybe a held task", "held task", "parent", "null", "kptr", "in a task")
_DYNPTRS: Final = ("dynptr", "held dynptr", "stack", "unwritten stack")
_BY_STRUCT: Final = {
    "task_struct": _TASKS,
    "bpf_dynptr": _DYNPTRS,
    "cgroup": ("cgroup", "task", "null"),
    "cpumask": ("cpumask", "cpus of a task", "cpus"),
    "bpf_cpumask": ("cpumask", "cpus of a task"),
    "file": ("argument",),
    "__sk_buff": ("context", "in the context"),
    "xdp_md": ("context",),
    "css_set": ("css_set",),
    "mm_struct": ("mm",),
}
_SIZES: Final = (proto.ARG_CONST_SIZE, proto.ARG_CONST_SIZE_OR_ZERO, proto.ARG_CONST_ALLOC_SIZE_OR_ZERO)
_BY_ARGUMENT: Final = {
    **dict.fromkeys(_SIZES, ("eight", "one", "null", "unknown", "large", "negative")),
    proto.ARG_ANYTHING: ("one", "null", "unknown", "eight"),
    proto.ARG_CONST_MAP_PTR: _ANY_MAP,
    proto.ARG_PTR_TO_CTX: ("context", "context", "context", "in the context", "null"),
    proto.ARG_PTR_TO_FUNC: ("function",),
    proto.ARG_PTR_TO_DYNPTR: _DYNPTRS,
    proto.ARG_PTR_TO_CONST_STR: ("constant", "value"),
    proto.ARG_PTR_TO_BTF_ID: (*_TASKS, "mm", "argument"),
}
_BY_MACHINE: Final = ("bpf_get_smp_processor_id",)  # its bound depends on how many CPUs the asked kernel has
_TRIVIAL: Final = "r0 = 0\nexit\n"
Hints = tuple[Sequence[str], ...]  # by argument, the values that are likely to fit


class Calls:
    """Makes the programs for one kernel. running: it is the one of this machine."""

    def __init__(self, profile: KernelProfile, running: bool) -> None:
        self.profile = profile
        sections = [name for name in _SECTIONS if not (running and name in _NEVER_ON_HOST)]
        self.variants = {name: program_from_text(_TRIVIAL, name, profile).variant for name in sections}
        self.values = {name: lines for name, lines in _VALUES.items() if all(map(self._knows, lines))}
        self.sections = [line for line in _AROUND if self._knows(line)]
        kptr = "task_struct" in profile.kptr_destructors
        self.maps = tuple(line if kptr else line.partition(" kptr=")[0] for line in _MAPS)
        self.callees: list[tuple[str, Hints]] = []
        for name in sorted(profile.helper_ids):
            helper = profile.helper_proto(profile.helper_ids[name], "")
            if helper is not None and name not in _BY_MACHINE:
                self.callees.append((name, _of_helper(helper)))
        for name in sorted(profile.kfunc_names):
            kfunc = profile.kfunc(name)
            if kfunc is not None and len(kfunc.params) <= 5:
                self.callees.append((name, _of_kfunc(profile, kfunc)))

    def sample(self, seed: int) -> Sample:
        """The program of this seed; the same wherever this kernel's facts are the same."""
        dice = random.Random(seed)
        name, hints = dice.choice(self.callees)
        section = dice.choice(self._may_call(name) if dice.random() < 0.95 else list(self.variants))
        lines = [*_SECTIONS[section], *(f"*(u64 *)(r10 -{off}) = 0" for off in (8, 16, 24, 32))]
        if self.sections and dice.random() < 0.09:
            lines.append(dice.choice(self.sections))
        chosen = [self._value(dice, section, likely) for likely in hints]
        for place, value in enumerate(chosen):
            lines += [*self.values[value], f"*(u64 *)(r10 -{72 + 8 * place}) = r7"]
        lines += [f"r{place + 1} = *(u64 *)(r10 -{72 + 8 * place})" for place in range(len(chosen))]
        lines.append(f"call {name}")
        after = dice.random()
        if after < 0.3:
            lines += ["r8 = r0", "if r8 == 0 goto out", "r1 = r8"]
        if after < 0.15:
            lines.append("r0 = *(u8 *)(r8 +0)")
        lines += ["out:", "r0 = 0", "exit"]
        if "function" in chosen:
            lines += ["callback:", "r0 = 0", "exit"]
        return Sample(seed, section, (*self.maps, *lines))

    def _knows(self, line: str) -> bool:
        """The line calls nothing that this kernel lacks."""
        call, _, name = line.partition("call ")
        return bool(call) or not name or name in self.profile.helper_ids or self.profile.kfunc(name) is not None

    def _may_call(self, name: str) -> list[str]:
        """Sections whose programs may call it, as far as is known; all of them if none may."""
        profile = self.profile
        kfunc = profile.kfunc(name) if name not in profile.helper_ids else None
        found = []
        for section, variant in self.variants.items():
            if kfunc is None:
                refused = profile.helper_refused(profile.helper_ids[name], variant)
            else:
                refused = profile.kfunc_call_refused(kfunc, variant)
            if refused is None:
                found.append(section)
        return found or list(self.variants)

    def _value(self, dice: random.Random, section: str, likely: Sequence[str]) -> str:
        known = [name for name in likely if name in self.values]
        value = dice.choice(known) if known and dice.random() < 0.85 else dice.choice(tuple(self.values))
        return "task" if value == "argument" and section not in _WITH_POINTER else value


def _of_helper(helper: Helper) -> Hints:
    return tuple(_BY_ARGUMENT.get(arg & proto.BASE_MASK, _MEMORY) for arg in helper.args)


def _of_kfunc(profile: KernelProfile, kfunc: Kfunc) -> Hints:
    btf = profile.btf
    found: list[Sequence[str]] = []
    for param in kfunc.params:
        pointer = btf.type(skip_modifiers(btf, param.type_id))
        if not isinstance(pointer, Ptr):
            found.append(_NUMBERS)
        elif param.name.endswith("__map"):
            found.append(_ANY_MAP)
        elif param.name.endswith("__str"):
            found.append(("constant", "value"))
        else:
            struct = btf.type(skip_modifiers(btf, pointer.type_id)).name if pointer.type_id else ""
            found.append(_BY_STRUCT.get(struct, (*_MEMORY, "context", "function")))
    return tuple(found)
