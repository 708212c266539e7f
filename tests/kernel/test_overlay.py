"""Overlays: small files that change a kernel, and one clear line for whatever they cannot mean."""

from __future__ import annotations

from pathlib import Path

import pytest

from kverdict.errors import InputError
from kverdict.kernel import proto
from kverdict.kernel.profile import KernelProfile, load_profile

PATCH = Path(__file__).resolve().parents[2] / "examples" / "overlays" / "before_the_patch.toml"


def overlay(folder: Path, text: str, name: str = "mine.toml") -> KernelProfile:
    path = folder / name
    path.write_text(text)
    return load_profile(str(path))


def test_the_patch_is_two_differences() -> None:
    before, after = load_profile(str(PATCH)), load_profile("6.4")
    old, new = before.kfunc("bpf_task_acquire"), after.kfunc("bpf_task_acquire")
    assert old is not None
    assert new is not None
    assert old.flags == proto.KF_ACQUIRE | proto.KF_TRUSTED_ARGS
    assert new.flags == proto.KF_ACQUIRE | proto.KF_RCU | proto.KF_RET_NULL
    assert after.rcu_protected_types - before.rcu_protected_types == {"task_struct"}
    assert before.behaviours == after.behaviours
    assert before.safe_fields == after.safe_fields
    assert before.kptr_destructors == after.kptr_destructors
    same = [before.kfunc(name) == after.kfunc(name) for name in after.kfunc_names if name != "bpf_task_acquire"]
    assert all(same)
    assert before.title == "Linux 6.4.6 without the task_struct patch"


def test_flags_without_signs_replace_all(tmp_path: Path) -> None:
    profile = overlay(tmp_path, 'base = "6.4"\n[kfunc.bpf_task_acquire]\nflags = ["KF_ACQUIRE"]\n')
    kfunc = profile.kfunc("bpf_task_acquire")
    assert kfunc is not None
    assert kfunc.flag_names() == ("KF_ACQUIRE",)


def test_an_overlay_may_stand_on_an_overlay(tmp_path: Path) -> None:
    overlay(tmp_path, 'base = "6.18"\nbehaviours = ["+NESTED_RCU"]\nnotes = ["first"]\n', "first.toml")
    second = overlay(tmp_path, 'base = "first.toml"\nbehaviours = ["-ONE_LEAK_CHECK"]\nnotes = ["second"]\n')
    assert second.does("NESTED_RCU")
    assert not second.does("ONE_LEAK_CHECK")
    assert second.notes == ("first", "second")


def test_everything_else_can_be_changed_too(tmp_path: Path) -> None:
    profile = overlay(
        tmp_path,
        'base = "6.18"\n'
        "[kfunc.bpf_task_acquire]\nhooks = ['+kprobe']\n"
        "[kfunc.bpf_task_from_pid]\nabsent = true\n"
        "[safe_fields.safe_rcu]\ntask_struct = ['-real_parent', '+last_wakee']\n"
        '[kptr_destructors]\nsk_buff = "bpf_kfree_skb"\ncgroup = ""\n'
        '[config]\nCONFIG_HZ = "250"\n',
    )
    acquire = profile.kfunc("bpf_task_acquire")
    assert acquire is not None
    assert profile.kfunc_call_refused(acquire, "kprobe") is None
    assert profile.kfunc("bpf_task_from_pid") is None
    assert "last_wakee" in profile.safe_fields["safe_rcu"]["task_struct"]
    assert "real_parent" not in profile.safe_fields["safe_rcu"]["task_struct"]
    assert profile.kptr_destructors["sk_buff"] == "bpf_kfree_skb"
    assert "cgroup" not in profile.kptr_destructors
    assert profile.config["CONFIG_HZ"] == "250"


# What is written, and the words that the message must have besides the file's name.
BAD = [
    ("", "base: missing"),
    ('base = "6.5"', "base: unknown kernel '6.5', expected one of 6.1, 6.12"),
    ('base = "6.4', "is not TOML"),
    ('base = "6.4"\nbasis = 1', "basis: unknown key, expected one of base"),
    ('base = "6.4"\n[kfunc.bpf_task_aquire]\nflags = []', "kfunc.bpf_task_aquire: unknown kfunc"),
    ('base = "6.4"\n[kfunc.bpf_task_aquire]\nflags = []', "did you mean bpf_task_acquire?"),
    ('base = "6.4"\n[kfunc.bpf_task_acquire]\nflags = ["KF_AQUIRE"]', "unknown flag 'KF_AQUIRE'"),
    ('base = "6.4"\n[kfunc.bpf_task_acquire]\nflags = ["-KF_RELEASE"]', "'KF_RELEASE' is not there to be removed"),
    ('base = "6.4"\n[kfunc.bpf_task_acquire]\nflags = ["+KF_RCU", "KF_ACQUIRE"]', "some entries have a sign"),
    ('base = "6.4"\n[kfunc.bpf_task_acquire]\nflags = "KF_RCU"', "expected a list of strings"),
    ('base = "6.4"\n[kfunc.bpf_task_acquire]\nhooks = ["+tracign"]', "unknown hook 'tracign'"),
    ('base = "6.4"\nkfunc = 3', "kfunc: expected a table"),
    ('base = "6.4"\n[kfunc]\nbpf_task_acquire = 3', "kfunc.bpf_task_acquire: expected a table"),
    ('base = "6.4"\n[kfunc.bpf_task_acquire]\nabsent = 1', "expected true or false"),
    ('base = "6.4"\nbehaviours = ["+NESTED_RCUS"]', "did you mean NESTED_RCU?"),
    ('base = "6.4"\n[types]\nrcu_protected = ["-task_strukt"]', "did you mean task_struct?"),
    ('base = "6.4"\n[types]\nrcu = []', "types.rcu: unknown key"),
    ('base = "6.4"\n[safe_fields.safe_rcus]\ntask_struct = []', "safe_fields.safe_rcus: unknown list"),
    ('base = "6.4"\n[safe_fields]\nsafe_rcu = 1', "safe_fields.safe_rcu: expected"),
    ('base = "6.4"\n[kptr_destructors]\nx = 1', "kptr_destructors.x: expected"),
    ('base = "6.4"\n[config]\nHZ = "1"', "config.HZ: expected CONFIG_NAME"),
    ('base = "6.4"\n[type_tags]\n"a.b" = "x"', "type_tags.a.b: expected"),
    ('base = "6.4"\ntitle = 3', "title: expected a string"),
    ('base = "mine.toml"', "more than 8 deep"),
    ('base = "other.toml"', "cannot be read"),
]


@pytest.mark.parametrize(("text", "words"), BAD)
def test_a_bad_overlay_gets_one_line_with_file_and_key(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        overlay(tmp_path, text)
    assert words in str(caught.value)
    assert ".toml" in caught.value.source
    assert "\n" not in str(caught.value)
