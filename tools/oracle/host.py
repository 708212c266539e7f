"""bpf(2) on the running kernel; needs root."""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import platform
import struct
import sys
import time
from collections.abc import Sequence

from tools.oracle.answer import OracleError
from tools.oracle.calls import ATTR, BTF_LOAD, FIX_POINTER, MAP_CREATE, NO_SLOT, PROG_LOAD, Call, Out, Read, Reply

_SYSTEM_CALL = {"x86_64": 321, "aarch64": 280}
_GIVES_DESCRIPTOR = (MAP_CREATE, PROG_LOAD, BTF_LOAD)


class Host:
    """Runs calls with ctypes."""

    release = platform.release()

    def __init__(self) -> None:
        number = _SYSTEM_CALL.get(platform.machine())
        if number is None or sys.byteorder != "little":
            raise OracleError("the host oracle supports x86_64 and aarch64")
        self._syscall = functools.partial(ctypes.CDLL(None, use_errno=True).syscall, ctypes.c_long(number))

    def btf(self) -> bytes:
        """The kernel's raw BTF."""
        reply = self._read(Read("/sys/kernel/btf/vmlinux"))
        if reply.ret < 0:
            raise OracleError("the running kernel shows no BTF")
        return reply.out[0]

    def run(self, calls: Sequence[Call | Read], timeout: float) -> list[Reply]:
        """All calls, in order; every descriptor is closed afterwards."""
        slots: dict[int, int] = {}
        try:
            return [self._read(call) if isinstance(call, Read) else self._bpf(call, slots) for call in calls]
        finally:
            for descriptor in slots.values():
                os.close(descriptor)

    def _bpf(self, call: Call, slots: dict[int, int]) -> Reply:
        attr = ctypes.create_string_buffer(bytes(call.attr), len(call.attr))
        blobs = [
            ctypes.create_string_buffer(b.size) if isinstance(b, Out) else ctypes.create_string_buffer(b, len(b))
            for b in call.blobs
        ]
        for kind, where, offset, value in call.fixes:
            target = attr if where == ATTR else blobs[where]
            if kind == FIX_POINTER:
                struct.pack_into("<Q", target, offset, ctypes.addressof(blobs[value]))
            else:
                struct.pack_into("<i", target, offset, slots.get(value, -1))
        start = time.perf_counter_ns()
        ret = self._syscall(ctypes.c_long(call.command), attr, ctypes.c_long(len(attr)))
        error = ctypes.get_errno() if ret < 0 else 0
        ns = time.perf_counter_ns() - start
        if ret >= 0 and call.command in _GIVES_DESCRIPTOR:
            if call.slot == NO_SLOT:
                os.close(ret)
            else:
                slots[call.slot] = ret
        filled = [b.value for b, blob in zip(blobs, call.blobs, strict=True) if isinstance(blob, Out)]
        return Reply(ret, error, ns, filled)

    @staticmethod
    def _read(call: Read) -> Reply:
        start = time.perf_counter_ns()
        try:
            with open(call.path, "rb", buffering=0) as file:
                if call.offset:
                    file.seek(call.offset)
                data = file.read(call.length) if call.length else file.read()
        except OSError as error:
            return Reply(-1, error.errno or errno.EIO, 0, [b""])
        return Reply(len(data), 0, time.perf_counter_ns() - start, [data])
