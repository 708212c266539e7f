"""Helpers on packets: bytes, room, checksums, redirects. Kernel: net/core/filter.c."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kverdict.machine import packet
from kverdict.machine.alu import U32, signed32
from kverdict.machine.fault import INVALID, Fault
from kverdict.machine.maps.base import EINVAL
from kverdict.machine.run import Run

if TYPE_CHECKING:
    from kverdict.machine.world import World

EFAULT: Final = -14
ENOMEM: Final = -12
ENOTSUPP: Final = -524
MINIMUM: Final = 14  # an Ethernet header


def _context(world: World, address: int) -> packet.PacketContext:
    found = packet.context_at(world, address)
    if found is None:
        raise Fault(INVALID, "this context has no packet", address)
    return found


def load_bytes(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    context = _context(world, a)
    offset, size = b & U32, d & U32
    if offset > 0x7FFFFFFF or offset + size > context.length:
        world.memory.write(c, bytes(size))
        return EFAULT
    world.memory.write(c, world.memory.regions[context.packet].read(context.start + offset, size))
    return 0


def store_bytes(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    context = _context(world, a)
    offset, size = b & U32, d & U32
    if e & ~3:
        return EINVAL
    if offset > 0x7FFFFFFF or offset + size > context.length:
        return EFAULT
    world.memory.regions[context.packet].write(context.start + offset, world.memory.read(c, size))
    return 0


def adjust_head(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    context = _context(world, a)
    start = context.start + signed32(b)
    if start < 40 or start > context.end - MINIMUM:  # the kernel keeps struct xdp_frame in the first 40 bytes
        return EINVAL
    context.start = context.meta = start
    return 0


def adjust_tail(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    context = _context(world, a)
    end = context.end + signed32(b)
    region = world.memory.regions[context.packet]
    if end > region.size() or end < context.start + MINIMUM:
        return EINVAL
    if end > context.end:
        region.write(context.end, bytes(end - context.end))
    context.end = end
    return 0


def adjust_meta(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    context = _context(world, a)
    meta = context.meta + signed32(b)
    if meta < 40 or meta > context.start:
        return EINVAL
    if (context.start - meta) & 3 or context.start - meta > 255:
        return -13
    context.meta = meta
    return 0


def change_tail(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    context = _context(world, a)
    length = b & U32
    if c:
        return EINVAL
    if context.start + length > world.memory.regions[context.packet].size() or length < MINIMUM:
        return EINVAL
    context.end = context.start + length
    context.show_length()
    return 0


def pull_data(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    """Packets are linear here."""
    return ENOMEM if b & U32 > _context(world, a).length else 0


def checksum_add(total: int, raw: bytes) -> int:
    """32-bit one's complement sum of 16-bit words, as csum_partial() does on a little-endian CPU."""
    padded = raw + b"\0" * (len(raw) % 4)
    for at in range(0, len(padded), 4):
        total += int.from_bytes(padded[at : at + 4].ljust(4, b"\0"), "little")
    while total >> 32:
        total = (total & U32) + (total >> 32)
    return total


def fold(total: int) -> int:
    """16 bits of a sum."""
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def csum_diff(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    """bpf_csum_diff(from, from_size, to, to_size, seed)."""
    if (b | d) & 3:
        return EINVAL
    old = world.memory.read(a, b & U32) if b else b""
    new = world.memory.read(c, d & U32) if d else b""
    total = checksum_add(e & U32, bytes(byte ^ 0xFF for byte in old))
    return checksum_add(total, new)


def l3_csum_replace(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    return _replace(world, a, b & U32, c, d, e & 0xF)


def l4_csum_replace(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    return _replace(world, a, b & U32, c, d, e & 0xF, mark_mangled=bool(e & 0x20))


def _replace(world: World, a: int, at: int, old: int, new: int, size: int, mark_mangled: bool = False) -> int:
    """Replace what `old` contributed to the 16-bit checksum at offset `at`; size 0: new is a difference."""
    context = _context(world, a)
    if at & 1 or size not in (0, 2, 4):
        return EINVAL
    if at + 2 > context.length:
        return EFAULT
    region = world.memory.regions[context.packet]
    check = int.from_bytes(region.read(context.start + at, 2), "little")
    if mark_mangled and not check:
        return 0
    mask = (1 << size * 8) - 1 if size else U32
    change = new & U32 if size == 0 else (~old & mask) + (new & mask)
    fresh = ~fold((~check & 0xFFFF) + change) & 0xFFFF
    if mark_mangled and not fresh:
        fresh = 0xFFFF
    region.write(context.start + at, fresh.to_bytes(2, "little"))
    return 0


def redirect(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    """XDP_REDIRECT is 4, TC_ACT_REDIRECT is 7."""
    context = packet.context_at(world, run.context)
    return 4 if context is not None and context.flavour == packet.XDP else 7


def zero(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    return 0


def buff_len(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    return _context(world, a).length


TABLE: Final = (
    ("bpf_skb_load_bytes", load_bytes, "copy out of the packet"),
    ("bpf_xdp_load_bytes", load_bytes, "copy out of the packet"),
    ("bpf_skb_store_bytes", store_bytes, "copy into the packet"),
    ("bpf_xdp_store_bytes", store_bytes, "copy into the packet"),
    ("bpf_xdp_adjust_head", adjust_head, "move the start of the packet"),
    ("bpf_xdp_adjust_tail", adjust_tail, "move its end"),
    ("bpf_xdp_adjust_meta", adjust_meta, "room for metadata before it"),
    ("bpf_skb_change_tail", change_tail, "change the length"),
    ("bpf_skb_pull_data", pull_data, "packets are linear here"),
    ("bpf_csum_diff", csum_diff, "checksum of a change"),
    ("bpf_l3_csum_replace", l3_csum_replace, "update an IP checksum"),
    ("bpf_l4_csum_replace", l4_csum_replace, "update a TCP or UDP checksum"),
    ("bpf_redirect", redirect, "send the packet to another device"),
    ("bpf_clone_redirect", zero, "send a copy to another device (it goes nowhere)"),
    ("bpf_redirect_peer", redirect, "send the packet to the peer device"),
    ("bpf_get_hash_recalc", zero, "always 0"),
    ("bpf_xdp_get_buff_len", buff_len, "length of the packet"),
    ("bpf_set_hash_invalid", zero, "nothing to do"),
    ("bpf_get_cgroup_classid", zero, "always 0"),
    ("bpf_get_route_realm", zero, "always 0"),
    ("bpf_get_socket_cookie", zero, "always 0"),
    ("bpf_get_socket_uid", zero, "always root"),
)
