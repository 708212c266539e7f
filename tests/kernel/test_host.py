"""The running kernel: its own types, the nearest known rules, and both said."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from kverdict.errors import InputError
from kverdict.kernel import host
from kverdict.kernel.config import UNKNOWN, read_config, setting_in
from kverdict.kernel.facts import DATA, facts
from kverdict.kernel.profile import KernelProfile, load_profile


@pytest.mark.parametrize(
    ("release", "nearest"),
    [
        ("5.15.0-100-generic", "6.1"),
        ("6.1.55", "6.1"),
        ("6.5.0-44-generic", "6.1"),
        ("6.17.3", "6.12"),
        ("6.18.44", "6.18"),
        ("8.0.1", "7.2"),
    ],
)
def test_the_nearest_rules_are_those_of_the_newest_kernel_that_is_not_newer(release: str, nearest: str) -> None:
    assert host.nearest_kernel(release) == nearest


def test_the_profile_says_where_its_rules_come_from() -> None:
    source = host.Host("6.17.3-acme", facts("6.12"), DATA / "6.12" / "btf.zst", UNKNOWN)
    profile = KernelProfile(source)
    assert profile.title == "running kernel 6.17.3-acme (rules of 6.12)"
    assert any("rules are those of 6.12.117" in note for note in profile.notes)
    assert any("configuration" in note for note in profile.notes)
    assert profile.kfunc("bpf_task_acquire") is not None
    assert profile.does("CONTEXT_POINTERS_WHOLE")
    assert profile.version_code == 0x061103


def test_the_configuration_is_read_where_the_kernel_shows_it(tmp_path: Path) -> None:
    path = tmp_path / "config.gz"
    path.write_bytes(gzip.compress(b'CONFIG_BPF=y\n# CONFIG_X is not set\nCONFIG_LSM="a,b"\n# text\nOTHER=1\n'))
    table = read_config(path)
    settings = {name: setting_in(table, name) for name in ("CONFIG_BPF", "CONFIG_X", "CONFIG_LSM", "CONFIG_CMDLINE")}
    assert settings == {"CONFIG_BPF": "y", "CONFIG_X": "n", "CONFIG_LSM": "a,b", "CONFIG_CMDLINE": None}
    path.write_bytes(b"no gzip")
    assert read_config(path) == UNKNOWN
    assert setting_in(read_config(tmp_path / "absent"), "CONFIG_BPF") is None


def test_without_btf_there_is_no_host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(host, "BTF", tmp_path / "absent")
    with pytest.raises(InputError, match="the running kernel has no BTF"):
        load_profile("host")


def test_an_overlay_may_stand_on_the_host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(host, "BTF", DATA / "6.18" / "btf.zst")
    path = tmp_path / "mine.toml"
    path.write_text('base = "host"\nbehaviours = ["+NESTED_RCU"]\n')
    assert load_profile(str(path)).does("NESTED_RCU")
