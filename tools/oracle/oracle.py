"""A kernel that gives verdicts. Programs are only ever loaded, never attached and never run."""

from __future__ import annotations

import errno
import functools
import os
from collections.abc import Mapping, Sequence

from tools.oracle.answer import Answer
from tools.oracle.calls import Read
from tools.oracle.guest import Guest
from tools.oracle.host import Host
from tools.oracle.items import LOG_SIZE_MAX, Item, Load
from tools.oracle.names import Names
from tools.oracle.plan import Plan


class Oracle:
    """Oracle("6.12") is Debian's kernel of that version under QEMU, Oracle("host") the running one (root)."""

    def __init__(self, version: str, timeout: float = 300) -> None:
        """timeout: seconds for one batch. Raises OracleError if the kernel is not set up."""
        self.version, self.timeout = version, timeout
        self._backend: Host | Guest = Host() if version == "host" else Guest(version)
        self.release = self._backend.release

    @functools.cached_property
    def names(self) -> Names:
        """Ids in the kernel's BTF."""
        return Names(self.btf)

    @functools.cached_property
    def btf(self) -> bytes:
        """The kernel's raw BTF."""
        return self._backend.btf()

    def run(self, items: Sequence[Item]) -> list[Answer]:
        """The answers to a batch, in order. Under QEMU a batch costs one restore, however long it is.

        Maps and BTF objects that programs refer to are created by themselves; name them only to see their own answer.
        Raises OracleError (the oracle failed) and UnknownName (this kernel lacks something that a program names).
        """
        answers = self._run(items, {})
        large: dict[Item, int] = {
            item: LOG_SIZE_MAX
            for item, answer in zip(items, answers, strict=True)
            if isinstance(item, Load) and answer.errno == errno.ENOSPC and item.log_level
        }
        if large:  # the log did not fit, so this was no verdict
            again = dict(zip(large, self._run(list(large), large), strict=True))
            answers = [again.get(item, answer) for item, answer in zip(items, answers, strict=True)]
        return answers

    def _run(self, items: Sequence[Item], log_sizes: Mapping[Item, int]) -> list[Answer]:
        plan = Plan(self.names)
        for item in items:
            plan.add(item, log_sizes.get(item))
        replies = self._backend.run(plan.calls, self.timeout)
        return [plan.answer(item, replies) for item in items]

    def read_files(self, paths: Sequence[str]) -> list[bytes]:
        """Files of the kernel (procfs, sysfs). Raises OSError."""
        replies = self._backend.run([Read(path) for path in paths], self.timeout)
        for path, reply in zip(paths, replies, strict=True):
            if reply.ret < 0:
                raise OSError(reply.errno, os.strerror(reply.errno), path)
        return [reply.out[0] for reply in replies]
