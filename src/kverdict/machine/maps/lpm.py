"""Longest-prefix-match trie. Kernel: kernel/bpf/lpm_trie.c. A key is a 32-bit prefix length and big-endian data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kverdict.machine.maps.base import EEXIST, EINVAL, ENOENT, ENOSPC, EXIST, NOEXIST
from kverdict.machine.maps.hash import HashMap

if TYPE_CHECKING:
    from kverdict.machine.world import World


class LpmTrie(HashMap):
    """Entries are kept under their normalised key: the length, and the data with the bits behind it zeroed."""

    __slots__ = ()

    def _bits(self) -> int:
        return (self.spec.key_size - 4) * 8

    def _normal(self, key: bytes, length: int) -> bytes:
        bits = self._bits()
        data = int.from_bytes(key[4:], "big") >> (bits - length) << (bits - length)
        return length.to_bytes(4, "little") + data.to_bytes(bits // 8, "big")

    def lookup(self, world: World, key: bytes, cpu: int) -> int:
        length = int.from_bytes(key[:4], "little")
        if length > self._bits():
            return 0
        while length >= 0:
            found = self.entries.get(self._normal(key, length))
            if found is not None:
                return world.memory.regions[found[0]].address
            length -= 1
        return 0

    def update(self, world: World, key: bytes, value: bytes, flags: int, cpu: int) -> int:
        length = int.from_bytes(key[:4], "little")
        if flags > EXIST or length > self._bits():
            return EINVAL
        normal = self._normal(key, length)
        if normal in self.entries and flags == NOEXIST:
            return EEXIST
        if normal not in self.entries:
            if flags == EXIST:
                return ENOENT
            if len(self.entries) >= self.spec.max_entries:
                return ENOSPC
        return super().update(world, normal, value, 0, cpu)

    def delete(self, world: World, key: bytes) -> int:
        length = int.from_bytes(key[:4], "little")
        if length > self._bits():
            return EINVAL
        return super().delete(world, self._normal(key, length))
