"""Which maps a program of this type may use.

Source: check_map_prog_compatibility() of the kernel.
"""

from __future__ import annotations

from typing import Final

from kverdict.btf.types import Func
from kverdict.catalogue.limits import TOO_MANY_MAPS
from kverdict.catalogue.maps import (
    DIRECT_VALUE_ACCESS,
    DIRECT_VALUE_OFFSET,
    INVALID_MAP_FD,
    NOT_A_VARIABLE,
    SLEEPABLE_MAP_TYPE,
    SOCKET_FILTER_SPIN_LOCK,
    STRUCT_OPS_MAP,
    TRACING_GRAPH,
    TRACING_SPIN_LOCK,
    TRACING_TIMER,
    TRACING_WQ,
    TWO_ARENAS,
)
from kverdict.isa.opcode import LD_IMM64, PSEUDO_BTF_ID, PSEUDO_MAP_FD, PSEUDO_MAP_VALUE
from kverdict.program.program import Map
from kverdict.verify.env import Env

_TRACING: Final = frozenset(("kprobe", "tracepoint", "perf_event", "raw_tracepoint", "raw_tracepoint_writable"))
_SLEEPABLE: Final = frozenset(
    (
        "hash",
        "lru_hash",
        "array",
        "percpu_hash",
        "percpu_array",
        "lru_percpu_hash",
        "array_of_maps",
        "hash_of_maps",
        "ringbuf",
        "user_ringbuf",
        "inode_storage",
        "sk_storage",
        "task_storage",
        "cgrp_storage",
    )
)
_SLEEPABLE_LATER: Final = (
    ("SLEEPABLE_QUEUES", ("queue", "stack", "arena")),
    ("SLEEPABLE_TRIES", ("rhash", "lpm_trie", "insn_array", "prog_array")),
)
_LIMIT: Final = 64


def check_maps(env: Env, end: int) -> None:
    """Every map that an instruction before `end` names, in the order of the instructions."""
    used: list[Map] = []
    raw = env.program.extra.get("raw_maps", ())
    assert isinstance(raw, (frozenset, tuple))
    for index, insn in enumerate(env.insns[:end]):
        if insn.op & 0xFF == LD_IMM64 and insn.src == PSEUDO_BTF_ID:
            _check_kernel_symbol(env, index, insn.imm & 0xFFFFFFFF)
        if insn.op & 0xFF != LD_IMM64 or insn.src not in (PSEUDO_MAP_FD, PSEUDO_MAP_VALUE):
            continue
        number = insn.imm & 0xFFFFFFFF
        if index in raw:
            env.insn_idx = index
            env.refuse(INVALID_MAP_FD, fd=number)
        if number >= len(env.program.maps):
            continue
        map = env.program.maps[number]
        env.insn_idx = index
        if map not in used:
            if len(used) >= _LIMIT:
                env.refuse(TOO_MANY_MAPS, limit=_LIMIT)
            _check_map(env, map)
            if map.map_type == env.profile.map_types.get("arena"):
                if env.arena is not None:
                    env.refuse(TWO_ARENAS)
                env.arena = map
            used.append(map)
        if insn.src == PSEUDO_MAP_VALUE and _type_name(env, map) not in ("array", "insn_array", "arena"):
            env.refuse(DIRECT_VALUE_ACCESS)
        if insn.src == PSEUDO_MAP_VALUE and _type_name(env, map) == "array":
            _check_direct_value(env, map, insn.imm >> 32)


def _check_direct_value(env: Env, map: Map, off: int) -> None:
    """Only an array of one value has an address, and only inside of it; kernel: array_map_direct_value_addr()."""
    if map.max_entries != 1 or off >= map.value_size:
        env.refuse(DIRECT_VALUE_OFFSET, value_size=map.value_size, off=off)


def _check_kernel_symbol(env: Env, index: int, type_id: int) -> None:
    """Older kernels have addresses of variables only; kernel: check_pseudo_btf_id()."""
    if isinstance(env.profile.btf.type(type_id), Func) and not env.does("LOADS_FUNCTION_ADDRESS"):
        env.insn_idx = index
        env.refuse(NOT_A_VARIABLE, type_id=type_id)


def _type_name(env: Env, map: Map) -> str:
    return next((name for name, number in env.profile.map_types.items() if number == map.map_type), "")


def _check_map(env: Env, map: Map) -> None:
    kind = env.program.prog_type
    tracing = kind in _TRACING
    fields = {field.kind for field in map.fields}
    if tracing and fields & {"list_head", "rb_root"}:
        env.refuse(TRACING_GRAPH)
    if fields & {"spin_lock", "res_spin_lock"}:
        if kind == "socket_filter":
            env.refuse(SOCKET_FILTER_SPIN_LOCK)
        if tracing and not (env.does("RES_SPIN_LOCK_IN_TRACING") and "spin_lock" not in fields):
            env.refuse(TRACING_SPIN_LOCK)
        if not env.does("SPIN_LOCK_IN_SLEEPABLE") and env.program.sleepable:
            from kverdict.catalogue.maps import SLEEPABLE_SPIN_LOCK

            env.refuse(SLEEPABLE_SPIN_LOCK)
    if tracing and "timer" in fields and not env.does("TIMERS_IN_TRACING"):
        env.refuse(TRACING_TIMER)
    if tracing and "wq" in fields and not env.does("TIMERS_IN_TRACING"):
        env.refuse(TRACING_WQ)
    name = _type_name(env, map)
    if name == "struct_ops":
        env.refuse(STRUCT_OPS_MAP)
    if env.program.sleepable and not _may_be_slept_on(env, name):
        env.refuse(SLEEPABLE_MAP_TYPE)


def _may_be_slept_on(env: Env, name: str) -> bool:
    return name in _SLEEPABLE or any(name in names and env.does(since) for since, names in _SLEEPABLE_LATER)
