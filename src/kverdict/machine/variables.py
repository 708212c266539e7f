"""Variables of the kernel that programs name by BTF id: zeroed memory of the right size, made at first sight."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kverdict.btf.layout import size_or_none
from kverdict.btf.types import KIND_VAR, Var
from kverdict.errors import UnsupportedError
from kverdict.machine.memory import OBJECT, Region

if TYPE_CHECKING:
    from kverdict.machine.world import World


def kernel_variable(world: World, btf_id: int) -> int:
    """Address of the variable with this id in the kernel's BTF. Raises UnsupportedError without BTF."""
    if btf_id not in world.kernel_variables:
        btf = world.kernel.btf
        if btf is None or btf_id >> 32:
            raise UnsupportedError(f"kernel variable with BTF id {btf_id:#x}")
        found = btf.type(btf_id)
        size = size_or_none(btf, found.type_id) if isinstance(found, Var) and found.kind == KIND_VAR else None
        region = Region(OBJECT, found.name, bytearray(size or 8))
        world.memory.add(region)
        world.kernel_variables[btf_id] = region.id
    return world.kernel_variables[btf_id] << 32
