"""What becomes of whole stack slots that nothing reads any more, in kernels that do not look at halves of them.

Source: clean_func_state() of the kernel before 7.1.
"""

from __future__ import annotations

from kverdict.domain.stack import EMPTY
from kverdict.domain.state import Frame


def clean_slots(frame: Frame, alive: int) -> None:
    """Slots that nothing reads are as if never written. alive: mask of slots."""
    stack = frame.stack
    for slot in range(len(stack)):
        if not alive & 1 << slot:
            stack[slot] = EMPTY
