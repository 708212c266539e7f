"""A Debian kernel under QEMU, restored from its snapshot for every batch of calls."""

from __future__ import annotations

import shlex
import struct
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tools.oracle.answer import OracleError
from tools.oracle.cache import QEMU, Files
from tools.oracle.calls import OP_END, Call, Read, Reply, operation

MEMORY_MIB = 512
_MAGIC = 0xB0F0B0F0


class Vm:
    """One QEMU process and its files."""

    def __init__(self, files: Files, directory: Path, request: bytes, extra: Sequence[str]) -> None:
        self.out, self.console, self.said, self.qmp = (directory / n for n in ("out", "console", "said", "qmp"))
        (directory / "request").write_bytes(request)
        command = [
            # The plain PC machine: microvm starts sooner but its snapshots do not restore. qemu64: see README.
            *(QEMU, "-M", "pc", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
            *("-accel", "tcg,thread=single", "-cpu", "qemu64", "-smp", "1", "-m", str(MEMORY_MIB)),
            *("-kernel", str(files.vmlinux), "-initrd", str(files.initrd)),
            "-append",
            "console=ttyS0 quiet nokaslr mitigations=off panic=-1 random.trust_cpu=1 tsc=reliable no_timer_check",
            *("-fw_cfg", f"name=opt/bpf-oracle/request,file={directory / 'request'}"),
            *("-chardev", f"file,id=out,path={self.out}", "-device", "isa-debugcon,iobase=0xe9,chardev=out"),
            *("-device", "isa-debug-exit,iobase=0xf4,iosize=1", "-serial", f"file:{self.console}"),
            *("-qmp", f"unix:{self.qmp},server=on,wait=off", *extra),
        ]
        with self.said.open("wb") as said:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said)

    def output(self) -> bytes:
        """What the guest has sent so far."""
        return self.out.read_bytes() if self.out.exists() else b""

    def wait(self, timeout: float) -> None:
        """Until the guest is done. Raises OracleError after `timeout` seconds."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout)
            return
        raise self.error(f"no answer in {timeout:g} s")

    def error(self, what: str) -> OracleError:
        """An error with the end of what QEMU and the guest's console said."""
        tails = [path.read_text(errors="replace")[-800:] for path in (self.said, self.console) if path.exists()]
        return OracleError("\n".join([what, *tails]).rstrip())

    def replies(self, count: int) -> list[Reply]:
        """The guest's replies. Raises OracleError if they are not complete."""
        out = self.output()
        at = out.find(b"START\n") + 6
        if at < 6 or not out.endswith(b"DONE\n"):
            raise self.error("the guest died before the last answer")
        replies = []
        for _ in range(count):
            magic, _index, ret, error, ns, buffers = struct.unpack_from("<IIiiQI", out, at)
            if magic != _MAGIC:
                raise self.error("garbled answer")
            at += 28
            filled = []
            for _ in range(buffers):
                (size,) = struct.unpack_from("<I", out, at)
                filled.append(out[at + 4 : at + 4 + size])
                at += 4 + size
            replies.append(Reply(ret, error, ns, filled))
        return replies


@contextmanager
def machine(files: Files, request: bytes, *extra: str) -> Iterator[Vm]:
    """A QEMU process with this request; it is killed at the end."""
    with tempfile.TemporaryDirectory(prefix="bpf-oracle-") as directory:
        vm = Vm(files, Path(directory), request, extra)
        try:
            yield vm
        finally:
            vm.process.kill()
            vm.process.wait()


def restore_and_run(files: Files, calls: Sequence[Call | Read], timeout: float) -> list[Reply]:
    """The replies of the guest, restored from its snapshot."""
    request = b"".join(call.pack() for call in calls) + operation(OP_END, b"")
    restore = f"exec:zstd -q -d -c {shlex.quote(str(files.snapshot))}"
    with machine(files, request, "-incoming", restore) as vm:
        vm.wait(timeout)
        return vm.replies(len(calls))


class Guest:
    """Runs calls in the guest of one version. Raises OracleError if that is not set up."""

    def __init__(self, version: str) -> None:
        self.files = Files(version)
        problem = self.files.stale() or ("" if self.files.btf.exists() else "not set up")
        if problem:
            raise OracleError(f"kernel {version}: {problem}; run: python -m tools.oracle setup {version}")
        self.release: str = self.files.meta()["release"]

    def btf(self) -> bytes:
        """The kernel's raw BTF."""
        return self.files.btf.read_bytes()

    def run(self, calls: Sequence[Call | Read], timeout: float) -> list[Reply]:
        """All calls, in order."""
        return restore_and_run(self.files, calls, timeout)
