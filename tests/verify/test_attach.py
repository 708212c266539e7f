"""Where programs may be attached, as Linux 6.12 and 7.2 answered (both without an error injection list)."""

from __future__ import annotations

import pytest

from tests.verify.asking import says

RETURNS_ZERO = "r0 = 0\nexit"
NORETURN = "Attaching fexit/fsession/fmod_ret to __noreturn function 'do_exit' is rejected."

ASKED = (
    ("7.2", "fexit/do_exit", NORETURN),
    ("7.2", "fsession/do_exit", NORETURN),
    ("7.2", "fentry/do_exit", ""),
    ("7.2", "fentry.s/bpf_fentry_test1", ""),
    ("7.2", "fentry.s/vfs_read", "vfs_read is not sleepable"),
    ("7.2", "fentry.s/security_file_open", "security_file_open is not sleepable"),
    ("6.12", "fentry.s/bpf_fentry_test1", ""),
    ("6.12", "fentry.s/vfs_read", "vfs_read is not sleepable"),
    ("6.12", "fentry.s/security_file_open", "security_file_open is not sleepable"),
)


@pytest.mark.parametrize(("kernel", "section", "sentence"), ASKED)
def test_what_may_be_attached(kernel: str, section: str, sentence: str) -> None:
    assert says(RETURNS_ZERO, kernel, section) == sentence
