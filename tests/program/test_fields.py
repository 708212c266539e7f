"""Special fields of map values, kernel by kernel."""

from __future__ import annotations

import pytest

from kverdict.errors import LinkError
from kverdict.kernel.profile import load_profile
from kverdict.program.fields import MAP_FIELDS, OBJECT_FIELDS, Record, parse_fields
from kverdict.program.link import link
from kverdict.program.program import RecordField
from kverdict.program.program_btf import btf_refused
from tests.fixtures import opened


def record(map_name: str, kernel: str, fixture: str = "fields") -> Record:
    obj = opened(fixture)
    found = next(definition for definition in obj.maps if definition.name == map_name)
    assert obj.btf is not None
    return parse_fields(obj.btf, found.value_type_id, load_profile(kernel), MAP_FIELDS, found.value_size)


def kinds(fields: tuple[RecordField, ...]) -> list[tuple[str, int]]:
    return [(field.kind, field.offset) for field in fields]


def test_every_kind_of_field_is_found() -> None:
    found = record("holders", "6.12").fields
    assert kinds(found) == [
        ("kptr_ref", 8),
        ("kptr_unref", 16),
        ("kptr_ref", 24),
        ("kptr_percpu", 32),
        ("spin_lock", 40),
        ("list_head", 48),
    ]
    task, weak, mine, each, _, head = found
    kernel = load_profile("6.12").btf
    assert kernel.type(task.type_id).name == kernel.type(weak.type_id).name == "task_struct"
    assert (task.destructor, weak.destructor) == ("bpf_task_release_dtor", "")
    program = opened("fields").btf
    assert program is not None and not (mine.in_kernel or each.in_kernel or head.in_kernel)
    assert program.type(mine.type_id).name == "local" and program.type(head.type_id).name == "node"


# Since Linux kernel commit 64e8ee814819 ("bpf: look into the types of the fields of a struct type recursively.")
# (in v6.11), fields of inner structures and arrays count; before that, only those of the value itself.
@pytest.mark.parametrize(("kernel", "inner", "elements"), [("6.4", 0, []), ("6.12", 6, [0, 8, 16])])
def test_inner_structures_and_arrays_count_since_6_11(kernel: str, inner: int, elements: list[int]) -> None:
    assert len(record("deep", kernel).fields) == inner
    assert [field.offset for field in record("arrays", kernel).fields] == elements


# Since Linux kernel commit 03b77e17aeb2 ("bpf: Rename __kptr_ref -> __kptr and __kptr -> __kptr_untrusted.") (in v6.4),
# the tag `kptr` is a referenced pointer; before that, an unreferenced one.
@pytest.mark.parametrize(("kernel", "kind"), [("6.1", "kptr_unref"), ("6.3", "kptr_unref"), ("6.4", ""), ("6.18", "")])
def test_the_tag_kptr_changed_its_meaning_in_6_4(kernel: str, kind: str) -> None:
    found = record("no_destructor", kernel, "bad_fields")
    assert kinds(found.fields) == ([(kind, 0)] if kind else [])
    assert ("has no destructor" in found.error) == (not kind)


@pytest.mark.parametrize(
    ("map_name", "kernel", "error"),
    [
        ("holders", "6.3", "-EINVAL: unknown pointer tag 'kptr_untrusted'"),
        ("holders", "6.4", "-EINVAL: unknown pointer tag 'percpu_kptr'"),
        ("no_lock", "6.18", "-EINVAL: bpf_list_head and bpf_rb_root need a bpf_spin_lock beside them"),
        ("two_locks", "6.18", "-E2BIG: two fields of struct bpf_spin_lock"),
    ],
)
def test_where_the_kernel_gives_up_there_are_no_fields(map_name: str, kernel: str, error: str) -> None:
    fixture = "fields" if map_name == "holders" else "bad_fields"
    assert record(map_name, kernel, fixture) == Record((), error)


def test_a_map_whose_fields_make_no_sense_is_created_without_fields() -> None:
    files = link(opened("kptr_without_destructor"), "reads_it", load_profile("6.4")).maps[0]
    assert files.btf is not None and not files.fields
    assert files.fields_error == "-ENOENT: struct file has no destructor, it cannot be kept in a map"


# Since Linux kernel commit b0966c724584 ("bpf: Support bpf_kptr_xchg into local kptr") (in v6.12), kptrs in structures
# are looked at when BTF is loaded, and libbpf goes on without BTF if that fails; before that, only when a map is made.
@pytest.mark.parametrize(("kernel", "refused"), [("6.1", False), ("6.4", False), ("6.12", True), ("6.18", True)])
def test_btf_with_a_kptr_that_makes_no_sense_is_refused_since_6_12(kernel: str, refused: bool) -> None:
    program = link(opened("kptr_without_destructor"), "reads_it", load_profile(kernel))
    assert (program.btf is None) == (program.maps[0].btf is None) == (not program.func_info) == refused
    assert bool(program.extra["btf_refused"]) == refused


@pytest.mark.parametrize(
    ("kernel", "why"), [("6.1", ""), ("6.4", "struct unlocked: -EINVAL"), ("6.18", "struct refused")]
)
def test_btf_with_senseless_structures_is_refused_since_6_2(kernel: str, why: str) -> None:
    btf = opened("bad_fields").btf
    assert btf is not None
    found = btf_refused(btf, load_profile(kernel))
    assert found.startswith(why) and bool(found) == bool(why)


def test_fields_are_found_in_maps_and_global_data() -> None:
    program = link(opened("fields"), "uses_all", load_profile("6.18"))
    maps = {found.name: found for found in program.maps}
    assert kinds(maps["timers"].fields) == [("timer", 0)]
    assert kinds(maps[".data.locked"].fields) == [("spin_lock", 0), ("list_head", 8)]
    assert program.extra["btf_refused"] == "" and program.btf is not None


def test_a_lock_in_data_that_user_space_maps_refuses_the_object() -> None:
    with pytest.raises(LinkError, match=r"map '\.data\.mapped': failed to re-mmap\(\) contents: -ENOTSUPP"):
        link(opened("fields"), "locks_what_user_space_maps", load_profile("6.18"))


def test_an_allocated_object_has_nodes_and_no_timer() -> None:
    btf = opened("fields").btf
    assert btf is not None
    profile = load_profile("6.18")
    node = parse_fields(btf, btf.find("node", 4), profile, OBJECT_FIELDS, 32)
    assert kinds(node.fields) == [("list_node", 0)]
    assert parse_fields(btf, btf.find("timed", 4), profile, OBJECT_FIELDS, 24) == Record(())
