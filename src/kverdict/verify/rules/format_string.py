"""Format strings of bpf_snprintf(): which conversions there are. Source: bpf_bprintf_prepare() of the kernel."""

from __future__ import annotations

import re
import string
from typing import Final

_TEXT: Final = frozenset(string.printable.encode())
# isspace() and ispunct() of the kernel: those of Latin 1.
_BREAKS: Final = (string.whitespace + string.punctuation).encode() + bytes((*range(0xA0, 0xC0), 0xD7, 0xF7))
_END: Final = rb"(?=\Z|[" + re.escape(_BREAKS) + rb"])"
_CONVERSION: Final = re.compile(
    rb"[0+\- ]*(?:[1-9][0-9]*)?"
    rb"(?:p(?:[ku]s" + _END + rb"|[KxsS]|B|[iI][46]|" + _END + rb")|s" + _END + rb"|c|l{0,2}[iduxX])"
)


def is_valid_format(text: bytes, arguments: int, beyond_ascii: bool) -> bool:
    """Whether the format has only known conversions, and not more than there are arguments.

    beyond_ascii: bytes above 127 may stand between conversions.
    """
    if any(byte not in _TEXT and not (beyond_ascii and byte > 127) for byte in text):
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
