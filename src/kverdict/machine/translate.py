"""The fast engine: each program becomes Python functions, compiled once; results equal those of the interpreter.

Basic blocks with one predecessor (and short ones) are written inside it, the others are cases of a loop over block
numbers; a block that jumps to itself is an inner loop. Memory is reached through memoryviews by region number
(views_raw.py), the stack through views of its own. A fault surfaces as KeyError, IndexError or Fault; its instruction
is found by line number, and the interpreter's memory then tells the story. Stack bytes that were never written read as
0 and are not reported.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import CodeType
from typing import TYPE_CHECKING, Any, Final

from kverdict.isa import opcode as op
from kverdict.isa.insn import Insn
from kverdict.machine import alu, atomic, load_store
from kverdict.machine import translate_insn as lines_of
from kverdict.machine.fastmaps import FastArray, fast_array
from kverdict.machine.fault import BAD_ADDRESS, Fault
from kverdict.machine.liveness import compute, successors
from kverdict.machine.memory import U64
from kverdict.machine.pending import Pending
from kverdict.machine.run import FAULTED, RUNNING, Run
from kverdict.machine.views_raw import AllViews, stack_views

if TYPE_CHECKING:
    from kverdict.machine.code import Code
    from kverdict.machine.world import World

MAX_DEPTH: Final = 40  # of blocks written inside each other; Python allows 100 levels of indentation
SHORT: Final = 12  # instructions of a block that may be written more than once
LOOKUP: Final = "bpf_map_lookup_elem"
Main = Callable[[int], int]


class Ended(Exception):
    """The program ended inside a helper or a legacy packet load; the result is already known."""


class Translation:
    """A program as Python source, its compiled form, and which line belongs to which instruction."""

    __slots__ = ("arrays", "compiled", "lines", "source")

    def __init__(self, source: str, lines: dict[int, int], arrays: dict[int, int]) -> None:
        self.source = source
        self.lines = lines
        self.arrays = arrays  # call instruction → number of the map in the program
        self.compiled: CodeType = compile(source, "<translated program>", "exec")


_CACHE: Final[dict[int, tuple[Code, Translation]]] = {}


def translation(code: Code) -> Translation:
    """The program's translation, made once."""
    found = _CACHE.get(id(code))
    if found is None or found[0] is not code:
        found = _CACHE[id(code)] = (code, _Writer(code).translation())
    return found[1]


class Facts:
    """What is known of registers on one path: known stack offsets, maps, and offsets into an element of an array."""

    __slots__ = ("maps", "stack", "value")

    def __init__(self) -> None:
        self.stack: dict[int, int] = {op.FP: op.STACK_SIZE}
        self.maps: dict[int, int] = {}
        self.value: dict[int, int] = {}

    def copy(self) -> Facts:
        other = Facts()
        other.stack = dict(self.stack)
        other.maps = dict(self.maps)
        other.value = dict(self.value)
        return other

    def forget(self, number: int) -> None:
        if number != op.FP:
            self.stack.pop(number, None)
        self.maps.pop(number, None)
        self.value.pop(number, None)

    def move(self, src: int, dst: int) -> None:
        for facts in (self.stack, self.maps, self.value):
            if src in facts:
                facts[dst] = facts[src]
            else:
                facts.pop(dst, None)

    def add(self, dst: int, amount: int) -> None:
        """dst += amount, a constant."""
        self.maps.pop(dst, None)
        for facts in (self.stack, self.value):
            if dst in facts:
                facts[dst] += amount


