"""__arg_ctx before the kernel knew it."""

from __future__ import annotations

import pytest

from kverdict.errors import UnsupportedError
from kverdict.kernel.profile import load_profile
from kverdict.program.link import link
from tests.fixtures import opened


def test_a_tagged_context_is_not_modelled_where_libbpf_must_rewrite_it() -> None:
    with pytest.raises(UnsupportedError, match=r"__arg_ctx of by_tag\(\) on a kernel before 6\.8"):
        link(opened("context"), "passes_tag", load_profile("6.4"))


@pytest.mark.parametrize(
    ("program", "kernel"), [("passes_type", "6.4"), ("passes_type", "6.12"), ("passes_tag", "6.12")]
)
def test_other_contexts_link(program: str, kernel: str) -> None:
    assert len(link(opened("context"), program, load_profile(kernel)).func_info) == 2
