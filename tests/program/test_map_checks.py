"""What BPF_MAP_CREATE takes and refuses."""

from __future__ import annotations

import pytest

from kverdict.errors import LinkError
from kverdict.kernel.profile import load_profile
from kverdict.objfile.maps import MapDef
from kverdict.program.map_checks import btf_fits, refusal
from kverdict.program.maps import build_map, unused_map
from tests.fixtures import opened


def definition(map_type: int, key: int, value: int, entries: int, flags: int = 0, extra: int = 0) -> MapDef:
    return MapDef("m", "user", 1, 0, map_type, key, value, entries, flags, extra)


# type, key size, value size, entries, flags; errors as the kernel 6.18 gives them
@pytest.mark.parametrize(
    ("args", "error"),
    [
        ((1, 4, 8, 1), ""),
        ((1, 4, 8, 0), "-EINVAL"),
        ((1, 0, 8, 1), "-EINVAL"),
        ((1, 4, 5 << 20, 1), "-E2BIG"),
        ((1, 4, 8, 1, 2), "-EINVAL"),
        ((9, 4, 8, 1, 2), ""),
        ((9, 4, 8, 1, 1), "-ENOTSUPP"),
        ((1, 4, 8, 1, 0x180), "-EINVAL"),
        ((2, 4, 8, 1, 1 << 10), ""),
        ((2, 8, 8, 1), "-EINVAL"),
        ((6, 4, 8, 1, 1 << 10), "-EINVAL"),
        ((6, 4, 33 << 10, 1), "-E2BIG"),
        ((3, 4, 4, 1), ""),
        ((3, 4, 8, 1), "-EINVAL"),
        ((4, 4, 4, 0), ""),
        ((7, 4, 8 * 127, 1), ""),
        ((7, 4, 8 * 128, 1), "-EINVAL"),
        ((11, 8, 4, 1, 1), ""),
        ((11, 8, 4, 1), "-EINVAL"),
        ((12, 4, 4, 1), "-EINVAL"),
        ((16, 4, 8, 1), ""),
        ((22, 0, 4, 1), ""),
        ((22, 4, 4, 1), "-EINVAL"),
        ((27, 0, 0, 4096), ""),
        ((27, 4, 0, 4096), "-EINVAL"),
        ((29, 4, 8, 0, 1), "-EINVAL"),
        ((30, 0, 4, 1, 0, 3), ""),
        ((30, 0, 4, 1, 0, 16), "-EINVAL"),
        ((1, 4, 8, 1, 0, 3), "-EINVAL"),
        ((33, 0, 0, 1, 1 << 10), ""),
        ((33, 0, 0, 1), "-EINVAL"),
    ],
)
def test_sizes_entries_and_flags_are_checked_by_type(args: tuple[int, ...], error: str) -> None:
    assert refusal(definition(*args)) == error


def test_a_refused_map_refuses_the_program() -> None:
    with pytest.raises(LinkError, match="map 'm': failed to create: -EINVAL"):
        build_map(definition(1, 4, 8, 0), None, load_profile("6.18"), None)


def test_a_map_type_that_the_kernel_lacks_refuses_the_program() -> None:
    with pytest.raises(LinkError, match=r"kernel 6\.1 has no map type 33"):
        build_map(definition(33, 0, 0, 1, 1 << 10), None, load_profile("6.1"), None)


def test_a_device_map_is_read_only_for_programs() -> None:
    assert build_map(definition(14, 4, 4, 1), None, load_profile("6.18"), None).flags == 1 << 7


def test_an_array_needs_a_key_of_32_bits_for_its_types() -> None:
    obj = opened("maps")
    assert obj.btf is not None
    pairs = next(found for found in obj.maps if found.name == "pairs")
    first = next(found for found in obj.maps if found.name == "first")
    assert btf_fits(pairs, obj.btf) and btf_fits(first, obj.btf)
    struct_key = MapDef("m", "user", 1, 0, 2, 8, 8, 1, 0, 0, pairs.key_type_id, pairs.value_type_id)
    assert not btf_fits(struct_key, obj.btf)


def test_a_map_that_is_not_used_is_not_checked() -> None:
    assert unused_map(definition(99, 1, 1, 0), None).map_type == 99