class _Writer:
    """Writes the source of one program."""

    def __init__(self, code: Code) -> None:
        self.code = code
        self.insns = code.insns
        self.out: list[str] = []
        self.lines: dict[int, int] = {}
        self.arrays: dict[int, int] = {}
        self.loops: set[int] = set()
        self.joins: set[int] = set()
        self.head = 0
        self.budget = 4 * len(self.insns) + 400
        self.live = compute(self.insns)

    def translation(self) -> Translation:
        self.put(0, "def bind(E):", -1)
        names = (
            "world run F call_out load probe store end_packet take give sign_extend swap signed64 signed32 compute64"
        )
        for name in f"{names} compute32 combine L8 L4 L2 L1 S8 S4 S2 S1".split():
            self.put(1, f"{name} = E.{name}", -1)
        for at, insn in enumerate(self.insns):
            if insn.op & 0xFF == op.LD_IMM64 and insn.src:
                self.put(1, f"C{at} = E.constant({at})", at)
        for start in self.functions():
            self.function(start)
        self.put(1, "return f0", -1)
        return Translation("\n".join(self.out) + "\n", self.lines, self.arrays)

    def put(self, depth: int, text: str, pc: int) -> None:
        self.out.append(" " * depth + text)
        self.lines[len(self.out)] = pc

    def functions(self) -> list[int]:
        found = {0}
        for at, insn in enumerate(self.insns):
            if insn.op == op.CALL_SUBPROG:
                found.add(at + 1 + insn.imm)
            elif insn.op & 0xFF == op.LD_IMM64 and insn.src == op.PSEUDO_FUNC:
                found.add(at + 1 + alu.signed32(insn.imm))
        return sorted(found)

    def function(self, start: int) -> None:
        self.find_joins(start)
        self.put(1, f"def f{start}(r1, r2=0, r3=0, r4=0, r5=0):", start)
        self.put(2, "fp, s8, s4, s2, s1 = take()", start)
        self.put(2, f"r0 = r6 = r7 = r8 = r9 = a = o = 0; b = {start}", start)
        self.put(2, "while True:", start)
        waiting = [start]
        done: set[int] = set()
        while waiting:
            head = waiting.pop(0)
            if head in done:
                continue
            self.put(3, f"{'elif' if done else 'if'} b == {head}:", head)
            done.add(head)
            self.put(4, "while True:", head)
            self.head = head
            waiting += self.block(head, 5, Facts())

    def find_joins(self, start: int) -> None:
        """Targets of backward jumps are loops; other instructions with several predecessors are joins."""
        reachable: set[int] = set()
        predecessors: dict[int, int] = {}
        self.loops = {start}
        waiting = [start]
        while waiting:
            at = waiting.pop()
            if at in reachable or at >= len(self.insns):
                continue
            reachable.add(at)
            for target in set(successors(self.insns[at], at)):
                predecessors[target] = predecessors.get(target, 0) + 1
                waiting.append(target)
                if target <= at:
                    self.loops.add(target)
        self.joins = {at for at, count in predecessors.items() if count > 1}

    def block(self, at: int, depth: int, facts: Facts) -> list[int]:
        """Write straight-line code from `at` and what follows; gives the heads that it jumps to."""
        first = True
        while True:
            if not first and (at in self.loops or at in self.joins):
                return self.jump(at, depth, at, facts)
            first = False
            insn = self.insns[at]
            if insn.op & op.CLASS_MASK in (op.JMP, op.JMP32) and insn.op & op.CODE_MASK != op.CALL:
                return self.branch(insn, at, depth, facts)
            for line in self.lines_for(insn, at, facts):
                self.put(depth, line, at)
            at += 2 if insn.op & 0xFF == op.LD_IMM64 else 1

    def jump(self, target: int, depth: int, pc: int, facts: Facts) -> list[int]:
        """Go to another block: written here if nobody else goes there, or if it is short and there is room."""
        if target == self.head:
            self.put(depth, "continue", pc)
            return []
        alone = target not in self.loops and target not in self.joins
        if alone or (target not in self.loops and self.spend(target)):
            if depth < MAX_DEPTH:
                return self.block(target, depth, facts.copy())
            self.joins.add(target)
        self.put(depth, f"b = {target}; break", pc)
        return [target]

    def spend(self, at: int) -> bool:
        """Whether the block at a join may be written once more."""
        length = 0
        while at < len(self.insns) and length <= SHORT:
            insn = self.insns[at]
            length += 1
            if insn.op & op.CLASS_MASK in (op.JMP, op.JMP32) and insn.op & op.CODE_MASK != op.CALL:
                break
            at += 2 if insn.op & 0xFF == op.LD_IMM64 else 1
        self.budget -= length
        return length <= SHORT and self.budget > 0

    def branch(self, insn: Insn, at: int, depth: int, facts: Facts) -> list[int]:
        code = insn.op & 0xFF
        operation = code & op.CODE_MASK
        if operation == op.EXIT:
            self.put(depth, "give(); return r0", at)
            return []
        if operation == op.JA:
            return self.jump(at + 1 + (insn.imm if code & op.CLASS_MASK == op.JMP32 else insn.off), depth, at, facts)
        if operation == op.JCOND:
            self.put(depth, "run.loop_budget -= 1", at)
            self.put(depth, "if run.loop_budget < 0:", at)
        else:
            self.put(depth, f"if {lines_of.condition(insn)}:", at)
        found = self.jump(at + 1 + insn.off, depth + 1, at, facts)
        return found + self.jump(at + 1, depth, at, facts)

    def lines_for(self, insn: Insn, at: int, facts: Facts) -> list[str]:
        """The lines of one instruction that is no jump; brings the facts up to date."""
        code = insn.op & 0xFF
        insn_class = code & op.CLASS_MASK
        if insn_class in (op.ALU, op.ALU64):
            return self.alu(insn, at, facts)
        if insn_class == op.LDX and at in self.code.probes:
            facts.forget(insn.dst)
            return lines_of.probe(insn)
        if insn_class == op.LDX:
            lines = lines_of.load(
                insn, _place(facts.stack, insn.src, insn.off), _place(facts.value, insn.src, insn.off)
            )
            facts.forget(insn.dst)
            return lines
        if insn_class in (op.ST, op.STX):
            if code & op.MODE_MASK == op.ATOMIC:
                for number in (insn.dst if insn.imm == op.LOAD_ACQ else insn.src, 0):
                    facts.forget(number)
                return lines_of.atomic(insn)
            return lines_of.store(
                insn, _place(facts.stack, insn.dst, insn.off), _place(facts.value, insn.dst, insn.off)
            )
        if code == op.LD_IMM64:
            facts.forget(insn.dst)
            if insn.src == op.PSEUDO_MAP_FD:
                facts.maps[insn.dst] = insn.imm
            return [f"r{insn.dst} = {insn.imm if insn.src == 0 else f'C{at}'}"]
        lines = (
            [f"r0 = end_packet({at}, r6, {lines_of.reg(insn.src)})", "r1 = r2 = r3 = r4 = r5 = 0"]
            if insn_class == op.LD
            else self.call(insn, at, facts)
        )
        return lines

    def alu(self, insn: Insn, at: int, facts: Facts) -> list[str]:
        lines = lines_of.alu(insn)
        code = insn.op & 0xFF
        if code == op.ALU64 | op.MOV | op.X and insn.off == 0:
            facts.move(insn.src, insn.dst)
        elif code == op.ALU64 | op.ADD:
            facts.add(insn.dst, insn.imm)
        else:
            facts.forget(insn.dst)
        dead = not self.live[at + 1] >> insn.dst & 1 or self.only_for_lookup(at + 1, insn.dst, facts)
        return [] if dead else lines

    def only_for_lookup(self, at: int, register: int, facts: Facts) -> bool:
        """Whether the next instructions are the constant arguments of an array look-up that needs no registers."""
        if register not in facts.stack or register == op.FP:
            return False
        while at < len(self.insns):
            insn = self.insns[at]
            if insn.op & 0xFF == op.LD_IMM64 and insn.src == op.PSEUDO_MAP_FD:
                if insn.dst == register:
                    return False
                if register == 2 and insn.dst == 1 and self.code.names.get(at + 2) == LOOKUP:
                    return self.inlinable(insn.imm, facts.stack.get(2))
            if insn.op != op.ALU64 | op.ADD or insn.dst != register:
                return False
            at += 1
            facts = facts.copy()
            facts.add(register, insn.imm)
        return False

    def inlinable(self, number: int, key: int | None) -> bool:
        return key is not None and not key & 3 and 0 <= key < op.STACK_SIZE and self.code.maps[number].map_type == 2

    def call(self, insn: Insn, at: int, facts: Facts) -> list[str]:
        key, number = facts.stack.get(2), facts.maps.get(1, -1)
        for register in range(6):
            facts.forget(register)
        if insn.op == op.CALL_SUBPROG:
            return [f"r0 = f{at + 1 + insn.imm}(r1, r2, r3, r4, r5)"]
        if self.code.names.get(at) == LOOKUP and number >= 0 and key is not None and self.inlinable(number, key):
            self.arrays[at] = number
            facts.value[0] = 0
            return [f"o = s4[{key // 4}]; r0 = A{at}[o] or N{at}(o) if o < {self.code.maps[number].max_entries} else 0"]
        return [f"F.pc = {at}; r0 = call_out({at}, r1, r2, r3, r4, r5)"]


