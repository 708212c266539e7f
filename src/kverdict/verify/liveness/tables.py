"""What level 2 of the log tells of the stack analysis: origins as they are followed, reads and writes of each place.

Source: arg_track_log(), print_subprog_arg_access(), print_instances() in kernel/bpf/liveness.c of 7.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from kverdict.isa.opcode import CALL, CLASS_MASK, JMP, LDX, STX
from kverdict.verify.env import Env
from kverdict.verify.liveness.instances import Instance
from kverdict.verify.liveness.origins import NONE, Origin
from kverdict.verify.liveness.transfer import Origins
from kverdict.verify.log import Log, column, disassemble

_LONGEST: Final = 319  # characters of one list of slots that the kernel's buffer holds
_SLOTS: Final = 64


def _log(env: Env) -> Log | None:
    return env.log if env.log is not None and env.log.level > 1 else None


def log_order(env: Env, order: Sequence[int]) -> None:
    """The functions, callees first; kernel: sort_subprogs_topo()."""
    log = _log(env)
    if log is not None:
        for place, number in enumerate(order):
            log.write(f"topo_order[{place}] = {env.subprogs[number].name}\n")


def log_beginning(env: Env, number: int, depth: int) -> None:
    """A function is looked at."""
    log = _log(env)
    if log is not None:
        log.write(f"subprog#{number}: analyzing (depth {depth})...\n")


def log_transfer(env: Env, index: int, before: Origins, after: Origins) -> None:
    """What one instruction changes."""
    log = _log(env)
    if log is None:
        return
    changes = [
        f"\tr{reg}: {old.text()} -> {new.text()}"
        for reg, (old, new) in enumerate(zip(before.regs, after.regs, strict=True))
        if old != new
    ]
    changes += [
        f"\tfp{-(slot + 1) * 8:+d}: {old.text()} -> {new.text()}"
        for slot, old, new in _both(before.stack, after.stack)
        if old != new
    ]
    if changes:
        log.write(f"{index:3d}: {disassemble(env, index)}{''.join(changes)}\n")


def _both(one: Mapping[int, Origin], other: Mapping[int, Origin]) -> Iterable[tuple[int, Origin, Origin]]:
    for slot in sorted(one.keys() | other.keys()):
        yield slot, one.get(slot, NONE), other.get(slot, NONE)


def log_join(env: Env, index: int, target: int, what: str, old: Origin, new: Origin, joined: Origin) -> None:
    """Two paths meet and know different things."""
    log = _log(env)
    if log is not None:
        log.write(f"arg JOIN insn {index} -> {target} {what}: {old.text()} + {new.text()} => {joined.text()}\n")


def _title(env: Env, number: int) -> str:
    name = env.subprogs[number].name
    return f"subprog#{number} {name}" if name else f"subprog#{number}"


def log_function(env: Env, number: int, before: Sequence[Origins | None]) -> None:
    """All instructions of a function, with the pointers into the stack that loads, stores and calls meet."""
    log = _log(env)
    if log is None:
        return
    log.write(f"{_title(env, number)}:\n")
    start = env.subprogs[number].start
    for place, now in enumerate(before):
        insn = env.insns[start + place]
        if not insn.op:
            continue
        pointers = ""
        if now is not None and (insn.op & CLASS_MASK in (LDX, STX) or insn.op & 0xFF == JMP | CALL):
            pointers = "".join(
                f" r{reg}={origin.text()}" for reg, origin in enumerate(now.regs[:10]) if origin.is_stack
            )
            pointers += "".join(f" fp{-(slot + 1) * 8:+d}={now.stack[slot].text()}" for slot in sorted(now.stack))
        log.write(f"{start + place:3d}: {disassemble(env, start + place)}{' //' if pointers else ''}{pointers}\n")


def log_instances(env: Env, instances: Iterable[Instance]) -> None:
    """What each function reads and writes, by call site and depth."""
    log = _log(env)
    if log is None:
        return
    for instance in sorted(instances, key=lambda each: (each.callsite, each.depth)):
        log.write(f"stack use/def {_title(env, instance.number)} (d{instance.depth},cs{instance.callsite}):\n")
        for index in range(instance.subprog.start, instance.subprog.end):
            if env.insns[index].op:
                log.write(_use_and_definition(env, instance, index) + "\n")


def _use_and_definition(env: Env, instance: Instance, index: int) -> str:
    line = f"{index:3d}: {disassemble(env, index)}"
    frames = [(frame, masks) for frame, masks in enumerate(instance.frames) if masks is not None]
    place = index - instance.subprog.start
    use = _slots((frame, masks.may_read[place]) for frame, masks in reversed(frames))
    define = _slots((frame, masks.must_write[place]) for frame, masks in reversed(frames))
    if not use and not define:
        return line
    return f"{line}{' ' * column(len(line))};{' use: ' + use if use else ''}{' def: ' + define if define else ''}"


def _slots(masks: Iterable[tuple[int, int]]) -> str:
    """Half slots of some frames: "fp1-8..-24 fp1-28h fp0-8"; kernel: fmt_spis_mask()."""
    return " ".join(" ".join(_frame_slots(frame, mask))[:_LONGEST] for frame, mask in masks if mask)


def _frame_slots(frame: int, mask: int) -> list[str]:
    parts = []
    slot = 0
    while slot < _SLOTS:
        halves = mask >> 2 * slot & 3
        if halves in (1, 2):
            parts.append(f"fp{frame}{-(slot + 1) * 8 + (4 if halves == 1 else 0)}h")
        elif halves == 3:
            last = slot
            while mask >> 2 * (last + 1) & 3 == 3:
                last += 1
            if last - slot >= 2:
                parts.append(f"fp{frame}{-(slot + 1) * 8}..{-(last + 1) * 8}")
                slot = last
            else:
                parts.append(f"fp{frame}{-(slot + 1) * 8}")
        slot += 1
    return parts
