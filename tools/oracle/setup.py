"""Makes a kernel ready to be asked: package, initramfs, first boot, snapshot. Does only what is missing."""

from __future__ import annotations

import json
import shlex
import shutil
import socket
import tempfile
import time
from pathlib import Path
from typing import Any, TextIO

from tools.oracle.answer import OracleError
from tools.oracle.cache import HERE, QEMU, Files, agent_hash, output, qemu_version
from tools.oracle.calls import OP_WAIT, Read, operation
from tools.oracle.debian import get_kernel
from tools.oracle.guest import Vm, machine, restore_and_run

TOOLS = {  # command -> Debian package
    QEMU: "qemu-system-x86",
    "gcc": "gcc libc6-dev",
    "zstd": "zstd",
    "dpkg-deb": "dpkg",
    "apt-get": "apt",
}


def missing_packages() -> list[str]:
    """Debian packages to install first."""
    missing = [package for tool, package in TOOLS.items() if not shutil.which(tool)]
    libc = Path(output("gcc", "-print-file-name=libc.a").strip()) if shutil.which("gcc") else Path("/")
    if not libc.is_absolute():  # gcc prints the bare name when there is no such file
        missing.append("libc6-dev")
    return missing


def build_initrd(path: Path) -> None:
    """A cpio archive with the static agent as /init."""
    with tempfile.TemporaryDirectory() as directory:
        agent = Path(directory) / "agent"
        output("gcc", "-O2", "-static", "-s", "-o", str(agent), str(HERE / "agent.c"))
        init = agent.read_bytes()
    entries = [("dev", 0o040755, b"", 0), ("dev/console", 0o020600, b"", 1), ("init", 0o100755, init, 0)]
    out = b""
    for number, (name, mode, data, device) in enumerate([*entries, ("TRAILER!!!", 0, b"", 0)], 1):
        raw = name.encode() + b"\0"
        numbers = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 5 if device else 0, device, len(raw), 0)
        out += b"070701" + b"".join(b"%08x" % n for n in numbers) + raw
        out += b"\0" * (-len(out) % 4) + data
        out += b"\0" * (-len(out) % 4)
    path.write_bytes(out)


class Monitor:
    """QEMU's monitor (QMP) of one machine."""

    def __init__(self, vm: Vm, stream: TextIO) -> None:
        self.vm, self.stream = vm, stream
        stream.readline()  # the greeting
        self.command("qmp_capabilities")

    def command(self, name: str, **arguments: str) -> Any:
        """Run a command and return what it returns. Raises OracleError if QEMU refuses."""
        self.stream.write(json.dumps({"execute": name, "arguments": arguments}) + "\n")
        self.stream.flush()
        while True:
            answer = json.loads(self.stream.readline())
            if "error" in answer:
                raise self.vm.error(f"QEMU refused {name}: {answer['error']}")
            if "return" in answer:
                return answer["return"]


def make_snapshot(files: Files, timeout: float = 300) -> None:
    """Boot until the agent waits, then save the running machine: a guest stopped first would be restored stopped."""
    partial = files.snapshot.with_suffix(".partial")
    with machine(files, operation(OP_WAIT, b"")) as vm:
        deadline = time.monotonic() + timeout
        while b"READY\n" not in vm.output():
            if vm.process.poll() is not None or time.monotonic() > deadline:
                raise vm.error("the guest did not boot")
            time.sleep(0.05)
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(vm.qmp))
            monitor = Monitor(vm, connection.makefile("rw"))
            monitor.command("migrate", uri=f"exec:zstd -q -3 -f -o {shlex.quote(str(partial))}")
            while (status := monitor.command("query-migrate").get("status")) != "completed":
                if status in ("failed", "cancelled") or time.monotonic() > deadline:
                    raise vm.error(f"saving the snapshot: {status}")
                time.sleep(0.05)
    partial.replace(files.snapshot)
    files.write_meta(agent=agent_hash(), qemu=qemu_version())


def setup(version: str, force: bool = False) -> str:
    """Make a kernel ready; `force` fetches the newest package again. Returns a line that says what was done."""
    missing = missing_packages()
    if missing:
        raise OracleError(f"please install the Debian packages: {' '.join(missing)}")
    files = Files(version)
    files.directory.mkdir(parents=True, exist_ok=True)
    done = []
    start = time.monotonic()
    if not files.initrd.exists():
        build_initrd(files.initrd)
        done.append("built the agent")
    if force or not files.vmlinux.exists():
        get_kernel(files)
        files.snapshot.unlink(missing_ok=True)
        done.append(f"fetched {files.meta()['package']}")
    if files.stale():
        files.btf.unlink(missing_ok=True)
        make_snapshot(files)
        done.append("made the snapshot")
    if not files.btf.exists():
        reads = [Read("/proc/sys/kernel/osrelease"), Read("/sys/kernel/btf/vmlinux")]
        release, btf = (reply.out[0] for reply in restore_and_run(files, reads, 300))
        files.write_meta(release=release.decode().strip())
        files.btf.write_bytes(btf)
    return (
        f"{version}: {files.meta()['release']}: {', '.join(done) or 'nothing to do'} ({time.monotonic() - start:.1f} s)"
    )
