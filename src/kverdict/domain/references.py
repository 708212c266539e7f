"""References, locks and IRQ flags that a path holds: an immutable tuple of Held, oldest first.

Source: struct bpf_reference_state of the kernel (6.13 and later keep locks there too; so do we for all kernels).
"""

from __future__ import annotations

from typing import Final

REF_PTR: Final = 1
REF_LOCK: Final = 2
REF_IRQ: Final = 3
REF_RES_LOCK: Final = 4
REF_RES_LOCK_IRQ: Final = 5


class Held:
    """id: as in Value.ref; insn: the instruction that took it; kind: REF_*; subject: what a lock protects.

    callback: number of the callback frame that took it (0: none), for kernels that check callbacks apart.
    """

    __slots__ = ("callback", "id", "insn", "kind", "subject")

    id: int
    insn: int
    kind: int
    subject: object
    callback: int

    def __init__(self, id: int, insn: int, kind: int = REF_PTR, subject: object = None, callback: int = 0) -> None:
        self.id = id
        self.insn = insn
        self.kind = kind
        self.subject = subject
        self.callback = callback

    def __repr__(self) -> str:
        return f"Held({self.id}, insn={self.insn}, kind={self.kind})"


def find_reference(refs: tuple[Held, ...], id: int) -> Held | None:
    """The pointer reference with this id, if it is held."""
    for held in refs:
        if held.id == id and held.kind == REF_PTR:
            return held
    return None


def without(refs: tuple[Held, ...], held: Held) -> tuple[Held, ...]:
    """`refs` less `held`, the others in their order (kernels before 6.14 moved the last one into the gap)."""
    return tuple(other for other in refs if other is not held)