def _place(known: dict[int, int], base: int, off: int) -> int | None:
    return known[base] + off if base in known else None


class Environment:
    """What the generated code of one run refers to."""

    def __init__(self, world: World, run: Run, views: AllViews) -> None:
        self.world = world
        self.run = run
        self.F = run.frame
        self.load = world.memory.load
        self.probe = partial(load_store.probe, world)
        self.store = world.memory.store
        self.sign_extend = alu.sign_extend
        self.swap = alu.swap
        self.signed64 = alu.signed64
        self.signed32 = alu.signed32
        self.compute64 = alu.compute64
        self.compute32 = alu.compute32
        self.combine = atomic.combine
        self.L8, self.L4, self.L2, self.L1 = (views.loads[unit] for unit in (8, 4, 2, 1))
        self.S8, self.S4, self.S2, self.S1 = (views.stores[unit] for unit in (8, 4, 2, 1))
        self.stacks: list[tuple[Any, ...]] = []
        self.depth = 0
        self.functions = run.code.functions

    def constant(self, at: int) -> int:
        return self.world.constant(self.run, self.run.code.insns[at], at)

    def take(self) -> tuple[Any, ...]:
        """The stack frame of a function that starts: address of its end, and views."""
        depth = self.depth
        self.depth = depth + 1
        if depth < len(self.stacks):
            found = self.stacks[depth]
            found[4][:] = _ZEROS
            return found
        number = self.run.frame.stack if depth == 0 else self.world.new_stack(self.run)[0]
        region = self.world.memory.regions[number]
        region.init = None
        made = (region.address + op.STACK_SIZE, *stack_views(region))
        self.stacks.append(made)
        return made

    def give(self) -> None:
        self.depth -= 1

    def call_out(self, at: int, a: int, b: int, c: int, d: int, e: int) -> int:
        """A helper or kfunc; its callbacks, if it has any, run in the interpreter."""
        answer = self.functions[at](self.world, self.run, a, b, c, d, e)
        if isinstance(answer, int):
            return answer & U64
        if answer is None:
            raise Ended
        return self.finish(answer)

    def finish(self, pending: Pending) -> int:
        """Step a pending operation to its end; the frame of the caller stands in for the translated function."""
        frame, run = self.F, self.run
        at = frame.pc
        run.pending = pending
        while run.status == RUNNING and (frame.pc == at or run.frames[-1] is not frame):
            self.world.step(run)
        frame.pc = at
        return frame.regs[0]

    def end_packet(self, at: int, context: int, index: int) -> int:
        """LD_ABS and LD_IND; outside of the packet the program ends with 0."""
        insn = self.run.code.insns[at]
        offset = insn.imm if insn.op & op.MODE_MASK == op.ABS else insn.imm + index
        self.F.regs[6] = context
        raw = self.world.packet_bytes(self.run, offset & 0xFFFFFFFF, op.SIZE_BYTES[insn.op & op.SIZE_MASK])
        if raw is None:
            raise Ended
        return int.from_bytes(raw, "big")


