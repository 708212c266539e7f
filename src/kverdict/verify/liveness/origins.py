"""Where a register or a spilled value points into the stack: which frame, and at which of a few offsets.

A lattice: a few known offsets in one frame, one frame with unknown offset, a set of frames. Immutable and shared.
Source: struct arg_track and its verbs in kernel/bpf/liveness.c of 7.2.
"""

from __future__ import annotations

from typing import Final

MOST_OFFSETS: Final = 4
_NONE: Final = -1
_UNKNOWN_FRAME: Final = -3
_S16: Final = range(-(1 << 15), 1 << 15)


class Origin:
    """frame: index of a call frame, or one of the markers above; offsets: bytes from its frame pointer, ascending.

    offsets is () where they are not known. mask: bits of the frames that are possible where the frame is not known.
    """

    __slots__ = ("frame", "mask", "offsets")

    frame: int
    offsets: tuple[int, ...]
    mask: int

    def __init__(self, frame: int, offsets: tuple[int, ...] = (), mask: int = 0) -> None:
        self.frame = frame
        self.offsets = offsets
        self.mask = mask

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Origin):
            return NotImplemented
        return (self.frame, self.offsets, self.mask) == (other.frame, other.offsets, other.mask)

    def __hash__(self) -> int:
        return hash((self.frame, self.offsets, self.mask))

    def __repr__(self) -> str:
        return f"Origin({self.text()})"

    @property
    def is_stack(self) -> bool:
        """It may point into some frame; kernel: arg_is_fp()."""
        return self.frame != _NONE

    @property
    def frame_is_unknown(self) -> bool:
        """Only a set of frames is known."""
        return self.frame == _UNKNOWN_FRAME

    def may_be_in(self, frame: int) -> bool:
        """It may point into this frame; kernel: can_be_local_fp(), but for r10 itself."""
        return self.frame == frame or bool(self.mask >> frame & 1)

    def moved(self, delta: int) -> Origin:
        """Behind an addition of a constant; offsets that leave 16 bits are forgotten. Kernel: arg_padd()."""
        if not self.offsets:
            return self
        offsets = tuple(offset + delta for offset in self.offsets)
        if delta not in _S16 or any(offset not in _S16 for offset in offsets):
            return Origin(self.frame)
        return Origin(self.frame, offsets)

    def blurred(self) -> Origin:
        """The same frame at an unknown offset."""
        return Origin(self.frame) if self.offsets else self

    def text(self) -> str:
        """As the log prints it; kernel: verbose_arg_track()."""
        if self.frame == _NONE:
            return "_"
        if self.frame == _UNKNOWN_FRAME:
            return f"IMP{self.mask:x}"
        if not self.offsets:
            return f"fp{self.frame} ?"
        return "|".join(f"fp{self.frame}{offset:+d}" for offset in self.offsets)


NONE: Final = Origin(_NONE)


def in_frames(mask: int) -> Origin:
    """Somewhere in one of the frames whose bits are set."""
    return Origin(_UNKNOWN_FRAME, (), mask)


def at(frame: int, offset: int) -> Origin:
    """One known place."""
    return Origin(frame, (offset,))


def _merged(a: Origin, b: Origin) -> Origin:
    """All offsets of two origins in one frame, none if they are too many; kernel: arg_merge_offsets()."""
    offsets = tuple(sorted({*a.offsets, *b.offsets}))
    return Origin(a.frame, offsets if len(offsets) <= MOST_OFFSETS else ())


def _either(a: Origin, b: Origin) -> Origin:
    """Two frames, or a frame and something unknown; kernel: arg_join_imprecise()."""
    mask = a.mask | b.mask
    for origin in (a, b):
        if origin.frame >= 0:
            mask |= 1 << origin.frame
    return in_frames(mask)


def _or_none(origin: Origin) -> Origin:
    """A pointer on one path only: one offset gets a second, so that no write through it counts as certain."""
    return _merged(origin, at(origin.frame, 0)) if len(origin.offsets) == 1 else origin


def join(a: Origin, b: Origin) -> Origin:
    """What is known where two paths meet; kernel: __arg_track_join()."""
    if a is b:
        return a
    if a.frame == b.frame and a.frame >= 0:
        return _merged(a, b) if a.offsets and b.offsets else Origin(a.frame)
    if a.frame == _NONE and b.frame == _NONE:
        return a
    if a.frame >= 0 and b.frame == _NONE:
        return _or_none(a)
    if b.frame >= 0 and a.frame == _NONE:
        return _or_none(b)
    return _either(a, b)


def combined(dst: Origin, src: Origin) -> Origin:
    """64-bit arithmetic of two registers: which frame is still known, where in it is not. arg_track_alu64()."""
    if dst.frame >= 0 and src.frame in (_NONE, dst.frame):
        return dst.blurred()
    if src.frame >= 0 and dst.frame == _NONE:
        return Origin(src.frame)
    if dst.frame == _NONE and src.frame == _NONE:
        return dst
    return _either(dst, src)
