"""Kfuncs on strings, which read kernel memory without faulting. Kernel: bpf_str* in kernel/bpf/helpers.c."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kverdict.machine.alu import U64
from kverdict.machine.maps.base import E2BIG, ENOENT
from kverdict.machine.run import Run

if TYPE_CHECKING:
    from kverdict.machine.world import World

MOST: Final = 65536  # XATTR_SIZE_MAX
EFAULT: Final = -14
ERANGE: Final = -34


def _text(world: World, address: int, limit: int = MOST) -> bytes | int:
    """The string without its end (at most `limit` bytes), or -ERANGE (user memory), -EFAULT, -E2BIG."""
    if world.memory.is_user(address):
        return ERANGE
    found = bytearray()
    while len(found) < limit:
        byte = world.memory.try_read(address + len(found), 1)
        if byte is None:
            return EFAULT
        if byte == b"\0":
            return bytes(found)
        found += byte
    return E2BIG if limit >= MOST else bytes(found)


def strlen(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    text = _text(world, a)
    return text if isinstance(text, int) else len(text)


def strnlen(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    text = _text(world, a, min(b, MOST))
    return text if isinstance(text, int) else len(text)


def strcmp(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    left, right = _text(world, a), _text(world, b)
    if isinstance(left, int):
        return left
    if isinstance(right, int):
        return right
    return (left > right) - (left < right)


def strchr(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    text = _text(world, a)
    return text if isinstance(text, int) else _place((text + b"\0").find(b & 0xFF))


def strrchr(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    text = _text(world, a)
    return text if isinstance(text, int) else _place((text + b"\0").rfind(b & 0xFF))


def strstr(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    text, wanted = _text(world, a), _text(world, b)
    if isinstance(text, int):
        return text
    if isinstance(wanted, int):
        return wanted
    return _place(text.find(wanted))


def _place(found: int) -> int:
    return ENOENT & U64 if found < 0 else found


TABLE: Final = (
    ("bpf_strlen", strlen, "length of a string"),
    ("bpf_strnlen", strnlen, "length of a string, at most so much"),
    ("bpf_strcmp", strcmp, "compare two strings: -1, 0, 1"),
    ("bpf_strchr", strchr, "place of a character"),
    ("bpf_strrchr", strrchr, "last place of a character"),
    ("bpf_strstr", strstr, "place of a string in another"),
)