_ZEROS: Final = bytes(op.STACK_SIZE)


def execute(world: World, run: Run) -> None:
    """Run a just begun run to its end with the fast engine. Raises Fault as the interpreter does."""
    while run.status == RUNNING:
        code, calls = run.code, run.tail_calls
        made = translation(code)
        views = AllViews(world.memory)
        env = Environment(world, run, views)
        space: dict[str, Any] = {}
        for at, number in made.arrays.items():
            array: FastArray = fast_array(world, world.map_number(code.maps[number]), run.cpu)
            space[f"A{at}"] = array.addresses
            space[f"N{at}"] = array.make
        exec(made.compiled, space)
        world.active = run.id
        try:
            value = space["bind"](env)(run.frame.regs[1])
        except Ended:
            if run.tail_calls != calls:
                continue
            if run.status != RUNNING:
                return
            value = 0
        except (KeyError, IndexError, Fault) as problem:
            _explain(world, run, made, problem)
        finally:
            world.memory.views = []
        run.frames.clear()
        world.finish(run, value)


def _explain(world: World, run: Run, made: Translation, problem: KeyError | IndexError | Fault) -> None:
    """Turn what stopped the generated code into the interpreter's Fault, at the right instruction."""
    trace = problem.__traceback__
    pc, names = run.frame.pc, {}
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<translated program>":
            pc = made.lines.get(trace.tb_lineno, pc)
            names = trace.tb_frame.f_locals
        trace = trace.tb_next
    run.frame.pc = pc
    fault = problem if isinstance(problem, Fault) else None
    insn = run.code.insns[pc]
    if fault is None or fault.kind != "use-after-free":
        fault = _replay(world, insn, names) or fault or Fault(BAD_ADDRESS, f"{problem!r} at instruction {pc}")
    run.status = FAULTED
    world.fault(run, fault)
    raise fault from problem


def _replay(world: World, insn: Insn, names: dict[str, int]) -> Fault | None:
    """The same access in the interpreter's memory, for its sentence."""
    insn_class = insn.op & op.CLASS_MASK
    if insn_class not in (op.LDX, op.ST, op.STX):
        return None
    size = op.SIZE_BYTES[insn.op & op.SIZE_MASK]
    base = insn.src if insn_class == op.LDX else insn.dst
    try:
        world.memory.bounded(names[lines_of.reg(base)] + insn.off & U64, size)
    except Fault as fault:
        return fault
    return None
