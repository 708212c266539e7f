"""Steps of generated programs about kernel objects: iterators, ring buffers, dynptrs, locks, cpumasks, sections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tools.fuzz.generate import Writer

_ATOMICS: Final = (
    "lock *({0} *)(r10 {1:+d}) += r{2}",
    "lock *({0} *)(r10 {1:+d}) |= r{2}",
    "r{2} = atomic{3}_fetch_add(({0} *)(r10 {1:+d}), r{2})",
    "r{2} = atomic{3}_xchg(({0} *)(r10 {1:+d}), r{2})",
)


def atomic(w: Writer) -> None:
    """An atomic operation on the stack, now and then on a slot that was never written."""
    dice = w.dice
    size, bits = dice.choice((("u64", "64"), ("u32", "")))
    off = -8 * dice.randint(1, 6)
    if dice.random() < 0.8:
        w.put(f"*(u64 *)(r10 {off:+d}) = {w.number()}")
    reg = w.scalar()
    w.put(dice.choice(_ATOMICS).format(size, off, reg, bits))


def function_with_pointer(w: Writer) -> None:
    """A function of the program gets a pointer into its caller's stack."""
    dice = w.dice
    name = f"p{len(w.functions)}"
    off = -8 * dice.randint(1, 6)
    if dice.random() < 0.7:
        w.put(f"*(u64 *)(r10 {off:+d}) = {w.number()}")
    w.put("r1 = r10", f"r1 += {off}", f"r2 = r{w.scalar()}", f"call {name}")
    w.called()
    w.known.add(0)
    body = dice.choice(
        (
            ("r0 = *(u64 *)(r1 +0)",),
            ("*(u64 *)(r1 +0) = r2", "r0 = r2"),
            ("*(u32 *)(r1 +4) = 7", "r0 = 0"),
            ("r2 &= 7", "r1 += r2", "r0 = *(u8 *)(r1 +0)"),
            ("r0 = 1", "if r2 == 0 goto {0}e", "r0 = *(u64 *)(r1 +0)", "{0}e:"),
        )
    )
    w.functions[name] = [line.format(name) for line in body]
    if dice.random() < 0.5:
        reg = dice.choice((7, 8, 9))
        w.put(f"r{reg} = *(u64 *)(r10 {off:+d})")
        w.known.add(reg)


def iterator(w: Writer) -> None:
    """A loop over numbers with an open-coded iterator; sometimes not destroyed, or used after."""
    dice, start, end = w.dice, w.label(), w.label()
    w.put("r1 = r10", "r1 += -24", f"r2 = {dice.choice((0, 1, 5))}", f"r3 = {dice.choice((5, 10, 100))}")
    w.put("call bpf_iter_num_new", f"{start}:", "r1 = r10", "r1 += -24", "call bpf_iter_num_next")
    w.called()
    w.put(f"if r0 == 0 goto {end}")
    inside = dice.choice((0, 0, 1, 2, 3))
    if inside == 1:
        w.put("r3 = *(u32 *)(r0 +0)", "*(u64 *)(r10 -32) = r3")
    elif inside == 2 and 9 in w.known:
        w.put("r9 += 1")
    elif inside == 3:
        w.put("r3 = *(u32 *)(r0 +0)", f"if r3 > 3 goto {end}")
    w.put(f"goto {start}", f"{end}:")
    if dice.random() < 0.93:
        w.put("r1 = r10", "r1 += -24", "call bpf_iter_num_destroy")
    w.called()


def ring_buffer(w: Writer) -> None:
    """Reserve, write, submit; with steps left out."""
    dice, end = w.dice, w.label()
    size = dice.choice((8, 16, 24))
    w.put("r1 = map[id:3]", f"r2 = {size}", "r3 = 0", "call bpf_ringbuf_reserve")
    w.called()
    if dice.random() < 0.93:
        w.put(f"if r0 == 0 goto {end}")
    off = dice.choice((0, size - 8, size - 8, size - 4, size))
    w.put(f"*(u64 *)(r0 {off:+d}) = {w.number()}")
    if dice.random() < 0.93:
        w.put("r1 = r0", "r2 = 0", f"call bpf_ringbuf_{dice.choice(('submit', 'discard'))}")
        w.called()
    if dice.random() < 0.05:
        w.put("r3 = *(u8 *)(r0 +0)")
    w.put(f"{end}:")


def dynptr(w: Writer) -> None:
    """A dynptr over a ring buffer record, written through and submitted."""
    dice = w.dice
    w.put("r1 = map[id:3]", f"r2 = {dice.choice((8, 16))}", "r3 = 0", "r4 = r10", "r4 += -64")
    w.put("call bpf_ringbuf_reserve_dynptr")
    w.called()
    if dice.random() < 0.4:
        end = w.label()
        w.put("r1 = r10", "r1 += -64", "r2 = 0", f"r3 = {dice.choice((4, 8))}", "call bpf_dynptr_data")
        w.called()
        w.put(f"if r0 == 0 goto {end}", f"*(u32 *)(r0 +{dice.choice((0, 4, 8))}) = 1", f"{end}:")
    if dice.random() < 0.08:
        w.put(f"*(u64 *)(r10 -{dice.choice((56, 64))}) = 0")
    if dice.random() < 0.93:
        w.put("r1 = r10", "r1 += -64", "r2 = 0", "call bpf_ringbuf_submit_dynptr")
        w.called()


def lock(w: Writer) -> None:
    """Take and give back the spin lock of a map value; sometimes call or access what is not allowed meanwhile."""
    dice, end = w.dice, w.label()
    w.put("*(u32 *)(r10 -4) = 0", "r1 = map[id:4]", "r2 = r10", "r2 += -4", "call bpf_map_lookup_elem")
    w.called()
    w.put(f"if r0 == 0 goto {end}", "r8 = r0", "r1 = r0", "call bpf_spin_lock")
    w.known.discard(8)
    w.put(dice.choice(("*(u64 *)(r8 +8) = 1", "r3 = *(u32 *)(r8 +8)", "*(u32 *)(r8 +0) = 1", "call bpf_ktime_get_ns")))
    if dice.random() < 0.92:
        w.put("r1 = r8", "call bpf_spin_unlock")
    w.called()
    w.put(f"{end}:")


def cpumask(w: Writer) -> None:
    """Create a cpumask, use it, release it."""
    if not w.section.startswith("tp_btf"):
        return
    dice, end = w.dice, w.label()
    w.put("call bpf_cpumask_create")
    w.called()
    if dice.random() < 0.93:
        w.put(f"if r0 == 0 goto {end}")
    w.put("r8 = r0")
    w.known.discard(8)
    use = dice.choice(("w1 = 0\nr2 = r8\ncall bpf_cpumask_set_cpu", "r1 = r8\ncall bpf_cpumask_first", "r3 = r8"))
    w.put(*use.splitlines())
    w.called()
    if dice.random() < 0.93:
        w.put("r1 = r8", "call bpf_cpumask_release")
        w.called()
    w.put(f"{end}:")


def section(w: Writer) -> None:
    """A read section or a stretch without preemption around an arithmetic step."""
    if not w.section.startswith("tp_btf"):
        return
    dice = w.dice
    enter, leave = dice.choice(
        (("bpf_rcu_read_lock", "bpf_rcu_read_unlock"), ("bpf_preempt_disable", "bpf_preempt_enable"))
    )
    if dice.random() < 0.95:
        w.put(f"call {enter}")
        w.called()
    w.put(f"r{w.scalar()} += 1")
    if dice.random() < 0.93:
        w.put(f"call {leave}")
        w.called()
