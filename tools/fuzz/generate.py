"""Random programs in assembler text: each follows from its seed; most are nearly right, so both verdicts occur.

A program is a list of independent lines (labels included), so that it can be made smaller by leaving lines out.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

from tools.fuzz import objects

SECTIONS: Final = ("socket", "tc", "xdp", "tp_btf/task_newtask", "tp_btf/task_newtask")
_MAPS: Final = (
    "# map 0: array 4 64 4",
    "# map 1: hash 8 48 16",
    "# map 2: hash 4 16 8 kptr=task_struct@0",
    "# map 3: ringbuf 0 0 4096",
    "# map 4: array 4 16 4 lock@0",
)
_ALU: Final = ("+=", "-=", "*=", "|=", "&=", "^=", "<<=", ">>=", "s>>=", "/=", "%=")
_COMPARE: Final = ("==", "!=", "<", "<=", ">", ">=", "s<", "s<=", "s>", "s>=", "&")
_SIZES: Final = (("u8", 1), ("u16", 2), ("u32", 4), ("u64", 8))
_NUMBERS: Final = (0, 1, 2, 3, 7, 8, 15, 16, 31, 32, 63, 64, 100, 255, 256, 4095, 65535, 0x7FFFFFFF, -1, -2, -8, -256)
# Not bpf_get_smp_processor_id: its bound depends on how many CPUs the asked kernel has.
_SCALARS: Final = ("bpf_ktime_get_ns", "bpf_get_prandom_u32", "bpf_get_numa_node_id")


@dataclass(frozen=True, slots=True)
class Sample:
    """One generated program. section: as in an object file. lines: assembler text, map comments first."""

    seed: int
    section: str
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """The program as one text."""
        return "\n".join(self.lines) + "\n"


class Writer:
    """Writes one program. `known`: registers that hold a number; r6 keeps the context, r7..r9 are free to use.

    functions: bodies of functions to append.
    """

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.seed = seed
        self.section = self.dice.choice(SECTIONS)
        self.lines: list[str] = list(_MAPS)
        self.labels = 0
        self.known: set[int] = set()
        self.stack: set[int] = set()
        self.functions: dict[str, list[str]] = {}

    def put(self, *lines: str) -> None:
        """Append lines."""
        self.lines.extend(lines)

    def label(self) -> str:
        """A new label."""
        self.labels += 1
        return f"l{self.labels}"

    def number(self) -> int:
        """A constant worth trying."""
        dice = self.dice
        return dice.choice(_NUMBERS) if dice.random() < 0.8 else dice.randint(-(1 << 31), (1 << 31) - 1)

    def scalar(self) -> int:
        """A register that holds a number; makes one if there is none."""
        if not self.known:
            self.put("r7 = 1")
            self.known.add(7)
        return self.dice.choice(sorted(self.known))

    def target(self) -> int:
        """A register to write."""
        return self.dice.choice((0, 2, 3, 4, 5, 7, 8, 9))

    def called(self) -> None:
        """A call leaves only r0 and r6..r9."""
        self.known = {reg for reg in self.known if reg > 5}
        self.known.discard(0)

    def write(self) -> Sample:
        """The whole program."""
        self.put("r6 = r1")
        for _ in range(self.dice.randint(3, 14)):
            self.dice.choices(_STEPS, _WEIGHTS)[0](self)
        self.put(f"r0 = {self.dice.choice((0, 0, 0, 1))}", "exit")
        for function, body in self.functions.items():
            self.put(f"{function}:", *body, "exit")
        return Sample(self.seed, self.section, tuple(self.lines))


def _constant(w: Writer) -> None:
    reg = w.target()
    w.put(f"{w.dice.choice('rw')}{reg} = {w.number()}")
    w.known.add(reg)


def _unknown(w: Writer) -> None:
    """A number that the verifier does not know."""
    if w.dice.random() < 0.5 and w.section in ("socket", "tc", "xdp"):
        reg = w.target()
        w.put(f"r{reg} = *(u32 *)(r6 +{w.dice.choice((0, 8, 16)) if w.section != 'xdp' else 12})")
    else:
        w.put(f"call {w.dice.choice(_SCALARS)}")
        w.called()
        reg = w.dice.choice((7, 8, 9))
        w.put(f"r{reg} = r0")
        w.known.add(0)
    w.known.add(reg)


def _arithmetic(w: Writer) -> None:
    reg, wide = w.scalar(), w.dice.random() < 0.6
    name = f"{'r' if wide else 'w'}"
    code = w.dice.choice(_ALU)
    if w.dice.random() < 0.4:
        w.put(f"{name}{reg} {code} {name}{w.scalar()}")
    else:
        number = w.number()
        if code in ("<<=", ">>=", "s>>="):
            number = w.dice.randrange(64 if wide else 32)
        w.put(f"{name}{reg} {code} {number or 1}")


def _move(w: Writer) -> None:
    source, reg = w.scalar(), w.target()
    form = w.dice.choice(("r{0} = r{1}", "r{0} = r{1}", "w{0} = w{1}", "r{0} = (s8)r{1}", "r{0} = (s32)r{1}"))
    w.put(form.format(reg, source))
    w.known.add(reg)


def _other_unary(w: Writer) -> None:
    reg = w.scalar()
    w.put(w.dice.choice(("r{0} = -r{0}", "w{0} = -w{0}", "r{0} = be16 r{0}", "r{0} = be64 r{0}")).format(reg))


def _branch(w: Writer) -> None:
    """Two sides that come together again, one of which may do something."""
    end, reg = w.label(), w.scalar()
    name = w.dice.choice("rrw")
    other = f"{name}{w.scalar()}" if w.dice.random() < 0.3 else str(w.number())
    w.put(f"if {name}{reg} {w.dice.choice(_COMPARE)} {other} goto {end}")
    before = set(w.known)
    for _ in range(w.dice.randint(0, 3)):
        w.dice.choice((_constant, _arithmetic, _move, _spill))(w)
    w.known &= before
    w.put(f"{end}:")


def _loop(w: Writer) -> None:
    """A counted loop; now and then it counts the wrong way."""
    start, reg = w.label(), w.dice.choice((7, 8, 9))
    rounds = w.dice.choice((3, 8, 20, 50))
    w.put(f"r{reg} = 0", f"{start}:")
    w.known.add(reg)
    for _ in range(w.dice.randint(0, 2)):
        w.dice.choice((_arithmetic_but(reg), _spill_but(reg)))(w)
    step = 1 if w.dice.random() < 0.97 else 0
    w.put(f"r{reg} += {step}", f"if r{reg} < {rounds} goto {start}")


def _arithmetic_but(reg: int):  # type: ignore[no-untyped-def]  # a step of the writer, see _STEPS
    def step(w: Writer) -> None:
        others = sorted(w.known - {reg})
        if others:
            w.put(f"r{w.dice.choice(others)} {w.dice.choice(_ALU[:6])} {w.number() or 1}")

    return step


def _spill_but(reg: int):  # type: ignore[no-untyped-def]  # a step of the writer, see _STEPS
    def step(w: Writer) -> None:
        w.put(f"*(u64 *)(r10 -16) = r{reg}")

    return step


def _spill(w: Writer) -> None:
    """Write a register or a constant to the stack; sometimes unaligned, narrow or at the edge."""
    size, width = w.dice.choice(_SIZES + (("u64", 8),) * 3)
    off = -width * w.dice.randint(1, 64 // width)
    if w.dice.random() < 0.03:
        off = w.dice.choice((-512, -520, 0, off + 1))
    value = f"r{w.scalar()}" if w.dice.random() < 0.8 else str(w.number())
    w.put(f"*({size} *)(r10 {off:+d}) = {value}")
    w.stack.add(off)


def _fill(w: Writer) -> None:
    size, width = w.dice.choice(_SIZES + (("u64", 8),) * 3)
    off = w.dice.choice(sorted(w.stack)) if w.stack and w.dice.random() < 0.9 else -width * w.dice.randint(1, 8)
    off -= off % width
    reg = w.target()
    w.put(f"r{reg} = *({size} *)(r10 {off:+d})")
    w.known.add(reg)


def _stack_variable(w: Writer) -> None:
    """A stack access at an offset that is only bounded."""
    reg, limit = w.scalar(), w.dice.choice((7, 15, 31, 63))
    w.put(f"r{reg} &= {limit}", "r4 = r10", "r4 += -64", f"r4 += r{reg}")
    w.put(w.dice.choice(("*(u8 *)(r4 +0) = 0", "r5 = *(u8 *)(r4 +0)", f"*(u8 *)(r4 +0) = r{reg}")))
    w.known.discard(4)


def _lookup(w: Writer) -> None:
    """Look a key up; use the value with a constant or variable offset, usually after the NULL test."""
    number, key = w.dice.choice(((0, 4), (1, 8)))
    size = 64 if number == 0 else 48
    end = w.label()
    w.put(f"*(u{key * 8} *)(r10 -{key}) = {w.dice.choice((0, 1, 3, 9))}")
    w.put(f"r1 = map[id:{number}]", "r2 = r10", f"r2 += -{key}", "call bpf_map_lookup_elem")
    w.called()
    if w.dice.random() < 0.93:
        w.put(f"if r0 == 0 goto {end}")
    if w.dice.random() < 0.5 and w.known:
        reg = w.dice.choice(sorted(w.known))
        limit = w.dice.choice((7, 15, 31, 39, 63, 127))
        w.put(w.dice.choice((f"r{reg} &= {limit}", f"if r{reg} > {limit} goto {end}")), f"r0 += r{reg}")
        off = w.dice.choice((0, 0, 8, 24))
    else:
        off = w.dice.choice((0, 8, 32, size - 8, size - 4, size, -8))
    width = w.dice.choice(_SIZES)[0]
    w.put(w.dice.choice((f"r3 = *({width} *)(r0 {off:+d})", f"*({width} *)(r0 {off:+d}) = {w.number()}")))
    w.put(f"{end}:")


def _packet(w: Writer) -> None:
    """Compare with the end of the packet, then read."""
    if w.section not in ("tc", "xdp"):
        return _unknown(w)
    start, end_off = (76, 80) if w.section == "tc" else (0, 4)
    end, need = w.label(), w.dice.choice((1, 8, 14, 34))
    w.put(f"r2 = *(u32 *)(r6 +{start})", f"r3 = *(u32 *)(r6 +{end_off})", "r4 = r2", f"r4 += {need}")
    w.put(w.dice.choice((f"if r4 > r3 goto {end}", f"if r3 < r4 goto {end}", f"if r4 >= r3 goto {end}")))
    size, width = w.dice.choice(_SIZES)
    off = w.dice.choice((0, need - width, need - width, need - width + 1))
    w.put(f"r5 = *({size} *)(r2 {max(off, 0):+d})", f"{end}:")
    w.known -= {2, 3, 4, 5}
    return None


def _function(w: Writer) -> None:
    """Call a function of the program."""
    name = f"f{len(w.functions)}"
    w.functions[name] = ["r0 = r1", f"r0 {w.dice.choice(_ALU[:6])} {w.number() | 1}"]
    w.put(f"r1 = r{w.scalar()}", f"call {name}")
    w.called()
    w.known.add(0)


def _task(w: Writer) -> None:
    """Acquire and release a task, with steps left out at random."""
    if not w.section.startswith("tp_btf"):
        return _lookup(w)
    dice, end = w.dice, w.label()
    if dice.random() < 0.3:
        w.put(f"w1 = {dice.choice((1, 42, -1))}", "call bpf_task_from_pid")
    else:
        w.put("r1 = *(u64 *)(r6 +0)")
        if dice.random() < 0.2:
            w.put(f"r1 = *(u64 *)(r1 +task_struct.{dice.choice(('real_parent', 'group_leader', 'last_wakee', 'mm'))})")
        w.put("call bpf_task_acquire")
    w.called()
    if dice.random() < 0.9:
        w.put(f"if r0 == 0 goto {end}")
    if dice.random() < 0.3:
        w.put("r3 = *(u32 *)(r0 +task_struct.pid)")
    if dice.random() < 0.9:
        w.put("r1 = r0", "call bpf_task_release")
    w.put(f"{end}:")
    return None


def _kptr(w: Writer) -> None:
    """Exchange a task into a map, or read one from it inside or outside a read section."""
    if not w.section.startswith("tp_btf"):
        return _lookup(w)
    dice, end, leave = w.dice, w.label(), w.label()
    w.put(f"*(u32 *)(r10 -4) = {dice.choice((0, 1))}", "r1 = map[id:2]", "r2 = r10", "r2 += -4")
    w.put("call bpf_map_lookup_elem")
    w.called()
    w.put(f"if r0 == 0 goto {end}", "r8 = r0")
    w.known.discard(8)
    if dice.random() < 0.5:
        locked = dice.random() < 0.7
        if locked:
            w.put("call bpf_rcu_read_lock")
        w.put("r1 = *(u64 *)(r8 +0)", f"if r1 == 0 goto {leave}")
        w.put(dice.choice(("call bpf_task_acquire", "r3 = *(u32 *)(r1 +task_struct.pid)")))
        if w.lines[-1].startswith("call") and dice.random() < 0.9:
            w.put(f"if r0 == 0 goto {leave}", "r1 = r0", "call bpf_task_release")
        w.put(f"{leave}:")
        if locked and dice.random() < 0.95:
            w.put("call bpf_rcu_read_unlock")
    else:
        w.put("r1 = *(u64 *)(r6 +0)", "call bpf_task_acquire", f"if r0 == 0 goto {end}", "r1 = r8", "r2 = r0")
        w.put("call bpf_kptr_xchg")
        if dice.random() < 0.9:
            w.put(f"if r0 == 0 goto {end}", "r1 = r0", "call bpf_task_release")
    w.put(f"{end}:")
    return None


def _helper(w: Writer) -> None:
    """A helper with memory and a size, now and then with a wrong one."""
    dice, width = w.dice, w.dice.choice((1, 8, 16, 40))
    w.put("r1 = r10", f"r1 += -{dice.choice((width, width, 64, 8))}")
    w.put(f"r2 = {width}" if dice.random() < 0.7 or not w.known else f"r2 = r{dice.choice(sorted(w.known))}")
    if dice.random() < 0.5:
        w.put(f"r2 &= {dice.choice((7, 15, 63))}")
    w.put("call bpf_get_current_comm" if w.section.startswith("tp_btf") else "call bpf_trace_printk")
    w.called()


_STEPS: Final = (
    _constant,
    _unknown,
    _arithmetic,
    _move,
    _other_unary,
    _branch,
    _loop,
    _spill,
    _fill,
    _stack_variable,
    _lookup,
    _packet,
    _function,
    _task,
    _kptr,
    _helper,
    objects.atomic,
    objects.function_with_pointer,
    objects.iterator,
    objects.ring_buffer,
    objects.dynptr,
    objects.lock,
    objects.cpumask,
    objects.section,
)
_WEIGHTS: Final = (4, 6, 14, 5, 2, 12, 3, 8, 8, 4, 9, 5, 2, 7, 5, 3, 3, 3, 2, 3, 2, 2, 2, 2)


def sample(seed: int) -> Sample:
    """The program of this seed; the same on every machine and run."""
    return Writer(seed).write()
