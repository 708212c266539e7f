"""Programs that implement a function of a kernel structure, as Linux 6.1, 6.12, 6.18 and 7.2 answered.

Rows of struct_ops.txt: kernels, member (tcp: tcp_congestion_ops …; "S:" sleeps), program (words in capitals are those
of SHORT), the sentence of a refusal, processed instructions.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from kverdict.btf.types import KIND_STRUCT
from kverdict.program.assembled import program_from_text
from kverdict.program.link import link
from kverdict.verify.verdict import Accepted, Rejected, Unsupported
from kverdict.verify.verify import verify
from tests.fixtures import opened
from tests.verify.asking import profile

ROWS: Final = Path(__file__).with_name("struct_ops.txt")
TCP_INIT: Final = "struct_ops/tcp_congestion_ops.init"
STRUCTURES: Final = {
    "tcp": "tcp_congestion_ops",
    "dummy": "bpf_dummy_ops",
    "qdisc": "Qdisc_ops",
    "scx": "sched_ext_ops",
    "cid": "sched_ext_ops_cid",
}
SHORT: Final = {
    "GETSOCKOPT": "*(u32 *)(r10 -4) = 1; ARG; r2 = 6; r3 = 1; r4 = r10; r4 += -4; r5 = 4; call bpf_getsockopt",
    "ARG": "r1 = *(u64 *)(r1 +0)",
    "SKB": "r6 = *(u64 *)(r1 +0)",
    "FREE": "r1 = r6; call bpf_kfree_skb",
    "DYNPTR": "r1 = r6; r2 = 0; r3 = r10; r3 += -16; call bpf_dynptr_from_skb",
    "SIZE": "r1 = r10; r1 += -16; call bpf_dynptr_size",
    "MAP": "# map 0: array 4 16 4 kptr=sk_buff@0",
    "LOOK": "*(u32 *)(r10 -40) = 0; r2 = r10; r2 += -40; r1 = map[id:0]; call bpf_map_lookup_elem; if r0 == 0 goto out",
}


def _text(program: str) -> str:
    for word, lines in SHORT.items():
        program = re.sub(rf"\b{word}\b", lines, program)
    return "\n".join(line.strip() for line in program.split(";"))


def _section(member: str) -> str:
    if "/" in member:
        return member
    stem = "struct_ops.s" if member.startswith("S:") else "struct_ops"
    structure, _, name = member.removeprefix("S:").partition(".")
    return f"{stem}/{STRUCTURES.get(structure, structure)}.{name}"


def _cases() -> list[tuple[str, str, str, str, int]]:
    found: list[tuple[str, str, str, str, int]] = []
    for line in ROWS.read_text().splitlines():
        if not line.startswith("#"):
            kernels, member, program, sentence, count = (part.strip() for part in line.split(" | "))
            found += [(kernel, member, program, sentence, int(count)) for kernel in kernels.split()]
    return found


@pytest.mark.parametrize(("kernel", "member", "program", "sentence", "count"), _cases())
def test_as_the_kernel_answered(kernel: str, member: str, program: str, sentence: str, count: int) -> None:
    verdict = verify(program_from_text(_text(program), _section(member), profile(kernel)))
    assert isinstance(verdict, (Accepted, Rejected)), verdict
    said = verdict.sentence if isinstance(verdict, Rejected) else ""
    assert re.sub(r"btf_id \d+", "btf_id N", said) == sentence
    assert verdict.stats.insns_processed == count


@pytest.mark.parametrize("kernel", ["6.12", "6.18", "7.2"])
def test_no_writes_by_untrusted_pointers(kernel: str) -> None:
    kind = profile(kernel).btf.find("tcp_sock", KIND_STRUCT)
    cast = f"ARG; r2 = {kind}; call bpf_rdonly_cast; r2 = 0; "
    write = program_from_text(_text(cast + "*(u32 *)(r0 +tcp_sock.snd_cwnd) = r2; exit"), TCP_INIT, profile(kernel))
    read = program_from_text(_text(cast + "r2 = *(u32 *)(r0 +tcp_sock.snd_cwnd); exit"), TCP_INIT, profile(kernel))
    verdict = verify(write)
    assert isinstance(verdict, Rejected)
    assert (verdict.sentence, verdict.stats.insns_processed) == ("only read is supported", 5)
    assert isinstance(verify(read), Accepted)


def test_the_licence_comes_first() -> None:
    program = program_from_text("exit", "struct_ops/tcp_congestion_ops.get_info", profile("6.18"), license="MIT")
    verdict = verify(program)
    assert isinstance(verdict, Rejected)
    assert verdict.sentence == "struct ops programs must have a GPL compatible license"


def test_structures_without_rules_are_not_judged() -> None:
    verdict = verify(program_from_text("r0 = 0\nexit", "struct_ops/io_uring_bpf_ops.loop_step", profile("7.2")))
    assert isinstance(verdict, Unsupported)
    assert verdict.what == "struct_ops of io_uring_bpf_ops"


# Objects in C: what Linux 7.2 said to each program.
OBJECTS: Final = (
    ("schedulers", "fifo_select_cpu", "", 29),
    ("schedulers", "fifo_enqueue", "", 27),
    ("schedulers", "fifo_dispatch", "", 11),
    ("schedulers", "fifo_exit", "", 8),
    ("schedulers", "vtime_enqueue", "", 20),
    ("schedulers", "vtime_running", "", 21),
    ("schedulers", "vtime_stopping", "", 11),
    ("schedulers", "vtime_enable", "", 5),
    ("schedulers", "bad_enqueue", "R1 cannot write into ptr_task_struct at off=876 size=4", 3),
    ("schedulers", "bad_dispatch", "R1 invalid mem access 'trusted_ptr_or_null_'", 3),
    ("schedulers", "bad_running", "calling kernel function scx_bpf_dsq_insert is not allowed", 5),
    ("schedulers", "bad_init", "program must be sleepable to call sleepable kfunc scx_bpf_create_dsq", 3),
    ("schedulers", "fifo_init", "", 4),
    ("schedulers", "vtime_init_task", "", 18),
    ("schedulers", "bad_enable", "attach to unsupported member enable of struct sched_ext_ops", 0),
    ("qdisc", "ring_enqueue", "", 47),
    ("qdisc", "ring_dequeue", "", 36),
    ("qdisc", "ring_reset", "", 30),
    ("qdisc", "leaking_enqueue", "BPF_EXIT instruction in main prog would lead to reference leak", 2),
    ("qdisc", "dropping_dequeue", "calling kernel function bpf_qdisc_skb_drop is not allowed", 14),
    ("qdisc", "writing_reset", "R1 cannot write into ptr_Qdisc at off=8 size=8", 3),
)


@pytest.mark.parametrize(("thing", "name", "sentence", "count"), OBJECTS)
def test_objects_as_linux_7_2_answered(thing: str, name: str, sentence: str, count: int) -> None:
    verdict = verify(link(opened(thing), name, profile("7.2")))
    assert isinstance(verdict, (Accepted, Rejected)), verdict
    assert (verdict.sentence if isinstance(verdict, Rejected) else "") == sentence
    assert verdict.stats.insns_processed == count
