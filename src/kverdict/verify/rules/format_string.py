"""Format strings of bpf_snprintf(): which conversions there are. Source: bpf_bprintf_prepare() of the kernel."""

from __future__ import annotations

import re
import string
from typing import Final

_TEXT: Final = frozenset(string.printable.encode())
_END: Final = rb"(?=\Z|[" + re.escape((string.whitespace + string.punctuation).encode()) + rb"])"
_CONVERSION: Final = re.compile(
    rb"[0+\- ]*(?:[1-9][0-9]*)?"
    rb"(?:p(?:[ku]s" + _END + rb"|[KxsS]|B|[iI][46]|" + _END + rb")|s" + _END + rb"|c|l{0,2}[iduxX])"
)


def is_valid_format(text: bytes, arguments: int) -> bool:
    """Whether the format has only known conversions, and not more than there are arguments."""
    if any(byte not in _TEXT for byte in text):
        return False
    used = 0
    at = 0
    while (at := text.find(b"%", at)) >= 0:
        if text[at + 1 : at + 2] == b"%":
            at += 2
            continue
        found = _CONVERSION.match(text, at + 1)
        used += 1
        if found is None or used > arguments:
            return False
        at = found.end()
    return True
