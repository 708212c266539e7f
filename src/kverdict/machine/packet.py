"""Packets: the bytes, and the contexts (struct xdp_md, struct __sk_buff) through which programs see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kverdict.machine.fault import READ_ONLY, Fault
from kverdict.machine.memory import CONTEXT, PACKET, Region

if TYPE_CHECKING:
    from kverdict.machine.run import Run
    from kverdict.machine.world import World

HEADROOM: Final = 256  # XDP_PACKET_HEADROOM
TAILROOM: Final = 320
XDP: Final = "xdp"
SKB: Final = "skb"

# Offsets of the fields that are pointers, by kind of context: data, data_end, data_meta.
POINTER_FIELDS: Final = {
    XDP: {0: "data", 4: "data_end", 8: "data_meta"},
    SKB: {76: "data", 80: "data_end", 140: "meta"},
}
SIZES: Final = {XDP: 24, SKB: 192}
SKB_LEN: Final = 0
SKB_PROTOCOL: Final = 16
SKB_IFINDEX: Final = 40


class PacketContext(Region):
    """A context with its packet. start, end: offsets of the packet in its region; meta: start of the metadata.

    A 32-bit load of a pointer field gives a whole address, as the kernel's rewritten instructions do.
    """

    __slots__ = ("end", "flavour", "meta", "packet", "start")

    def __init__(self, flavour: str, packet: int, length: int) -> None:
        super().__init__(CONTEXT, flavour, bytearray(SIZES[flavour]))
        self.flavour = flavour
        self.packet = packet
        self.start = HEADROOM
        self.end = HEADROOM + length
        self.meta = HEADROOM

    def load(self, offset: int, size: int) -> int:
        field = POINTER_FIELDS[self.flavour].get(offset) if size == 4 else None
        if field is None:
            return super().load(offset, size)
        place = {"data": self.start, "data_end": self.end}.get(field, self.meta)
        return (self.packet << 32) + place

    def store(self, offset: int, size: int, value: int) -> None:
        if offset in POINTER_FIELDS[self.flavour]:
            raise Fault(READ_ONLY, f"{self.describe(offset)} cannot be written")
        super().store(offset, size, value)

    @property
    def length(self) -> int:
        return self.end - self.start

    def show_length(self) -> None:
        """Keep skb->len right after the packet changed."""
        if self.flavour == SKB:
            super().store(SKB_LEN, 4, self.length)

    def clone(self) -> PacketContext:
        other = PacketContext(self.flavour, self.packet, 0)
        other.id = self.id
        other.owner = self.owner
        other.data = bytearray(self.data)
        other.start = self.start
        other.end = self.end
        other.meta = self.meta
        return other


def make(world: World, flavour: str, raw: bytes, ifindex: int = 1) -> PacketContext:
    """A context for a packet of these bytes; pass it to World.begin() or run()."""
    region = Region(PACKET, "", bytearray(HEADROOM) + bytearray(raw) + bytearray(TAILROOM))
    world.memory.add(region)
    context = PacketContext(flavour, region.id, len(raw))
    world.memory.add(context)
    if flavour == SKB:
        context.show_length()
        context.data[SKB_PROTOCOL : SKB_PROTOCOL + 2] = raw[12:14].ljust(2, b"\0")
        context.data[SKB_IFINDEX : SKB_IFINDEX + 4] = ifindex.to_bytes(4, "little")
    else:
        context.data[12:16] = ifindex.to_bytes(4, "little")
    return context


def contents(world: World, context: PacketContext) -> bytes:
    """The packet as it is now."""
    return bytes(world.memory.regions[context.packet].data[context.start : context.end])


def context_at(world: World, address: int) -> PacketContext | None:
    """The packet context at an address, None if it is something else."""
    found = world.memory.find(address)
    return found if isinstance(found, PacketContext) else None


def legacy_bytes(world: World, run: Run, offset: int, size: int) -> bytes | None:
    """For LD_ABS and LD_IND: bytes of the packet of the context in r6, None outside of it."""
    context = context_at(world, run.frame.regs[6])
    if context is None or offset + size > context.length:
        return None
    return world.memory.regions[context.packet].read(context.start + offset, size)
