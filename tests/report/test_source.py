"""Finding calls, arguments and variables in a line of C."""

from __future__ import annotations

import pytest

from kverdict.report.source import assigned_name, code_at, find_argument, find_call


@pytest.mark.parametrize(
    ("line", "callee", "number", "text"),
    [
        ("\tbpf_task_release(acquired);", "bpf_task_release", 0, "acquired"),
        ("old = bpf_kptr_xchg(&v->task, NULL);", "bpf_kptr_xchg", 0, "&v->task"),
        ("old = bpf_kptr_xchg(&v->task, NULL);", "bpf_kptr_xchg", 1, "NULL"),
        ("f(g(a, b), (c, d), e)", "f", 1, "(c, d)"),
        ("f(g(a, b), (c, d), e)", "g", 1, "b"),
        ("bpf_probe_read_kernel(dst, sizeof(dst),", "bpf_probe_read_kernel", 1, "sizeof(dst)"),
    ],
)
def test_arguments_are_found(line: str, callee: str, number: int, text: str) -> None:
    piece = find_argument(line, callee, number)
    assert piece is not None and piece.text == text
    assert line[piece.column :].startswith(text)


def test_what_is_not_there_is_not_found() -> None:
    assert find_argument("f(a)", "f", 3) is None
    assert find_argument("xf(a)", "f", 0) is None
    assert find_argument("f()", "f", 0) is None
    assert find_call("no call", "f") is None


def test_a_call_ends_at_its_own_parenthesis_or_with_the_line() -> None:
    assert find_call("x = f(g(a), b) + 1;", "f") == ("f(g(a), b)", 4)
    assert find_call("x = f(a,", "f") == ("f(a,", 4)


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("acquired = bpf_task_acquire(t);", "acquired"),
        ("struct task_struct *p = bpf_task_acquire(t);", "p"),
        ("v->task = bpf_task_acquire(t);", "v->task"),
        ("if (x == bpf_task_acquire(t))", ""),
        ("bpf_task_acquire(t);", ""),
    ],
)
def test_the_assigned_variable_is_named(line: str, name: str) -> None:
    piece = find_call(line, "bpf_task_acquire")
    assert piece is not None
    assert assigned_name(line, piece.column) == name


def test_code_without_a_column_is_the_whole_line() -> None:
    assert code_at("\treturn 0;", -1) == ("return 0", 1)
    assert code_at("\treturn 0;", 1) == ("return 0", 1)
