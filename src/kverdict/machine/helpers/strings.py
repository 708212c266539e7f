"""Helpers that format, print, compare and read numbers from strings. Formats: kernel/trace/bpf_trace.c, helpers.c."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from kverdict.machine.alu import U32, U64, sign_extend, signed64
from kverdict.machine.maps.base import EINVAL
from kverdict.machine.run import Run

if TYPE_CHECKING:
    from kverdict.machine.world import World

ERANGE: Final = -34
_CONVERSION: Final = re.compile(r"%(?:(%)|([-0+# ]*)(\d*)(?:\.(\d+))?(hh|h|ll|l|z)?([a-zA-Z])([a-zA-Z0-9]*))")


def format_text(world: World, template: str, values: Sequence[int]) -> str:
    """printf of the kernel's BPF subset: d i u x X c s p, %pB %pS %pks %pus %pi4 %pI4 %pi6; values: 64-bit words."""
    position = 0
    out: list[str] = []
    last = 0
    for match in _CONVERSION.finditer(template):
        out.append(template[last : match.start()])
        last = match.end()
        if match[1]:
            out.append("%")
            continue
        value = values[position] if position < len(values) else 0
        position += 1
        text, tail = _one(world, match, value)
        out.append(text + tail)
    out.append(template[last:])
    return "".join(out)


def _one(world: World, match: re.Match[str], value: int) -> tuple[str, str]:
    flags, width, length, kind, tail = match[2], match[3], match[5] or "", match[6], match[7]
    if kind == "p":
        return _pointer(world, value, tail)
    if kind == "s":
        return _pad(_string(world, value), flags, width), tail
    if kind == "c":
        return _pad(chr(value & 0xFF), flags, width), tail
    bits = 64 if length in ("l", "ll", "z") else {"h": 16, "hh": 8}.get(length, 32)
    if kind in "di":
        number = signed64(sign_extend(value, bits))
        return f"{number:{_spec(flags, width)}d}", tail
    number = value & ((1 << bits) - 1)
    prefix = "0x" if "#" in flags and kind in "xX" else ""
    return prefix + f"{number:{_spec(flags.replace('#', ''), width)}{'d' if kind == 'u' else kind}}", tail


def _spec(flags: str, width: str) -> str:
    if not width:
        return "+" if "+" in flags else ""
    if "-" in flags:
        return f"<{width}"
    return ("+" if "+" in flags else "") + ("0" if "0" in flags else "") + width


def _pad(text: str, flags: str, width: str) -> str:
    size = int(width or 0)
    return text.ljust(size) if "-" in flags else text.rjust(size)


def _string(world: World, address: int) -> str:
    found = bytearray()
    while len(found) < 512:
        byte = world.memory.try_read(address + len(found), 1)
        if byte is None:
            return "" if not found else found.decode("utf-8", "replace")
        if byte == b"\0":
            break
        found += byte
    return found.decode("utf-8", "replace")


def _pointer(world: World, value: int, tail: str) -> tuple[str, str]:
    if tail[:2] in ("ks", "us"):
        return _string(world, value), tail[2:]
    if tail[:2] in ("i4", "I4"):
        raw = world.memory.try_read(value, 4) or b"\0\0\0\0"
        return ".".join(f"{byte:03d}" if tail[0] == "i" else str(byte) for byte in raw), tail[2:]
    if tail[:2] in ("i6", "I6"):
        raw = world.memory.try_read(value, 16) or bytes(16)
        return (":" if tail[0] == "I" else "").join(raw[at : at + 2].hex() for at in range(0, 16, 2)), tail[2:]
    return f"{value:016x}", tail[1:] if tail[:1] in "BSsxK" else tail


def _template(world: World, address: int) -> str:
    return world.memory.text(address).decode("utf-8", "replace")


