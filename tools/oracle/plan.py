"""Turns what is asked into bpf(2) calls, and their replies into answers: dependencies first, each object once."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from tools.oracle.answer import Answer
from tools.oracle.calls import (
    ATTR,
    BTF_LOAD,
    FIX_FD,
    MAP_CREATE,
    MAP_FREEZE,
    MAP_UPDATE,
    PROG_LOAD,
    Call,
    Out,
    Read,
    Reply,
)
from tools.oracle.items import LOG_SIZE, Btf, Item, Load, Map
from tools.oracle.names import BTF_FUNC, Names

F_SLEEPABLE = 1 << 4
PSEUDO_MAP_FD, PSEUDO_KFUNC_CALL = 1, 2
_STAGES = {PROG_LOAD: "prog_load", MAP_CREATE: "map_create", MAP_UPDATE: "map_update", MAP_FREEZE: "map_freeze"}


class Plan:
    """The calls for a batch of items."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.calls: list[Call | Read] = []
        self._position: dict[Item, int] = {}
        self._needs: dict[Item, list[Item]] = {}
        self._filling: dict[Item, list[int]] = {}  # calls that fill and freeze a map

    def add(self, item: Item, log_size: int | None = None) -> None:
        """Put an item and all that it refers to behind the calls so far. Raises UnknownName."""
        if item in self._position:
            return
        needs: list[Item | None] = [item.btf] if not isinstance(item, Btf) else []
        needs += [*item.maps.values()] if isinstance(item, Load) else []
        needs += [item.inner] if isinstance(item, Map) else []
        self._needs[item] = [need for need in needs if need]
        for need in self._needs[item]:
            self.add(need)
        if isinstance(item, Load):
            call = self._program(item, log_size or item.log_size)
        else:
            call = self._map(item) if isinstance(item, Map) else self._btf(item)
            call.slot = len(self.calls)  # a call's slot is its position
        self._position[item] = len(self.calls)
        self.calls.append(call)
        if isinstance(item, Map):
            self._fill(item)

    def answer(self, item: Item, replies: Sequence[Reply]) -> Answer:
        """What the kernel said about the item: if something it needs was refused, that refusal."""
        for need in self._needs[item]:
            failed = self.answer(need, replies)
            if not failed.accepted:
                return failed
        answer = self._at(self._position[item], replies)
        for position in self._filling.get(item, []):
            answer = self._at(position, replies) if answer.accepted else answer
        return answer

    def _at(self, position: int, replies: Sequence[Reply]) -> Answer:
        reply, call = replies[position], self.calls[position]
        log = reply.out[0].decode(errors="replace") if reply.out else ""
        stage = _STAGES.get(call.command, "btf_load") if isinstance(call, Call) else "read"
        return Answer(reply.ret >= 0, reply.errno, log, reply.ns, stage)

    def _descriptor(self, call: Call, where: int, offset: int, item: Item) -> None:
        call.fixes.append((FIX_FD, where, offset, self._position[item]))

    def _btf(self, btf: Btf) -> Call:
        call = Call(BTF_LOAD, bytearray(28))
        call.pointer(0, btf.raw)
        log_size = max(LOG_SIZE, 16 * len(btf.raw))  # the log tells of each type; if it did not fit, nothing is loaded
        call.pointer(8, Out(log_size))
        struct.pack_into("<III", call.attr, 16, len(btf.raw), log_size, 1)
        return call

    def _map(self, m: Map) -> Call:
        call = Call(MAP_CREATE, bytearray(72))
        struct.pack_into("<5I", call.attr, 0, m.map_type, m.key_size, m.value_size, m.max_entries, m.flags)
        name = m.name.encode()[:15]
        call.attr[28 : 28 + len(name)] = name
        struct.pack_into("<IIxxxxQ", call.attr, 52, m.btf_key_type_id, m.btf_value_type_id, m.map_extra)
        if m.inner:
            self._descriptor(call, ATTR, 20, m.inner)
        if m.btf:
            self._descriptor(call, ATTR, 48, m.btf)
        return call

    def _fill(self, m: Map) -> None:
        self._filling[m] = []
        if m.contents is not None:
            update = Call(MAP_UPDATE, bytearray(32))
            update.pointer(8, bytes(m.key_size))
            update.pointer(16, m.contents)
            self._after(m, update)
        if m.frozen:
            self._after(m, Call(MAP_FREEZE, bytearray(4)))

    def _after(self, m: Map, call: Call) -> None:
        self._descriptor(call, ATTR, 0, m)
        call.slot = len(self.calls)  # returns 0, not a descriptor: it must not be closed
        self._filling[m].append(len(self.calls))
        self.calls.append(call)

    def _program(self, p: Load, log_size: int) -> Call:
        prog_type, attach_type, attach_id = self.names.attach(p.prog_type, p.attach)
        call = Call(PROG_LOAD, bytearray(144))
        attr = call.attr
        insns = self._instructions(p)
        struct.pack_into("<II", attr, 0, prog_type, len(insns) // 8)
        code = call.pointer(8, insns)
        call.pointer(16, p.license.encode() + b"\0")
        if p.log_level:
            struct.pack_into("<II", attr, 24, p.log_level, log_size)
            call.pointer(32, Out(log_size))
        struct.pack_into("<I", attr, 44, p.flags | (F_SLEEPABLE if p.sleepable else 0))
        name = p.name.encode()[:15]
        attr[48 : 48 + len(name)] = name
        struct.pack_into("<I", attr, 68, p.expected_attach_type or attach_type)
        struct.pack_into("<I", attr, 108, p.attach_btf_id or attach_id)
        for index, m in p.maps.items():
            self._descriptor(call, code, index * 8 + 4, m)
        if p.btf:
            self._descriptor(call, ATTR, 72, p.btf)
        for offset, size, info in ((76, 8, p.func_info), (92, 16, p.line_info)):
            if info:
                struct.pack_into("<I", attr, offset, size)
                call.pointer(offset + 4, info)
                struct.pack_into("<I", attr, offset + 12, len(info) // size)
        return call

    def _instructions(self, p: Load) -> bytes:
        insns = bytearray(p.insns)
        if len(insns) % 8:
            raise ValueError("instructions must be a multiple of 8 bytes")
        for index, name in p.kfuncs.items():
            struct.pack_into("<Bhi", insns, index * 8 + 1, PSEUDO_KFUNC_CALL << 4, 0, self.names.id(BTF_FUNC, name))
        for index in p.maps:
            if not insns[index * 8 + 1] >> 4:
                insns[index * 8 + 1] |= PSEUDO_MAP_FD << 4
        return bytes(insns)
