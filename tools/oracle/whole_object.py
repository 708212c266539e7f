"""Ask the running kernel about a whole .bpf.o through libbpf, independently of kverdict's own loader. Needs root."""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
import os
import time
from pathlib import Path

from tools.oracle.answer import Answer, OracleError

LOG_SIZE = 1 << 24
_PRINT = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
_quiet = _PRINT(lambda _level, _format, _arguments: 0)


@functools.cache
def library() -> ctypes.CDLL:
    """libbpf: the file that $KVERDICT_LIBBPF names, or the installed one. Raises OracleError if there is none."""
    path = os.environ.get("KVERDICT_LIBBPF") or ctypes.util.find_library("bpf")
    if not path:
        raise OracleError("no libbpf: install the Debian package libbpf1, or name the file in KVERDICT_LIBBPF")
    lib = ctypes.CDLL(path, use_errno=True)
    pointer, number = ctypes.c_void_p, ctypes.c_int
    signatures: dict[str, tuple[type | None, list[type]]] = {
        "bpf_object__open_file": (pointer, [ctypes.c_char_p, pointer]),
        "bpf_object__next_program": (pointer, [pointer, pointer]),
        "bpf_object__load": (number, [pointer]),
        "bpf_object__close": (None, [pointer]),
        "bpf_program__name": (ctypes.c_char_p, [pointer]),
        "bpf_program__set_autoload": (number, [pointer, ctypes.c_bool]),
        "bpf_program__set_log_buf": (number, [pointer, ctypes.c_char_p, ctypes.c_size_t]),
        "bpf_program__set_log_level": (number, [pointer, ctypes.c_uint]),
        "libbpf_set_print": (pointer, [_PRINT]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    lib.libbpf_set_print(_quiet)
    return lib


def _open(path: Path) -> int:
    opened: int | None = library().bpf_object__open_file(str(path).encode(), None)
    if not opened:
        raise OracleError(f"{path}: libbpf cannot open it: {os.strerror(ctypes.get_errno())}")
    return opened


def _programs(opened: int) -> list[tuple[int, str]]:
    lib, found, at = library(), [], None
    while at := lib.bpf_object__next_program(opened, at):
        found.append((at, lib.bpf_program__name(at).decode()))
    return found


def program_names(path: Path) -> list[str]:
    """The programs of an object, in libbpf's order. Raises OracleError if libbpf cannot open it."""
    opened = _open(path)
    try:
        return [name for _, name in _programs(opened)]
    finally:
        library().bpf_object__close(opened)


def ask_about(path: Path, program: str, log_level: int = 1) -> Answer:
    """Load one program of the object, nothing else, and say what the running kernel said.

    Where libbpf refuses before bpf(2) the answer's stage is "link". Raises OracleError if there is no such program.
    """
    lib = library()
    opened = _open(path)
    try:
        log = ctypes.create_string_buffer(LOG_SIZE)
        found = False
        for handle, name in _programs(opened):
            lib.bpf_program__set_autoload(handle, name == program)
            if name == program:
                found = True
                lib.bpf_program__set_log_buf(handle, log, LOG_SIZE)
                lib.bpf_program__set_log_level(handle, log_level)
        if not found:
            raise OracleError(f"{path}: no program {program}")
        start = time.perf_counter_ns()
        error = -lib.bpf_object__load(opened)
        ns = time.perf_counter_ns() - start
        text = log.value.decode(errors="replace")
        return Answer(error == 0, error, text, ns, "prog_load" if text or not error else "link")
    finally:
        lib.bpf_object__close(opened)
