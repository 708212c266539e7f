"""Values of __kconfig externs."""

from __future__ import annotations

import pytest

from kverdict.errors import LinkError, UnsupportedError
from kverdict.kernel.profile import KernelProfile, load_profile
from kverdict.objfile.externs import Extern
from kverdict.program.kconfig import kconfig_contents


def extern(name: str, shape: str, size: int, weak: bool = False, signed: bool = False) -> Extern:
    return Extern(name, 1, "kconfig", weak, 1, 1, shape, signed, size)


@pytest.fixture
def profile() -> KernelProfile:
    found = KernelProfile(load_profile("6.12")._source)
    found.config.update(CONFIG_YES="y", CONFIG_MODULE="m", CONFIG_NO="n", CONFIG_HZ="250", CONFIG_NAME='"abcdef"')
    return found


@pytest.mark.parametrize(
    ("wanted", "value"),
    [
        (extern("LINUX_HAS_SYSCALL_WRAPPER", "bool", 1), b"\1"),
        (extern("LINUX_SOMETHING", "int", 4, weak=True), bytes(4)),
        (extern("CONFIG_YES", "bool", 1), b"\1"),
        (extern("CONFIG_YES", "char", 1), b"y"),
        (extern("CONFIG_YES", "tristate", 4), b"\1\0\0\0"),
        (extern("CONFIG_MODULE", "tristate", 4), b"\2\0\0\0"),
        (extern("CONFIG_NO", "bool", 1, weak=True), b"\0"),
        (extern("CONFIG_HZ", "int", 2), b"\xfa\0"),
        (extern("CONFIG_NAME", "string", 4), b"abc\0"),
        (extern("CONFIG_NAME", "string", 8), b"abcdef\0\0"),
    ],
)
def test_a_setting_is_written_in_the_shape_of_its_variable(
    wanted: Extern, value: bytes, profile: KernelProfile
) -> None:
    assert kconfig_contents([wanted], len(value), profile) == value


def test_the_version_is_that_of_the_profile(profile: KernelProfile) -> None:
    version = kconfig_contents([extern("LINUX_KERNEL_VERSION", "int", 4)], 4, profile)
    assert int.from_bytes(version, "little") >> 8 == 6 << 8 | 12


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        (extern("CONFIG_MODULE", "bool", 1), "value 'm' implies bool, tristate, or char type"),
        (extern("CONFIG_HZ", "bool", 1), "value '250' implies integer type"),
        (extern("CONFIG_HZ", "char", 1, signed=True), "value '250' doesn't fit in 1 bytes"),
        (extern("CONFIG_NAME", "int", 4), "implies char array type"),
        (extern("CONFIG_NO", "bool", 1), "extern 'CONFIG_NO' (strong): not resolved"),
        (extern("SOMETHING", "int", 4, weak=True), "unrecognized virtual extern"),
        (extern("LINUX_SOMETHING", "int", 4), "unrecognized virtual extern"),
    ],
)
def test_what_libbpf_refuses_is_refused(wanted: Extern, problem: str, profile: KernelProfile) -> None:
    with pytest.raises(LinkError) as refused:
        kconfig_contents([wanted], 8, profile)
    assert problem in str(refused.value)


def test_an_unknown_setting_is_not_guessed_even_if_weak() -> None:
    weak = extern("CONFIG_UNHEARD_OF", "int", 4, weak=True)
    with pytest.raises(UnsupportedError, match=r"CONFIG_UNHEARD_OF: profile 6\.4 does not know"):
        kconfig_contents([weak], 4, load_profile("6.4"))


def test_where_the_whole_configuration_is_known_what_is_not_there_is_not_set(profile: KernelProfile) -> None:
    weak = extern("CONFIG_UNHEARD_OF", "int", 4, weak=True)
    assert kconfig_contents([weak], 4, profile) == bytes(4)
    with pytest.raises(LinkError, match=r"extern 'CONFIG_UNHEARD_OF' \(strong\): not resolved"):
        kconfig_contents([extern("CONFIG_UNHEARD_OF", "int", 4)], 4, profile)
