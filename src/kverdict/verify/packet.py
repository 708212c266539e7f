"""Comparisons of packet pointers with the end of the packet: how many bytes behind them may be accessed.

Source: try_match_pkt_pointers(), find_good_pkt_pointers(), mark_pkt_end() of the kernel.
"""

from __future__ import annotations

from typing import Final

from kverdict.domain.state import State
from kverdict.domain.value import PTR_TO_PACKET, PTR_TO_PACKET_END, PTR_TO_PACKET_META, Value
from kverdict.isa.insn import Insn
from kverdict.isa.opcode import JGE, JGT, JLE, JLT
from kverdict.verify.env import Env
from kverdict.verify.everywhere import rewrite

AT_PKT_END: Final = -1
BEYOND_PKT_END: Final = -2
MAX_PACKET_OFF: Final = 0xFFFF

# op: (the taken side is the one that knows a range if the packet pointer is left, range is open; and if it is right)
_SIDES: Final = {
    JGT: (False, False, True, True),
    JLT: (True, True, False, False),
    JGE: (False, True, True, False),
    JLE: (True, False, False, True),
}


def learn_from_packet_test(env: Env, insn: Insn, code: int, left: Value, right: Value, other: State) -> None:
    """`if packet op end`: one side knows that the bytes up to the pointer exist, the other that they may not."""
    left_range_taken, left_open, right_range_taken, right_open = _SIDES[code]
    if _is_packet_against_end(left, right):
        knows, past = (other, env.state) if left_range_taken else (env.state, other)
        find_good_pointers(env, knows, left, left_open)
        _mark_end(past, insn.dst, not left_open)
    elif _is_packet_against_end(right, left):
        knows, past = (other, env.state) if right_range_taken else (env.state, other)
        find_good_pointers(env, knows, right, right_open)
        _mark_end(past, insn.src, not right_open)


def _is_packet_against_end(packet: Value, end: Value) -> bool:
    if packet.type == PTR_TO_PACKET and end.type == PTR_TO_PACKET_END:
        return True
    return packet.type == PTR_TO_PACKET_META and _is_start(end)


def _is_start(value: Value) -> bool:
    """The unmoved start of the packet."""
    return (
        value.type == PTR_TO_PACKET
        and value.id == 0
        and value.off == 0
        and value.num.mask == 0
        and value.num.value == 0
    )


def find_good_pointers(env: Env, state: State, packet: Value, open_range: bool) -> None:
    """All pointers with the id of `packet` may be used for at least its offset, in bytes.

    Kernels that keep one offset count from the start of the packet (or what came before), to the highest place.
    """
    off = packet.off
    if off < 0 or packet.num.umax > MAX_PACKET_OFF or packet.num.umax + off > MAX_PACKET_OFF:
        return
    if env.folds_offsets:
        off += packet.num.umax
    if off == 0 and open_range:
        return
    range_ = off + 1 if open_range else off

    def learn(value: Value) -> Value:
        if value.type != packet.type or value.id != packet.id:
            return value
        known = value.subject if isinstance(value.subject, int) else 0
        return value if known >= range_ else value.with_subject(range_, 0)

    rewrite(state, learn)


def _mark_end(state: State, regno: int, open_range: bool) -> None:
    """The pointer is at the end of the packet, or beyond it."""
    regs = state.frames[-1].regs
    value = regs[regno]
    if value.type == PTR_TO_PACKET:
        regs[regno] = value.with_subject(BEYOND_PKT_END if open_range else AT_PKT_END, 0)
