"""What a program attaches to: section name → program type, attach type, and the BTF id of the target in the kernel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from kverdict.btf.flavour import essential_name
from kverdict.btf.types import KIND_FUNC, KIND_STRUCT, KIND_TYPEDEF, Struct
from kverdict.errors import LinkError
from kverdict.kernel.profile import KernelProfile
from kverdict.objfile.object import Object, ProgramDef
from kverdict.objfile.sections import ATTACH_BTF, SLEEPABLE, USDT, XDP_FRAGS, SectionRule, rule_for

F_SLEEPABLE: Final = 1 << 4
F_XDP_HAS_FRAGS: Final = 1 << 5
# BPF_PROG_LOAD looks at the attach type of these before the verifier runs; of others it takes any number.
# Kernel: bpf_prog_load_check_attach().
_CHECKED: Final = frozenset(
    {"cgroup_sock", "cgroup_sock_addr", "cgroup_sockopt", "sk_lookup", "sk_reuseport", "netfilter"}
)
_PREFIXES: Final = {
    "trace_raw_tp": ("btf_trace_", KIND_TYPEDEF),
    "lsm_mac": ("bpf_lsm_", KIND_FUNC),
    "lsm_cgroup": ("bpf_lsm_", KIND_FUNC),
    "trace_iter": ("bpf_iter_", KIND_FUNC),
}


@dataclass(frozen=True, slots=True)
class Attachment:
    """See Program: the fields of the same names. member_index: of a struct_ops callback, else -1."""

    prog_type: str
    attach_type: str
    attach_name: str
    attach_btf_id: int
    variant: str
    sleepable: bool
    flags: int
    struct_ops_type: str = ""
    member_index: int = -1


def attachment(obj: Object, program: ProgramDef, profile: KernelProfile) -> Attachment:
    """What libbpf would tell the kernel about this program. Raises LinkError where libbpf or BPF_PROG_LOAD refuses.

    libbpf: find_sec_def(), libbpf_prepare_prog_load(), libbpf_find_attach_btf_id().
    """
    rule = rule_for(program.section)
    if rule is None:
        raise LinkError(f"prog '{program.name}': missing BPF prog type, check ELF section name '{program.section}'")
    if rule.prog_type not in profile.prog_types:
        raise LinkError(f"prog '{program.name}': kernel {profile.name} has no program type {rule.prog_type}")
    if rule.prog_type == "struct_ops":
        return _struct_ops(obj, program, rule, profile)
    attach_type = rule.attach_type
    if rule.flags & USDT and _knows(profile, "trace_uprobe_multi"):
        attach_type = "trace_uprobe_multi"
    must_exist = rule.prog_type in _CHECKED or rule.flags & ATTACH_BTF
    if must_exist and attach_type and not _knows(profile, attach_type):
        raise LinkError(f"prog '{program.name}': kernel {profile.name} has no attach type {attach_type}")
    target = program.section.partition("/")[2]
    btf_id = _target_id(program, rule, target, profile) if rule.flags & ATTACH_BTF else 0
    return Attachment(
        rule.prog_type,
        attach_type,
        target if rule.flags & ATTACH_BTF or rule.pattern.endswith("+") else "",
        btf_id,
        f"{rule.variant}/{target}" if attach_type == "trace_iter" else rule.variant,
        bool(rule.flags & SLEEPABLE),
        _flags(rule),
    )


def _flags(rule: SectionRule) -> int:
    flags = F_SLEEPABLE if rule.flags & SLEEPABLE else 0
    return flags | (F_XDP_HAS_FRAGS if rule.flags & XDP_FRAGS else 0)


def _knows(profile: KernelProfile, attach_type: str) -> bool:
    return attach_type in profile.attach_types


def _target_id(program: ProgramDef, rule: SectionRule, target: str, profile: KernelProfile) -> int:
    name = program.name
    if not target:
        raise LinkError(f"prog '{name}': no BTF-based attach target is specified, use bpf_program__set_attach_target()")
    if rule.prog_type == "ext":
        raise LinkError(f"prog '{name}': attach program FD is not set")
    module, separator, function = target.rpartition(":")
    prefix, kind = _PREFIXES.get(rule.attach_type, ("", KIND_FUNC))
    found = 0
    if not separator or "vmlinux".startswith(module):
        found = profile.btf.find(prefix + function, kind)
    if not found:
        raise LinkError(f"prog '{name}': failed to find kernel BTF type ID of '{target}': -ESRCH")
    return found


def _struct_ops(obj: Object, program: ProgramDef, rule: SectionRule, profile: KernelProfile) -> Attachment:
    """The first struct_ops map that names the program decides. libbpf: bpf_map__init_kern_struct_ops()."""
    for definition in obj.maps:
        for member_name, called in definition.callbacks.items():
            if called != program.name or obj.btf is None:
                continue
            type_name = essential_name(obj.btf.type(definition.value_type_id).name)
            type_id = profile.btf.find(type_name, KIND_STRUCT)
            for wanted in (f"bpf_struct_ops_{type_name}", type_name):
                if not profile.btf.find(wanted, KIND_STRUCT):
                    raise LinkError(f"struct_ops init_kern: struct {wanted} is not found in kernel BTF")
            index = _member_index(profile, type_id, member_name)
            if index < 0:
                raise LinkError(
                    f"struct_ops init_kern {definition.name}: Cannot find member {member_name} in kernel BTF"
                )
            return _callback(rule, type_name, type_id, member_name, index)
    raise LinkError(
        f"prog '{program.name}': SEC(\"struct_ops\") program isn't referenced anywhere, did you forget to use it?"
    )


def struct_ops_attachment(section: str, profile: KernelProfile) -> Attachment:
    """Of a program without an object, whose section says it all: "struct_ops/TYPE.MEMBER". Raises LinkError."""
    type_name, _, member_name = section.partition("/")[2].partition(".")
    rule = rule_for(section)
    type_id = profile.btf.find(type_name, KIND_STRUCT)
    if rule is None or not type_id:
        raise LinkError(f"struct_ops init_kern: struct {type_name} is not found in kernel BTF")
    index = _member_index(profile, type_id, member_name)
    if index < 0:
        raise LinkError(f"struct_ops init_kern {type_name}: Cannot find member {member_name} in kernel BTF")
    return _callback(rule, type_name, type_id, member_name, index)


def _member_index(profile: KernelProfile, type_id: int, name: str) -> int:
    found = profile.btf.type(type_id)
    members = found.members if isinstance(found, Struct) else ()
    return next((i for i, member in enumerate(members) if member.name == name), -1)


def _callback(rule: SectionRule, type_name: str, type_id: int, member_name: str, index: int) -> Attachment:
    return Attachment(
        "struct_ops",
        "",
        member_name,
        type_id,
        f"struct_ops/{type_name}.{member_name}",
        bool(rule.flags & SLEEPABLE),
        _flags(rule),
        type_name,
        index,
    )
