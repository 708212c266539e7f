"""Attach targets: what libbpf would tell the kernel, or why it would not."""

from __future__ import annotations

import pytest

from kverdict.errors import LinkError
from kverdict.kernel.profile import load_profile
from kverdict.program.attach import F_SLEEPABLE, F_XDP_HAS_FRAGS, Attachment, attachment
from tests.fixtures import opened


def attached(program: str, kernel: str = "6.12") -> Attachment:
    obj = opened("attach")
    return attachment(obj, obj.program(program), load_profile(kernel))


@pytest.mark.parametrize(
    ("program", "prog_type", "attach_type", "target", "btf_name", "variant", "flags"),
    [
        ("on_entry", "tracing", "trace_fentry", "do_unlinkat", "do_unlinkat", "fentry", 0),
        ("on_exit_sleeping", "tracing", "trace_fexit", "do_unlinkat", "do_unlinkat", "fexit.s", F_SLEEPABLE),
        ("on_tracepoint", "tracing", "trace_raw_tp", "task_newtask", "btf_trace_task_newtask", "tp_btf", 0),
        ("on_hook", "lsm", "lsm_mac", "file_open", "bpf_lsm_file_open", "lsm", 0),
        ("on_hook_sleeping", "lsm", "lsm_mac", "file_open", "bpf_lsm_file_open", "lsm.s", F_SLEEPABLE),
        ("on_iterator", "tracing", "trace_iter", "task", "bpf_iter_task", "iter/task", 0),
        ("on_packet", "xdp", "xdp", "", "void", "xdp", F_XDP_HAS_FRAGS),
        ("on_connect", "cgroup_sock_addr", "cgroup_inet4_connect", "", "void", "cgroup_sock_addr/inet4_connect", 0),
        ("on_user_function", "kprobe", "", "libc.so:malloc", "void", "kprobe.s", F_SLEEPABLE),
        ("on_test_run", "syscall", "", "", "void", "syscall", F_SLEEPABLE),
    ],
)
def test_targets_are_found_in_the_kernel(
    program: str, prog_type: str, attach_type: str, target: str, btf_name: str, variant: str, flags: int
) -> None:
    found = attached(program)
    assert (found.prog_type, found.attach_type, found.attach_name) == (prog_type, attach_type, target)
    assert load_profile("6.12").btf.type(found.attach_btf_id).name == btf_name
    assert (found.variant, found.flags, found.sleepable) == (variant, flags, bool(flags & F_SLEEPABLE))


def test_a_struct_ops_program_attaches_to_the_member_that_its_map_gives_it() -> None:
    found = attached("my_cong_avoid")
    assert (found.struct_ops_type, found.attach_name) == ("tcp_congestion_ops", "cong_avoid")
    assert found.variant == "struct_ops/tcp_congestion_ops.cong_avoid" and found.member_index >= 0
    assert load_profile("6.12").btf.type(found.attach_btf_id).name == "tcp_congestion_ops"


@pytest.mark.parametrize(("kernel", "attach_type"), [("6.4", ""), ("6.12", "trace_uprobe_multi")])
def test_usdt_programs_use_the_multi_link_where_the_kernel_has_it(kernel: str, attach_type: str) -> None:
    assert attached("on_user_tracepoint", kernel).attach_type == attach_type


@pytest.mark.parametrize(
    ("program", "problem"),
    [
        ("nowhere", "no BTF-based attach target is specified, use bpf_program__set_attach_target()"),
        ("missing", "failed to find kernel BTF type ID of 'no_such_function': -ESRCH"),
        ("in_module", "failed to find kernel BTF type ID of 'some_module:function': -ESRCH"),
        ("replaces", "attach program FD is not set"),
        ("unknown", "missing BPF prog type, check ELF section name 'no_such_section'"),
        ("not_used", "program isn't referenced anywhere, did you forget to use it?"),
    ],
)
def test_what_cannot_be_attached_is_refused_in_libbpf_words(program: str, problem: str) -> None:
    with pytest.raises(LinkError) as refused:
        attached(program)
    assert str(refused.value).startswith(f"prog '{program}': ") and problem in str(refused.value)


def test_a_kernel_without_the_program_type_refuses() -> None:
    obj = opened("attach")
    program = obj.program("on_packet")
    netfilter = type(program)("x", "netfilter", program.section_index, program.start, program.code)
    with pytest.raises(LinkError, match=r"kernel 6\.1 has no program type netfilter"):
        attachment(obj, netfilter, load_profile("6.1"))
