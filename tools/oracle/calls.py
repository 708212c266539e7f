"""bpf(2) calls as data: the same list is run by the guest's agent or with ctypes on this machine."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

MAP_CREATE, MAP_UPDATE, PROG_LOAD, BTF_LOAD, MAP_FREEZE = 0, 2, 5, 18, 22  # bpf(2) commands
NO_SLOT = ATTR = 0xFFFFFFFF
FIX_POINTER, FIX_FD = 0, 1
OP_WAIT, OP_BPF, OP_READ, OP_END = range(4)


@dataclass(frozen=True)
class Out:
    """A buffer of `size` bytes that the kernel fills with a C string."""

    size: int


@dataclass
class Call:
    """One bpf(2) call. fixes: (kind, blob index or ATTR, offset in it, blob index or slot whose descriptor goes there).

    slot: where later calls find the new descriptor; NO_SLOT: it is closed at once.
    """

    command: int
    attr: bytearray
    blobs: list[bytes | Out] = field(default_factory=list)
    fixes: list[tuple[int, int, int, int]] = field(default_factory=list)
    slot: int = NO_SLOT

    def pointer(self, offset: int, blob: bytes | Out) -> int:
        """Put `blob` into the call and its address into the attr; returns the blob's index."""
        self.blobs.append(blob)
        self.fixes.append((FIX_POINTER, ATTR, offset, len(self.blobs) - 1))
        return len(self.blobs) - 1

    def pack(self) -> bytes:
        """The call as agent.c reads it."""
        close = self.slot == NO_SLOT
        head = (self.command, len(self.attr), len(self.blobs), len(self.fixes), self.slot, close)
        out = [struct.pack("<6I", *head), bytes(self.attr)]
        for blob in self.blobs:
            if isinstance(blob, Out):
                out.append(struct.pack("<II", blob.size, 2))
            else:
                out.append(struct.pack("<II", len(blob), 0) + blob)
        out += [struct.pack("<4I", *fix) for fix in self.fixes]
        return operation(OP_BPF, b"".join(out))


@dataclass
class Read:
    """Read a file; length 0: to its end."""

    path: str
    offset: int = 0
    length: int = 0

    def pack(self) -> bytes:
        """The request as agent.c reads it."""
        return operation(OP_READ, struct.pack("<QQ", self.offset, self.length) + self.path.encode())


@dataclass
class Reply:
    """What a call returned; out: the buffers that the kernel filled."""

    ret: int
    errno: int
    ns: int
    out: list[bytes]


def operation(code: int, payload: bytes) -> bytes:
    """One operation of a request."""
    return struct.pack("<II", code, len(payload)) + payload