def trace_printk(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    raw = world.memory.read(a, b & U32).split(b"\0")[0].decode("utf-8", "replace")
    text = format_text(world, raw, (c, d, e))
    world.log.append(text.rstrip("\n"))
    return len(text)


def trace_vprintk(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    raw = world.memory.read(a, b & U32).split(b"\0")[0].decode("utf-8", "replace")
    text = format_text(world, raw, words(world, c, d & U32))
    world.log.append(text.rstrip("\n"))
    return len(text)


def words(world: World, address: int, size: int) -> list[int]:
    """The 64-bit words of an argument array of `size` bytes."""
    raw = world.memory.read(address, size) if size else b""
    return [int.from_bytes(raw[at : at + 8], "little") for at in range(0, len(raw), 8)]


def snprintf(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    """bpf_snprintf(str, str_size, fmt, data, data_len): the whole length with the end, as if there were room."""
    if e & 7:
        return EINVAL
    raw = format_text(world, _template(world, c), words(world, d, e & U32)).encode()
    size = b & U32
    if size:
        world.memory.write(a, raw[: size - 1] + b"\0")
    return len(raw) + 1


def seq_printf(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    raw = world.memory.read(b, c & U32).split(b"\0")[0].decode("utf-8", "replace")
    world.output.setdefault(-1, []).append(format_text(world, raw, words(world, d, e & U32)).encode())
    return 0


def seq_write(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    world.output.setdefault(-1, []).append(world.memory.read(b, c & U32))
    return 0


def strncmp(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    size = b & U32
    left = world.memory.read(a, size).split(b"\0")[0]
    right = world.memory.text(c)[:size]
    for x, y in zip(left + b"\0", right + b"\0", strict=False):
        if x != y:
            return x - y
    return 0


def strtol(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    return _number(world, a, b & U32, c, d, signed=True)


def strtoul(world: World, run: Run, a: int, b: int, c: int, d: int, e: int) -> int:
    return _number(world, a, b & U32, c, d, signed=False)


def _number(world: World, address: int, size: int, base: int, result: int, signed: bool) -> int:
    """Characters consumed, or -EINVAL, -ERANGE. Bases 0, 8, 10, 16."""
    if base not in (0, 8, 10, 16):
        return EINVAL
    text = world.memory.read(address, size).split(b"\0")[0].decode("latin-1")
    body = text.lstrip(" \t\n\v\f\r")
    start = len(text) - len(body)
    negative = body.startswith("-")
    digits = body[1:] if negative else body
    used = 1 if negative else 0
    prefix, base = _base(digits, base)
    match = re.match({8: r"[0-7]+", 10: r"\d+", 16: r"[0-9a-fA-F]+"}[base], digits[prefix:])
    if match is None or (negative and not signed):
        return EINVAL
    value = int(match[0], base)
    limit = (1 << 63) if signed and negative else (1 << 63) - 1 if signed else U64
    if value > limit:
        return ERANGE
    world.memory.store(result, 8, -value & U64 if negative else value)
    return start + used + prefix + len(match[0])


def _base(digits: str, base: int) -> tuple[int, int]:
    """(length of the prefix, base) of a number whose base may have to be guessed."""
    if base in (0, 16) and digits[:2].lower() == "0x":
        return 2, 16
    if base == 0:
        return 0, 8 if digits[:1] == "0" and len(digits) > 1 else 10
    return 0, base


TABLE: Final = (
    ("bpf_trace_printk", trace_printk, "print to world.log"),
    ("bpf_trace_vprintk", trace_vprintk, "print to world.log, any number of values"),
    ("bpf_snprintf", snprintf, "format into a buffer"),
    ("bpf_seq_printf", seq_printf, "format into the output of an iterator"),
    ("bpf_seq_write", seq_write, "write to the output of an iterator"),
    ("bpf_strncmp", strncmp, "compare two strings"),
    ("bpf_strtol", strtol, "a signed number from a string"),
    ("bpf_strtoul", strtoul, "an unsigned number from a string"),
)
