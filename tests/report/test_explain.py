"""Explanations of messages and of pasted logs."""

from __future__ import annotations

import pytest

from kverdict.catalogue import all_messages, by_id
from kverdict.report.explain import log_text, message_text, nearest_ids


def text_of(message_id: str) -> str:
    message = by_id(message_id)
    assert message is not None
    return message_text(message, {})


def test_every_message_can_be_explained() -> None:
    texts = [message_text(message, {}) for message in all_messages()]
    assert [text for text in texts if "The kernel says:" not in text or "{{" in text or "{subject}" in text] == []


def test_older_wordings_name_the_behaviour_that_changed_them() -> None:
    assert "Possibly NULL pointer passed to trusted arg{arg}    (kernels without MESSAGES_NAME_REGISTERS)" in text_of(
        "maybe-null-arg"
    )


def test_programs_of_a_page_are_indented_not_fenced() -> None:
    assert "```" not in text_of("nested-rcu-lock")
    assert "\n    call bpf_rcu_read_lock\n" in text_of("nested-rcu-lock")


def test_an_id_with_a_typo_has_neighbours() -> None:
    assert "maybe-null-arg" in nearest_ids("maybe-nul-arg")


@pytest.mark.parametrize(
    "log",
    [
        "libbpf: prog 'x': BPF program load failed: Permission denied\nlibbpf: prog 'x': -- BEGIN PROG LOAD LOG --\n"
        "0: R1=ctx() R10=fp0\n; a = b(); @ x.bpf.c:7\n3: (85) call bpf_task_release#100\n"
        "Possibly NULL pointer passed to trusted arg0\nprocessed 4 insns (limit 1000000) max_states_per_insn 0\n"
        "-- END PROG LOAD LOG --\nlibbpf: failed to load object 'x.bpf.o'\n",
        "; a = b();\n3: (85) call bpf_task_release#100\nPossibly NULL pointer passed to trusted arg0\n",
    ],
)
def test_the_sentence_in_a_log_is_found_with_its_place(log: str) -> None:
    said = log_text(log)
    assert said.startswith("maybe-null-arg: Possibly NULL pointer passed to trusted arg0\n")
    assert "at instruction 3: call bpf_task_release#100" in said and "source: a = b();" in said


def test_the_last_sentence_counts() -> None:
    log = "Unreleased reference id=2 alloc_insn=1\nBPF_EXIT instruction in main prog would lead to reference leak\n"
    assert log_text(log).startswith("unreleased-reference: BPF_EXIT")


def test_a_log_of_an_accepted_program_has_nothing_to_explain() -> None:
    assert log_text("0: (b7) r0 = 0\n1: (95) exit\nprocessed 2 insns (limit 1000000)\n") == ""
